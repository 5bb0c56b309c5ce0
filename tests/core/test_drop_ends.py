"""A job's end is told once; a drop's when no file joins it any more and all its jobs have ended."""

from mattingd.core.drop_ends import DropEnds, DropId
from mattingd.domain.commands import Admit, Announcement, DoChore, Read
from mattingd.domain.events import Admitted, AlreadyKnown, ChoreDone, DropEnded, JobEnded, RetryAsked
from mattingd.domain.jobs import DropCount, Fault
from tests.core.desk import ONE, Desk, only, row, stamp_of

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
        JobEnded(1, 1, b"1.jpg", "failed", "it is cut off", "out/_failed/1.jpg.error.txt"),
        JobEnded(2, 1, b"2.jpg", "done", ""),
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
