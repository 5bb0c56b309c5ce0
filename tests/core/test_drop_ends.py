"""A job's end is told once; a drop's when no file joins it any more and all its jobs have ended."""

from dataclasses import replace

import pytest
from because import why

from mattingd.core.drop_ends import DropEnds, DropId
from mattingd.core.scheduler import Scheduler
from mattingd.domain.commands import Admit, Announcement, DoChore, EndDrop, Read
from mattingd.domain.earlier import DropCount
from mattingd.domain.events import (
    Admitted,
    AlreadyKnown,
    ChoreDone,
    DropEnded,
    FileObservation,
    FileObserved,
    JobEnded,
    RetryAsked,
)
from mattingd.domain.jobs import Fault
from mattingd.domain.reasons import Reason
from tests.core.desk import FOLDERS, ONE, Desk, all_of, only, row, stamp_of

DROP = "2026-11-20-1"


def drops(desk: Desk) -> list[Announcement]:
    return [event for event in desk.announced if isinstance(event, DropEnded)]


def jobs(desk: Desk) -> list[tuple[int, str]]:
    return [(event.job, event.state) for event in desk.announced if isinstance(event, JobEnded)]


def dropped(*numbers: int) -> Desk:
    """A desk at which these files were dropped and admitted; none is read yet but the first."""
    desk = Desk(ONE)
    desk.start()
    for number in numbers:
        desk.look(number, stamp_of(number))
    desk.later(2)
    for number in numbers:
        desk.look(number, stamp_of(number), full=True)
    assert [each.drop for each in desk.writes if isinstance(each, Admit)] == [DROP] * len(numbers)
    return desk


def test_each_end_is_told_once_whatever_is_left_to_do() -> None:
    desk = Desk(ONE)
    desk.start()
    chore = only(desk.fault(only(desk.admit(1), Read), Fault.BAD, "it is cut off"), DoChore)
    desk.say(ChoreDone(0, 1, chore.chore, failed="read-only file system"))
    desk.work_off([desk.until(DoChore)])
    desk.work_off(desk.admit(2))
    assert desk.announced == [
        JobEnded(1, 1, b"1.jpg", "failed", (why("it is cut off"),), "out/_failed/1.jpg.error.txt"),
        JobEnded(2, 1, b"2.jpg", "done"),
    ]


def test_a_file_that_is_only_listed_ends_as_it_begins() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.say(Admitted(row(1, "ignored", reason="it is a link", drop=DROP)))
    assert jobs(desk) == [(1, "ignored")]


def test_a_drop_ends_when_it_is_closed_and_all_its_jobs_have_ended() -> None:
    desk = dropped(1, 2, 3)
    reads = desk.admit(1, 2, 3, drop=DROP)
    desk.later(31)
    desk.work_off(desk.fault(only(reads, Read), Fault.BAD))
    assert jobs(desk) == [(1, "failed"), (2, "done"), (3, "done")]
    assert drops(desk) == [DropEnded(1, DROP, (("done", 2), ("failed", 1)))]


def test_a_drop_whose_jobs_ended_first_ends_when_it_closes() -> None:
    desk = dropped(1)
    desk.work_off(desk.admit(1, drop=DROP))
    desk.later(29.9)
    assert drops(desk) == []
    desk.later(0.2)
    assert drops(desk) == [DropEnded(1, DROP, (("done", 1),))]
    desk.later(100)
    assert len(drops(desk)) == 1


def test_a_drop_of_files_that_were_all_known_says_nothing() -> None:
    desk = dropped(1)
    desk.say(AlreadyKnown(1, b"1.jpg"))
    desk.later(60)
    assert drops(desk) == []
    assert len(desk.scheduler.work.drops) == 0


def test_after_a_restart_a_drop_counts_what_ended_before() -> None:
    desk = Desk(ONE)
    counts = [DropCount(1, DROP, "done", 40), DropCount(1, DROP, "failed", 2)]
    desk._sort(desk.scheduler.start([row(1, drop=DROP)], clean=True, now=desk.now, dropped=counts))
    desk.say(RetryAsked(1, b"1.jpg"))
    desk.look(1, None)
    assert jobs(desk) == [(1, "withdrawn")]
    assert drops(desk) == [DropEnded(1, DROP, (("done", 40), ("failed", 2), ("withdrawn", 1)))]


def test_drops_of_one_name_in_two_folders_are_two() -> None:
    ends = DropEnds()
    for folder in (1, 2):
        ends.began(DropId(folder, DROP))
    ends.ended(DropId(1, DROP), "done")
    assert ends.over(DropId(2, DROP), 0) is None
    assert ends.over(DropId(1, DROP), 0) == DropEnded(1, DROP, (("done", 1),))
    assert len(ends) == 1


def test_the_end_of_a_drop_goes_into_the_journal_with_its_last_job() -> None:
    desk = dropped(1)
    desk.work_off(desk.admit(1, drop=DROP))
    assert EndDrop(1, DROP) not in desk.writes
    desk.later(31)
    assert desk.writes.count(EndDrop(1, DROP)) == 1


def test_a_drop_whose_end_was_not_told_in_an_earlier_run_ends_at_the_start() -> None:
    desk = Desk(ONE)
    counts = [DropCount(1, DROP, "done", 40), DropCount(1, "2026-11-20-2", "failed", 2)]
    rows = [row(1, drop="2026-11-20-2")]
    desk._sort(desk.scheduler.start(rows, clean=True, now=desk.now, dropped=counts))
    assert drops(desk) == [DropEnded(1, DROP, (("done", 40),))]
    assert EndDrop(1, DROP) in desk.writes


def test_sub_folders_have_drops_of_their_own_and_a_marker_ends_one_when_all_of_it_is_taken() -> None:
    desk = Desk(ONE)
    desk.start()
    folders = {1: replace(FOLDERS[1], drop_by_subfolder=True)}
    desk._sort(desk.scheduler.reconfigure(ONE, folders, (), desk.now))

    def see(path: bytes, *, full: bool = False) -> None:
        desk.say(FileObserved(1, path, FileObservation(stamp_of(1), full=full)))

    for path in (b"a/1.jpg", b"a/2.jpg", b"b/1.jpg", b"top.jpg"):
        see(path)
    see(b"a/READY")
    desk.later(2)
    for path in (b"a/1.jpg", b"b/1.jpg", b"top.jpg"):
        see(path, full=True)
    drop_of = {each.path: each.drop for each in desk.writes if isinstance(each, Admit)}
    assert drop_of[b"a/READY"] == "2026-11-20-0", "it is no picture of the drop"
    assert len(set(drop_of.values())) == 4
    desk.say(Admitted(row(9, "ignored", drop=drop_of[b"a/READY"], path=b"a/READY")))
    desk.say(Admitted(row(10, "ignored", drop=drop_of[b"a/1.jpg"], path=b"a/1.jpg")))
    for path in (b"b/1.jpg", b"top.jpg"):
        desk.say(AlreadyKnown(1, path))
    desk.later(3)
    assert drops(desk) == [], "a/2.jpg is still being copied"
    see(b"a/2.jpg", full=True)
    assert [each.drop for each in desk.writes if isinstance(each, Admit)][-1] == drop_of[b"a/1.jpg"]
    desk.say(AlreadyKnown(1, b"a/2.jpg"))
    desk.later(2)
    assert drops(desk) == [DropEnded(1, drop_of[b"a/1.jpg"], (("ignored", 1),))]


@pytest.mark.parametrize(("code", "ended"), [("existed", 0), ("empty_file", 1)])
def test_files_that_were_there_before_everything_are_no_drop(code: str, ended: int) -> None:
    desk = Desk(ONE)
    desk.start()
    odd = Reason.of(code)
    desk.say(FileObserved(1, b"1.jpg", FileObservation(stamp_of(1), odd=odd)))
    (admit,) = (each for each in desk.writes if isinstance(each, Admit))
    desk.say(Admitted(row(1, "ignored", drop=admit.drop)))
    desk.later(31)
    assert len(drops(desk)) == ended


@pytest.mark.parametrize("together", [True, False])
def test_the_originals_of_a_sub_folder_stay_together_until_its_last_picture_has_ended(
    together: bool,  # noqa: FBT001 - a case of a test
) -> None:
    desk = Desk(ONE)
    folder = replace(FOLDERS[1], drop_by_subfolder=together, originals="delete")
    desk.scheduler = Scheduler(ONE, {1: folder, 2: FOLDERS[2]})
    desk.start()
    read = only(desk.say(Admitted(row(2, path=b"set/2.jpg", drop=DROP))), Read)
    desk.fault(read, Fault.BUSY, "it is locked")
    first = desk.work_off(desk.say(Admitted(row(1, path=b"set/1.jpg", drop=DROP))))
    assert desk.states[1] == "done"
    assert len(all_of(first, DoChore)) == (0 if together else 1)
    assert bool(desk.scheduler.work.chores) is False, "nothing that waits is gone through at every turn"
    rest = desk.work_off(desk.later(10))
    assert desk.states[2] == "done"
    assert len(all_of(first + rest, DoChore)) == 2


def test_originals_that_stayed_together_leave_when_their_folder_is_configured_otherwise() -> None:
    desk = Desk(ONE)
    folder = replace(FOLDERS[1], drop_by_subfolder=True, originals="archive")
    desk.scheduler = Scheduler(ONE, {1: folder, 2: FOLDERS[2]})
    desk.start()
    read = only(desk.say(Admitted(row(2, path=b"set/2.jpg", drop=DROP))), Read)
    desk.fault(read, Fault.BUSY, "it is locked")
    desk.work_off(desk.say(Admitted(row(1, path=b"set/1.jpg", drop=DROP))))
    folders = {1: replace(folder, drop_by_subfolder=False), 2: FOLDERS[2]}
    actions = desk._sort(desk.scheduler.reconfigure(ONE, folders, (), desk.now))
    assert [chore.job for chore in all_of(actions, DoChore)] == [1]
