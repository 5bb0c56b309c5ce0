"""A second pass at a picture's subject: one more way through the engine, with all that can happen there."""

from because import why

from mattingd.core.policy import Policy
from mattingd.domain import commands, events
from mattingd.domain.commands import Discard, Finish, Infer, KillEngine, Publish, Read
from mattingd.domain.events import InferFault
from mattingd.domain.jobs import NO_STAGE_TIMES, StageTimes
from tests.core.desk import FIT, ONE, TWO, Desk, all_of, only, row

SHAPE = (320, 448)


def matted(desk: Desk, number: int) -> Finish:
    """Bring a picture as far as its first matte."""
    return only(desk.answer(only(desk.answer(only(desk.admit(number), Read)), Infer)), Finish)


def again(desk: Desk, finish: Finish) -> list[commands.Action]:
    """The worker wants to see more of it."""
    return desk.say(events.AnotherPass(finish.worker, finish.job, SHAPE))


def test_the_subject_goes_to_the_engine_in_its_own_shape_and_back_to_the_same_worker() -> None:
    desk = Desk(TWO)
    desk.start()
    finish = matted(desk, 1)
    infer = only(again(desk, finish), Infer)
    assert (infer.jobs, infer.shape, desk.states) == ((1,), SHAPE, {1: "inferring"})
    second = only(desk.answer(infer), Finish)
    assert second == finish
    desk.work_off(desk.answer(second))
    assert desk.states == {1: "done"}


def test_the_time_at_the_engine_is_that_of_both_passes() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.work_off(desk.answer(only(again(desk, matted(desk, 1)), Infer)))
    moves = [
        write for write in desk.writes if isinstance(write, commands.Move) and write.spent != NO_STAGE_TIMES
    ]
    assert [move.spent.infer for move in moves if move.spent.infer] == [0.5, 1.0]
    assert moves[-2].spent == StageTimes(finish=3.0, write=1.0)


def test_the_confidence_of_two_passes_takes_the_place_of_the_first_ones() -> None:
    desk = Desk(ONE)
    desk.start()
    first = only(desk.answer(only(desk.admit(1), Read)), Infer)
    finish = only(desk.say(events.Inferred(first.batch, (False,), 0.5, (0.25,))), Finish)
    second = only(again(desk, finish), Infer)
    finish = only(desk.say(events.Inferred(second.batch, (False,), 0.5, (0.9,))), Finish)
    desk.say(events.Finished(finish.worker, 1, finish.outputs, confidence=0.5))
    moves = [write for write in desk.writes if isinstance(write, commands.Move)]
    assert [move.confidence for move in moves if move.confidence is not None] == [0.25, 0.5]


def test_pictures_at_their_first_and_second_pass_share_a_batch() -> None:
    desk = Desk(TWO)
    desk.start(max_batch=4)
    finish = matted(desk, 1)
    desk.admit(2, 3)
    reads = [
        commands.Read(slot.id, slot.job or 0, 1, b"", row(1).stamp, 0) for slot in desk.scheduler.pool.slots
    ]
    desk.say(events.AnotherPass(finish.worker, 1, (448, 448)))
    actions = [action for read in reads if read.job in {2, 3} for action in desk.answer(read)]
    actions += desk.later(1)
    assert any(set(infer.jobs) >= {1, 2} for infer in all_of(actions, Infer))


def test_no_subject_at_the_second_pass_is_no_failure() -> None:
    desk = Desk(ONE)
    desk.start()
    infer = only(again(desk, matted(desk, 1)), Infer)
    desk.work_off(desk.say(events.Inferred(infer.batch, (True,), 0.5)))
    assert desk.states == {1: "done"}


def test_a_worker_lost_between_the_passes_costs_a_new_start_of_its_picture() -> None:
    desk = Desk(TWO)
    desk.start()
    finish = matted(desk, 1)
    infer = only(again(desk, finish), Infer)
    read = only(desk.say(events.WorkerDied(finish.worker, why("it was ended by SIGKILL"))), Read)
    assert read.worker != finish.worker
    assert only(desk.answer(infer), commands.DropMatte).job == 1, "nobody needs that matte any more"
    first = only(desk.answer(read), Infer)
    assert first.shape == FIT.shape, "it starts with the whole picture"
    desk.work_off([first])
    assert desk.states == {1: "done"}


def test_an_engine_that_dies_over_the_second_pass_makes_a_suspect_and_twice_alone_fails_it() -> None:
    desk = Desk(ONE)
    desk.start()
    actions = desk.admit(1)
    for _ in range(3):
        read = next(iter(all_of(actions, Read)), None) or desk.until(Read)
        again(desk, only(desk.answer(only(desk.answer(read), Infer)), Finish))
        actions = desk.engine_dies("it was ended by SIGSEGV") + desk.engine_up()
    assert desk.states == {1: "failed"}
    reasons = [write.reason for write in desk.writes if isinstance(write, commands.Move)]
    assert "crashed 2 times while it ran alone" in str(reasons[-1])


def test_without_memory_for_the_second_pass_the_batch_is_halved_and_it_goes_again() -> None:
    desk = Desk(ONE)
    desk.start()
    infer = only(again(desk, matted(desk, 1)), Infer)
    actions = desk.say(events.InferFailed(infer.batch, InferFault.MEMORY, "out of memory"))
    assert only(actions, KillEngine).why.code == "no_gpu_memory"
    desk.engine_dies("no memory")
    desk.later(5)
    retried = only(desk.engine_up(device="cpu"), Infer)
    assert (retried.jobs, retried.shape) == ((1,), SHAPE)
    desk.work_off(desk.answer(retried))
    assert desk.states == {1: "done"}


def test_both_passes_are_by_the_same_weights_or_the_picture_starts_anew() -> None:
    desk = Desk(ONE)
    desk.start()
    finish = matted(desk, 1)
    desk.say(events.ModelAsked("other"))
    desk.say(events.EngineUp(desk.engine, "cuda", "", "fp32", "cv-unet", "other", 1, 0.1))
    actions = desk.answer(only(again(desk, finish), Infer))
    assert only(actions, Discard).job == 1
    assert only(actions, Read).job == 1
    done = desk.work_off(actions)
    assert len(all_of(done, Publish)) == 1
    (prepare,) = [write for write in desk.writes if isinstance(write, commands.Prepare)]
    assert prepare.model == "other"


def test_a_file_saved_again_between_the_passes_publishes_what_was_read() -> None:
    desk = Desk(Policy(workers=1))
    desk.start()
    infer = only(again(desk, matted(desk, 1)), Infer)
    desk.look(1, row(2).stamp)
    desk.work_off(desk.answer(infer))
    assert desk.states == {1: "done"}
