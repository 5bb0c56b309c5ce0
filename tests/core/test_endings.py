"""Publishing, chores, stopping, runs that end by themselves, and what must not grow."""

from because import why

from mattingd.core.policy import SECOND
from mattingd.core.stopping import ExitWhenIdle
from mattingd.domain import events
from mattingd.domain.commands import (
    AnnounceShutdown,
    DoChore,
    Finish,
    Infer,
    NextVersion,
    Publish,
    Read,
    RecordArchived,
    RecordNote,
    Stop,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Chore, Fault, Output, Place, Recipe, Stamp
from tests.core.desk import ONE, TWO, Desk, all_of, only, prepared, row, stamp_of

# --- publishing ---


def test_a_taken_place_gives_the_next_version() -> None:
    desk = Desk(ONE)
    desk.start()
    publish = prepared(desk, 1)
    assert not desk.say(events.NameOccupied(publish.worker, 1, 0))
    assert desk.writes[-1] == NextVersion(1, 0)
    moved = Output(0, Place("out/1_v2.png", "out/1", 2, ".png"), ".t1", b"hash", 4)
    assert only(desk.say(events.VersionAssigned(1, moved)), Publish).outputs == (moved,)


def test_a_lost_temp_file_is_made_again() -> None:
    desk = Desk(ONE)
    desk.start()
    publish = prepared(desk, 1)
    assert only(desk.say(events.TempFileMissing(publish.worker, 1)), Read).job == 1
    assert desk.states == {1: "reading"}


def test_publishing_waits_as_long_as_it_takes() -> None:
    desk = Desk(ONE)
    desk.start()
    publish = prepared(desk, 1)
    for _ in range(50):
        desk.fault(publish, Fault.OUTPUT, "read-only file system")
        publish = desk.until(Publish)
    assert desk.states == {1: "prepared"}


def test_a_place_that_cannot_be_written_holds_up_nobody_else() -> None:
    desk = Desk(TWO)
    desk.start(max_batch=2)
    actions = desk.admit(1, 2, 3)
    while actions:
        action = actions.pop(0)
        blocked = isinstance(action, Finish) and action.job == 1
        actions += desk.fault(action, Fault.PLACE, "a file is in its way") if blocked else desk.answer(action)
    assert desk.states == {1: "held", 2: "done", 3: "done"}
    assert not desk.scheduler.output.failures
    desk.work_off(desk.admit(4))
    assert desk.states[4] == "done", "at once, and not after a pause"


def test_a_blocked_place_is_tried_ever_more_rarely_and_before_the_model_works() -> None:
    desk = Desk(ONE)
    desk.start()
    finish = only(desk.answer(only(desk.answer(only(desk.admit(1), Read)), Infer)), Finish)
    desk.fault(finish, Fault.PLACE, "a file is in its way")
    pauses = []
    for _ in range(4):
        before = desk.now
        read = desk.until(Read)
        assert read.try_first == row(1).outputs
        desk.fault(read, Fault.PLACE, "a file is in its way")
        pauses.append((desk.now - before) // SECOND)
    assert pauses == [5, 10, 20, 40]
    desk.work_off([desk.until(Read)])
    assert desk.states == {1: "done"}
    assert not desk.scheduler.work.jobs


def test_a_prepared_picture_whose_place_is_blocked_waits_alone() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.fault(prepared(desk, 1), Fault.PLACE, "it may not be written there")
    desk.work_off(desk.admit(2))
    assert desk.states == {1: "prepared", 2: "done"}
    desk.work_off([desk.until(Publish)])
    assert desk.states == {1: "done", 2: "done"}


def test_a_prepared_picture_is_published_after_any_stop() -> None:
    for clean in (True, False):
        desk = Desk(ONE)
        actions = desk.start(row(1, "prepared", attempts=1), clean=clean)
        assert only(actions, Publish).job == 1
        assert not all_of(actions, Read)


def test_a_single_run_publishes_nothing_that_was_prepared_with_other_settings() -> None:
    desk = Desk(ONE, ending=ExitWhenIdle())
    actions = desk.start(row(1, "prepared", attempts=1, recipe=Recipe("another preset")))
    assert not all_of(actions, Publish)
    assert desk.states == {1: "superseded"}
    assert only(actions, DoChore).chore is Chore.SWEEP
    actions = Desk(ONE, ending=ExitWhenIdle()).start(row(1, "prepared", attempts=1))
    assert only(actions, Publish).job == 1


# --- chores ---


def test_all_chores_of_a_failed_picture_are_done() -> None:
    desk = Desk(ONE)
    actions = desk.start(row(1, "queued", attempts=1))
    actions = desk.work_off(desk.fault(only(actions, Read), Fault.BAD, "it is damaged"))
    assert {chore.chore for chore in all_of(actions, DoChore)} == {Chore.NOTE, Chore.SWEEP}
    assert not desk.scheduler.work.jobs


def test_chores_survive_a_restart() -> None:
    desk = Desk(ONE)
    chores = frozenset({Chore.NOTE, Chore.SWEEP})
    actions = desk.work_off(desk.start(row(1, "failed", chores=chores)))
    assert [chore.chore for chore in all_of(actions, DoChore)] == [Chore.NOTE, Chore.SWEEP]
    assert not desk.scheduler.work.jobs


def test_a_note_that_cannot_be_written_is_tried_again_and_called_off_by_a_newer_version() -> None:
    desk = Desk(ONE)
    desk.start()
    chore = only(desk.fault(only(desk.admit(1), Read), Fault.BAD, "it is damaged"), DoChore)
    desk.say(events.ChoreDone(chore.worker, 1, chore.chore, failed="the disk is full"))
    again = only(desk.later(5), DoChore)
    desk.say(events.ChoreDone(again.worker, 1, again.chore, failed="the disk is full"))
    newer = row(2, path=b"1.jpg", stale_notes=(row(1).note,))
    done = desk.work_off(desk.say(events.Admitted(newer)) + desk.later(60))
    assert {chore.chore for chore in all_of(done, DoChore)} == {Chore.SWEEP, Chore.REMOVE_NOTE}
    assert not desk.scheduler.work.jobs


def test_a_note_whose_name_was_taken_is_removed_where_it_is() -> None:
    desk = Desk(ONE)
    desk.start()
    chore = only(desk.fault(only(desk.admit(1), Read), Fault.BAD, "it is damaged"), DoChore)
    desk.say(events.Admitted(row(2, path=b"1.jpg", stale_notes=(row(1).note,))))
    actions = desk.say(events.ChoreDone(chore.worker, 1, chore.chore, where="elsewhere"))
    assert RecordNote(1, "elsewhere") in desk.writes
    assert not any(isinstance(write, RecordArchived) for write in desk.writes)
    removed = [each for each in all_of(desk.work_off(actions), DoChore) if each.chore is Chore.REMOVE_NOTE]
    assert [each.notes for each in removed] == [("elsewhere",)]


# --- the end ---


def test_a_stop_ends_what_is_in_flight_and_begins_nothing() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1), Read)
    desk.admit(2)
    assert desk.say(events.StopAsked("SIGTERM")) == [AnnounceShutdown((1,), 60.0)]
    done = desk.work_off([read])
    assert only(done, Stop).code is ExitCode.OK
    assert desk.states == {1: "done", 2: "queued"}


def test_a_stop_waits_for_nothing_that_waits() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.fault(only(desk.admit(1), Read), Fault.BUSY)
    desk.fault(prepared(desk, 2), Fault.OUTPUT)
    desk.look(3, Stamp(1, 1))
    assert only(desk.say(events.StopAsked("SIGTERM")), Stop).code is ExitCode.OK
    assert desk.states == {1: "held", 2: "prepared"}


def test_a_stop_that_takes_too_long_is_the_end() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.admit(1)
    desk.say(events.StopAsked("SIGTERM"))
    assert not desk.later(59)
    assert only(desk.later(1), Stop).reason == (
        "1 picture in work was not finished within the 60 s that `stop_seconds` allows;"
        " that is done after the next start"
    )
    assert desk.states == {1: "queued"}


def test_after_the_second_stop_nothing_follows_from_anything() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1), Read)
    desk.say(events.StopAsked("SIGTERM"))
    assert only(desk.say(events.StopAsked("SIGTERM")), Stop)
    assert desk.states == {1: "queued"}
    assert desk.answer(read) == []
    assert desk.states == {1: "queued"}


# --- a run that ends by itself ---


def test_a_single_run_ends_when_everything_is_done() -> None:
    desk = Desk(ONE, ending=ExitWhenIdle())
    desk.start()
    desk.work_off(desk.admit(1))
    assert not desk.say(events.Scanned(1, 1, 0.1))
    assert only(desk.say(events.Scanned(2, 0, 0.1)), Stop).code is ExitCode.OK


def test_a_single_run_waits_for_what_waits() -> None:
    desk = Desk(ONE, ending=ExitWhenIdle())
    desk.start()
    held = only(desk.admit(1), Read)
    desk.say(events.Scanned(1, 1, 0.1))
    desk.say(events.Scanned(2, 0, 0.1))
    desk.fault(held, Fault.BUSY)
    assert only(desk.work_off(desk.later(5)), Stop).code is ExitCode.OK


def test_a_single_run_does_not_wait_for_a_folder_that_cannot_be_read() -> None:
    desk = Desk(ONE, ending=ExitWhenIdle())
    desk.start()
    desk.say(events.Scanned(1, 0, 0.1))
    stop = only(desk.say(events.FolderTrouble(2, why("no such folder"))), Stop)
    assert (stop.code, stop.reason) == (ExitCode.PARTIAL, "no such folder")


def test_a_single_run_gives_up_on_a_failing_output() -> None:
    desk = Desk(ONE, ending=ExitWhenIdle())
    desk.start()
    publish = prepared(desk, 1)
    for _ in range(2):
        assert not desk.fault(publish, Fault.OUTPUT, "the disk is full")
        publish = desk.until(Publish)
    stop = only(desk.fault(publish, Fault.OUTPUT, "the disk is full"), Stop)
    assert (stop.code, stop.reason) == (ExitCode.PARTIAL, "the disk is full")


def test_a_single_run_gives_up_on_a_note_that_cannot_be_written() -> None:
    desk = Desk(ONE, ending=ExitWhenIdle())
    desk.start()
    chore = only(desk.fault(only(desk.admit(1), Read), Fault.BAD), DoChore)
    for _ in range(2):
        assert not desk.say(events.ChoreDone(0, 1, chore.chore, failed="read-only file system"))
        chore = desk.until(DoChore)
    stop = only(desk.say(events.ChoreDone(0, 1, chore.chore, failed="read-only file system")), Stop)
    assert (stop.code, stop.reason) == (ExitCode.PARTIAL, "read-only file system")


def test_a_single_run_leaves_a_place_that_cannot_be_written_to_the_next_run() -> None:
    desk = Desk(ONE, ending=ExitWhenIdle())
    desk.start()
    desk.say(events.Scanned(1, 2, 0.1))
    actions, stops = desk.admit(1) + desk.admit(2) + desk.say(events.Scanned(2, 0, 0.1)), list[Stop]()
    while not stops:
        action = actions.pop(0) if actions else desk.until(Read)
        tries = isinstance(action, Finish) or (isinstance(action, Read) and bool(action.try_first))
        blocked = tries and getattr(action, "job", 0) == 1
        actions += desk.fault(action, Fault.PLACE, "a file is in its way") if blocked else desk.answer(action)
        stops += all_of(actions, Stop)
    assert (stops[0].code, stops[0].reason) == (ExitCode.PARTIAL, "a file is in its way")
    assert desk.states == {1: "held", 2: "done"}


def test_a_single_run_leaves_a_note_that_cannot_be_written_to_the_next_run() -> None:
    desk = Desk(ONE, ending=ExitWhenIdle())
    desk.start()
    chore = only(desk.fault(only(desk.admit(1), Read), Fault.BAD), DoChore)
    desk.say(events.Scanned(1, 1, 0.1))
    desk.say(events.Scanned(2, 0, 0.1))
    for _ in range(2):
        assert not desk.say(events.ChoreDone(0, 1, chore.chore, failed="a file is in its way", alone=True))
        chore = desk.until(DoChore)
    stop = only(
        desk.say(events.ChoreDone(0, 1, chore.chore, failed="a file is in its way", alone=True)), Stop
    )
    assert (stop.code, stop.reason) == (ExitCode.PARTIAL, "a file is in its way")


# --- what must not grow ---


def test_deadlines_do_not_pile_up() -> None:
    desk = Desk(TWO)
    desk.start(max_batch=2)
    for number in range(1, 2_000):
        desk.work_off(desk.admit(number))
    assert len(desk.scheduler.work.timers) < 20


def test_looks_at_files_that_are_done_leave_nothing_behind() -> None:
    desk = Desk(ONE)
    desk.start()
    for number in range(1, 500):
        desk.look(number, stamp_of(number))
        desk.look(number, None)
    desk.later(1_000)
    assert not len(desk.scheduler.intake.settler)
    assert desk.scheduler.next_wakeup() is None
