"""`audit`: it balances; it names every kind of gap, made by tampering; what a designer does is no gap."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import hostile
import pytest

from tests.cli.conftest import Answer, here, pictures
from tests.daemon.harness.site import Site, wait_until


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose daemon did five pictures, failed at one, ignored one, and ended."""
    site = Site(tmp_path_factory.mktemp("audit") / "site")
    files = pictures(site.hot[0] / "sub", 5)
    for name, content in (("blank.png", hostile.blank()), ("notes.txt", b"not a picture")):
        files.append(site.hot[0] / name)
        files[-1].write_bytes(content)
    site.start()
    site.wait_ended(files)
    assert site.stop() == 0
    yield site
    site.close()


@pytest.fixture
def site(worked: Site, tmp_path: Path) -> Iterator[Site]:
    """The same, put back afterwards as it was."""
    for folder in (worked.out, worked.state, worked.hot[0]):
        shutil.copytree(folder, tmp_path / folder.name)
    yield worked
    worked.close()
    for folder in (worked.out, worked.state, worked.hot[0]):
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / folder.name, folder)


def audit(site: Site, *options: str) -> Answer:
    return here("audit", *options, "--config", site.config)


def tamper(site: Site, statement: str) -> None:
    with closing(sqlite3.connect(site.state / "checkpoint.db")) as journal, journal:
        assert journal.execute(statement).rowcount == 1


def an_output(site: Site) -> Path:
    return next(site.out.rglob("p00.png"))


def test_it_balances(site: Site) -> None:
    answer = audit(site)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "7 seen = 5 done + 1 failed + 0 waiting + 1 ignored + 0 superseded + 0 withdrawn",
        "cut-outs: 5 are where they were published, 0 taken away, 0 changed",
        "every file is accounted for",
    ]
    told = audit(site, "--json", "--deep").json
    assert told["seen"] == sum(told["counts"].values()) == 7
    assert (told["present"], told["gaps"]) == (5, [])


GAPS: list[tuple[Callable[[Site], object], str]] = [
    (
        lambda site: tamper(site, "DELETE FROM jobs WHERE state = 'failed'"),
        "1 of the files that were admitted are missing from the journal",
    ),
    (
        lambda site: tamper(site, "UPDATE outputs SET published = 0 WHERE path LIKE '%p00.png'"),
        "says done and has no published output",
    ),
    (
        lambda site: tamper(site, "DELETE FROM outputs WHERE path LIKE '%p00.png'"),
        "says done and has no published output",
    ),
    (
        lambda site: an_output(site).with_name(f".mattingd-{instance(site)}-3-0.tmp").touch(),
        "-3-0.tmp is a temp file that no job uses",
    ),
]


def instance(site: Site) -> str:
    with site.journal() as ledger:
        return ledger.instance


@pytest.mark.parametrize(("make", "said"), GAPS, ids=["lost row", "not published", "no output", "left temp"])
def test_every_gap_is_named(site: Site, make: Callable[[Site], object], said: str) -> None:
    make(site)
    answer = audit(site)
    assert answer.code == 3
    gap = answer.out.splitlines()[-1]
    assert gap.startswith("gap: ")
    assert said in gap
    assert "accounted for" not in answer.out
    told = audit(site, "--json")
    assert (told.code, len(told.json["gaps"])) == (3, 1)


def test_somebody_elses_files_are_no_gap(site: Site) -> None:
    beside = an_output(site).parent
    (beside / ".mattingd-ffffffff-3-0.tmp").touch()
    (beside / f".mattingd-{instance(site)}-notes").touch()
    (beside / "mine.psd").touch()
    assert audit(site).code == 0


def test_what_a_designer_does_with_cut_outs_is_counted_and_no_gap(site: Site) -> None:
    moved, edited, sly = (next(site.out.rglob(f"p0{number}.png")) for number in range(3))
    moved.rename(site.root / "mine.png")
    edited.write_bytes(edited.read_bytes() + b"more")
    content = bytearray(sly.read_bytes())
    content[-20] ^= 1
    sly.write_bytes(content)
    told = audit(site, "--json")
    assert told.code == 0
    assert [told.json[name] for name in ("present", "taken_away", "changed")] == [3, 1, 1]
    deep = audit(site, "--deep", "--json").json
    assert [deep[name] for name in ("present", "taken_away", "changed")] == [2, 1, 2]


def test_new_files_without_a_daemon_are_told_and_no_gap(site: Site) -> None:
    pictures(site.hot[0] / "new", 3)
    (site.hot[0] / "new" / "Thumbs.db").touch()
    answer = audit(site)
    assert answer.code == 0
    assert "3 files are not seen yet: the daemon is not running" in answer.out


def test_beside_a_running_daemon_a_new_file_is_no_gap_and_an_unknown_one_is(site: Site) -> None:
    site.start()
    (fresh,) = pictures(site.hot[0] / "new", 1)
    cut = site.hot[0] / "new" / "cut.png"
    cut.write_bytes(fresh.read_bytes()[:-20])
    wait_until(lambda: audit(site, "--json").json["settling"] == 1, "one stays behind until it is whole")
    assert "1 more still settling" in audit(site).out
    cut.unlink()
    assert audit(site, "--json").json["gaps"] == []
    site.wait_ended([fresh])
    tamper(site, "UPDATE jobs SET current = 0 WHERE current AND CAST(path AS TEXT) LIKE '%p03.png'")
    answer = audit(site)
    assert answer.code == 3
    lost = site.hot[0] / "sub" / "p03.png"
    assert answer.out.splitlines()[-1] == f"gap: {lost} is in a hot folder and the daemon does not know it"
    assert site.stop() == 0
