"""Engines asleep and awake, one model in place of another, and a device that calculates wrongly."""

from dataclasses import replace

from because import why

from mattingd.core.engine_supervisor import START_NS, Outcome
from mattingd.core.policy import SECOND, Policy
from mattingd.domain import commands, events
from mattingd.domain.commands import (
    EndEngine,
    Finish,
    Infer,
    KillEngine,
    Publish,
    Read,
    RejectModel,
    StartEngine,
    Stop,
    TrimMemory,
    UseModel,
)
from mattingd.domain.events import InferFault, ModelAsked
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Models, PreviousResult
from mattingd.domain.reasons import Reason
from tests.core.desk import FOLDERS, ONE, TWO, Desk, all_of, only

SLEEPY = Policy(workers=1, idle_ns=60 * SECOND)
NEW = "ab" * 32


def up(number: int, model: str = "", device: str = "cuda", max_batch: int = 1) -> events.EngineUp:
    """An engine that has come up."""
    return events.EngineUp(number, device, "", "fp32", "cv-unet", model or "shipped", max_batch, 0.1)


def ask(desk: Desk, model: str = NEW) -> StartEngine:
    """Ask for a model, and have its engine started beside the one in use."""
    start = only(desk.say(ModelAsked(model, 7)), StartEngine)
    assert start.beside
    assert start.model == model
    return start


def at_the_engine(desk: Desk, *numbers: int) -> Infer:
    """Bring pictures into one batch."""
    actions = [d for read in all_of(desk.admit(*numbers), Read) for d in desk.answer(read)]
    return only([*actions, *desk.later(0.1)], Infer)


# --- sleep ---


def test_an_idle_engine_is_ended_and_comes_back_for_the_next_picture() -> None:
    desk = Desk(SLEEPY)
    desk.start()
    desk.work_off(desk.admit(1))
    assert not all_of(desk.later(59), EndEngine)
    actions = desk.later(1)
    assert only(actions, EndEngine).engine == 1
    assert only(actions, TrimMemory).worker == 0
    assert desk.scheduler.engines.asleep
    assert not desk.later(10_000), "nothing is done in its sleep"
    read = only(desk.admit(2), Read)
    assert only(desk.answer(read), StartEngine) == StartEngine(2, "")
    desk.work_off(desk.engine_up())
    assert desk.states[2] == "done"


def test_work_keeps_it_awake() -> None:
    desk = Desk(SLEEPY)
    desk.start()
    infer = at_the_engine(desk, 1)
    assert not all_of(desk.later(90), EndEngine), "a batch runs"
    finish = only(desk.answer(infer), Finish)
    assert not all_of(desk.later(90), EndEngine), "a picture is in work"
    desk.work_off(desk.answer(finish))
    assert only(desk.later(60), EndEngine)


def test_late_words_of_an_engine_that_was_ended_mean_nothing() -> None:
    desk = Desk(SLEEPY)
    desk.start()
    desk.later(60)
    assert not desk.say(events.EngineDied(1, why("killed")))
    assert not desk.say(up(1))
    assert desk.scheduler.engines.asleep
    assert not desk.later(1_000)


def test_it_never_sleeps_unless_it_was_told_to() -> None:
    desk = Desk(ONE)
    desk.start()
    assert not desk.later(1_000_000)


def test_it_is_told_so_while_it_runs() -> None:
    desk = Desk(ONE)
    desk.start()
    for policy, sleeps in ((SLEEPY, True), (ONE, False)):
        desk.scheduler.reconfigure(policy, FOLDERS, (), desk.now)
        assert bool(all_of(desk.later(100), EndEngine)) == sleeps
        desk.work_off(desk.admit(1 + sleeps))
        desk.work_off(desk.engine_up())
        if sleeps:
            desk.later(30)


# --- another model ---


def test_new_batches_go_to_the_new_model_and_the_old_one_finishes_its_own() -> None:
    desk = Desk(TWO)
    desk.start()
    old = at_the_engine(desk, 1)
    start = ask(desk)
    ready = desk.answer(only(desk.admit(2), Read))
    assert only(ready, Infer).engine == old.engine, "until it is up, nothing changes"
    actions = desk.say(up(start.engine, NEW))
    assert UseModel(Models(NEW, "")) in desk.writes
    assert not all_of(actions, EndEngine), "the old one has batches"
    third = only(desk.admit(3), Read) if not all_of(actions, Read) else all_of(actions, Read)[0]
    new = only(desk.answer(third), Infer)
    assert new.engine == start.engine
    done = desk.answer(old)
    assert not all_of(done, EndEngine), "one is left"
    done += desk.answer(only(ready, Infer))
    assert only(done, EndEngine).engine == old.engine
    desk.work_off([*done, *desk.answer(new)])
    made = {write.job: write.model for write in desk.writes if isinstance(write, commands.Prepare)}
    assert made == {1: "", 2: "", 3: NEW}
    assert desk.scheduler.engines.outcome is not None
    assert desk.scheduler.engines.outcome.refused is None


def test_an_idle_old_engine_goes_at_once_and_a_rollback_returns() -> None:
    desk = Desk(ONE)
    desk.start()
    start = ask(desk)
    assert only(desk.say(up(start.engine, NEW)), EndEngine).engine == 1
    back = ask(desk, "")
    desk.say(up(back.engine))
    assert desk.scheduler.engines.models == Models("", NEW)
    assert desk.writes[-1] == UseModel(Models("", NEW))
    desk.work_off(desk.admit(1))
    assert desk.states[1] == "done"


def test_a_model_that_does_not_come_up_is_refused_and_nothing_changes() -> None:
    desk = Desk(ONE)
    desk.start()
    for how in ("the self-test: the matte is off by 0.5", "it was ended by SIGSEGV"):
        start = ask(desk)
        actions = desk.say(events.EngineDied(start.engine, why(how), ExitCode.DEVICE, wrong=True))
        assert only(actions, RejectModel) == RejectModel(NEW, how)
        assert desk.scheduler.engines.outcome == Outcome(ModelAsked(NEW, 7), refused=how)
    assert not [write for write in desk.writes if isinstance(write, UseModel)]
    assert not desk.later(1_000), "it is not tried again"
    desk.work_off(desk.admit(1))
    assert desk.states[1] == "done"


def test_a_model_that_hangs_while_it_is_loaded_is_given_up() -> None:
    desk = Desk(ONE)
    desk.start()
    start = ask(desk)
    assert only(desk.later(START_NS / SECOND), KillEngine) == KillEngine(
        start.engine, Reason.of("did_not_come_up")
    )
    assert only(desk.say(events.EngineDied(start.engine, why("it did not come up"))), RejectModel)


def test_one_at_a_time_and_none_while_stopping() -> None:
    desk = Desk(ONE)
    desk.start()
    ask(desk)
    assert "just being brought" in only(desk.say(ModelAsked("cd" * 32)), RejectModel).why
    desk = Desk(ONE)
    desk.start()
    at_the_engine(desk, 1)
    desk.say(events.StopAsked("SIGTERM"))
    assert only(desk.say(ModelAsked(NEW)), RejectModel).why == "the daemon is stopping"


def test_asked_for_what_is_in_use_nothing_is_started() -> None:
    desk = Desk(ONE)
    desk.start()
    assert not desk.say(ModelAsked("", 3))
    assert desk.scheduler.engines.outcome is not None
    assert desk.scheduler.engines.outcome.refused is None


def test_a_model_may_not_slip_from_the_gpu_to_the_processor() -> None:
    desk = Desk(ONE)
    desk.start()
    start = ask(desk)
    actions = desk.say(up(start.engine, NEW, device="cpu"))
    assert only(actions, EndEngine).engine == start.engine
    assert "processor" in only(actions, RejectModel).why


def test_no_memory_beside_a_candidate_is_the_candidates_fault() -> None:
    desk = Desk(TWO)
    desk.start(max_batch=4)
    infer = at_the_engine(desk, 1, 2)
    start = ask(desk)
    actions = desk.say(events.InferFailed(infer.batch, InferFault.MEMORY, "oom"))
    assert only(actions, EndEngine).engine == start.engine
    assert only(actions, RejectModel).why == "there is no memory for it beside the model in use"
    assert only(actions + desk.later(0.1), Infer).jobs == infer.jobs, "not halved"


def test_an_old_engine_that_dies_over_its_last_batch_is_not_replaced() -> None:
    desk = Desk(TWO)
    desk.start(max_batch=4)
    old = at_the_engine(desk, 1, 2)
    start = ask(desk)
    desk.say(up(start.engine, NEW, max_batch=4))
    actions = desk.say(events.EngineDied(old.engine, why("it was ended by SIGSEGV")))
    again = all_of(actions, Infer)
    assert {infer.engine for infer in again} == {start.engine}
    assert len(again) == 2, "one picture each, to find the culprit"
    desk.work_off(actions)
    assert desk.states == {1: "done", 2: "done"}
    assert not all_of(desk.later(1_000), StartEngine)


def test_an_old_engine_that_hangs_over_its_last_batch_is_killed() -> None:
    desk = Desk(TWO)
    desk.start()
    old = at_the_engine(desk, 1)
    start = ask(desk)
    desk.say(up(start.engine, NEW))
    assert only(desk.later(121), KillEngine).engine == old.engine


def test_a_model_takes_over_from_an_engine_that_is_dead_or_asleep() -> None:
    desk = Desk(SLEEPY)
    desk.start()
    desk.later(60)
    start = ask(desk)
    desk.say(up(start.engine, NEW))
    assert not desk.scheduler.engines.asleep
    desk.say(events.EngineDied(start.engine, why("it was ended by SIGKILL")))
    again = ask(desk, "")
    desk.say(up(again.engine))
    assert not all_of(desk.later(59), StartEngine), "nobody is started in place of one that was replaced"
    desk.work_off(desk.admit(1))
    assert desk.states[1] == "done"


def test_a_candidate_that_is_known_to_have_died_does_not_take_over() -> None:
    desk = Desk(ONE)
    desk.start()
    start = ask(desk)
    turn: list[events.Fact] = [
        up(start.engine, NEW),
        events.EngineDied(start.engine, why("SIGKILL")),
    ]
    desk.scheduler.foresee(turn)
    actions = [action for fact in turn for action in desk.say(fact)]
    assert only(actions, RejectModel)
    assert desk.scheduler.engines.models == Models()


# --- results ---


def test_a_touched_file_is_made_again_by_another_model_only() -> None:
    desk = Desk(replace(ONE, shipped="shipped"))
    desk.start()
    for number, made_by, state in ((1, "shipped", "unchanged"), (2, NEW, "done"), (3, None, "unchanged")):
        last = PreviousResult(b"content %d" % number, "as ever", made_by)
        desk.work_off(desk.admit(number, last=last))
        assert desk.states[number] == state


# --- a device that calculates wrongly ---


def test_a_failed_self_test_blames_no_picture_and_a_second_one_ends_the_daemon() -> None:
    desk = Desk(ONE)
    desk.start()
    at_the_engine(desk, 1)
    assert only(desk.engine_dies("the matte is off by 0.5", wrong=True), StartEngine)
    job = desk.scheduler.work.jobs[1]
    assert (job.quarantine_candidate, job.isolated_crashes, desk.states[1]) == (False, 0, "ready")
    publish = only(desk.answer(only(desk.answer(only(desk.engine_up(), Infer)), Finish)), Publish)
    desk.answer(publish)
    at_the_engine(desk, 2)
    stop = only(desk.engine_dies("the matte is off by 0.5", wrong=True), Stop)
    assert stop.code is ExitCode.CHILD
    assert stop.reason == "the matte is off by 0.5; that was the second time in this run"
