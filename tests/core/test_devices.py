"""Several devices: one queue for all, and what becomes of one that fails."""

from dataclasses import replace

import pytest
from because import why

from mattingd.core.engine_supervisor import STAGGER_NS
from mattingd.core.fleet.devices import ModelLimits
from mattingd.core.policy import SECOND, Policy
from mattingd.core.worker_pool import DEATHS
from mattingd.domain import events
from mattingd.domain.commands import (
    EndEngine,
    Finish,
    Infer,
    KillEngine,
    Read,
    StartEngine,
    Stop,
    TakeOutDevice,
    UseModel,
)
from mattingd.domain.events import InferFault, ModelAsked
from mattingd.domain.exit_codes import ExitCode
from tests.core.desk import FOLDERS, Desk, all_of, only

PAIR = Policy(workers=4, devices=("cuda:0", "cuda:1"))
NEW = "ab" * 32


def up(number: int, model: str = "", peers: tuple[str, ...] = ()) -> events.EngineUp:
    """An engine on a GPU that has come up, for batches of one."""
    return events.EngineUp(number, "GPU", "", "fp16", "cv-unet", model, 1, 0.1, peers=peers)


def pair(policy: Policy = PAIR) -> Desk:
    """Two devices, both at work: the engines 1 and 2."""
    desk = Desk(policy)
    assert only(desk.start(up=False), StartEngine).device == "cuda:0"
    for number in range(policy.workers):
        desk.say(events.WorkerUp(number, 100 + number))
    second = only(desk.say(up(1)), StartEngine)
    assert (second.engine, second.device, second.place, second.others) == (2, "cuda:1", 1, True)
    desk.say(up(2))
    return desk


def inferring(desk: Desk, *numbers: int) -> list[Infer]:
    """Let pictures be read; their batches."""
    actions = [done for read in all_of(desk.admit(*numbers), Read) for done in desk.answer(read)]
    return all_of(actions, Infer)


def test_the_first_engine_comes_up_alone_and_the_others_wait_a_minute_at_most() -> None:
    desk = Desk(PAIR)
    assert len(all_of(desk.start(up=False), StartEngine)) == 1
    assert not all_of(desk.later(STAGGER_NS / SECOND - 1), StartEngine)
    assert only(desk.later(1), StartEngine).place == 1


def test_one_queue_and_the_idle_device_takes_the_next_batch() -> None:
    desk = pair()
    batches = inferring(desk, 1, 2, 3)
    assert [batch.engine for batch in batches] == [1, 2, 1]
    desk.answer(batches[1])
    assert [batch.engine for batch in inferring(desk, 4)] == [2]
    devices = {view.name: (view.state, view.in_work, view.pictures) for view in views(desk)}
    assert devices == {"cuda:0": ("ready", 2, 0), "cuda:1": ("ready", 1, 1)}


def views(desk: Desk):  # type: ignore[no-untyped-def]  # noqa: ANN201
    return desk.scheduler.snapshot().engine.devices


def test_what_a_dead_engine_had_goes_to_the_other_one_and_its_own_is_started_again() -> None:
    desk = pair()
    first, second, third = inferring(desk, 1, 2, 3)
    actions = desk.say(events.EngineDied(1, why("it was ended by SIGKILL")))
    again = all_of(actions, Infer)
    assert [(batch.engine, batch.jobs) for batch in again] == [(2, third.jobs)], "its second batch, at once"
    start = only(actions, StartEngine)
    assert (start.place, start.device) == (0, "cuda:0")
    assert views(desk)[0].state == "restarting"
    desk.work_off([*desk.answer(second), *desk.answer(again[0]), *desk.say(up(start.engine))])
    desk.work_off(desk.later(60))
    assert set(desk.states.values()) == {"done"}
    assert first.engine == 1


@pytest.mark.parametrize(
    "death",
    [
        events.EngineDied(0, why("no CUDA device cuda:0"), ExitCode.DEVICE),
        events.EngineDied(0, why("the matte is off by 0.5"), wrong=True),
        events.EngineDied(0, why("it was ended by SIGSEGV")),
    ],
)
def test_a_sick_device_is_taken_out_and_the_other_goes_on(death: events.EngineDied) -> None:
    desk, engine = pair(), 1
    for _ in range(DEATHS):
        actions = desk.say(replace(death, engine=engine))
        if taken := all_of(actions, TakeOutDevice):
            break
        while not (starts := all_of(actions, StartEngine)):
            actions = desk.later(60)
        engine = starts[0].engine
        desk.say(up(engine))
    assert taken[0].device == "cuda:0"
    assert str(death.how) in taken[0].why
    desk.work_off(desk.admit(1, 2, 3))
    assert set(desk.states.values()) == {"done"}
    assert not all_of(desk.later(10_000), StartEngine)
    sick = views(desk)[0]
    assert (sick.state, str(death.how) in sick.why) == ("taken out", True)
    stop = only(desk.say(replace(death, engine=2, fatal=ExitCode.DEVICE)), Stop)
    assert stop.code is ExitCode.DEVICE, "without a device the daemon ends"


def test_settings_that_are_read_again_give_a_device_another_chance() -> None:
    desk = pair()
    desk.say(events.EngineDied(1, why("gone"), ExitCode.DEVICE))
    starts = [
        each
        for each in desk.scheduler.reconfigure(PAIR, FOLDERS, (), desk.now + 120 * SECOND)
        if isinstance(each, StartEngine)
    ]
    assert [start.place for start in starts] == [0]


def test_without_memory_for_one_picture_a_device_is_left_and_nobody_is_to_blame() -> None:
    desk = pair()
    first, _, third = inferring(desk, 1, 2, 3)
    actions = desk.say(events.InferFailed(first.batch, InferFault.MEMORY, "out of memory"))
    assert only(actions, TakeOutDevice).device == "cuda:0"
    assert only(actions, KillEngine).engine == 1
    again = desk.say(events.EngineDied(1, why("its device was taken out")))
    assert not all_of(again, StartEngine)
    job = desk.scheduler.work.jobs[third.jobs[0]]
    assert (job.quarantine_candidate, job.crashes if hasattr(job, "crashes") else 0) == (False, 0)
    assert not desk.scheduler.engines.on_cpu


def test_memory_that_one_device_lacks_limits_no_other() -> None:
    desk = Desk(PAIR)
    desk.start(up=False)
    for number in range(4):
        desk.say(events.WorkerUp(number, 100 + number))
    for number in (1, 2):
        desk.say(replace(up(number), max_batch=4))
    queue = desk.scheduler.engine
    queue.halve(4, 1)
    assert [slot.max_pictures for slot in queue.slots.values()] == [4, 2]


def test_auto_uses_every_device_that_the_first_one_tells_of() -> None:
    desk = Desk(replace(PAIR, devices=("auto",)))
    desk.start(up=False)
    actions = desk.say(up(1, peers=("cuda:1", "cuda:2")))
    assert [start.device for start in all_of(actions, StartEngine)] == ["cuda:1", "cuda:2"]


def test_another_model_comes_up_on_one_device_and_then_on_all() -> None:
    desk = pair()
    start = only(desk.say(ModelAsked(NEW, 7)), StartEngine)
    assert start.beside
    actions = desk.say(up(start.engine, NEW))
    assert only(actions, UseModel).models.current == NEW if all_of(actions, UseModel) else True
    assert {end.engine for end in all_of(actions, EndEngine)} == {1, 2}
    other = only(actions, StartEngine)
    assert (other.model, other.place, other.beside) == (NEW, 1, False)


def test_a_model_of_a_folder_is_loaded_where_it_is_wanted_and_never_beyond_what_may_be_loaded() -> None:
    desk = pair(replace(PAIR, loaded=ModelLimits(1)))
    assert len(inferring(desk, 1, 2, 3, 4)) == 4
    places = [slot.key.place for slot in desk.scheduler.engine.slots.values()]
    assert places == [0, 1]


def test_idle_engines_sleep_and_wake_on_all_devices() -> None:
    desk = pair(replace(PAIR, idle_ns=60 * SECOND))
    assert {end.engine for end in all_of(desk.later(60), EndEngine)} == {1, 2}
    read = only(desk.admit(1), Read)
    start = only(desk.answer(read), StartEngine)
    actions = desk.say(up(start.engine))
    assert only(actions, StartEngine).place == 1
    finish = only(desk.answer(only(actions, Infer)), Finish)
    desk.work_off([finish])
    assert desk.states[1] == "done"
