"""The GPU's troubles, played by the test engine: no memory, wrong results, not there at all."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile
import pytest

from tests.daemon.harness.manager import listening
from tests.daemon.harness.site import Site, wait_until

MakeSite = Callable[..., Site]


class Gpu:
    """Orders for the test engine, and what it did."""

    def __init__(self, folder: Path) -> None:
        self.plan, self.log, self.refused = folder / "plan.json", folder / "batches", folder / "refused"
        self.environment = {"MATTINGD_TEST_PLAN": str(self.plan)}

    def is_told(self, **orders: Any) -> None:
        self.plan.write_text(json.dumps(self.always() | orders))

    def always(self) -> dict[str, str]:
        return {"device": "cuda", "log": str(self.log), "refused": str(self.refused)}

    def sizes(self) -> set[str]:
        """Of the batches that succeeded."""
        return {line.split()[0] for line in self.log.read_text().splitlines()}

    def refusals(self) -> int:
        return len(self.refused.read_text().splitlines())


@pytest.fixture
def gpu(tmp_path: Path) -> Gpu:
    gpu = Gpu(tmp_path)
    gpu.is_told()
    return gpu


def drop(site: Site, count: int, name: str = "p", **marker: Any) -> list[Path]:
    paths = [site.hot[0] / f"{name}{number}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(hostile.named(path.name, **marker))
    return paths


def test_status_shows_device_driver_and_rate(make_site: MakeSite, gpu: Gpu) -> None:
    gpu.is_told(delay_ms=300)
    site = make_site(engine={"require_gpu": True})
    site.start(environment=gpu.environment)
    paths = drop(site, 20)
    wait_until(lambda: site.status()["counts"]["done"] > 2, "some were done")
    told = site.command("status").stdout
    assert "engine    counting on Test GPU, CUDA 13.0, fp16, batches of 4" in told
    assert " pictures/s" in told
    assert site.status()["rate"] > 0
    site.wait_ended(paths)
    assert site.stop() == 0


def test_no_memory_halves_the_batch_until_the_restart_and_fails_nobody(make_site: MakeSite, gpu: Gpu) -> None:
    gpu.is_told(oom_above=2)
    site = make_site()
    first = drop(site, 12)
    site.start(environment=gpu.environment)
    site.wait_ended(first)
    refused = gpu.refusals()
    assert 1 <= refused <= 2, "at most one more batch was on its way"
    assert site.status()["engine"]["batch"] == 2
    second = drop(site, 12, "later")
    site.wait_ended(second)
    assert gpu.refusals() == refused, "it remembers"
    assert gpu.sizes() <= {"1", "2"}
    assert [site.records(path)[0].state for path in first + second] == ["done"] * 24
    assert site.stop() == 0

    third = drop(site, 12, "restarted")
    site.start(environment=gpu.environment)
    site.wait_ended(third)
    assert gpu.refusals() > refused, "it tries anew"
    assert site.audit()["present"] == 36
    assert site.stop() == 0


def test_without_memory_for_one_picture_the_processor_is_the_last_resort(
    make_site: MakeSite, gpu: Gpu
) -> None:
    gpu.is_told(oom_above=0)
    site = make_site()
    paths = drop(site, 6)
    site.start(environment=gpu.environment)
    site.wait_ended(paths)
    assert [site.records(path)[0].state for path in paths] == ["done"] * 6
    assert site.status()["engine"]["device"] == "cpu"
    (told,) = site.events("processor")
    assert told["why"] == "the GPU has no memory for a single picture; going on without it"
    assert site.stop() == 0


WRONG = "the self-test's matte is off by 0.5: this device calculates wrongly"


def test_a_second_failed_self_test_ends_the_daemon_and_the_next_start_goes_on(
    make_site: MakeSite, gpu: Gpu
) -> None:
    gpu.is_told(self_test="fail")
    site = make_site()
    paths = drop(site, 6)
    process = site.start(environment=gpu.environment, ready=False)
    assert process.wait(30) == 70
    (ended,) = site.events("ended")
    assert ended["why"] == f"{WRONG}; that was the second time in this run"
    assert site.results() == []
    assert "Traceback" not in site.log_tail()
    why = re.escape(f"{ended['why']} (exit code 70)")
    assert re.search(rf"not running since .+\nlast end +{why}\n", site.command("status").stdout)
    gpu.is_told()
    site.start(environment=gpu.environment)
    assert re.search(rf"running for .+\nlast end +{why}\n", site.command("status").stdout)
    site.wait_ended(paths)
    assert site.audit()["present"] == 6
    assert site.stop() == 0


def test_one_failed_self_test_replaces_the_engine(make_site: MakeSite, gpu: Gpu, tmp_path: Path) -> None:
    gpu.is_told(self_test=1, tests=str(tmp_path / "tests"))
    site = make_site()
    paths = drop(site, 4)
    site.start(environment=gpu.environment)
    site.wait_ended(paths)
    assert [line["why"] for line in site.events("restart")] == [WRONG]
    assert site.audit()["present"] == 4
    assert site.stop() == 0


def test_a_sticky_fault_replaces_the_engine_and_only_the_culprit_fails(make_site: MakeSite, gpu: Gpu) -> None:
    """After a sticky error every result of that process would be wrong: none is taken from it."""
    site = make_site()
    (culprit,) = drop(site, 1, "culprit", marker=(0, 0, 255))
    others = drop(site, 8)
    site.start(environment=gpu.environment)
    site.wait_ended([culprit, *others])
    assert site.records(culprit)[0].state == "failed"
    assert "a picture marked as fault broke the engine" in site.records(culprit)[0].reason
    assert [site.records(path)[0].state for path in others] == ["done"] * 8
    assert len(site.events("ready")) >= 3, "a new engine for each attempt"
    assert site.stop() == 0


def test_a_required_gpu_that_is_missing_is_never_ready(make_site: MakeSite, gpu: Gpu) -> None:
    gpu.is_told(device="cpu")
    site = make_site(engine={"require_gpu": True})
    drop(site, 1)
    with listening(site.root / "notify") as manager:
        more = {"NOTIFY_SOCKET": str(site.root / "notify")}
        process = site.start(environment=gpu.environment | more, ready=False)
        assert process.wait(30) == 69
        manager.until("STOPPING=1")
    assert "READY=1" not in manager.heard
    assert manager.statuses[-1] == (
        "ended with code 69: no CUDA device can be used, and `engine.require_gpu` is set"
    )
    (ended,) = site.events("ended")
    assert ended["why"] == "no CUDA device can be used, and `engine.require_gpu` is set"
    assert site.results() == []
