"""`status`: of a running daemon, without one, and of a picture in every state it can be in."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import hostile
import pytest

from tests.cli.conftest import Answer, Say, here, pictures
from tests.daemon.harness.site import Site, wait_until

MakeSite = Callable[..., Site]


IN_WORK = {
    "being read",
    "before the model",
    "at the model",
    "before finishing",
    "being finished",
    "being published",
}


def status(site: Site, *arguments: object) -> Answer:
    return here("status", *arguments, "--config", site.config)


def first_lines(site: Site, *files: Path) -> list[str]:
    """What is said first of each file."""
    answers = [status(site, file) for file in files]
    assert {answer.code for answer in answers} == {0}
    return [answer.out.splitlines()[0] for answer in answers]


def places(site: Site, files: list[Path]) -> dict[Path, int]:
    """How many pictures stand before each that is queued."""
    root = os.fsencode(site.hot[0])
    told = {
        file: site.ask("where", root=root.hex(), path=os.fsencode(file.relative_to(site.hot[0])).hex())
        for file in files
    }
    return {file: answer["before_it"] for file, answer in told.items() if "before_it" in answer}


def wait_for_line(site: Site, file: Path, pattern: str) -> str:
    wait_until(lambda: bool(re.match(pattern, first_lines(site, file)[0])), f"{file.name} is {pattern}")
    return first_lines(site, file)[0]


@pytest.fixture
def slow(make_site: MakeSite, plan: Callable[..., str], say: Say) -> Site:
    """A site whose running daemon takes its time over everything."""
    site = make_site(watch={"settle_seconds": 3, "truncated_minutes": 5})
    site.start(environment={"MATTINGD_TEST_PLAN": plan(delay_ms=700)})
    return site


def test_where_a_picture_is_on_its_way(slow: Site) -> None:
    hot = slow.hot[0]
    status(slow)  # which imports all that the quick answers below need
    queue = pictures(hot / "many", 25)
    seen = wait_for_line(slow, queue[-1], "settling")
    assert re.fullmatch(r"settling: still settling \(next look in \d\.\d s\)", seen)
    wait_for_line(slow, queue[-1], "queued|being|before|at|done")
    wait_until(lambda: sorted(places(slow, queue).values())[:4] == [0, 1, 2, 3], "they stand in line", 10)
    last = max(places(slow, queue).items(), key=lambda item: item[1])[0]
    waits = r"queued, \d+ pictures of its folder before it(, done in about [^#]+)?  #\d+"
    assert re.fullmatch(waits, first_lines(slow, last)[0])
    told = first_lines(slow, *queue[::4])
    assert {re.split(",|  #", line)[0] for line in told if not line.startswith("done")} <= IN_WORK | {
        "queued"
    }
    wait_for_line(slow, queue[0], "done")
    done = status(slow, queue[0]).out.splitlines()
    assert done[1] == f"  {slow.out}/{slow.records(queue[0])[0].outputs[0]}"
    assert re.fullmatch(r"  (read|infer|finish|write|publish) [\d.]+ s(, .*)?", done[3])
    assert done[3].count(" s") == 5
    cut_out = slow.result_of(queue[0])
    assert cut_out.exists()
    made = status(slow, cut_out).out.splitlines()
    assert made[:2] == [f"made from {queue[0]}", done[0]]
    assert re.fullmatch(r"  made by weights [0-9a-f]{12}, cpu, fp32", made[3])
    (slow.out / "foreign.png").touch()
    assert status(slow, slow.out / "foreign.png").err.endswith("is no cut-out that the journal knows\n")


def test_why_a_picture_waits_is_ignored_or_unknown(slow: Site) -> None:
    hot = slow.hot[0]
    cut, link = hot / "cut.png", hot / "link.jpg"
    cut.write_bytes(hostile.cut_off("PNG"))
    link.symlink_to("nowhere")
    told = wait_for_line(slow, cut, "settling: the end")
    assert re.fullmatch(r"settling: the end marker is missing \(next look in [\d.]+ s\)", told)
    (held,) = status(slow, "--json").json["held"]
    assert (held["file"], held["state"]) == ("in/cut.png", "settling")
    assert held["why"] == "the end marker is missing"
    assert "settling         in/cut.png: the end marker is missing\n" in status(slow).out
    assert first_lines(slow, link)[0].endswith(": it is a symbolic link, and links are not followed  #1")
    for more in ((), ("--json",)):
        nobody = status(slow, hot / "nobody.jpg", *more)
        assert nobody.code == 2
        assert nobody.err.endswith("nobody.jpg: there is no such file, and the journal does not know it\n")
    assert first_lines(slow, hot / ".DS_Store", hot, hot / "@eaDir" / "a.jpg") == [
        "passed over: it is hidden: a program or the system keeps it for itself",
        "it is a folder: name a picture in it",
        "passed over: it is in a folder that belongs to the system or to another program",
    ]
    outside = status(slow, "/etc/hostname")
    assert outside.code == 2
    assert outside.err == "mattingd: /etc/hostname is in no hot folder of this configuration\n"


def test_what_a_running_daemon_is_doing(slow: Site) -> None:
    queue = pictures(slow.hot[0] / "many", 60)
    wait_for_line(slow, queue[0], "done")
    told = status(slow)
    assert told.code == 0
    assert told.out.startswith("THE TEST ENGINE IS IN USE")
    for pattern in (
        r"^state +running for \d+ s, process \d+, version \d+\.\d+\.\d+$",
        r"^engine +counting on cpu, numpy, fp32, batches of 4$",
        r"^pictures +\d+ done, 0 failed, \d+ waiting$",
        r"^rate +\d+\.\d\d pictures/s(, .+ left)?$",
        rf"^output +{slow.out}$",
        rf"^{slow.hot[0]} +transparent +events *$",
        r"^(at the model|being finished|before .+|being .+) +in/many/p\d\d\.png$",
    ):
        assert re.search(pattern, told.out, re.MULTILINE), (pattern, told.out)
    as_json = status(slow, "--json").json
    assert as_json["pid"] == slow.processes[-1].pid
    assert as_json["engine"]["device"] == "cpu"
    assert as_json["rate"] > 0


def test_after_a_crash_it_says_so_and_what_waits(slow: Site) -> None:
    queue = pictures(slow.hot[0], 60)
    wait_for_line(slow, queue[0], "done")
    slow.kill()
    assert (
        "not running; it did not end by itself, and takes up its work at the next start" in status(slow).out
    )
    waiting = [path for path in queue if slow.records(path)[0].ended_at is None]
    for line in first_lines(slow, *waiting[:5]):
        assert re.fullmatch(r"waiting since \S+ \S+(: .+)?; the daemon is not running", line)
    assert len(waiting) > 5
    unknown = slow.hot[0] / "late.jpg"
    unknown.touch()
    assert first_lines(slow, unknown) == ["not seen yet, and the daemon is not running"]


@pytest.fixture
def quiet(make_site: MakeSite, say: Say) -> Site:
    """A site whose daemon did one picture, failed at one, and ended."""
    site = make_site()
    pictures(site.hot[0], 1)
    (site.hot[0] / "blank.png").write_bytes(hostile.blank())
    site.start()
    site.wait_ended(site.hot[0].iterdir())
    assert site.stop() == 0
    return site


def test_without_a_daemon_the_journal_tells_and_nothing_is_written(quiet: Site) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in quiet.state.iterdir()}
    told = status(quiet)
    assert told.code == 0
    assert re.search(r"^state +not running since [\d-]+ [\d:]+\S*$", told.out, re.MULTILINE)
    assert "last end" not in told.out, "it ended as it should"
    assert re.search(r"^pictures +1 done, 1 failed, 0 waiting$", told.out, re.MULTILINE)
    assert "engine" not in told.out
    failed = status(quiet, quiet.hot[0] / "blank.png")
    assert re.fullmatch(
        r"failed at \S+ \S+: no subject was found in the picture: crop .+  #\d\n  note: (.+\.error\.txt)\n",
        failed.out,
    )
    assert Path(failed.out.rstrip().partition("note: ")[2]).exists()
    as_json = status(quiet, "--json").json
    assert as_json["engine"] == {"state": "not running"}
    assert as_json["clean"] is True
    assert here("audit", "--config", quiet.config).code == 0
    assert {path.name: path.stat().st_mtime_ns for path in quiet.state.iterdir()} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lay a read-only folder over another")
def test_a_read_only_state_directory_can_be_read(quiet: Site) -> None:
    subprocess.run(["mount", "--bind", quiet.state, quiet.state], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", quiet.state], check=True)
        assert "1 done, 1 failed" in status(quiet).out
        assert here("audit", "--config", quiet.config).code == 0
    finally:
        subprocess.run(["umount", "--lazy", quiet.state], check=True)
