"""Bad input: one daemon without rights of root, everything bad at once, good pictures in between."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import hostile
import psutil
import pytest
from PIL import Image

from mattingd.domain.reasons import NO_REASON, Reason
from mattingd.imaging.formats.errors import NO_END
from mattingd.journal import Record
from mattingd.outputs.error_notes import note_text
from mattingd.system import clock
from tests.daemon.harness.site import MATTINGD, Site, wait_until

UNPRIVILEGED = () if os.geteuid() else ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
"""Root without its capabilities is like anybody else: file rights count for it."""

CUT_OFF = Reason.of("truncated")
LINK = Reason.of("link")
NO_PICTURE = Reason.of("not_read", detail="no_picture")


@dataclass(frozen=True)
class Case:
    """A dropped file, what becomes of it, and the code that says why."""

    name: str
    drop: Callable[[Path], Any]
    state: str
    why: Reason = NO_REASON
    """Its code, and those of its parameters that are certain."""
    output: str = ""
    """The name of its cut-out."""


def content(data: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(data)


def link(target: str) -> Callable[[Path], Any]:
    return lambda path: path.symlink_to(target)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.bind(str(path))


def unreadable(path: Path) -> None:
    path.write_bytes(hostile.encoded())
    path.chmod(0)


CASES = (
    Case("empty.jpg", content(b""), "failed", Reason.of("empty_file")),
    Case("text.jpg", content(b"Dear printer,\n" * 40), "failed", NO_PICTURE),
    Case(
        "404.jpg",
        content(b"\n<!DOCTYPE html><title>Not found</title>"),
        "failed",
        Reason.of("not_read", detail="is_html"),
    ),
    Case("letter.txt", content(b"Dear printer,\n" * 40), "ignored", NO_PICTURE),
    Case("motion.jpg", content(hostile.encoded() + bytes(100_000)), "done", output=r"motion\.png"),
    Case("endmark.jpg", content(hostile.encoded()[:-2]), "done", NO_END, output=r"endmark\.png"),
    *(
        Case(f"{name}.{kind.lower()}", content(make(kind)), "failed", CUT_OFF)
        for kind in ("JPEG", "PNG", "WEBP")
        for name, make in (("cut", hostile.cut_off), ("zeros", hostile.zero_filled))
    ),
    Case(
        "bomb.png",
        content(hostile.bomb()),
        "failed",
        Reason.of("too_many_pixels", width=30_000, height=30_000, megapixels=900, limit=120),
    ),
    Case("pipe.jpg", os.mkfifo, "ignored", Reason.of("pipe")),
    Case("socket.jpg", bind, "ignored", Reason.of("socket")),
    Case("out-of-here.jpg", link("/etc/hostname"), "ignored", LINK),
    Case("nowhere.jpg", link("gone.jpg"), "ignored", LINK),
    Case("sub/loop", link(".."), "ignored", LINK),
    Case("locked.jpg", unreadable, "failed", Reason.of("no_right")),
    Case("two\nlines.jpg", content(hostile.encoded()), "done", output=r"two_lines~[0-9a-f]{8}\.png"),
    Case(
        os.fsdecode(b"bytes-\xff\xfe.jpg"),
        content(hostile.encoded()),
        "done",
        output=r"bytes-__~[0-9a-f]{8}\.png",
    ),
    Case("n" * 251 + ".jpg", content(hostile.encoded()), "done", output=r"n{199,210}~[0-9a-f]{8}\.png"),
    Case("--help.jpg", content(hostile.encoded()), "done", output=r"--help\.png"),
    Case("blank.png", content(hostile.blank()), "failed", Reason.of("no_subject")),
    Case(
        "poison.png",
        content(hostile.encoded("PNG", marker=(255, 0, 255))),
        "failed",
        Reason.of("crashed_alone", times=2, detail="exit_code", exit_code=66),
    ),
    Case(
        "bad.png",
        content(hostile.encoded("PNG", marker=(255, 255, 0))),
        "failed",
        Reason.of("model_failed", error="a picture marked as bad"),
    ),
    Case(
        "endless.jpg",
        content(hostile.endless()),
        "failed",
        Reason.of("crashed_alone", times=2, detail="took_too_long", seconds=4),
    ),
    *(
        Case(f"sub/good{n}.png", content(hostile.encoded("PNG")), "done", output=f"good{n}.png")
        for n in range(8)
    ),
)
SECONDS: dict[str, Any] = {
    "watch": {
        "settle_seconds": 0.2,
        "truncated_minutes": 0.03,
        "rescan_seconds": 2,
        "reuse_same": False,
    },
    "retry": {"first_seconds": 0.2, "cap_seconds": 0.5, "give_up_minutes": 0.03},
    "limits": {"workers": 2, "picture_seconds": 4},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running daemon that was given all of it and came to an end with it."""
    site = Site(tmp_path_factory.mktemp("bad") / "site", **SECONDS)
    (site.hot[0] / "sub").mkdir()
    for case in CASES:
        case.drop(site.hot[0] / case.name)
    site.start((*UNPRIVILEGED, *MATTINGD))
    try:
        wait_until(lambda: not site.status()["counts"]["waiting"], "everything had come to an end", 120, 0.5)
        yield site
    finally:
        site.close()
        site.remove()


def record(site: Site, case: Case) -> Record:
    with site.journal() as ledger:
        (only,) = ledger.records_of(os.fsencode(site.hot[0]), os.fsencode(case.name))
    return only


@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case.name)[1:21])
def test_each_has_its_end_and_one_clear_line(site: Site, case: Case) -> None:
    found = record(site, case)
    assert found.state == case.state
    reason = found.reasons[0] if found.reasons else NO_REASON
    assert reason.code == case.why.code
    assert set(case.why.params) <= set(reason.params)
    lines = [line for line in site.events(case.state) if line["job"] == found.job]
    assert [line.get("why", "") for line in lines] == [found.reason]
    assert lines[0]["file"].isprintable()
    if case.state == "done":
        (output,) = found.outputs
        assert re.fullmatch(case.output, Path(output).name)
        with Image.open(site.out / output) as image:
            image.load()
            assert (image.mode, image.size) == ("RGBA", (200, 150))
    else:
        assert found.outputs == ()
    assert (site.out / found.note).exists() == (case.state == "failed")
    if case.state == "failed":
        source = os.fsencode(site.hot[0] / case.name)
        assert (site.out / found.note).read_bytes() == note_text(source, reason)


def test_the_log_holds_no_traceback_and_nothing_that_is_no_line(site: Site) -> None:
    lines = site.log.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not (line.startswith("{") and line.endswith("}"))] == []
    assert "Traceback" not in site.log.read_text(encoding="utf-8")
    assert site.events("waiting"), "the unreadable file was not said to wait"


def test_nothing_is_left_lying_about_and_the_audit_balances(site: Site) -> None:
    assert site.temps() == []
    result = site.audit()
    assert (result["seen"], result["gaps"], result["unseen"]) == (len(CASES), [], 0)
    assert result["present"] == sum(case.state == "done" for case in CASES)


def test_the_daemon_does_not_trigger_itself(site: Site) -> None:
    """Its own looks, outputs, notes and journal give it nothing to do."""

    def busy() -> float:
        family = [psutil.Process(site.processes[-1].pid), *chain(*site.children().values())]
        return float(sum(process.cpu_times().user + process.cpu_times().system for process in family))

    with site.journal() as ledger:
        jobs, before = ledger.admitted(), busy()
    clock.sleep(3)  # more than a whole rescan
    with site.journal() as ledger:
        assert ledger.admitted() == jobs
    assert busy() - before < 0.15


def test_a_second_daemon_on_the_same_state_directory_is_refused(site: Site) -> None:
    answer = site.command("run")
    assert answer.returncode == 75
    assert re.fullmatch(
        r"mattingd: another mattingd \(process \d+\) works with .+/state: stop it first, or use another"
        r" state_dir\n",
        answer.stderr,
    )
    assert site.status()["counts"]["waiting"] == 0


def test_healed_files_are_done_by_themselves_and_their_notes_disappear(site: Site) -> None:
    healed = [case for case in CASES if case.name in {"empty.jpg", "locked.jpg", "cut.png"}]
    paths = [site.hot[0] / case.name for case in healed]
    for path in paths:
        path.chmod(0o644)
        path.write_bytes(hostile.encoded("JPEG" if path.suffix == ".jpg" else "PNG"))
    site.wait_ended(paths)
    for path in paths:
        newest, first = site.records(path)
        assert (newest.state, first.state) == ("done", "failed")
        assert not (site.out / first.note).exists()
