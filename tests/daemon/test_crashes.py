"""Pictures that take down whoever touches them are set aside with a note; all others are cut out."""

import json
import os
import signal
from pathlib import Path

import mattingd_killing
import mattingd_test_engine
import psutil
import pytest

from mattingd.domain.reasons import Reason
from mattingd.outputs.error_notes import note_text
from mattingd.words import Param
from tests.daemon.conftest import MakeSite, Tell
from tests.daemon.harness import people, pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import KILLING, Site, wait_until

INNOCENTS = 24
CULPRIT = 7777
KILLS = 10


def drop_innocents(site: Site, first: int = 0, count: int = INNOCENTS) -> list[Path]:
    """Ordinary pictures, numbered on."""
    return [
        people.save(site.hot[0] / f"{number:03}.png", pictures.picture(number))
        for number in range(first, first + count)
    ]


def drop_with_order(site: Site, order: str, name: str = "bad.png") -> Path:
    """A picture that brings an order for the worker that reads it."""
    return people.save(site.hot[0] / name, pictures.encode(pictures.draw(Label(CULPRIT)), text=order))


def drop_marked(site: Site, marker: str, name: str = "bad.png") -> Path:
    """A picture that brings an order for the engine."""
    drawn = pictures.draw(Label(CULPRIT), marker=mattingd_test_engine.MARKERS[marker])
    return people.save(site.hot[0] / name, pictures.encode(drawn))


def check_innocents(site: Site, innocents: list[Path]) -> None:
    """Each has its one right cut-out, and nothing else lies there."""
    for number, file in enumerate(innocents):
        assert pictures.read(site.result_of(file).read_bytes()) == Label(number)
    assert len(site.results()) == len(innocents)
    assert site.temps() == []


def crashed(detail: str, **params: Param) -> Reason:
    """It was tried alone twice, and this happened."""
    return Reason.of(detail, **params).within("crashed_alone", times=2)


def check_set_aside(site: Site, culprit: Path, why: Reason) -> None:
    """It failed for this reason, its note says so, and it lies where it was."""
    (record,) = site.records(culprit)
    assert record.state == "failed"
    (reason,) = record.reasons
    assert (reason.code, dict(reason.params)) == (why.code, dict(why.params))
    (note,) = site.out.rglob(f"{culprit.name}.error.txt")
    assert note.read_bytes() == note_text(os.fsencode(culprit), reason)
    assert culprit.exists()


def suspects(site: Site) -> int:
    """Live jobs that are to run alone."""
    return sum(row["live"] and row["suspect"] for row in site.rows())


# --- the whole daemon ---


def test_a_picture_that_takes_down_the_daemon_is_set_aside_after_three_restarts(
    site: Site, tell: Tell
) -> None:
    innocents = drop_innocents(site)
    culprit = drop_with_order(site, "KILL-FAMILY", "007b.png")
    site.start(KILLING, ready=False)
    restarts = 0
    while not ended_well(site, culprit):
        assert site.processes[-1].returncode == -signal.SIGKILL
        restarts += 1
        assert restarts <= 3
        site.start(KILLING, ready=False)
    site.wait_ended([*innocents, culprit])
    tell(f"a picture that takes down the daemon was set aside after {restarts} restarts")
    check_set_aside(site, culprit, crashed("daemon_ended"))
    check_innocents(site, innocents)
    assert site.stop() == 0
    assert site.audit()["counts"]["failed"] == 1


def ended_well(site: Site, file: Path) -> bool:
    """Wait until the picture was set aside (True), or the daemon ended."""
    process = site.processes[-1]

    def set_aside() -> bool:
        return site.has_journal() and [record.state for record in site.records(file)] == ["failed"]

    wait_until(lambda: process.poll() is not None or set_aside(), "it was set aside, or the daemon ended")
    return process.poll() is None


def test_children_die_with_the_daemon_and_the_next_one_comes_up_at_once(site: Site) -> None:
    """Also when they have only just been born, and do not know yet that they have a parent."""
    site.start()
    children = [child for kind in site.children().values() for child in kind]
    assert len(children) == 3
    site.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    for _ in range(5):
        site.start(ready=False)
        wait_until(lambda: any(site.children().values()), "it had a child", pause=0.002)
        site.kill()
    site.start()
    assert site.stop() == 0


def test_a_note_half_written_when_the_picture_was_repaired_leaves_nothing(site: Site) -> None:
    killed = site.root / "killed"
    order = people.save(
        site.root / "order.json",
        json.dumps({"point": "note half written", "nth": 1, "log": str(killed)}).encode(),
    )
    file = people.save(site.hot[0] / "shoe.png", pictures.encode(pictures.blank()))
    process = site.start(KILLING, environment={mattingd_killing.ORDER: str(order)}, ready=False)
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert len(site.temps()) == 1
    people.save(file, pictures.picture(1))
    site.start()
    site.wait_ended([file])
    assert pictures.read(site.result_of(file).read_bytes()) == Label(1)
    assert site.temps() == []
    assert list(site.out.rglob("*.error.txt")) == []
    assert site.stop() == 0
    site.audit()


# --- its children ---


def test_pictures_that_kill_a_child_are_set_aside(site: Site) -> None:
    """All at once, in the midst of others, over one and the same daemon."""
    innocents = drop_innocents(site)
    culprits = {
        drop_with_order(site, "KILL-WORKER", "003b.png"): crashed("signal", signal="SIGKILL"),
        drop_marked(site, "poison", "007b.png"): crashed("exit_code", exit_code=66),
        drop_marked(site, "fault", "011b.png"): crashed(
            "said_why", said="a picture marked as fault broke the engine"
        ),
        drop_marked(site, "bad", "015b.png"): Reason.of("model_failed", error="a picture marked as bad"),
    }
    process = site.start(KILLING)
    site.wait_ended([*innocents, *culprits], seconds=120)
    for culprit, why in culprits.items():
        check_set_aside(site, culprit, why)
    check_innocents(site, innocents)
    assert process.poll() is None
    assert site.stop() == 0
    assert site.audit()["counts"]["failed"] == len(culprits)


def test_pictures_over_which_a_child_hangs_are_set_aside(make_site: MakeSite) -> None:
    site = make_site(limits={"picture_seconds": 3})
    innocents = drop_innocents(site)
    reader = drop_with_order(site, "HANG-WORKER", "003b.png")
    engine = drop_marked(site, "hang", "007b.png")
    process = site.start(KILLING, environment={"MATTINGD_TEST_BATCH_SECONDS": "2"})
    site.wait_ended([*innocents, reader, engine], seconds=120)
    check_set_aside(site, reader, crashed("took_too_long", seconds=3.0))
    check_set_aside(site, engine, crashed("no_answer", seconds=2))
    check_innocents(site, innocents)
    assert process.poll() is None
    assert site.stop() == 0


@pytest.mark.parametrize("kind", ["worker", "engine"])
def test_children_killed_while_they_work_cost_no_picture(site: Site, tell: Tell, kind: str) -> None:
    """The next one is killed when something was done since, and nobody is to run alone for the last one."""
    process = site.start()
    innocents, kills, done = drop_innocents(site), 0, 0
    while kills < KILLS:
        done = wait_for_full_work(site, innocents, done + 4)
        for child in site.children()[kind][:1]:
            child.kill()
            kills += 1
    site.wait_ended(innocents)
    tell(f"{kills} x killed: {kind}")
    check_innocents(site, innocents)
    assert process.poll() is None
    assert site.stop() == 0
    assert site.audit()["counts"]["failed"] == 0


def wait_for_full_work(site: Site, innocents: list[Path], done: int) -> int:
    """Drop more until so many are done, some in work, none has to run alone; returns how many are done."""
    status = site.status()

    def reached() -> bool:
        status.update(site.status())
        counts = status["counts"]
        if counts["waiting"] < 4:
            innocents.extend(drop_innocents(site, len(innocents), 8))
        return counts["done"] >= done and bool(status["in_work"]) and not suspects(site)

    with site.explained():
        wait_until(reached, "it was in full work again")
    return int(status["counts"]["done"])
