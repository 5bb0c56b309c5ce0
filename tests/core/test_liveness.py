"""Who must show life, until when, and that nobody healthy is ever late."""

import pytest

from mattingd.core.engine_supervisor import START_NS
from mattingd.core.policy import SECOND
from mattingd.core.trouble.heartbeats import GRACE_NS, SCAN_NS, Pulse, late, pulse_of_scan, pulses_of_children
from mattingd.domain import commands, events
from tests.core.desk import TWO, Desk, all_of, only

PICTURE = TWO.picture_ns / SECOND
GRACE = GRACE_NS / SECOND


def stuck(desk: Desk, *remote: int) -> list[str]:
    scheduler = desk.scheduler
    pulses = pulses_of_children(scheduler.pool, scheduler.inference, scheduler.work.jobs, remote)
    return [pulse.who for pulse in late(pulses, desk.now)]


def at_the_engine(desk: Desk, number: int = 1) -> commands.Infer:
    return only(desk.answer(only(desk.admit(number), commands.Read)), commands.Infer)


def test_a_pulse_is_late_from_its_time_on() -> None:
    pulses = [Pulse("early", 10), Pulse("late", 5)]
    assert [pulse.who for pulse in late(pulses, 4)] == []
    assert [pulse.who for pulse in late(pulses, 5)] == ["late"]
    assert [pulse.who for pulse in late(pulses, 10)] == ["early", "late"]


def test_a_scan_may_take_its_time_for_one_step() -> None:
    pulse = pulse_of_scan("products", 7)
    assert late([pulse], 6 + SCAN_NS) == []
    assert late([pulse], 7 + SCAN_NS) == [pulse]
    assert "products" in pulse.who


def test_who_has_nothing_to_do_is_never_late() -> None:
    desk = Desk(TWO)
    desk.start()
    desk.later(1_000_000)
    assert stuck(desk) == []


def test_an_engine_that_hangs_is_ended_in_time_and_nobody_is_late() -> None:
    desk = Desk(TWO)
    desk.start()
    at_the_engine(desk)
    kill = desk.until(commands.KillEngine)
    assert stuck(desk) == []
    desk.later(GRACE / 2)
    assert stuck(desk) == []
    desk.engine_dies(kill.why)
    desk.later(START_NS / SECOND - 1)
    assert stuck(desk) == [], "it is starting again"


def test_an_engine_that_outlives_its_end_is_stuck() -> None:
    desk = Desk(TWO)
    desk.start()
    at_the_engine(desk)
    desk.until(commands.KillEngine)
    desk.later(GRACE)
    assert stuck(desk) == ["the engine"]


def test_an_engine_that_never_comes_up_and_never_goes_is_stuck() -> None:
    desk = Desk(TWO)
    desk.start(up=False)
    desk.later(START_NS / SECOND + GRACE - 1)
    assert "the engine" not in stuck(desk)
    desk.later(2)
    assert "the engine" in stuck(desk)


@pytest.mark.parametrize("remote", [(), (1,)])
def test_workers_are_stuck_when_all_of_them_outlive_their_end(remote: tuple[int, ...]) -> None:
    """One that still works is enough to go on; and a share may hang without any fault of ours."""
    desk = Desk(TWO)
    desk.start()
    desk.admit(1)
    desk.later(PICTURE + GRACE)
    assert stuck(desk, *remote) == [], "the other one is free"
    desk.admit(2)
    desk.later(PICTURE + GRACE - 1)
    assert stuck(desk, *remote) == []
    desk.later(1)
    assert stuck(desk, *remote) == ([] if remote else ["every picture worker"])


def test_workers_that_are_replaced_in_time_are_not_late() -> None:
    desk = Desk(TWO)
    desk.start()
    desk.admit(1, 2)
    kills = all_of(desk.later(PICTURE), commands.KillWorker)
    assert len(kills) == 2
    for kill in kills:
        assert stuck(desk) == []
        desk.say(events.WorkerDied(kill.worker, kill.why))
        desk.say(events.WorkerUp(kill.worker, 1))
    desk.later(GRACE)
    assert stuck(desk) == []


def test_ready_means_all_of_them() -> None:
    desk = Desk(TWO)
    desk.start(up=False)
    for fact in (events.WorkerUp(0, 1), events.EngineUp(1, "cpu", "", "fp32", "cv-unet", "", 1, 0.1)):
        desk.say(fact)
        assert not desk.scheduler.ready()
    desk.say(events.WorkerUp(1, 2))
    assert desk.scheduler.ready()
    desk.engine_dies("so it is")
    assert not desk.scheduler.ready()
