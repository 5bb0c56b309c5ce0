"""The way of a picture through the scheduler, and what happens to its file meanwhile."""

import pytest
from because import why

from mattingd.core.lifecycle import RetryPolicy
from mattingd.core.policy import MEGAPIXEL, SECOND, Policy
from mattingd.core.settling import SettlePolicy
from mattingd.domain import commands, events
from mattingd.domain.commands import Action, Finish, Infer, LookAt, Publish, Read
from mattingd.domain.events import FileObservation
from mattingd.domain.jobs import NO_STAGE_TIMES, Fault, PreviousResult, StageTimes, Stamp
from tests.core.desk import FIT, ONE, TWO, Desk, all_of, only, stamp_of

# --- the way of a picture ---


def test_a_picture_goes_its_way() -> None:
    desk = Desk(ONE)
    desk.start()
    done = desk.work_off(desk.admit(1))
    kinds = [type(action).__name__ for action in done]
    assert kinds == ["Read", "Infer", "Finish", "Discard", "Publish"]
    assert desk.states == {1: "done"}
    assert not desk.scheduler.work.jobs


def test_what_each_stage_took_is_told_to_the_journal() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.work_off(desk.admit(1))
    moves = [write for write in desk.writes if isinstance(write, commands.Move)]
    told = [move.spent for move in moves if move.spent != NO_STAGE_TIMES]
    assert told == [
        StageTimes(read=0.25),
        StageTimes(infer=0.5),
        StageTimes(finish=3.0, write=1.0),
        StageTimes(publish=0.125),
    ]


def test_the_confidence_of_each_matte_goes_to_its_own_picture() -> None:
    desk = Desk(ONE)
    desk.start()
    infer = only(desk.answer(only(desk.admit(1), Read)), Infer)
    desk.say(events.Inferred(infer.batch, (False,), 0.5, (0.25,)))
    moves = [write for write in desk.writes if isinstance(write, commands.Move)]
    assert [move.confidence for move in moves if move.confidence is not None] == [0.25]


def test_prepared_is_written_before_anything_is_published() -> None:
    desk = Desk(ONE)
    desk.start()
    actions = desk.answer(only(desk.answer(only(desk.admit(1), Read)), Infer))
    before = len(desk.writes)
    assert all_of(desk.answer(only(actions, Finish)), Publish)
    prepare, move = desk.writes[before:]
    assert isinstance(prepare, commands.Prepare)
    assert isinstance(move, commands.Move)
    assert (prepare.outputs[0].sha256, move.state) == (b"hash", "prepared")


def test_unchanged_content_and_settings_make_nothing_new() -> None:
    desk = Desk(ONE)
    desk.start()
    last = PreviousResult(b"content 1", "as ever")
    done = desk.work_off(desk.admit(1, last=last))
    assert [type(action).__name__ for action in done] == ["Read", "Discard"]
    assert desk.states == {1: "unchanged"}
    (move,) = [w for w in desk.writes if isinstance(w, commands.Move) and w.state == "unchanged"]
    assert move.sha256 == b"content 1", "the next touch is compared with it"


def read_with(desk: Desk, read: Read, painted: bytes, recalled: str | None) -> list[Action]:
    """A worker read a picture with strokes."""
    content = b"content %d" % read.job
    return desk.say(events.ReadOk(read.worker, read.job, content, FIT, painted=painted, recalled=recalled))


def test_strokes_go_into_the_stored_matte_without_the_model() -> None:
    desk = Desk(ONE)
    desk.start()
    last = PreviousResult(b"content 1", "as ever", "aa")
    read = only(desk.admit(1, last=last), Read)
    assert read.recall
    finish = only(read_with(desk, read, b"strokes", "aa"), Finish)
    assert finish.model == "aa"
    desk.work_off([finish])
    assert desk.states == {1: "done"}
    (prepare,) = [write for write in desk.writes if isinstance(write, commands.Prepare)]
    assert prepare.model == "aa", "the weights that made the matte, whichever are in use"
    assert [w.painted for w in desk.writes if isinstance(w, commands.Move) and w.painted] == [b"strokes"]


def test_without_a_stored_matte_the_model_makes_one() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1, last=PreviousResult(b"content 1", "as ever")), Read)
    desk.work_off([only(read_with(desk, read, b"strokes", None), Infer)])
    assert desk.states == {1: "done"}


def test_a_persons_wish_is_for_a_new_matte() -> None:
    desk = Desk(ONE)
    desk.start()
    assert not only(desk.admit(1, forced=True), Read).recall


@pytest.mark.parametrize(
    ("before", "now", "ends"),
    [
        (b"strokes", b"strokes", "unchanged"),
        (b"", b"strokes", "done"),
        (b"strokes", b"others", "done"),
        (b"strokes", b"", "done"),
    ],
)
def test_strokes_count_like_content(before: bytes, now: bytes, ends: str) -> None:
    desk = Desk(ONE)
    desk.start()
    last = PreviousResult(b"content 1", "as ever", "weights of long ago", before)
    read = only(desk.admit(1, last=last), Read)
    desk.work_off(read_with(desk, read, now, None))
    assert desk.states == {1: ends}


def test_strokes_say_where_the_subject_is_when_none_was_found() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1), Read)
    infer = only(read_with(desk, read, b"strokes", None), Infer)
    desk.work_off(desk.say(events.Inferred(infer.batch, (True,))))
    assert desk.states == {1: "done"}


def test_other_settings_or_a_persons_wish_make_it_again() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.work_off(desk.admit(1, last=PreviousResult(b"content 1", "other settings")))
    desk.work_off(desk.admit(2, last=PreviousResult(b"content 2", "as ever"), forced=True))
    assert desk.states == {1: "done", 2: "done"}


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("max_batch", [1, 4, 8])
@pytest.mark.parametrize("begun", [3, 10, 25])
def test_an_urgent_picture_starts_within_two_batches_of_a_crowd(
    workers: int, max_batch: int, begun: int
) -> None:
    """The next free hand reads it, and once it is read, the second batch from then has it at the latest."""
    desk = Desk(Policy(workers=workers))
    desk.start(max_batch=max_batch)
    queue = desk.admit(*range(100, 400))
    while desk.scheduler.engine.sent < begun:
        queue += desk.answer(queue.pop(0)) if queue else desk.later(0.05)
    following = desk.admit(1, folder=2)
    queue += following
    while not all_of(following, Read):
        following = desk.answer(queue.pop(0)) if queue else desk.later(0.05)
        queue += following
    read = next(action for action in following if isinstance(action, Read))
    assert read.job == 1
    queue.remove(read)
    sent = desk.scheduler.engine.sent
    queue += desk.answer(read)
    while desk.states[1] == "ready":
        queue += desk.answer(queue.pop(0)) if queue else desk.later(0.05)
    assert desk.scheduler.work.jobs[1].batch - sent <= 2


# --- one version at a time, and what happens to files meanwhile ---


def test_a_new_version_rests_until_the_old_one_came_to_its_end() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1), Read)
    ready = desk.answer(read)
    assert not desk.look(1, Stamp(5, 5))
    assert not all_of(desk.later(10), LookAt), "the old one is in work"
    desk.work_off(ready)
    assert desk.states == {1: "done"}
    assert all_of(desk.later(10), LookAt)
    desk.look(1, Stamp(5, 5), full=True)
    assert isinstance(desk.writes[-1], commands.Admit)


def test_saved_again_before_its_turn_supersedes_it() -> None:
    desk = Desk(ONE)
    desk.start(up=False)
    desk.admit(1)
    desk.look(1, Stamp(5, 5))
    assert desk.states == {1: "superseded"}
    assert not desk.scheduler.work.jobs


def test_taken_away_before_its_turn_withdraws_it() -> None:
    desk = Desk(ONE)
    desk.start(up=False)
    desk.admit(1)
    desk.look(1, None)
    assert desk.states == {1: "withdrawn"}


def test_taken_away_while_in_work_is_finished_and_noted() -> None:
    desk = Desk(ONE)
    desk.start()
    ready = desk.answer(only(desk.admit(1), Read))
    desk.look(1, None)
    desk.work_off(ready)
    assert desk.states == {1: "done"}
    assert desk.writes[-1] == commands.Vanished(1, b"1.jpg")


def test_who_was_missed_by_a_worker_is_looked_for_again() -> None:
    """A file that is missed is only withdrawn when a look finds it gone: its folder may be offline."""
    for fault, state in ((Fault.GONE, "held"), (Fault.CHANGED, "superseded")):
        desk = Desk(ONE)
        desk.start()
        actions = desk.fault(only(desk.admit(1), Read), fault)
        assert only(actions, LookAt) == LookAt(1, b"1.jpg")
        assert desk.states == {1: state}
        desk.look(1, None, full=True)
        assert desk.states == {1: "withdrawn" if state == "held" else state}


def test_the_inode_is_no_part_of_a_jobs_identity() -> None:
    desk = Desk(ONE)
    desk.start(up=False)
    desk.admit(1)
    moved = Stamp(stamp_of(1).size, stamp_of(1).mtime_ns, inode=77)
    desk.look(1, moved)
    assert desk.states == {1: "queued"}
    assert not len(desk.scheduler.intake.settler)


# --- waiting and giving up ---


PATIENT = Policy(
    workers=1, settle=SettlePolicy(2.0, truncated_minutes=1), retry=RetryPolicy(5, 20, give_up_minutes=30)
)


def test_a_cut_off_picture_that_rested_its_time_fails_at_the_first_reading() -> None:
    desk = Desk(PATIENT)
    desk.start()
    desk.look(1, stamp_of(1))
    looks = 0
    while not any(isinstance(write, commands.Admit) for write in desk.writes):
        looks += 1
        desk.until(LookAt)
        desk.say(
            events.FileObserved(
                1,
                b"1.jpg",
                FileObservation(stamp_of(1), full=True, unfinished=why("its end is missing")),
            )
        )
    assert looks > 2
    desk.fault(only(desk.admit(1), Read), Fault.TRUNCATED, "it is cut off")
    assert desk.states == {1: "failed"}


def test_a_cut_off_picture_is_given_its_time() -> None:
    desk = Desk(PATIENT)
    desk.start()
    desk.look(1, stamp_of(1))
    desk.until(LookAt)
    desk.look(1, stamp_of(1), full=True)
    read, begun, tries = only(desk.admit(1), Read), desk.now, 1
    while not desk.fault(read, Fault.TRUNCATED, "it is cut off")[1:] and desk.states[1] == "held":
        read, tries = desk.until(Read), tries + 1
    assert desk.states == {1: "failed"}
    assert 58 <= (desk.now - begun) / SECOND <= 60
    assert tries == 6, "after 0, 5, 15, 35, 55 and 58 seconds"


def test_a_full_disk_for_hours_takes_no_patience_from_a_locked_file() -> None:
    desk = Desk(PATIENT)
    desk.start()
    read = only(desk.admit(1), Read)
    for _ in range(200):
        finish = only(desk.answer(only(desk.answer(read), Infer)), Finish)
        desk.fault(finish, Fault.OUTPUT, "the disk is full")
        assert desk.states[1] == "held"
        read = desk.until(Read)
    desk.fault(read, Fault.BUSY, "it is locked")
    assert desk.states[1] == "held"


def test_a_locked_file_fails_in_the_end() -> None:
    desk = Desk(PATIENT)
    desk.start()
    read, begun = only(desk.admit(1), Read), desk.now
    desk.fault(read, Fault.BUSY, "it is locked")
    while desk.states[1] == "held":
        desk.fault(desk.until(Read), Fault.BUSY, "it is locked")
    assert desk.states[1] == "failed"
    assert desk.now - begun == 30 * 60 * SECOND


def test_a_failing_output_is_tried_by_one_picture_at_a_time() -> None:
    desk = Desk(TWO)
    desk.start()
    actions = desk.admit(*range(1, 20))
    failed = 0
    while actions:
        action = actions.pop(0)
        if isinstance(action, Finish):
            failed += 1
            actions += desk.fault(action, Fault.OUTPUT, "the disk is full")
        else:
            actions += desk.answer(action)
    assert failed > 3
    assert desk.scheduler.output.failures == 1, "together they are one try"
    probe = desk.until(Read)
    assert len(desk.scheduler.work.in_flight) == 1
    desk.work_off([probe])
    assert desk.scheduler.output.failures == 0
    assert list(desk.states.values()).count("done") > 10, "it works: full speed again"


# --- memory ---


def test_nobody_overtakes_who_waits_for_room() -> None:
    desk = Desk(Policy(workers=3, budget_pixels=10 * MEGAPIXEL))
    desk.start()
    first = only(desk.admit(1), Read)
    big = only(desk.admit(2), Read)
    assert not desk.say(events.NeedsRoom(big.worker, 2, 10 * MEGAPIXEL))[1:]
    assert not all_of(desk.admit(3, 4, 5), Read), "there would be room for these, but it is not their turn"
    ready = desk.answer(first)
    assert [read.job for read in all_of(desk.work_off(ready), Read)][:1] == [2]
    assert set(desk.states.values()) == {"done"}


def test_who_waits_for_room_and_is_taken_away_stops_nobody() -> None:
    desk = Desk(Policy(workers=2, budget_pixels=10 * MEGAPIXEL))
    desk.start()
    desk.admit(1)
    big = only(desk.admit(2), Read)
    desk.say(events.NeedsRoom(big.worker, 2, 10 * MEGAPIXEL))
    desk.admit(3)
    assert only(desk.look(2, None), Read).job == 3


def test_a_picture_larger_than_the_budget_runs_by_itself() -> None:
    desk = Desk(Policy(workers=2, budget_pixels=10 * MEGAPIXEL))
    desk.start()
    read = only(desk.admit(1), Read)
    again = only(desk.say(events.NeedsRoom(read.worker, 1, 50 * MEGAPIXEL)), Read)
    assert again.grant == 50 * MEGAPIXEL
    assert not all_of(desk.admit(2), Read)


def test_the_only_picture_uses_all_workers_and_two_share_them() -> None:
    desk = Desk(TWO)
    desk.start()
    alone = [action for action in desk.work_off(desk.admit(1)) if isinstance(action, Finish)]
    both = [action for action in desk.work_off(desk.admit(2, 3)) if isinstance(action, Finish)]
    assert [action.threads for action in alone] == [2]
    assert both[0].threads == 1
