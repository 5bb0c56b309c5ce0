"""The journal's door, on a real file: which files become jobs, and what a later job knows of earlier ones."""

from dataclasses import replace

import pytest
from because import why

from mattingd.domain.commands import (
    AskAgain,
    AskPart,
    Move,
    Prepare,
    UseModel,
    Vanished,
)
from mattingd.domain.drops import EndedFile, Part
from mattingd.domain.events import Admitted, AlreadyKnown, PartSeen
from mattingd.domain.jobs import Models, PreviousResult, Stamp
from mattingd.journal import JournalWriter, reading
from tests.journal.journals import RECIPE, admit_of, admitted, made_of, places, publish


def test_a_new_file_is_admitted_once(journal: JournalWriter) -> None:
    row = admitted(journal, b"\xff\n.jpg")
    assert (row.path, row.state, row.recipe, row.stamp) == (b"\xff\n.jpg", "queued", RECIPE, Stamp(1, 1))
    assert journal.apply([admit_of(b"\xff\n.jpg")]) == [AlreadyKnown(1, b"\xff\n.jpg")]
    assert len(journal.live()) == 1


def test_what_was_just_admitted_is_what_a_restart_finds(journal: JournalWriter) -> None:
    rows = [admitted(journal, name, size) for name, size in ((b"a.jpg", 1), (b"b.jpg", 2))]
    assert rows == journal.live()


def test_new_content_is_a_new_job_and_the_next_version(journal: JournalWriter) -> None:
    first = admitted(journal, b"shoe.jpg")
    publish(journal, first)
    second = admitted(journal, b"shoe.jpg", 2)
    assert (places(first), places(second)) == (["shoe.png"], ["shoe_v2.png"])
    assert made_of(second.last) == PreviousResult(b"content", "as ever")
    assert [(name, size) for name, size, *_ in journal.known(1)] == [(b"shoe.jpg", 2)]


def test_what_is_painted_on_a_picture_that_has_ended_is_told_from_a_new_picture(
    journal: JournalWriter,
) -> None:
    def seen(stamp: Stamp) -> bool:
        (answer,) = journal.apply([replace(admit_of(b"shoe.jpg"), stamp=stamp)])
        assert isinstance(answer, Admitted)
        assert journal.live()[-1] == answer.row, "a restart knows it, too"
        return answer.row.touched_up

    assert not seen(Stamp(1, 1, strokes=5)), "they came with it"
    journal.apply([Move(journal.live()[-1].job, "superseded")])
    assert not seen(Stamp(1, 1, strokes=6)), "nobody has seen a cut-out yet"
    publish(journal, journal.live()[-1])
    assert seen(Stamp(1, 1, strokes=7))
    publish(journal, journal.live()[-1])
    assert not seen(Stamp(2, 2, strokes=7)), "the picture is another one"
    journal.apply([Move(journal.live()[-1].job, "failed")])
    assert seen(Stamp(2, 2))


def test_what_became_of_the_files_of_a_sub_folder(journal: JournalWriter) -> None:
    rows = {name: admitted(journal, name) for name in (b"set/1.jpg", b"set/2.jpg", b"set2/1.jpg", b"set.jpg")}
    journal.apply([admit_of(b"set/notes.txt", ignored="no picture")])
    part = Part(1, b"set")
    publish(journal, rows[b"set/1.jpg"])
    journal.apply([Move(rows[b"set/2.jpg"].job, "failed"), Move(rows[b"set2/1.jpg"].job, "failed")])
    assert journal.apply([AskPart(part)]) == [PartSeen(part, (b"set/2.jpg",), ())]
    journal.apply([Vanished(1, b"set/2.jpg")])
    known = tuple(EndedFile(name, Stamp(1, 1)) for name in (b"set/1.jpg", b"set/notes.txt"))
    assert journal.apply([AskPart(part)]) == [PartSeen(part, (), known)]
    journal.apply([AskAgain(1, b"set/1.jpg")])
    assert journal.apply([AskPart(part)]) == [PartSeen(part, (), known[1:])], "it is about to be made again"
    journal.apply([Vanished(1, b"set/notes.txt")])
    assert journal.apply([AskPart(part)]) == [PartSeen(part, (), (), known[1:])]


def test_old_content_that_comes_back_is_new_again(journal: JournalWriter) -> None:
    publish(journal, admitted(journal, b"shoe.jpg", 1))
    publish(journal, admitted(journal, b"shoe.jpg", 2))
    assert places(admitted(journal, b"shoe.jpg", 1)) == ["shoe_v3.png"]


def test_sources_of_one_name_get_places_of_their_own(journal: JournalWriter) -> None:
    rows = [admitted(journal, name) for name in (b"shoe.jpg", b"SHOE.png", b"shoe.png")]
    assert [places(row)[0] for row in rows] == ["shoe.png", "SHOE (png).png", "shoe (png)_v2.png"]


def test_no_file_is_listed_and_gets_no_place(journal: JournalWriter) -> None:
    (answer,) = journal.apply([admit_of(b"pipe", ignored="it is a named pipe")])
    assert isinstance(answer, Admitted)
    assert (answer.row.state, answer.row.outputs, str(answer.row.reason)) == (
        "ignored",
        (),
        "it is a named pipe",
    )
    assert journal.live() == []
    assert journal.apply([admit_of(b"pipe", ignored="it is a named pipe")]) == [AlreadyKnown(1, b"pipe")]


@pytest.mark.parametrize("state", ["superseded", "withdrawn", "failed", "unchanged", "ignored"])
def test_an_end_without_a_cut_out_frees_the_place(journal: JournalWriter, state: str) -> None:
    row = admitted(journal, b"shoe.jpg")
    journal.apply([Move(row.job, state, chores=frozenset())])
    assert places(admitted(journal, b"shoe.png")) == ["shoe.png"]


@pytest.mark.parametrize("state", ["superseded", "withdrawn"])
def test_an_end_that_says_nothing_of_the_file_lets_it_in_again(journal: JournalWriter, state: str) -> None:
    row = admitted(journal, b"shoe.jpg")
    journal.apply([Move(row.job, state, chores=frozenset())])
    assert list(journal.known(1)) == []
    assert admitted(journal, b"shoe.jpg").job != row.job


@pytest.mark.parametrize("state", ["done", "failed", "unchanged", "ignored"])
def test_an_end_that_speaks_for_the_file_does_not(journal: JournalWriter, state: str) -> None:
    row = admitted(journal, b"shoe.jpg")
    journal.apply([Move(row.job, state, chores=frozenset())])
    assert journal.apply([admit_of(b"shoe.jpg")]) == [AlreadyKnown(1, b"shoe.jpg")]


def test_a_vanished_file_may_come_again(journal: JournalWriter) -> None:
    row = admitted(journal, b"shoe.jpg")
    journal.apply([Vanished(1, b"shoe.jpg")])
    assert list(journal.known(1)) == [(b"shoe.jpg", 1, 1, 0, 0)], "its job is still in work"
    publish(journal, row)
    journal.apply([Vanished(1, b"shoe.jpg")])
    assert list(journal.known(1)) == []
    again = admitted(journal, b"shoe.jpg")
    assert made_of(again.last) == PreviousResult(b"content", "as ever")


# --- what a later job knows of earlier ones ---


def test_the_last_result_counts_even_behind_failures_and_their_notes_stand(journal: JournalWriter) -> None:
    publish(journal, admitted(journal, b"shoe.jpg", 1), b"one")
    for stamp in (2, 3):
        failed = admitted(journal, b"shoe.jpg", stamp)
        journal.apply([Move(failed.job, "failed", why("it is damaged"), sha256=b"bad", chores=frozenset())])
    row = admitted(journal, b"shoe.jpg", 4)
    assert made_of(row.last) == PreviousResult(b"one", "as ever")
    assert row.stale_notes == ("2026-11-20/in/_failed/shoe.jpg.error.txt",)
    journal.apply([Move(row.job, "unchanged", sha256=b"one", chores=frozenset())])
    after = admitted(journal, b"shoe.jpg", 5)
    assert (made_of(after.last), after.stale_notes) == (PreviousResult(b"one", "as ever"), ())


def test_it_is_known_who_made_the_last_result(journal: JournalWriter) -> None:
    """An unchanged file was made by whoever made its last cut-out; a journal of old does not say."""
    first = admitted(journal, b"shoe.jpg", 1)
    publish(journal, first, b"one")
    assert first.last is None
    for stamp, model in ((2, "aa"), (3, "bb")):
        row = admitted(journal, b"shoe.jpg", stamp)
        outputs = tuple(replace(o, temp=".t", sha256=b"hash", size=4) for o in row.outputs)
        journal.apply([Move(row.job, "prepared", sha256=b"one"), Prepare(row.job, outputs, model)])
        journal.apply([Move(row.job, "done", chores=frozenset())])
    touched = admitted(journal, b"shoe.jpg", 4)
    journal.apply([Move(touched.job, "unchanged", sha256=b"one", chores=frozenset())])
    assert made_of(admitted(journal, b"shoe.jpg", 5).last) == PreviousResult(b"one", "as ever", "bb")


def test_which_weights_are_in_use_is_kept(journal: JournalWriter) -> None:
    assert journal.models() == Models()
    journal.apply([UseModel(Models("aa", ""))])
    assert journal.models() == Models("aa", "")
    journal.apply([UseModel(Models("", "aa"))])
    with reading(journal.path) as ledger:
        assert ledger.models() == Models("", "aa")


def test_what_failed_or_was_made_otherwise_can_be_asked_for_again(journal: JournalWriter) -> None:
    for number, (name, state) in enumerate([(b"a", "done"), (b"b", "failed"), (b"c", "ignored")]):
        journal.apply([Move(admitted(journal, name, number).job, state, chores=frozenset())])
    journal.ask_again(1, RECIPE.hash)
    assert sorted(name for name, *_ in journal.known(1)) == [b"a", b"c"]
    journal.ask_again(1, "other settings")
    assert list(journal.known(1)) == []
