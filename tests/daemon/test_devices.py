"""Two devices on one machine: two CPU engines stand for two GPUs."""

import json
from collections.abc import Callable
from pathlib import Path

import hostile

from tests.daemon.harness.site import Site, wait_until

MakeSite = Callable[..., Site]


def drop(site: Site, count: int) -> list[Path]:
    """So many pictures, no two of the same bytes: of those only one would be asked of an engine."""
    paths = [site.hot[0] / f"p{number:03}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(hostile.named(path.name))
    return paths


def test_an_engine_killed_under_load_costs_nothing_and_the_other_goes_on(
    make_site: MakeSite, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"delay_ms": 40}))
    site = make_site(engine={"device": ["cpu", "cpu"]})
    site.start(environment={"MATTINGD_TEST_PLAN": str(plan)})
    wait_until(lambda: len(site.children()["engine"]) == 2, "both devices had an engine")
    first, second = sorted(site.children()["engine"], key=lambda child: child.pid)
    paths = drop(site, 24)
    wait_until(lambda: min(made(site)) > 2, "both had made mattes")
    first.kill()
    site.wait_ended(paths)
    assert [site.records(path)[0].state for path in paths] == ["done"] * len(paths)
    assert len(site.results()) == len(paths)
    assert second.is_running(), "the other one went on"
    wait_until(lambda: len(site.children()["engine"]) == 2, "the killed one was replaced")
    assert len(site.events("restart")) == 1
    assert site.audit()["present"] == len(paths)
    told = site.command("status").stdout
    assert told.count("mattes made") == 2
    assert site.stop() == 0


def made(site: Site) -> list[int]:
    """Mattes by device."""
    return [device["pictures"] for device in site.status()["engine"]["devices"]]


def test_a_device_that_calculates_wrongly_is_taken_out_and_said_so(
    make_site: MakeSite, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"device": "cuda", "tests": str(tmp_path / "tests"), "self_test": 2}))
    site = make_site(engine={"device": ["cuda:0", "cpu"]})
    paths = drop(site, 6)
    site.start(environment={"MATTINGD_TEST_PLAN": str(plan)})
    site.wait_ended(paths)
    (line,) = site.events("device taken out")
    assert line["device"] == "cuda:0"
    assert "calculates wrongly" in line["why"]
    assert "`mattingd reload` tries it again" in line["why"]
    told = site.command("status").stdout
    assert "cuda:0 taken out: the self-test's matte is off by 0.5" in " ".join(told.split())
    assert site.audit()["present"] == len(paths)
    assert site.stop() == 0
