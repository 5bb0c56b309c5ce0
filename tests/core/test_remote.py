"""Places at other machines: which pictures go there, and what follows when they are gone."""

from dataclasses import replace
from typing import Any

import pytest

from mattingd.core.policy import MEGAPIXEL, SECOND, Policy
from mattingd.domain import events
from mattingd.domain.commands import Discard, Finish, Infer, KillWorker, Prepare, Publish, Read, StartRemote
from mattingd.domain.jobs import Fault, Recipe, Stamp
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason
from tests.core.desk import FIT, Desk, all_of, only

POLICY = Policy(workers=1, remote=2, shipped="shipped")
LEFT = Reason.of("remote_left", said="it left")
PLACE = 1
"""The number of the first place at other machines."""


def desk(*, places: int = 1) -> Desk:
    """One worker here, which is busy, and so many places elsewhere."""
    desk = Desk(POLICY)
    assert only(desk.start(), StartRemote).sha256 == "shipped"
    for number in range(places):
        desk.say(events.WorkerUp(PLACE + number, 0))
    return desk


def sent_away(desk: Desk, number: int, **more: Any) -> Read:
    """Admit two pictures: the first keeps the worker here busy."""
    actions = desk.admit(100, folder=2) + desk.admit(number, **more)
    away = [read for read in all_of(actions, Read) if read.worker >= PLACE]
    return away[-1]


def read_there(desk: Desk, read: Read) -> Finish:
    """The picture was read, and goes to another machine."""
    said = events.ReadOk(read.worker, read.job, b"content", FIT, 0.1, recalled=read.model)
    return only(desk.say(said), Finish)


def test_a_whole_picture_goes_elsewhere_and_is_published_here() -> None:
    work = desk()
    read = sent_away(work, 1)
    assert (read.worker, read.model, read.known) == (PLACE, "shipped", b"")
    finish = read_there(work, read)
    assert not all_of(work.admit(2), Infer), "its matte is not made here"
    done = tuple(replace(each, temp=".t", sha256=b"hash", size=4) for each in finish.outputs)
    finished = events.Finished(PLACE, 1, done, 2.0, 0.1, device="GPU", precision="fp16")
    actions = work.say(finished)
    (prepare,) = [write for write in work.writes if isinstance(write, Prepare) and write.job == 1]
    assert (prepare.model, prepare.device, prepare.precision) == ("shipped", "GPU", "fp16")
    assert all(publish.worker == 0 for publish in all_of(actions, Publish)), "publishing stays here"


@pytest.mark.parametrize(
    "more",
    [
        {"stamp": Stamp(100_000, 5, strokes=7)},
        {"recipe": Recipe("x", Preset(finisher="studio:shine"))},
        {"quarantine_candidate": True},
    ],
)
def test_what_only_this_machine_can_do_stays(more: dict[str, Any]) -> None:
    work = desk()
    work.admit(100, folder=2)
    actions = work.admit(1, **more)
    assert [read.worker for read in all_of(actions, Read)] in ([], [0])


STAYS = Recipe("x", Preset(finisher="studio:shine"))


def test_one_that_stays_here_holds_up_nobody_of_another_folder() -> None:
    work = desk()
    work.admit(100, folder=2)
    work.admit(1, recipe=STAYS)
    assert [read.job for read in all_of(work.admit(2, folder=2), Read)] == [2]


def test_who_waits_for_memory_is_not_overtaken_by_what_leaves() -> None:
    work = Desk(replace(POLICY, workers=2, budget_pixels=30 * MEGAPIXEL))
    work.start()
    work.say(events.WorkerUp(2, 0))
    work.admit(100, recipe=STAYS, stamp=Stamp(2 * MEGAPIXEL, 5))
    assert not all_of(work.admit(1, recipe=STAYS, stamp=Stamp(3 * MEGAPIXEL, 5)), Read), "it waits"
    assert not all_of(work.admit(2, folder=2), Read)


def test_a_place_that_goes_gives_its_picture_back_without_blame() -> None:
    work = desk()
    read = sent_away(work, 1)
    read_there(work, read)
    actions = work.say(events.WorkerLeft(PLACE, LEFT))
    assert Discard(PLACE, 0) in actions, "the place may come again"
    job = work.scheduler.work.jobs[1]
    assert (work.states[1], job.quarantine_candidate, job.stays) == ("queued", False, False)
    assert only(work.say(events.WorkerUp(PLACE, 0)), Read).job == 1


@pytest.mark.parametrize(("fault", "suspect"), [(Fault.HERE, False), (Fault.LOST, True)])
def test_what_other_machines_cannot_do_is_done_here(fault: Fault, *, suspect: bool) -> None:
    work = desk(places=2)
    read = sent_away(work, 1)
    read_there(work, read)
    actions = work.say(events.Faulted(PLACE, 1, fault, LEFT))
    assert not [each for each in all_of(actions, Read) if each.worker >= PLACE]
    job = work.scheduler.work.jobs[1]
    assert (job.stays, job.quarantine_candidate) == (True, suspect)


def test_the_process_that_talks_to_them_is_started_again_ever_more_slowly() -> None:
    work = desk(places=2)
    read = sent_away(work, 1)
    read_there(work, read)
    work.say(events.RemoteEnded(LEFT))
    assert work.states[1] == "queued"
    assert work.scheduler.work.jobs[1].stays
    assert only(work.later(1), StartRemote)
    work.say(events.RemoteEnded(LEFT))
    assert not all_of(work.later(1), StartRemote)
    assert only(work.later(1), StartRemote)


def test_a_place_that_gives_no_answer_ends_that_process_and_no_pulse_counts_it() -> None:
    work = desk()
    read_there(work, sent_away(work, 1))
    kills = [kill for kill in all_of(work.later(121), KillWorker) if kill.worker == PLACE]
    assert kills
    assert not [p for p in work.scheduler.pulses(()) if p.due < work.now - 40 * SECOND]


def test_other_weights_are_told_to_them() -> None:
    work = desk()
    work.say(events.ModelAsked("ab" * 32, 7))
    up = events.EngineUp(work.engine, "cuda", "", "fp32", "cv-unet", "ab" * 32, 1, 0.1)
    assert only(work.say(up), StartRemote).sha256 == "ab" * 32
