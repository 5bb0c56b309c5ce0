"""Hot folders with hours: outside them pictures wait and say so; what a person asks for is done at once."""

from dataclasses import replace
from typing import Any

import pytest

from mattingd.core.scheduler import Scheduler
from mattingd.core.settling import SourceId
from mattingd.core.stopping import ExitWhenIdle
from mattingd.domain import events
from mattingd.domain.commands import LookAt, Read
from mattingd.domain.hours import Hours, window
from mattingd.domain.jobs import Fault
from mattingd.domain.reasons import Reason
from tests.core.desk import FOLDERS, ONE, Desk, all_of, only, row, stamp_of

NIGHT = Hours((window("20:00-06:00"),))
NOON, EVENING = 12 * 60, 20 * 60


def at_night(*, alone: bool = False) -> Desk:
    """A desk at noon, whose first folder works at night."""
    desk = Desk(ONE, ending=ExitWhenIdle() if alone else None)
    folders = {1: replace(FOLDERS[1], hours=NIGHT), 2: FOLDERS[2]}
    desk.scheduler = Scheduler(ONE, folders, ending=desk.ending)
    desk.say(events.TimeOfDay(NOON))
    desk.start()
    return desk


def why(desk: Desk, number: int) -> str:
    view = desk.scheduler.status.source(SourceId(1, b"%d.jpg" % number)).job
    assert view is not None
    return str(view.why)


def test_outside_its_hours_a_folder_waits_visibly_and_stops_no_other() -> None:
    desk = at_night()
    assert all_of(desk.admit(1, 2), Read) == []
    assert "waits for the hours of its hot folder, from 20:00" in why(desk, 1)
    read = only(desk.admit(3, folder=2), Read)
    assert read.job == 3
    now = desk.scheduler.snapshot()
    assert (now.waits.hours, now.waits.queued, now.waits.in_work, now.waits.share) == (2, 0, 1, 0)
    assert now.folders[1].opens == "20:00"
    assert now.folders[2].opens is None
    assert now.eta_seconds is None
    desk.work_off([read])
    assert all_of(desk.say(events.TimeOfDay(EVENING - 1)), Read) == []
    assert [read.job for read in all_of(desk.say(events.TimeOfDay(EVENING)), Read)] == [1]
    assert desk.scheduler.snapshot().folders[1].opens is None


def test_what_was_begun_is_finished_after_the_hours() -> None:
    desk = at_night()
    desk.admit(1, 2)
    read = only(desk.say(events.TimeOfDay(EVENING)), Read)
    desk.say(events.TimeOfDay(6 * 60))
    desk.work_off([read])
    assert (desk.states[1], desk.states[2]) == ("done", "queued")


def test_a_person_is_obeyed_at_once_and_nobody_else_profits() -> None:
    desk = at_night()
    desk.admit(1, 2, 3)
    read = only(desk.say(events.RetryAsked(1, b"2.jpg")), Read)
    assert read.job == 2
    assert desk.scheduler.snapshot().waits.hours == 2
    desk.fault(read, Fault.BUSY, "it is locked")
    (again,) = [each for each in desk.later(10) if isinstance(each, Read)]
    assert again.job == 2, "also when it has to be tried again"
    desk.work_off([again])
    assert [desk.states[number] for number in (1, 2, 3)] == ["queued", "done", "queued"]


def test_a_person_who_wants_a_picture_that_settles_or_has_ended_is_obeyed_too() -> None:
    desk = at_night()
    desk.look(1, stamp_of(1))
    assert all_of(desk.say(events.RetryAsked(1, b"1.jpg")), LookAt) != []
    desk.look(1, stamp_of(1), full=True)
    assert only(desk.admit(1), Read).job == 1


def test_pause_is_stronger_than_a_person_who_wants_one_picture() -> None:
    desk = at_night()
    desk.admit(1)
    desk.say(events.PauseAsked(1, paused=True))
    assert all_of(desk.say(events.RetryAsked(1, b"1.jpg")), Read) == []
    assert "paused" in why(desk, 1)
    assert only(desk.say(events.PauseAsked(1, paused=False)), Read).job == 1


def test_other_hours_count_from_the_moment_they_are_read() -> None:
    desk = at_night()
    desk.admit(1)
    assert all_of(desk._sort(desk.scheduler.reconfigure(ONE, FOLDERS, (), desk.now)), Read) != []


def test_a_run_that_a_person_started_does_not_wait_for_hours() -> None:
    desk = at_night(alone=True)
    assert only(desk.admit(1), Read).job == 1


def test_what_is_taken_out_or_saved_again_meanwhile_is_not_counted_as_waiting() -> None:
    desk = at_night()
    desk.admit(1, 2, 3)
    desk.look(1, None)
    desk.look(2, replace(stamp_of(2), mtime_ns=77))
    now = desk.scheduler.snapshot()
    assert (desk.states[1], desk.states[2]) == ("withdrawn", "superseded")
    assert (now.waits.hours, now.waits.in_work, now.folders[1].queued) == (1, 0, 1)
    view = desk.scheduler.status.source(SourceId(1, b"3.jpg")).job
    assert view is not None
    assert view.before_it == 0
    assert only(desk.say(events.TimeOfDay(EVENING)), Read).job == 3


def test_a_wish_that_a_known_file_fulfils_does_not_count_for_a_later_one() -> None:
    desk = at_night()
    desk.look(1, stamp_of(1))
    desk.say(events.RetryAsked(1, b"1.jpg"))
    desk.look(1, stamp_of(1), full=True)
    desk.say(events.AlreadyKnown(1, b"1.jpg"))
    assert all_of(desk.admit(1), Read) == []


def test_a_picture_that_is_wanted_at_once_can_be_asked_for_while_all_workers_are_busy() -> None:
    desk = at_night()
    read = only(desk.admit(2, folder=2), Read)
    desk.look(1, stamp_of(1))
    desk.say(events.RetryAsked(1, b"1.jpg"))
    desk.look(1, stamp_of(1), full=True)
    desk.say(events.SpaceLow(Reason.of("disk_full")))
    assert all_of(desk.admit(1), Read) == []
    view = desk.scheduler.status.source(SourceId(1, b"1.jpg")).job
    assert view is not None
    assert view.before_it is None
    now = desk.scheduler.snapshot()
    assert (now.waits.queued, now.waits.hours, now.folders[1].queued) == (1, 0, 1)
    desk.say(events.SpaceLow(None))
    assert 1 in [each.job for each in desk.work_off([read]) if isinstance(each, Read)]


def test_what_is_wanted_in_a_paused_folder_waits_for_the_pause() -> None:
    desk = at_night()
    desk.admit(1, 2)
    desk.say(events.PauseAsked(1, paused=True))
    assert all_of(desk.say(events.RetryAsked(1, b"2.jpg")), Read) == []
    now = desk.scheduler.snapshot().waits
    assert (now.paused, now.hours, now.queued, now.in_work) == (2, 0, 0, 0)
    assert [read.job for read in all_of(desk.say(events.PauseAsked(1, paused=False)), Read)] == [2]


@pytest.mark.parametrize("wish", [{"forced": True}, {"touched_up": True}], ids=str)
def test_what_a_person_asked_for_or_painted_is_done_at_once_also_after_a_restart(
    wish: dict[str, Any],
) -> None:
    desk = at_night()
    desk.admit(1)
    assert only(desk.admit(2, **wish), Read).job == 2
    later = at_night()
    later.scheduler = Scheduler(ONE, {1: replace(FOLDERS[1], hours=NIGHT), 2: FOLDERS[2]})
    later.say(events.TimeOfDay(NOON))
    reads = all_of(later.start(row(1), row(2, **wish)), Read)
    assert [read.job for read in reads] == [2]


def test_a_wish_of_the_hours_counts_when_the_folder_has_closed_meanwhile() -> None:
    desk = at_night()
    desk.say(events.TimeOfDay(EVENING))
    busy = only(desk.admit(1, folder=2), Read)
    desk.say(events.SpaceLow(Reason.of("disk_full")))
    desk.admit(2, 3)
    desk.say(events.RetryAsked(1, b"3.jpg"))
    desk.say(events.TimeOfDay(NOON))
    desk.say(events.SpaceLow(None))
    assert [read.job for read in all_of(desk.work_off([busy]), Read)] == [1, 3]
    assert desk.states == {1: "done", 2: "queued", 3: "done"}


def test_a_wish_counts_also_when_other_hours_close_the_folder() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.say(events.TimeOfDay(NOON))
    busy = only(desk.admit(1, folder=2), Read)
    desk.say(events.SpaceLow(Reason.of("disk_full")))
    desk.admit(2, 3)
    desk.say(events.RetryAsked(1, b"3.jpg"))
    folders = {1: replace(FOLDERS[1], hours=NIGHT), 2: FOLDERS[2]}
    desk._sort(desk.scheduler.reconfigure(ONE, folders, (), desk.now))
    desk.say(events.SpaceLow(None))
    assert [read.job for read in all_of(desk.work_off([busy]), Read)] == [1, 3]
