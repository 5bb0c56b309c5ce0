"""The engine child's life, played in this process: what it gives away, and what it keeps to itself."""

import contextlib
import json
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from mattingd_test_engine import MARKERS, CountingEngine, load

from mattingd.domain import events
from mattingd.domain.commands import EngineConfig, Infer
from mattingd.domain.events import InferFault
from mattingd.domain.jobs import Geometry
from mattingd.domain.reasons import Reason
from mattingd.inference import self_test, server, start_up
from mattingd.inference.backend import Engine, OutOfMemory

SHAPE = (96, 96)


class Child:
    """An engine child that has been told everything before it begins."""

    def __init__(self, *pictures: tuple[int, int, int] | None, **order: Any) -> None:
        self._told: queue.SimpleQueue[tuple[Any, bytes | None]] = queue.SimpleQueue()
        self._told.put((EngineConfig(5, "counting", "auto", "auto", None, **order), None))
        for number, colour in enumerate(pictures):
            pixels = np.full((1, *SHAPE, 3), 200, np.uint8)
            pixels[:, :32, :32] = colour or (200, 200, 200)
            self._told.put((Infer(number, (number,), SHAPE, 5), pixels.tobytes()))
        self.said: list[events.Fact] = []

    def live(self, make: Callable[[EngineConfig], Engine]) -> list[events.Fact]:
        with contextlib.suppress(EOFError):
            server.serve(self._receive, lambda answer: self.said.append(answer[0]), make)
        return self.said

    def _receive(self) -> tuple[Any, bytes | None]:
        try:
            return self._told.get_nowait()
        except queue.Empty:
            raise EOFError from None


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    file = tmp_path / "plan.json"
    monkeypatch.setenv("MATTINGD_TEST_PLAN", str(file))

    def is_told(**orders: Any) -> None:
        file.write_text(json.dumps(orders))

    is_told()
    return is_told


class Souring(CountingEngine):
    """A device that calculates wrongly after its first self-test."""

    tests = 0

    def self_test(self) -> None:
        self.tests += 1
        if self.tests > 1:
            self._weights = {"wrong": True}
        super().self_test()


def test_mattes_before_a_failed_self_test_are_not_given_away(
    plan: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "TEST_EVERY_NS", 0)
    up, died = Child(None, None).live(lambda _: Souring())
    assert isinstance(up, events.EngineUp)
    assert up.engine == 5
    assert 10_000_000 < up.memory < start_up.own_bytes() * 2, "what this process takes"
    assert isinstance(died, events.EngineDied)
    assert (died.engine, died.wrong, died.fatal) == (5, True, None)


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_on_the_processor_the_self_test_is_the_only_run_before_pictures(
    plan: Callable[..., None], kind: Literal["cpu", "cuda"]
) -> None:
    tried: list[object] = []

    class Watched(CountingEngine):
        def warm_up(self, shapes: Any, batch_sizes: Any = None) -> Any:
            tried.extend(shapes)
            return super().warm_up(shapes, batch_sizes)

    (up,) = Child().live(lambda _: Watched(kind))
    assert isinstance(up, events.EngineUp)
    assert len(tried) == (0 if kind == "cpu" else 3)
    assert up.max_batch == 4
    assert up.batch_seconds > 0


@pytest.mark.parametrize("kind", ["buckets", "stretch", "letterbox", "corner", "short-side"])
def test_the_self_test_s_picture_is_as_large_as_reckoned(kind: Literal["buckets"]) -> None:
    net = Geometry(256, 32, kind)
    assert self_test.pixels_for(net) == self_test.picture_for(net).size / 3


def test_a_failing_batch_is_a_picture_s_fault_only_if_the_self_test_passes(plan: Callable[..., None]) -> None:
    said = Child(MARKERS["bad"], None).live(load_any)
    assert [type(fact) for fact in said] == [events.EngineUp, events.InferFailed, events.Inferred]
    assert isinstance(said[1], events.InferFailed)
    assert said[1].fault is InferFault.BATCH
    _, died = Child(MARKERS["bad"], None).live(lambda _: Souring())
    assert isinstance(died, events.EngineDied)
    assert died.wrong, "the device, not the picture"


def test_a_candidate_without_memory_does_not_fall_back_to_the_processor(plan: Callable[..., None]) -> None:
    class Full(CountingEngine):
        def warm_up(self, *_: Any, **__: Any) -> Any:
            raise OutOfMemory("the GPU is full")

    def make(order: EngineConfig) -> Engine:
        return CountingEngine() if order.device == "cpu" else Full("cuda")

    (up,) = Child().live(make)
    assert isinstance(up, events.EngineUp)
    assert up.device == "cpu"
    (died,) = Child(fall_back=False).live(make)
    assert died == events.EngineDied(5, Reason.of("said_why", said="the GPU is full"))


def test_without_memory_for_the_model_itself_the_processor_is_used_too(plan: Callable[..., None]) -> None:
    def make(order: EngineConfig) -> Engine:
        if order.device != "cpu":
            raise OutOfMemory("the model does not fit on the GPU")
        return CountingEngine()

    (up,) = Child().live(make)
    assert isinstance(up, events.EngineUp)
    assert up.device == "cpu"
    (died,) = Child(require_gpu=True).live(make)
    assert died == events.EngineDied(5, Reason.of("said_why", said="the model does not fit on the GPU"))


def load_any(order: EngineConfig) -> Engine:
    return load(order.model, order.device)
