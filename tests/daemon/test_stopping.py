"""SIGTERM ends what is in work and begins nothing; a second one ends at once; neither blames a picture."""

import json
import re
import signal
from pathlib import Path

import pytest

from mattingd.system import clock
from tests.daemon.conftest import MakeSite, Tell
from tests.daemon.harness import people, pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import Site, wait_until

COUNT = 30
MORE_THAN_IN_WORK = 150
"""So many are not all read while the first is at the engine."""


def start_slowly(site: Site, delay_ms: int, count: int = COUNT) -> list[Path]:
    """A daemon whose engine takes so long for each picture, in the midst of some work."""
    plan(site, delay_ms)
    site.start(environment={"MATTINGD_TEST_PLAN": str(site.root / "plan.json")})
    files = [people.save(site.hot[0] / f"{n}.png", pictures.picture(n)) for n in range(count)]
    wait_until(lambda: "inferring" in states(site), "pictures were at the engine")
    return files


def plan(site: Site, delay_ms: int) -> None:
    (site.root / "plan.json").write_text(json.dumps({"delay_ms": delay_ms}), encoding="utf-8")


def states(site: Site) -> dict[str, int]:
    with site.journal() as ledger:
        return ledger.states()


def check_nobody_is_blamed(site: Site) -> None:
    assert {(row["suspect"], row["strikes"], row["alone"]) for row in site.rows()} == {(0, 0, 0)}


def check_all_done_after_the_next_start(site: Site, files: list[Path]) -> None:
    plan(site, 0)
    site.start()
    site.wait_ended(files)
    for number, file in enumerate(files):
        assert pictures.read(site.result_of(file).read_bytes()) == Label(number)
    assert len(site.results()) == len(files)
    assert site.stop() == 0
    assert site.audit()["counts"]["done"] == len(files)


def test_the_first_signal_finishes_what_is_in_work(site: Site, tell: Tell) -> None:
    files = start_slowly(site, delay_ms=50, count=MORE_THAN_IN_WORK)
    begun = clock.monotonic_ns()
    assert site.stop(seconds=60) == 0
    seconds = (clock.monotonic_ns() - begun) / clock.SECOND
    left = states(site)
    tell(f"ended {seconds:.1f} s after SIGTERM, with {left}")
    (line,) = site.events("stopping")
    assert re.fullmatch(
        r"SIGTERM: (1 picture in work is|\d+ pictures in work are) finished first, for 60 s at most: in/.+",
        line["why"],
    ), line
    assert set(left) == {"done", "queued"}
    assert left["done"] == len(site.results())
    assert site.temps() == []
    assert {row["attempts"] for row in site.rows() if row["state"] == "queued"} == {0}
    check_all_done_after_the_next_start(site, files)
    assert {row["attempts"] for row in site.rows()} == {1}, "no work was done twice"


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)])
def test_a_second_signal_ends_at_once_and_blames_nobody(site: Site, signals: tuple[int, int]) -> None:
    files = start_slowly(site, delay_ms=60_000)
    process = site.processes[-1]
    process.send_signal(signals[0])
    wait_until(lambda: bool(site.status().get("stopping")), "it was stopping")
    stops = site.status()["stops"]
    assert stops["pictures"] > 0
    assert 0 < stops["seconds"] <= 60
    told = site.command("status").stdout
    said = r"stopping after \d+ s, \d+ pictures? (is|are) finished first \(for \d+ s at most\)"
    assert re.search(said, told), told
    process.send_signal(signals[1])
    assert process.wait(timeout=20) == 0
    assert set(states(site)) == {"queued"}
    check_nobody_is_blamed(site)
    check_all_done_after_the_next_start(site, files)
    check_nobody_is_blamed(site)


def test_it_ends_in_time_whatever_hangs(make_site: MakeSite) -> None:
    site = make_site(stop_seconds=1)
    files = start_slowly(site, delay_ms=60_000)
    assert site.stop(seconds=20) == 0
    check_nobody_is_blamed(site)
    (end,) = site.events("ended")
    assert "in work were not finished within the 1 s that `stop_seconds` allows" in end["why"]
    check_all_done_after_the_next_start(site, files)


def test_a_file_that_comes_while_it_stops_is_done_after_the_next_start(site: Site) -> None:
    files = start_slowly(site, delay_ms=100)
    site.processes[-1].send_signal(signal.SIGTERM)
    files.append(people.save(site.hot[0] / "late.png", pictures.picture(COUNT)))
    assert site.processes[-1].wait(timeout=60) == 0
    assert site.records(files[-1]) == []
    check_all_done_after_the_next_start(site, files)


def test_a_daemon_without_work_ends_at_once(site: Site) -> None:
    site.start()
    assert site.stop(seconds=10) == 0
    assert not (site.state / "control.sock").exists()
