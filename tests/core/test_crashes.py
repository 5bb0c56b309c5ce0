"""Crashes of the daemon, of workers and of the engine: who is blamed, and what goes on."""

from because import why

from mattingd.core.worker_pool import DEATHS
from mattingd.domain import commands, events
from mattingd.domain.commands import (
    DropMatte,
    Finish,
    Infer,
    KillEngine,
    KillWorker,
    Read,
    StartEngine,
    StartWorker,
    Stop,
)
from mattingd.domain.events import InferFault
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.reasons import Reason
from tests.core.desk import FIT, ONE, TWO, Desk, all_of, only, row

# --- crashes ---


def test_after_an_unclean_stop_everything_in_flight_runs_alone() -> None:
    desk = Desk(TWO)
    rows = [row(number, state) for number, state in enumerate(("reading", "inferring", "queued"), 1)]
    actions = desk.start(*rows, clean=False)
    alone = only(actions, Read)
    assert desk.scheduler.work.jobs[alone.job].isolated
    second = [read.job for read in all_of(desk.work_off(actions), Read)]
    assert sorted(second) == [1, 2, 3]
    assert second[2] == 3, "suspects first, one after the other"


def test_what_is_to_be_known_of_a_prepared_cut_out_outlives_the_daemon() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1), Read)
    told = (Reason.of("first_of", frames=12),)
    infer = only(desk.say(events.ReadOk(read.worker, 1, b"x", FIT, notes=told)), Infer)
    desk.answer(only(desk.answer(infer), Finish))
    (kept,) = (write.remarks for write in desk.writes if isinstance(write, commands.Prepare))
    assert kept == told
    later = Desk(ONE)
    later.work_off(later.start(row(1, "prepared", remarks=kept), clean=False))
    (end,) = (said for said in later.announced if isinstance(said, events.JobEnded))
    assert (end.state, end.reasons) == ("done", told)


def test_after_a_clean_stop_nobody_is_suspect() -> None:
    desk = Desk(TWO)
    actions = desk.start(row(1, "reading"), row(2, "finishing"), clean=True)
    assert len(all_of(actions, Read)) == 2
    assert not any(job.quarantine_candidate for job in desk.scheduler.work.jobs.values())


def test_two_crashes_while_alone_set_a_picture_aside_and_others_come_first() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1), Read)
    desk.say(events.WorkerDied(read.worker, why("SIGSEGV")))
    assert only(desk.say(events.WorkerUp(0, 1)), Read).job == 1, "alone, at once"
    desk.say(events.WorkerDied(read.worker, why("SIGSEGV")))
    desk.admit(2)
    desk.work_off(desk.say(events.WorkerUp(0, 1)))
    assert desk.states == {1: "queued", 2: "done"}, "a strike costs a pause"
    assert not all_of(desk.later(9.9), Read)
    assert only(desk.later(0.1), Read).job == 1
    desk.say(events.WorkerDied(read.worker, why("SIGSEGV")))
    assert desk.states == {1: "failed", 2: "done"}


def test_a_crash_of_the_daemon_strikes_only_who_was_alone() -> None:
    desk = Desk(ONE)
    desk.start(row(1, "reading", quarantine_candidate=True, isolated=True, isolated_crashes=1), clean=False)
    assert desk.states[1] == "failed"
    desk = Desk(ONE)
    desk.start(row(1, "reading", quarantine_candidate=True, isolated=False, isolated_crashes=1), clean=False)
    assert desk.states[1] == "queued"


def test_an_interrupted_picture_takes_no_blame() -> None:
    desk = Desk(ONE)
    desk.start(row(1, "queued", quarantine_candidate=True, isolated_crashes=1), up=True)
    actions = desk.later(11)
    assert only(actions, Read)
    desk.say(events.StopAsked("first"))
    desk.say(events.StopAsked("second"))
    (move,) = [w for w in desk.writes if isinstance(w, commands.Move) and w.reason.code == "interrupted"]
    assert (move.state, move.isolated, move.isolated_crashes) == ("queued", False, 1)


def test_pictures_that_were_held_by_a_dead_worker_are_read_again_without_blame() -> None:
    desk = Desk(ONE)
    desk.start(max_batch=2)
    ready = desk.answer(only(desk.admit(1, 2), Read))
    second = only(ready, Read)
    assert second.job == 2
    desk.say(events.WorkerDied(0, why("SIGSEGV")))
    assert desk.states == {1: "queued", 2: "queued"}
    suspects = {job.id: job.quarantine_candidate for job in desk.scheduler.work.jobs.values()}
    assert suspects == {1: False, 2: True}


def test_the_answer_of_a_batch_that_was_lost_meanwhile_is_dropped() -> None:
    """The worker dies while its picture is at the engine; the picture is read again before the old answer."""
    desk = Desk(TWO)
    desk.start()
    read = only(desk.admit(1), Read)
    old = only(desk.answer(read), Infer)
    again = only(desk.say(events.WorkerDied(read.worker, why("SIGKILL"))), Read)
    new = only(desk.answer(again), Infer)
    actions = desk.answer(old)
    assert only(actions, DropMatte) == DropMatte(1, old.batch)
    assert not all_of(actions, Finish)
    assert only(desk.answer(new), Finish).worker == again.worker


def test_poison_pictures_do_not_end_the_daemon() -> None:
    desk = Desk(ONE)
    desk.start()
    poison = set(range(1, 8))
    actions, deaths = desk.admit(*poison), 0
    while actions or {desk.states[number] for number in poison} != {"failed"}:
        action = actions.pop(0) if actions else desk.until(Read)
        if isinstance(action, Read):
            deaths += 1
            actions += desk.say(events.WorkerDied(action.worker, why("SIGSEGV"))) + desk.say(
                events.WorkerUp(0, 1)
            )
        else:
            assert not isinstance(action, Stop)
            actions += desk.answer(action)
    assert deaths == 3 * len(poison), "once in company, twice alone"


def test_workers_that_die_of_themselves_do() -> None:
    desk = Desk(ONE)
    desk.start()
    for death in range(1, DEATHS + 1):
        actions = desk.say(events.WorkerDied(0, why("no module named cv2")))
        assert bool(all_of(actions, Stop)) == (death == DEATHS)
        desk.later(60)
    assert only(actions, Stop).code is ExitCode.CHILD


def test_a_worker_that_hangs_is_killed_and_given_nothing_more() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1, 2), Read)
    assert only(desk.later(120), KillWorker).worker == 0
    assert not all_of(desk.answer(read), Read), "its last answer is too late to be trusted with more"
    desk.say(events.WorkerDied(0, why("killed")))
    assert not desk.scheduler.work.jobs[2].quarantine_candidate


def test_whoever_does_not_come_up_is_killed_and_started_again() -> None:
    desk = Desk(ONE)
    desk.start(up=False)
    actions = desk.later(900)
    assert len(all_of(actions, KillWorker)) == len(all_of(actions, KillEngine)) == 1
    assert all_of(desk.say(events.WorkerDied(0, why("killed"))) + desk.later(60), StartWorker)
    assert all_of(desk.engine_dies("killed") + desk.later(60), StartEngine)


def test_nothing_is_given_to_a_child_that_is_known_to_have_died() -> None:
    """Its death is in the same turn, behind the fact that would have given it work."""
    desk = Desk(ONE)
    desk.start(up=False)
    turn: list[events.Fact] = [
        events.WorkerUp(0, 1),
        events.Admitted(row(1)),
        events.WorkerDied(0, why("SIGKILL")),
    ]
    desk.scheduler.foresee(turn)
    actions = [action for fact in turn for action in desk.say(fact)]
    assert not all_of(actions, Read)
    assert only(actions, StartWorker)
    assert not desk.scheduler.work.jobs[1].quarantine_candidate
    desk.scheduler.foresee([])
    assert only(desk.say(events.WorkerUp(0, 1)), Read)


def test_no_batch_is_given_to_an_engine_that_is_known_to_have_died() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1), Read)
    turn: list[events.Fact] = [
        events.ReadOk(0, 1, b"content", FIT),
        events.EngineDied(1, why("SIGKILL")),
    ]
    desk.scheduler.foresee(turn)
    actions = [action for fact in turn for action in desk.say(fact)]
    assert read.job == 1
    assert not all_of(actions, Infer)
    assert desk.states == {1: "ready"}
    desk.scheduler.foresee([])
    assert only(desk.engine_up(), Infer).jobs == (1,)


# --- the engine ---


def at_the_engine(desk: Desk, *numbers: int) -> Infer:
    """Bring pictures into one batch."""
    reads = desk.admit(*numbers)
    actions = [following for read in all_of(reads, Read) for following in desk.answer(read)]
    return only([*actions, *desk.later(0.1)], Infer)


def test_a_failing_batch_is_split_and_only_the_culprit_fails() -> None:
    desk = Desk(TWO)
    desk.start(max_batch=4)
    infer = at_the_engine(desk, 1, 2)
    assert infer.jobs == (1, 2)
    singles = desk.say(events.InferFailed(infer.batch, InferFault.BATCH, "NaN"))
    first, second = all_of(singles, Infer)
    desk.say(events.InferFailed(first.batch, InferFault.BATCH, "NaN"))
    desk.work_off(desk.answer(second))
    assert desk.states == {1: "failed", 2: "done"}


def test_out_of_memory_halves_and_then_moves_to_the_processor() -> None:
    desk = Desk(TWO)
    desk.start(max_batch=4)
    infer = at_the_engine(desk, 1, 2)
    first, second = all_of(desk.say(events.InferFailed(infer.batch, InferFault.MEMORY, "oom")), Infer)
    assert only(desk.say(events.InferFailed(first.batch, InferFault.MEMORY, "oom")), KillEngine)
    assert not desk.say(events.InferFailed(second.batch, InferFault.MEMORY, "oom")), (
        "it is being killed already"
    )
    assert only(desk.engine_dies("killed") + desk.later(1), StartEngine).cpu
    desk.work_off(desk.engine_up(4, "cpu"))
    assert desk.states == {1: "done", 2: "done"}


def test_on_the_processor_lack_of_memory_is_the_pictures_fault() -> None:
    desk = Desk(ONE)
    desk.start(up=False)
    desk.say(events.WorkerUp(0, 1))
    desk.engine_up(1, "cpu")
    infer = only(desk.answer(only(desk.admit(1), Read)), Infer)
    desk.say(events.InferFailed(infer.batch, InferFault.MEMORY, "oom"))
    assert desk.states == {1: "failed"}


def test_an_engine_that_dies_over_many_splits_and_over_one_makes_a_suspect() -> None:
    desk = Desk(TWO)
    desk.start(max_batch=4)
    at_the_engine(desk, 1, 2)
    desk.engine_dies("SIGSEGV")
    first, second = all_of(desk.engine_up(4), Infer)
    assert len(first.jobs) == len(second.jobs) == 1
    desk.engine_dies("SIGSEGV")
    suspects = [job.id for job in desk.scheduler.work.jobs.values() if job.quarantine_candidate]
    assert suspects == list(first.jobs)
    assert desk.scheduler.work.jobs[first.jobs[0]].isolated_crashes == 0, "another one was in work, too"


def test_an_engine_that_says_it_is_no_use_ends_the_daemon_with_its_code() -> None:
    desk = Desk(ONE)
    desk.start(up=False)
    stop = only(desk.engine_dies("no CUDA device", ExitCode.DEVICE), Stop)
    assert (stop.code, stop.reason) == (ExitCode.DEVICE, "no CUDA device")


def test_an_engine_that_keeps_dying_ends_the_daemon() -> None:
    desk = Desk(ONE)
    desk.start(up=False)
    for death in range(1, DEATHS + 1):
        actions = desk.engine_dies("SIGSEGV")
        assert bool(all_of(actions, Stop)) == (death == DEATHS)
        desk.later(60)
    assert only(actions, Stop).code is ExitCode.CHILD


def test_only_the_oldest_batch_can_be_late() -> None:
    desk = Desk(TWO)
    desk.start()
    first = only(desk.answer(only(desk.admit(1), Read)), Infer)
    desk.later(100)
    second = only(desk.answer(only(desk.admit(2), Read)), Infer)
    desk.later(10)
    desk.answer(first)
    assert not all_of(desk.later(100), KillEngine), "the second one began when the first one ended"
    assert all_of(desk.later(20), KillEngine)
    assert not all_of(desk.admit(3) + desk.later(1), Infer)
    assert second.batch == 2
