"""Which models are loaded at once: by number and by memory; and that models that do not fit take turns."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from mattingd.core.fleet.devices import ModelLimits
from mattingd.core.fleet.residency import PATIENCE_NS
from mattingd.core.policy import SECOND, Policy
from mattingd.domain import events
from mattingd.domain.commands import EndEngine, Infer, StartEngine
from mattingd.domain.jobs import Recipe
from mattingd.domain.presets import Preset
from tests.core.desk import Desk

if TYPE_CHECKING:
    from mattingd.domain.commands import Action

GB = 1_000_000_000
SMALL, LARGE, OTHER = ("5" * 64, "6" * 64, "7" * 64)
NAMES = {"small": SMALL, "large": LARGE, "other": OTHER}
STATED = {"": GB, SMALL: GB, LARGE: 6 * GB, OTHER: GB}


def policy(count: int = 4, gigabytes: float = 8, **more: object) -> Policy:
    limits = ModelLimits(count, STATED, round(gigabytes * GB))
    return replace(Policy(workers=4, installed=NAMES, loaded=limits), **more)  # type: ignore[arg-type]


class Machine:
    """Engines that need seconds to come up and for a batch, with workers that need no time."""

    def __init__(
        self, limits: Policy, load: float, measured: dict[str, int] | None = None, device: str = "cpu"
    ) -> None:
        self.desk = Desk(limits)
        self.load, self.measured, self.device = load, measured or {}, device
        self.batch = 0.5
        """Seconds that an engine needs for one."""
        self.waiting: list[tuple[int, int, events.Fact]] = []
        self.order = count()
        self.loaded: dict[int, str] = {}
        self.starts = 0
        self.most = 0
        """The largest number of bytes that all loaded models were said to need."""
        self.job = count(1)
        self.made: dict[str, int] = {}
        self.do(self.desk.start(up=False))
        for number in range(limits.workers):
            self.do(self.desk.say(events.WorkerUp(number, 100 + number)))

    def drop(self, *models: str) -> None:
        for model in models:
            recipe = Recipe(f"with {model}", Preset(model=model or None))
            self.do(self.desk.admit(next(self.job), recipe=recipe))

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case StartEngine(engine=number, model=model):
                    self.starts += 1
                    self.loaded[number] = model
                    used = sum(self.measured.get(each, STATED[each]) for each in self.loaded.values())
                    self.most = max(self.most, used)
                    memory = self.measured.get(model, 0)
                    up = events.EngineUp(
                        number, self.device, "", "fp32", "x", model, 1, 0.5, memory=memory, room=9 * GB
                    )
                    self.later(self.load, up)
                case EndEngine(engine=number):
                    del self.loaded[number]
                case Infer(engine=number):
                    model = self.loaded[number]
                    self.made[model] = self.made.get(model, 0) + 1
                    self.later(self.batch, events.Inferred(action.batch, (False,) * len(action.jobs), 0.5))
                case _:
                    self.do(self.desk.answer(action))

    def later(self, seconds: float, fact: events.Fact) -> None:
        when = self.desk.now + round(seconds * SECOND)
        heapq.heappush(self.waiting, (when, next(self.order), fact))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.desk.now + round(seconds * SECOND)
        while True:
            wake = self.desk.scheduler.next_wakeup()
            times = [
                when for when in (wake, self.waiting[0][0] if self.waiting else None) if when is not None
            ]
            if not times or min(times) > end:
                break
            self.desk.now = max(self.desk.now, min(times))
            if self.waiting and self.waiting[0][0] <= self.desk.now:
                fact = heapq.heappop(self.waiting)[2]
                if not isinstance(fact, events.EngineUp) or fact.engine in self.loaded:
                    self.do(self.desk.say(fact))
            else:
                self.do(self.desk.say(events.Tick()))
        self.desk.now = end

    @property
    def models(self) -> list[str]:
        return sorted(self.loaded.values())


def test_models_that_fit_are_loaded_beside_each_other() -> None:
    machine = Machine(policy(), load=2)
    machine.drop("", "small", "other")
    machine.run(60)
    assert machine.models == ["", SMALL, OTHER]
    assert set(machine.desk.states.values()) == {"done"}


def test_the_least_recently_used_go_until_a_large_one_fits() -> None:
    machine = Machine(policy(gigabytes=7.5), load=2)
    for model in ("", "small", "other", ""):
        machine.drop(model)
        machine.run(30)
    machine.drop("large")
    machine.run(30)
    assert machine.models == ["", LARGE], "the model in use was used last"
    assert machine.most <= 7.5 * GB
    assert set(machine.desk.states.values()) == {"done"}


def test_a_model_that_is_too_large_for_the_limit_works_alone() -> None:
    machine = Machine(policy(gigabytes=4), load=2)
    machine.drop("large", "")
    machine.run(120)
    assert set(machine.desk.states.values()) == {"done"}
    assert machine.most <= 6 * GB


def test_what_is_measured_counts_and_not_what_is_stated() -> None:
    machine = Machine(policy(), load=2, measured={SMALL: 7 * GB + 1})
    machine.drop("")
    machine.run(10)
    machine.drop("small")
    machine.run(10)
    assert machine.models == [SMALL], "the idle one goes as soon as it is known"
    machine.drop("", "small")
    machine.run(200)
    assert set(machine.desk.states.values()) == {"done"}
    assert len(machine.models) == 1


@pytest.mark.parametrize("load", [1, 30, 90])
def test_models_that_do_not_fit_take_turns_and_each_turn_serves(load: int) -> None:
    """However long a model needs to come up: none is ended before it has served, and none waits for ever."""
    machine = Machine(policy(gigabytes=6.5), load=load)
    hour = 3600
    for _ in range(hour // 5):
        machine.drop("large", "small")
        machine.run(5)
    assert machine.starts <= 1 + sum(machine.made.values()), "each turn makes a matte at least"
    if load > PATIENCE_NS / SECOND:
        assert machine.starts <= 1 + 2 * hour / (load + PATIENCE_NS / SECOND), (
            "a turn is 20 s of work at least"
        )
    machine.run(5 * hour)
    assert set(machine.desk.states.values()) == {"done"}
    assert machine.most <= 7 * GB, "one leaves before the other comes"


def test_small_models_do_not_keep_a_large_one_waiting_for_ever() -> None:
    machine = Machine(policy(gigabytes=6.5, workers=12), load=5)
    for second in range(300):
        machine.batch = 3 + second % 7 / 3  # they are never done at the same time
        machine.drop("small", "other", "")
        if second == 60:
            machine.drop("large")
        machine.run(1)
    assert machine.made.get(LARGE) == 1
    machine.run(7200)
    assert set(machine.desk.states.values()) == {"done"}


def test_on_a_gpu_its_own_memory_is_the_limit_or_what_the_configuration_allows() -> None:
    for gpu, together in (((None,), 9), ((3 * GB,), 3)):
        limits = replace(policy(gigabytes=1).loaded, gpu_bytes=gpu)
        machine = Machine(policy(loaded=limits), load=2, device="GPU")
        for model in ("", "small", "other", "large", "small"):
            machine.drop(model)
            machine.run(60)
        assert machine.most <= max(6, together) * GB
        assert len(machine.models) == (1 if together == 3 else 4), machine.models
        assert set(machine.desk.states.values()) == {"done"}


def test_more_than_so_many_are_never_loaded_whatever_they_need() -> None:
    machine = Machine(policy(count=1), load=2)
    machine.drop("", "small", "other")
    machine.run(200)
    assert len(machine.models) == 1
    assert set(machine.desk.states.values()) == {"done"}
