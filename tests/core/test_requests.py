"""What people ask for by name: retry, forget, pause; and other settings while pictures are in work."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from because import why

from mattingd.core.lifecycle import State
from mattingd.core.settling import SettlePolicy, SourceId
from mattingd.core.user_requests import reply_to_forget, reply_to_retry
from mattingd.domain import commands, events
from mattingd.domain.commands import (
    Admit,
    AskAgain,
    Finish,
    Forget,
    Infer,
    LookAt,
    Move,
    Publish,
    Read,
    SetPaused,
    Vanished,
)
from mattingd.domain.events import (
    AlreadyKnown,
    FileObservation,
    FileObserved,
    ForgetAsked,
    PauseAsked,
    RetryAsked,
    WorkerUp,
)
from mattingd.domain.jobs import NO_SUBJECT, Fault, Folder, PreviousResult, Recipe, Stamp
from mattingd.domain.reasons import Reason
from mattingd.journal import reading
from tests.core.desk import FOLDERS, ONE, TWO, Desk, all_of, only, prepared, row, stamp_of
from tests.journal.journals import admit_of, admitted, opened, places, publish

ONE_JPG = (1, b"1.jpg")


# --- retry ---


def test_what_has_ended_is_looked_at_once_the_journal_knows_that_it_is_wanted_again() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.work_off(desk.admit(1))
    desk.writes.clear()
    assert desk.say(RetryAsked(*ONE_JPG)) == [LookAt(*ONE_JPG)]
    assert desk.writes == [AskAgain(*ONE_JPG)]


def test_what_waits_is_tried_now_and_with_new_patience() -> None:
    retry = replace(ONE.retry, first_seconds=40.0, cap_seconds=40.0, give_up_minutes=1.0)
    desk = Desk(replace(ONE, retry=retry))
    desk.start()
    desk.fault(only(desk.admit(1), Read), Fault.BUSY, "it is locked")
    assert desk.later(30) == []
    desk.fault(only(desk.say(RetryAsked(*ONE_JPG)), Read), Fault.BUSY, "it is locked")
    desk.fault(desk.until(Read, 41), Fault.BUSY, "it is locked")
    assert desk.states[1] == "held", "a minute after the very first try it would have failed"


@pytest.mark.parametrize("held", [{}, {"writer": True}, {"unfinished": "the end marker is missing"}])
def test_a_file_that_is_not_taken_yet_is_taken_now(held: dict[str, Any]) -> None:
    desk = Desk(ONE)
    desk.start()
    stamp = Stamp(5, 5)
    assert desk.say(FileObserved(*ONE_JPG, FileObservation(stamp))) == []
    assert desk.say(RetryAsked(*ONE_JPG)) == [LookAt(*ONE_JPG)]
    seen = FileObservation(stamp, full=True, **held)
    desk.writes.clear()
    assert desk.say(FileObserved(*ONE_JPG, seen)) == []
    (admit,) = desk.writes
    assert isinstance(admit, Admit)
    assert (admit.path, admit.ignored) == (b"1.jpg", None)


def test_a_file_that_grows_on_after_it_was_asked_for_settles_as_any_other() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.say(FileObserved(*ONE_JPG, FileObservation(Stamp(5, 5))))
    desk.say(RetryAsked(*ONE_JPG))
    assert desk.say(FileObserved(*ONE_JPG, FileObservation(Stamp(6, 6), full=True))) == []
    assert SourceId(*ONE_JPG) in desk.scheduler.intake.settler


def test_a_suspect_is_tried_now_with_no_strike_against_it() -> None:
    desk = Desk(ONE)
    desk.start(row(1, "reading", isolated=True), clean=False)
    assert desk.scheduler.work.jobs[1].isolated_crashes == 1
    assert desk.later(1) == []
    assert only(desk.say(RetryAsked(*ONE_JPG)), Read).job == 1
    job = desk.scheduler.work.jobs[1]
    assert (job.isolated_crashes, job.quarantine_candidate, job.isolated) == (0, True, True)


@pytest.mark.parametrize("state", ["reading", "prepared"])
def test_what_is_in_work_is_left_alone(state: str) -> None:
    desk = Desk(ONE)
    desk.start()
    if state == "reading":
        desk.admit(1)
    else:
        prepared(desk, 1)
    desk.writes.clear()
    assert desk.say(RetryAsked(*ONE_JPG)) == []
    assert (desk.states[1], desk.writes) == (state, [])


def test_what_waits_to_be_published_is_published_now_and_once() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.fault(prepared(desk, 1), Fault.OUTPUT)
    assert desk.later(1) == []
    publish = only(desk.say(RetryAsked(*ONE_JPG)), Publish)
    assert desk.later(4) == [], "it is under way when it would have been tried again"
    desk.answer(publish)
    assert (desk.states[1], desk.later(1_000)) == ("done", [])


def test_an_output_folder_that_could_not_be_written_is_tried_now() -> None:
    desk = Desk(ONE)
    desk.start()
    infer = only(desk.answer(only(desk.admit(1), Read)), Infer)
    desk.fault(only(desk.answer(infer), Finish), Fault.OUTPUT)
    desk.admit(2)
    assert desk.later(1) == []
    assert only(desk.say(RetryAsked(*ONE_JPG)), Read).job in {1, 2}


def test_what_is_asked_for_again_is_a_forced_job_and_the_next_version(tmp_path: Path) -> None:
    with opened(tmp_path / "j.db") as journal:
        journal.folder_id(b"/in")
        publish(journal, admitted(journal, b"shoe.jpg"))
        journal.apply([AskAgain(1, b"shoe.jpg")])
        assert list(journal.known(1)) == [], "the next scan tells of it, also after a crash"
        again = admitted(journal, b"shoe.jpg")
        assert (again.forced, again.quarantine_candidate, places(again)) == (True, False, ["shoe_v2.png"])
        assert journal.apply([admit_of(b"shoe.jpg")]) == [AlreadyKnown(1, b"shoe.jpg")], "once"
        assert journal.live()[-1] == again


def test_what_is_not_at_its_end_is_not_asked_for_again(tmp_path: Path) -> None:
    with opened(tmp_path / "j.db") as journal:
        journal.folder_id(b"/in")
        admitted(journal, b"shoe.jpg")
        journal.apply([AskAgain(1, b"shoe.jpg")])
        assert journal.apply([admit_of(b"shoe.jpg")]) == [AlreadyKnown(1, b"shoe.jpg")]


def test_what_was_set_aside_runs_alone_at_once_and_without_a_strike(tmp_path: Path) -> None:
    with opened(tmp_path / "j.db") as journal:
        journal.folder_id(b"/in")
        poison = admitted(journal, b"shoe.jpg")
        journal.apply(
            [
                Move(
                    poison.job,
                    "failed",
                    why("it crashed"),
                    quarantine_candidate=True,
                    isolated_crashes=2,
                    chores=frozenset(),
                )
            ]
        )
        journal.apply([AskAgain(1, b"shoe.jpg")])
        again = admitted(journal, b"shoe.jpg")
        assert (again.quarantine_candidate, again.isolated_crashes) == (True, 0)


# --- forget ---


def test_only_what_has_come_to_its_end_is_forgotten() -> None:
    desk = Desk(ONE)
    desk.start()
    read = only(desk.admit(1), Read)
    desk.writes.clear()
    assert (desk.say(ForgetAsked(*ONE_JPG)), desk.writes) == ([], [])
    chores = desk.fault(read, Fault.BAD, "it is damaged")
    desk.writes.clear()
    assert (desk.say(ForgetAsked(*ONE_JPG)), desk.writes) == ([], []), "its note is still to be written"
    desk.work_off(chores)
    desk.writes.clear()
    assert desk.say(ForgetAsked(*ONE_JPG)) == [LookAt(*ONE_JPG)]
    assert desk.writes == [Forget(*ONE_JPG)]


def test_a_forgotten_file_is_new_and_its_cut_outs_are_not_ours(tmp_path: Path) -> None:
    with opened(tmp_path / "j.db") as journal:
        journal.folder_id(b"/in")
        publish(journal, admitted(journal, b"shoe.jpg"))
        failed = admitted(journal, b"shoe.jpg", 2)
        journal.apply([Move(failed.job, "failed", why("it is damaged"), chores=frozenset())])
        journal.apply([Forget(1, b"shoe.jpg")])
        assert (list(journal.known(1)), journal.state_of(1, b"shoe.jpg")) == ([], None)
        with reading(journal.path) as ledger:
            assert list(ledger.made()) == []
            assert (ledger.unpublished_done(), ledger.admitted(), ledger.states()) == (
                [],
                2,
                {"done": 1, "failed": 1},
            )
        again = admitted(journal, b"shoe.jpg", 2)
        assert (again.last, again.forced, places(again)) == (None, False, ["shoe.png"])
        assert again.stale_notes == (failed.note,), "the note of the failure goes with the next success"


def test_a_result_from_before_is_not_compared_with() -> None:
    last = PreviousResult(b"content 1", FOLDERS[1].recipe.hash)
    desk = Desk(ONE)
    desk.start()
    desk.work_off(desk.admit(1, last=last))
    assert desk.states[1] == "unchanged"
    desk.work_off(desk.admit(2, last=replace(last, sha256=b"content 2"), forced=True))
    assert desk.states[2] == "done"


# --- the words ---


@pytest.mark.parametrize("state", [None, *State])
def test_every_state_has_its_answer(state: State | None) -> None:
    told = {reply_to_retry(state, running=running) for running in (True, False)}
    told |= {reply_to_forget(state, busy=busy) for busy in (True, False)}
    assert all(reply.words for reply in told)
    assert {reply.granted for reply in told} == {True, False}


def test_what_holds_a_queued_picture_up_is_in_the_answer() -> None:
    hours = Reason.of("outside_hours", opens="20:00")
    assert "whatever the hours" in reply_to_retry(State.QUEUED, running=True, halted=hours).words
    paused = Reason.of("folder_paused")
    assert str(paused) in reply_to_retry(State.QUEUED, running=True, halted=paused).words
    assert ":" not in reply_to_retry(State.QUEUED, running=True).words


# --- pause ---


def pause(desk: Desk, folder: int, *, paused: bool = True) -> list[Read]:
    return all_of(desk.say(PauseAsked(folder, paused)), Read)


def test_a_folder_that_is_held_back_takes_files_and_begins_none() -> None:
    desk = Desk(TWO)
    desk.start()
    assert pause(desk, 1) == []
    assert desk.writes == [SetPaused(1, paused=True)]
    assert desk.admit(1, 2) == []
    assert [read.job for read in all_of(desk.admit(3, folder=2), Read)] == [3]
    assert desk.scheduler.snapshot().waiting == 3
    assert [read.job for read in pause(desk, 1, paused=False)] == [1]


def test_what_is_in_work_is_finished_and_nothing_waits_for_what_is_held_back() -> None:
    desk = Desk(ONE)
    desk.start(max_batch=8)
    read = only(desk.admit(1), Read)
    desk.admit(2, 3)
    pause(desk, 1)
    done = desk.work_off([read])
    assert (desk.states[1], desk.states[2]) == ("done", "queued")
    assert all_of(done, Read) == [read], "a batch of one went at once: nobody else was on the way"


def test_a_suspect_is_held_back_too() -> None:
    desk = Desk(ONE)
    desk.start(row(1, "reading"), clean=False, up=False)
    pause(desk, 1)
    assert desk.say(WorkerUp(0, 100)) == []
    assert [read.job for read in pause(desk, 1, paused=False)] == [1]


def test_a_picture_that_waits_for_memory_is_held_back_and_holds_up_nobody() -> None:
    desk = Desk(replace(TWO, budget_pixels=1_500_000))
    desk.start()
    first = only(desk.admit(1, folder=2), Read)
    assert desk.admit(2) == [], "there is no room for it"
    assert pause(desk, 1) == []
    desk.admit(3, folder=2)
    assert [read.job for read in all_of(desk.work_off([first]), Read)] == [1, 3]
    assert [read.job for read in pause(desk, 1, paused=False)] == [2]


def test_it_is_kept_over_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path / "j.db") as journal:
        journal.folder_id(b"/in")
        journal.apply([SetPaused(1, paused=True)])
    with opened(tmp_path / "j.db") as journal:
        assert journal.paused_folders() == {1}
        journal.apply([SetPaused(1, paused=False)])
        assert journal.paused_folders() == frozenset()


# --- other settings ---


def reconfigured(desk: Desk, *folders: Folder, paused: tuple[int, ...] = ()) -> list[Read]:
    by_number = {folder.id: folder for folder in folders}
    policy = replace(desk.policy, settle=SettlePolicy(settle_seconds=60.0))
    return all_of(desk._sort(desk.scheduler.reconfigure(policy, by_number, paused, desk.now)), Read)


def test_later_files_get_the_new_settings_and_queued_ones_keep_theirs() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.admit(1, 2)
    reconfigured(desk, replace(FOLDERS[1], recipe=Recipe("new"), layout="{path}"))
    desk.look(3, Stamp(1, 1))
    assert desk.later(59) == []
    desk.until(LookAt, 2)
    desk.look(3, Stamp(1, 1), full=True)
    admit = next(write for write in desk.writes if isinstance(write, Admit))
    assert (admit.recipe.hash, admit.naming.plain) == ("new", "3")
    assert desk.scheduler.work.jobs[2].recipe == FOLDERS[1].recipe


def test_a_folder_that_is_left_out_finishes_what_it_had_and_takes_nothing_new() -> None:
    desk = Desk(ONE)
    desk.start()
    desk.admit(1, 2)
    desk.look(3, Stamp(1, 1))
    pause(desk, 1)
    assert reconfigured(desk, FOLDERS[2]) == [], "the only hand is busy"
    assert not len(desk.scheduler.intake.settler)
    assert desk.look(4, Stamp(1, 1)) == []
    desk.work_off([Read(0, 1, 1, b"1.jpg", stamp_of(1), 1)])
    assert (desk.states[1], desk.states[2]) == ("done", "done")
    assert desk.look(1, None) == []
    assert desk.writes[-1] == Vanished(*ONE_JPG)


def test_a_folder_that_comes_back_is_held_back_as_before() -> None:
    desk = Desk(ONE)
    desk.start()
    pause(desk, 1)
    reconfigured(desk, FOLDERS[2])
    reconfigured(desk, *FOLDERS.values(), paused=(1,))
    assert desk.scheduler.intake.unscanned == {1, 2}
    assert desk.admit(1) == []


def test_what_a_person_wants_published_anyway_is_published_without_a_subject(tmp_path: Path) -> None:
    with opened(tmp_path / "j.db") as journal:
        journal.folder_id(b"/in")
        failed = admitted(journal, b"shoe.jpg")
        journal.apply([Move(failed.job, "failed", NO_SUBJECT, chores=frozenset())])
        journal.apply([AskAgain(1, b"shoe.jpg", anyway=True)])
        assert admitted(journal, b"shoe.jpg").anyway
        (wanted,) = journal.live()
    desk = Desk(ONE)
    desk.start()
    (read,) = desk.say(events.Admitted(wanted))
    (infer,) = desk.answer(read)
    assert isinstance(infer, commands.Infer)
    (finish,) = desk.say(events.Inferred(infer.batch, (True,), 0.5))
    assert isinstance(finish, commands.Finish), "without a subject it goes on to the worker"
    assert [(each.on_empty, each.on_damage) for each in finish.presets] == [("publish", "publish")]


def test_a_further_retry_takes_that_back(tmp_path: Path) -> None:
    with opened(tmp_path / "j.db") as journal:
        journal.folder_id(b"/in")
        failed = admitted(journal, b"shoe.jpg")
        journal.apply([Move(failed.job, "failed", NO_SUBJECT, chores=frozenset())])
        for anyway in (True, False):
            journal.apply([AskAgain(1, b"shoe.jpg", anyway)])
        assert not admitted(journal, b"shoe.jpg").anyway
