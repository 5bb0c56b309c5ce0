"""A sub-folder that is one job goes into the archive as a whole, when each of its pictures is done."""

from dataclasses import replace
from typing import Any

import pytest

from mattingd.core.policy import Policy
from mattingd.core.scheduler import Scheduler
from mattingd.core.stopping import ExitWhenIdle
from mattingd.domain.commands import AskPart, DoChore, MoveFolder, Read, RecordArchived, Stop
from mattingd.domain.drops import EndedFile, Part
from mattingd.domain.events import (
    Admitted,
    ChoreDone,
    FileObservation,
    FileObserved,
    FolderMoved,
    PartSeen,
    Scanned,
    WorkerDied,
    WorkerUp,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Chore, Fault, JobRecord
from mattingd.domain.reasons import Reason
from tests.core.desk import FOLDERS, ONE, TWO, Desk, all_of, only, row, stamp_of

DROP, SET, PLACE = "2026-11-20-1", Part(1, b"set"), "2026-11-20/in1/set"
SETS = {1: replace(FOLDERS[1], drop_by_subfolder=True, originals="archive"), 2: FOLDERS[2]}


def at_sets(policy: Policy = ONE, *, alone: bool = False) -> Desk:
    desk = Desk(policy, ending=ExitWhenIdle() if alone else None)
    desk.scheduler = Scheduler(policy, SETS, ending=desk.ending)
    return desk


def done_before(*numbers: int) -> list[JobRecord]:
    """Rows of pictures of the set that only their originals have still to leave."""
    more: dict[str, Any] = {"drop": DROP, "chores": frozenset({"original"}), "sha256": b"1"}
    return [row(number, "done", path=b"set/%d.jpg" % number, **more) for number in numbers]


def admitted(number: int) -> Admitted:
    return Admitted(row(number, path=b"set/%d.jpg" % number, drop=DROP))


def done(desk: Desk, *numbers: int) -> None:
    for number in numbers:
        desk.work_off(desk.say(admitted(number)))


def with_both_done() -> Desk:
    """Both pictures of a set are done, and the journal was asked for what became of its files."""
    desk = at_sets()
    desk.start()
    read = only(desk.say(admitted(2)), Read)
    desk.fault(read, Fault.BUSY, "it is locked")
    done(desk, 1)
    assert asked(desk) == 0
    assert not desk.scheduler.work.chores, "nothing that waits is gone through at every turn"
    desk.work_off(desk.later(9))
    assert (desk.states, asked(desk)) == ({1: "done", 2: "done"}, 1)
    return desk


def asked(desk: Desk) -> int:
    return desk.writes.count(AskPart(SET))


def archived(desk: Desk) -> list[tuple[int, str]]:
    return [(write.job, write.where) for write in desk.writes if isinstance(write, RecordArchived)]


def staying(desk: Desk) -> list[tuple[bytes, tuple[bytes, ...]]]:
    return [(each.name, each.waits_for) for each in desk.scheduler.snapshot().folders[1].staying]


def test_it_moves_at_once_when_each_original_was_checked() -> None:
    desk = with_both_done()
    known = (EndedFile(b"set/READY", stamp_of(5)), EndedFile(b"set/1.jpg", stamp_of(1)))
    actions = desk.work_off(desk.say(PartSeen(SET, (), known)))
    checks = all_of(actions, DoChore)
    assert [(each.job, each.chore, each.together) for each in checks] == [
        (1, Chore.ORIGINAL, True),
        (2, Chore.ORIGINAL, True),
    ]
    move = only(actions, MoveFolder)
    assert (move.folder, move.part, move.place) == (1, b"set", PLACE)
    assert {file.path for file in move.files} == {b"set/1.jpg", b"set/2.jpg", b"set/READY"}
    assert archived(desk) == [(1, f"{PLACE}/1.jpg"), (2, f"{PLACE}/2.jpg")]
    assert not desk.scheduler.work.jobs
    assert desk.scheduler.work.sets.get(SET) is None


def test_a_picture_that_failed_keeps_it_and_that_is_said_until_it_is_gone() -> None:
    desk = with_both_done()
    assert all_of(desk.say(PartSeen(SET, (b"set/3.jpg",), ())), DoChore) == []
    assert staying(desk) == [(b"set", (b"set/3.jpg",))]
    desk.later(60)
    assert asked(desk) == 2, "it waits for the answer"
    desk.say(PartSeen(SET, (b"set/3.jpg",), ()))
    desk.later(10)
    assert asked(desk) == 3
    desk.work_off(desk.say(PartSeen(SET, (), ())))
    assert len(archived(desk)) == 2
    assert staying(desk) == []


def test_a_picture_that_is_held_keeps_it_and_that_is_said() -> None:
    desk = at_sets()
    desk.start()
    read = only(desk.say(admitted(2)), Read)
    desk.fault(read, Fault.BUSY, "it is locked")
    done(desk, 1)
    read = desk.until(Read)
    desk.fault(read, Fault.BUSY, "it is still locked")
    read = desk.until(Read)
    assert staying(desk) == [(b"set", (b"set/2.jpg",))]
    desk.work_off([read])
    desk.later(10)
    desk.work_off(desk.say(PartSeen(SET, (), ())))
    assert (len(archived(desk)), staying(desk)) == (2, [])


def test_a_picture_that_comes_while_it_is_checked_is_done_first() -> None:
    desk = with_both_done()
    check = only(desk.say(PartSeen(SET, (), ())), DoChore)
    desk.say(FileObserved(1, b"set/3.jpg", FileObservation(stamp_of(3))))
    assert all_of(desk.work_off([check]), MoveFolder) == []
    desk.say(FileObserved(1, b"set/3.jpg", None))
    desk.work_off(desk.later(11))
    assert only(desk.work_off(desk.say(PartSeen(SET, (), ()))), MoveFolder)


def test_an_original_that_was_changed_or_taken_out_does_not_keep_the_others() -> None:
    desk = with_both_done()
    check = only(desk.say(PartSeen(SET, (), ())), DoChore)
    (other,) = all_of(desk.say(ChoreDone(0, check.job, Chore.ORIGINAL)), DoChore)
    move = only(desk.answer(other), MoveFolder)
    assert [file.path for file in move.files] == [b"set/2.jpg"]


def test_what_cannot_be_moved_now_is_tried_again_and_on_another_disk_each_goes_by_itself() -> None:
    desk = with_both_done()
    (check,) = all_of(desk.say(PartSeen(SET, (), ())), DoChore)
    (other,) = all_of(desk.answer(check), DoChore)
    move = only(desk.answer(other), MoveFolder)
    assert desk.say(FolderMoved(0, move.job, "", "3.jpg has just come")) == []
    desk.later(10)
    assert asked(desk) == 2
    (check,) = all_of(desk.say(PartSeen(SET, (), ())), DoChore)
    (other,) = all_of(desk.answer(check), DoChore)
    move = only(desk.answer(other), MoveFolder)
    apart = all_of(desk.work_off(desk.say(FolderMoved(0, move.job, ""))), DoChore)
    assert [(each.job, each.together) for each in apart] == [(1, False), (2, False)]
    assert not desk.scheduler.work.jobs


def test_a_folder_that_cannot_be_moved_is_tried_ever_more_rarely() -> None:
    desk = with_both_done()
    pauses = []
    for _ in range(8):
        todo = desk.say(PartSeen(SET, (), ()))
        while not all_of(todo, MoveFolder):
            todo = [each for check in all_of(todo, DoChore) for each in desk.answer(check)]
        desk.say(FolderMoved(0, only(todo, MoveFolder).job, "", "Permission denied"))
        before, pause = asked(desk), 0
        while asked(desk) == before:
            desk.later(10)
            pause += 10
        pauses.append(pause)
    assert pauses[0] == 10
    assert pauses == sorted(pauses)
    assert pauses[-1] >= desk.scheduler.work.policy.retry.cap_seconds > 10


def test_what_came_after_a_kill_at_the_rename_is_not_said_to_have_gone_before() -> None:
    desk = at_sets(TWO)
    desk.start(*done_before(1, 2))
    gone = (EndedFile(b"set/READY", stamp_of(5)),)
    one, two = all_of(desk.say(PartSeen(SET, (), (), gone)), DoChore)
    desk.answer(one)
    move = only(desk.answer(two), MoveFolder)
    assert (move.originals, move.gone) == ((b"set/1.jpg", b"set/2.jpg"), gone)
    desk.say(FolderMoved(0, move.job, PLACE, left=(b"set/2.jpg",)))
    assert archived(desk) == [(1, f"{PLACE}/1.jpg")]
    desk.later(10)
    desk.work_off(desk.say(PartSeen(SET, (), ())))
    assert archived(desk)[1:] == [(2, f"{PLACE}/2.jpg")]


def test_a_worker_that_dies_over_it_costs_only_another_try() -> None:
    desk = with_both_done()
    (check,) = all_of(desk.say(PartSeen(SET, (), ())), DoChore)
    (other,) = all_of(desk.answer(check), DoChore)
    move = only(desk.answer(other), MoveFolder)
    desk.say(WorkerDied(0, Reason.of("interrupted")))
    desk.later(30)
    assert only(desk.say(WorkerUp(0, 100)), MoveFolder) == move


def test_after_a_restart_the_originals_that_are_left_are_looked_at_again() -> None:
    desk = at_sets()
    desk.start(*done_before(1, 2))
    assert asked(desk) == 1
    desk.work_off(desk.say(PartSeen(SET, (), ())))
    assert archived(desk) == [(1, f"{PLACE}/1.jpg"), (2, f"{PLACE}/2.jpg")]


def test_a_picture_that_is_done_while_the_folder_moves_is_not_said_to_have_gone_with_it() -> None:
    desk = at_sets(TWO)
    desk.start(*done_before(1, 2))
    one, two = all_of(desk.say(PartSeen(SET, (), ())), DoChore)
    desk.answer(one)
    move = only(desk.answer(two), MoveFolder)
    done(desk, 3)
    desk.answer(move)
    assert archived(desk) == [(1, f"{PLACE}/1.jpg"), (2, f"{PLACE}/2.jpg")]
    assert set(desk.scheduler.work.jobs) == {3}
    desk.later(10)
    assert asked(desk) == 2
    desk.work_off(desk.say(PartSeen(SET, (), ())))
    assert archived(desk)[2:] == [(3, f"{PLACE}/3.jpg")]


def test_a_run_that_ends_by_itself_leaves_a_folder_with_an_original_that_cannot_be_read_any_more() -> None:
    desk = at_sets(alone=True)
    desk.start(*done_before(1, 2))
    desk.say(Scanned(1, 2, 0.1))
    desk.say(Scanned(2, 0, 0.1))
    todo = desk.say(PartSeen(SET, (), ()))
    for _ in range(20):
        for each in all_of(todo, Stop):
            assert each.code is ExitCode.PARTIAL
            assert "the folder set stays: Permission denied" in each.reason
            return
        assert not all_of(todo, MoveFolder)
        checks = all_of(todo, DoChore)
        if not checks:
            todo = desk.later(60)
        elif checks[0].job == 1:
            denied = ChoreDone(0, 1, Chore.ORIGINAL, "Permission denied", alone=True)
            todo = desk.say(denied) + todo[1:]
        else:
            todo = desk.answer(checks[0]) + todo[1:]
    pytest.fail("it does not end")


def test_names_that_the_archive_cannot_have_leave_one_by_one() -> None:
    desk = at_sets()
    desk.start()
    desk.work_off(desk.say(Admitted(row(1, path=b"set/\xff.jpg", drop="2026-11-20-0"))))
    actions = desk.work_off(desk.say(PartSeen(SET, (), ())))
    assert [each.together for each in all_of(actions, DoChore)] == [False]
    assert all_of(actions, MoveFolder) == []


@pytest.mark.parametrize("failed", [(), (b"set/3.jpg",)])
def test_a_run_that_ends_by_itself_leaves_what_has_to_stay(failed: tuple[bytes, ...]) -> None:
    desk = at_sets(alone=True)
    desk.start(*done_before(1))
    desk.say(Scanned(1, 1, 0.1))
    desk.say(Scanned(2, 0, 0.1))
    stop = only(desk.work_off(desk.say(PartSeen(SET, failed, ()))), Stop)
    assert stop.code is (ExitCode.PARTIAL if failed else ExitCode.OK)
    assert ("the folder set stays" in stop.reason) is bool(failed)
