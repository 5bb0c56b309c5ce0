"""What becomes of originals: nothing before all is published, nothing of what failed; in doubt they stay."""

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest

from mattingd.core.output_paths import archive_place
from mattingd.core.scheduler import Scheduler
from mattingd.domain import events
from mattingd.domain.commands import DoChore, Read, RecordArchived
from mattingd.domain.jobs import Chore, Fault, Folder, Original, Originals, PreviousResult, Recipe
from tests.core.desk import FOLDERS, ONE, Desk, all_of, only, prepared, row, stamp_of

DEEDS: tuple[Originals, ...] = get_args(Originals)
MOVING = ("archive", "delete")


def with_originals(action: Originals) -> dict[int, Folder]:
    return {number: replace(folder, originals=action) for number, folder in FOLDERS.items()}


def desk_with(action: Originals) -> Desk:
    desk = Desk(policy=ONE)
    desk.scheduler = Scheduler(ONE, with_originals(action))
    desk.start()
    return desk


def reconfigure(desk: Desk, folders: Mapping[int, Folder]) -> None:
    desk.scheduler.reconfigure(ONE, folders, (), desk.now)


@pytest.mark.parametrize("action", DEEDS)
def test_it_goes_when_everything_is_published_and_not_before(action: Originals) -> None:
    desk = desk_with(action)
    publish = prepared(desk, 1)
    assert not any(isinstance(write, RecordArchived) for write in desk.writes)
    actions = desk.answer(publish)
    assert desk.states == {1: "done"}
    if action == "keep":
        assert not all_of(actions, DoChore)
        return
    chore = only(actions, DoChore)
    place = "/in1/1.jpg"
    assert (chore.chore, chore.source, chore.outputs) == (Chore.ORIGINAL, b"1.jpg", publish.outputs)
    assert chore.original == Original(action, place, stamp_of(1), b"content 1")
    desk.say(events.ChoreDone(chore.worker, 1, chore.chore, where="there"))
    assert RecordArchived(1, "there", "2026-11-20") in desk.writes
    assert not desk.scheduler.work.jobs


@pytest.mark.parametrize("action", MOVING)
def test_what_failed_stays(action: Originals) -> None:
    desk = desk_with(action)
    actions = desk.work_off(desk.fault(only(desk.admit(1), Read), Fault.BAD))
    assert [chore.chore for chore in all_of(actions, DoChore)] == [Chore.NOTE]


@pytest.mark.parametrize(("action", "goes"), [("archive", True), ("delete", False)])
def test_the_same_picture_again_is_archived_and_never_deleted_for_that(
    action: Originals, *, goes: bool
) -> None:
    desk = desk_with(action)
    actions = desk.answer(only(desk.admit(1, last=PreviousResult(b"content 1", "as ever")), Read))
    assert desk.states == {1: "unchanged"}
    chores = all_of(actions, DoChore)
    assert [(chore.chore, chore.outputs) for chore in chores] == ([(Chore.ORIGINAL, ())] if goes else [])


def test_what_cannot_be_moved_is_tried_again_ever_more_rarely() -> None:
    desk = desk_with("archive")
    chore = only(desk.answer(prepared(desk, 1)), DoChore)
    pauses = []
    for _ in range(3):
        before = desk.now
        desk.say(events.ChoreDone(chore.worker, 1, chore.chore, failed="read-only file system"))
        chore = desk.until(DoChore)
        pauses.append(desk.now - before)
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[2]
    assert desk.states == {1: "done"}


@pytest.mark.parametrize("action", MOVING)
def test_a_chore_of_an_earlier_run_goes_by_the_settings_of_now(action: Originals) -> None:
    left = row(1, "done", chores=frozenset({Chore.ORIGINAL}), sha256=b"content 1", drop="2026-11-19-1")
    for now, expected in (
        (action, Original(action, "2026-11-19/in1/1.jpg", stamp_of(1), b"content 1")),
        ("keep", None),
    ):
        desk = Desk(policy=ONE)
        desk.scheduler = Scheduler(ONE, with_originals(now))  # type: ignore[arg-type]
        chore = only(desk.start(left), DoChore)
        assert chore.original == expected


def test_other_settings_count_from_now_on() -> None:
    desk = desk_with("keep")
    reconfigure(desk, with_originals("archive"))
    assert only(desk.answer(prepared(desk, 1)), DoChore).chore is Chore.ORIGINAL


def test_other_duties_do_not_wait_for_an_original_that_cannot_be_moved() -> None:
    left = row(1, "done", chores=frozenset({Chore.ORIGINAL, Chore.REMOVE_NOTE}), sha256=b"content 1")
    desk = Desk(policy=ONE)
    desk.scheduler = Scheduler(ONE, with_originals("archive"))
    assert only(desk.start(left), DoChore).chore is Chore.REMOVE_NOTE


def test_places_in_the_archive_are_safe() -> None:
    folder = Folder(1, "in", Recipe("as ever"))
    assert archive_place(folder, b"a/b c.jpg", "2026-11-20") == "2026-11-20/in/a/b c.jpg"
    odd = archive_place(folder, b"\xff\n.jpg", "2026-11-20")
    assert odd.startswith("2026-11-20/in/__~")
    assert odd.endswith(".jpg")
