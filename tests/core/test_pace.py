"""The time left: what each size class took, who comes before whom, and what an earlier run measured."""

from dataclasses import replace

import pytest
from because import why

from mattingd.core.policy import SECOND
from mattingd.core.queue.pace import TRUSTED, Pace, size_class
from mattingd.core.scheduler import Scheduler
from mattingd.core.settling import SourceId
from mattingd.domain import events
from mattingd.domain.earlier import Took
from mattingd.domain.jobs import Fault, Stamp
from tests.core.desk import FOLDERS, ONE, Desk, row

SMALL, LARGE = Stamp(100_000, 1), Stamp(6_400_000, 1)
EARLIER = [Took(b"old.jpg", SMALL.size, 2.0), Took(b"old.jpg", LARGE.size, 30.0)]


def desk_that_remembers(*took: Took) -> Desk:
    """A desk with one worker that is paused, so that everything queues."""
    desk = Desk(ONE)
    desk._sort(desk.scheduler.start([], clean=True, now=desk.now, took=took))
    desk.say(events.Today("2026-11-20"))
    desk.say(events.WorkerUp(0, 100))
    desk.engine_up()
    return desk


def eta_of(desk: Desk, number: int, folder: int = 1) -> float | None:
    view = desk.scheduler.status.source(SourceId(folder, b"%d.jpg" % number)).job
    assert view is not None
    return view.eta_seconds


def queue(desk: Desk, *numbers: int, folder: int = 1, stamp: Stamp = SMALL) -> None:
    for number in numbers:
        desk.admit(number, folder=folder, stamp=stamp)


def test_a_class_is_a_kind_of_file_and_a_power_of_two_of_its_bytes() -> None:
    assert size_class(b"a/b.JPG", 1024) == size_class(b"c.jpg", 2047) == ("jpg", 10)
    assert size_class(b"c.jpg", 2048) == ("jpg", 11)
    assert size_class(b"a.b/name", 0) == size_class(b".png", 1) == ("", 0)


def test_a_class_that_was_never_met_goes_by_the_nearest_of_its_kind() -> None:
    pace = Pace()
    assert pace.seconds(size_class(b"a.jpg", 1000)) is None
    pace.seed([(size_class(b"a.jpg", 1000), 2.0), (size_class(b"a.tif", 4000), 9.0)])
    assert pace.seconds(size_class(b"a.jpg", 4000)) == 8.0
    assert pace.seconds(size_class(b"a.png", 4000)) == 9.0


def test_how_much_is_done_at_once_is_measured_while_something_is_in_work() -> None:
    pace, which, now = Pace(), size_class(b"a.jpg", 1000), 0
    assert pace.at_once(3) == 3
    for _ in range(TRUSTED):
        pace.began(now)
        now += 4 * SECOND
        pace.ended(which, 6.0, now)
        now += 1000 * SECOND  # nothing to do
    assert pace.at_once(3) == pytest.approx(1.5)


def test_the_time_left_counts_large_pictures_as_large() -> None:
    desk = desk_that_remembers(*EARLIER)
    desk.say(events.PauseAsked(2, paused=True))
    queue(desk, 1)  # begun at once
    queue(desk, 2, 3)
    queue(desk, 4, stamp=LARGE)
    queue(desk, 5, folder=2, stamp=LARGE)
    assert desk.scheduler.snapshot().eta_seconds == 1 + 2 + 2 + 30, "what is paused takes no time"
    desk.say(events.PauseAsked(2, paused=False))
    assert desk.scheduler.snapshot().eta_seconds == 65
    desk.say(events.SpaceLow(None))
    assert eta_of(desk, 1) is None, "it is in work"
    assert eta_of(desk, 2) == 1 + 2 + 30, "the other folder has its turn before"


def test_before_anything_was_measured_nothing_is_told() -> None:
    desk = desk_that_remembers()
    queue(desk, 1, 2)
    assert desk.scheduler.snapshot().eta_seconds is None
    assert eta_of(desk, 2) is None


def test_what_this_run_does_is_measured() -> None:
    desk = Desk(ONE)
    actions = desk.start()
    desk.work_off(actions + desk.admit(1))
    assert desk.states[1] == "done"
    desk.say(events.PauseAsked(1, paused=True))
    queue(desk, 2, stamp=replace(SMALL, size=2 * SMALL.size))
    assert desk.scheduler.snapshot().eta_seconds is None
    desk.say(events.FolderTrouble(2, why("gone")))
    queue(desk, 3, folder=2)
    desk.say(events.PauseAsked(1, paused=False))
    # 0.25 read + 0.5 model + 4 finish and write + 0.125 publish, for half the bytes
    assert desk.scheduler.snapshot().eta_seconds == pytest.approx(4.875 * 2 / 2)


def test_the_place_in_the_queue_counts_by_weight() -> None:
    folders = {1: replace(FOLDERS[1], weight=3), 2: FOLDERS[2]}
    desk = Desk(ONE)
    desk.scheduler = Scheduler(ONE, folders)
    desk._sort(desk.scheduler.start([], clean=True, now=desk.now, took=[Took(b"a.jpg", SMALL.size, 1.0)]))
    for number in (1, 2):
        desk.say(events.PauseAsked(number, paused=True))
    queue(desk, *range(1, 8))
    queue(desk, *range(10, 20), folder=2)
    for number in (1, 2):
        desk.say(events.PauseAsked(number, paused=False))
    assert eta_of(desk, 3) == 2 + 1 + 1, "third of its folder's first turn, one of the other before"
    assert eta_of(desk, 4) == 3 + 2 + 1
    assert eta_of(desk, 12, folder=2) == 2 + 7 + 1


def test_what_is_held_up_has_no_time() -> None:
    desk = desk_that_remembers(*EARLIER)
    (read,) = (each for each in desk.admit(1, stamp=SMALL) if type(each).__name__ == "Read")
    desk.fault(read, Fault.BUSY, "it is locked")
    assert eta_of(desk, 1) is None


def test_the_counts_of_the_queue_stay_right_whatever_happens() -> None:
    desk = desk_that_remembers(*EARLIER)
    queue(desk, 1, 2, 3, 4)
    desk.say(events.FileObserved(1, b"3.jpg", None))  # taken out
    desk.say(events.WorkerDied(0, row(1).reason))
    queued = desk.scheduler.work.queued[1]
    assert +queued == {size_class(b"1.jpg", SMALL.size): 3}


def test_names_of_any_kind_take_no_memory_for_ever() -> None:
    desk = desk_that_remembers()
    for number in range(1, 30):
        path = b"IMG.20261129-%06d" % number
        desk.work_off(desk.say(events.Admitted(row(number, path=path))))
    assert [desk.states[number] for number in range(1, 30)] == ["done"] * 29
    assert desk.scheduler.work.queued == {1: {}}
    assert {size_class(b"a.%d" % number, 9) for number in range(9)} == {size_class(b"a", 9)}
    assert size_class(b"a.JPG", 9).kind == "jpg"
