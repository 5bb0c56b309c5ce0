"""What the scheduler tells of itself: frozen, and what is so."""

from dataclasses import FrozenInstanceError

import pytest
from because import why

from mattingd.core.lifecycle import State
from mattingd.core.settling import SourceId
from mattingd.core.snapshot import BEING_TAKEN, JobView
from mattingd.domain import events
from mattingd.domain.commands import Infer, Read
from mattingd.domain.jobs import Fault
from tests.core.desk import ONE, Desk, all_of, only, prepared, stamp_of


def source(number: int, folder: int = 1) -> SourceId:
    return SourceId(folder, f"{number}.jpg".encode())


def test_a_snapshot_counts_what_is_on_its_way() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.say(events.Scanned(1, 3, 0.1))
    desk.admit(1)
    desk.admit(2, 3, folder=2)
    desk.look(4, stamp_of(4))
    desk.say(events.PauseAsked(2, paused=True))
    now = desk.scheduler.snapshot()
    assert (now.in_work, now.waiting, now.settling, now.admitting) == (1, 3, 1, 0)
    assert (now.stopping, now.stopped, now.finishing) == (False, False, 1)
    assert (now.engine.state, now.engine.ready, now.engine.coming) == ("ready", True, None)
    assert {number: (f.paused, f.queued, f.scanned) for number, f in now.folders.items()} == {
        1: (False, 0, True),
        2: (True, 2, False),
    }
    assert now.paused == 1


def test_each_picture_that_waits_is_told_under_one_heading() -> None:
    desk = Desk(ONE)
    desk.start()
    held = only(desk.admit(1), Read)
    desk.fault(held, Fault.BUSY, "it is locked")
    desk.admit(2, 3, 4)
    desk.admit(5, 6, folder=2)
    desk.look(7, stamp_of(7))
    desk.say(events.PauseAsked(2, paused=True))
    waits = desk.scheduler.snapshot().waits
    assert (waits.settling, waits.queued, waits.in_work, waits.held, waits.paused) == (1, 2, 1, 1, 2)
    assert waits.can_run == 3, "only what can run takes time"
    desk.say(events.FolderTrouble(1, why("it does not answer")))
    waits = desk.scheduler.snapshot().waits
    assert (waits.queued, waits.share, waits.paused, waits.can_run) == (0, 2, 2, 1)


def test_a_cut_out_that_cannot_be_published_is_held_and_not_in_work() -> None:
    desk = Desk(ONE)
    desk.start()
    publish = prepared(desk, 1)
    assert desk.scheduler.snapshot().waits.in_work == 1
    desk.fault(publish, Fault.PLACE, "the name is taken")
    waits = desk.scheduler.snapshot().waits
    assert (waits.held, waits.in_work, waits.can_run) == (1, 0, 0)


def test_a_snapshot_stays_as_it_was() -> None:
    desk = Desk(ONE)
    desk.start()
    before = desk.scheduler.snapshot()
    desk.admit(1)
    desk.say(events.StopAsked("SIGTERM"))
    assert (before.waiting, before.stopping) == (0, False)
    with pytest.raises(FrozenInstanceError):
        before.stopping = True  # type: ignore[misc]
    after = desk.scheduler.snapshot()
    assert (after.stopping, after.finishing) == (True, 1)
    assert after.stop_deadline == desk.now + 60_000_000_000


def test_each_file_is_known_by_its_source() -> None:
    desk = Desk(ONE)
    read = only(desk.start() + desk.admit(1, 2, 3), Read)
    status = desk.scheduler.status
    assert [view.job for view in status.in_work(9)] == [1]
    third = status.source(source(3)).job
    assert third is not None
    assert (third.state, third.before_it, third.next_try) == (State.QUEUED, 1, None)
    assert status.source(source(99)).job is None

    desk.fault(read, Fault.BUSY, "it is locked")
    first = status.source(source(1)).job
    assert first is not None
    assert (first.state, str(first.why), first.before_it) == (State.HELD, "it is locked", None)
    assert first.next_try == desk.now + 5_000_000_000
    assert [view.job for view in status.held(9) if isinstance(view, JobView)] == [1]


def test_files_that_settle_are_pending_until_the_journal_has_them() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.look(7, stamp_of(7))
    status = desk.scheduler.status
    (settling,) = status.pending()
    assert (settling.source, settling.settled, settling.next_look) == (source(7), False, desk.now + 2 * 10**9)
    desk.later(2)
    desk.look(7, stamp_of(7), full=True)
    (taken,) = status.pending()
    assert (taken.source, taken.why, taken.settled) == (source(7), BEING_TAKEN, True)
    assert status.source(source(7)).pending == taken
    assert desk.scheduler.snapshot().settling == 0


def test_the_jobs_of_a_batch_are_told_while_it_is_at_the_engine() -> None:
    desk = Desk(ONE)
    desk.start()
    infer = only(desk.answer(only(desk.admit(1), Read)), Infer)
    assert desk.scheduler.jobs_of_batch(infer.batch) == (1,)
    with pytest.raises(ValueError, match="was not due"):
        desk.scheduler.jobs_of_batch(infer.batch + 1)
    assert all_of(desk.answer(infer), Infer) == []
