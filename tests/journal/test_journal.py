"""The journal's contract, on a real file: one transaction a turn, what it knows and gives back."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.core import output_paths
from mattingd.domain.commands import Move, NextVersion, Prepare, UseModel, Vanished, Write
from mattingd.domain.events import Admitted, AlreadyKnown, VersionAssigned
from mattingd.domain.jobs import Chore, DropCount, Models, PreviousResult, StageTimes, Stamp
from mattingd.journal import JournalError, JournalWriter, PlacingRules, reading
from tests.journal.journals import RECIPE, RULES, admit_of, admitted, opened, places, publish


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.db"


@pytest.fixture
def journal(path: Path) -> Iterator[JournalWriter]:
    with opened(path) as journal:
        journal.folder_id(b"/in")
        yield journal


# --- admission ---


def made_of(last: PreviousResult | None) -> PreviousResult:
    """Without its outputs."""
    assert last is not None
    return replace(last, outputs=())


def test_a_new_file_is_admitted_once(journal: JournalWriter) -> None:
    row = admitted(journal, b"\xff\n.jpg")
    assert (row.path, row.state, row.recipe, row.stamp) == (b"\xff\n.jpg", "queued", RECIPE, Stamp(1, 1))
    assert journal.apply([admit_of(b"\xff\n.jpg")]) == [AlreadyKnown(1, b"\xff\n.jpg")]
    assert len(journal.live()) == 1


def test_what_was_just_admitted_is_what_a_restart_finds(journal: JournalWriter) -> None:
    assert [admitted(journal, name) for name in (b"a.jpg", b"b.jpg")] == journal.live()


def test_new_content_is_a_new_job_and_the_next_version(journal: JournalWriter) -> None:
    first = admitted(journal, b"shoe.jpg")
    publish(journal, first)
    second = admitted(journal, b"shoe.jpg", 2)
    assert (places(first), places(second)) == (["shoe.png"], ["shoe_v2.png"])
    assert made_of(second.last) == PreviousResult(b"content", "as ever")
    assert [(name, size) for name, size, *_ in journal.known(1)] == [(b"shoe.jpg", 2)]


def test_old_content_that_comes_back_is_new_again(journal: JournalWriter) -> None:
    publish(journal, admitted(journal, b"shoe.jpg", 1))
    publish(journal, admitted(journal, b"shoe.jpg", 2))
    assert places(admitted(journal, b"shoe.jpg", 1)) == ["shoe_v3.png"]


def test_sources_of_one_name_get_places_of_their_own(journal: JournalWriter) -> None:
    rows = [admitted(journal, name) for name in (b"shoe.jpg", b"SHOE.png", b"shoe.png")]
    assert [places(row)[0] for row in rows] == ["shoe.png", "SHOE.png.png", "shoe.png_v2.png"]


def test_no_file_is_listed_and_gets_no_place(journal: JournalWriter) -> None:
    (answer,) = journal.apply([admit_of(b"pipe", ignored="it is a named pipe")])
    assert isinstance(answer, Admitted)
    assert (answer.row.state, answer.row.outputs, answer.row.reason) == ("ignored", (), "it is a named pipe")
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
    assert list(journal.known(1)) == [(b"shoe.jpg", 1, 1, 0)], "its job is still in work"
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
        journal.apply([Move(failed.job, "failed", "it is damaged", sha256=b"bad", chores=frozenset())])
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


# --- moves ---


@settings(max_examples=30)
@given(
    attempts=st.integers(0, 9),
    isolated=st.booleans(),
    quarantine_candidate=st.booleans(),
    isolated_crashes=st.integers(0, 2),
    chores=st.frozensets(st.sampled_from(Chore)),
    reason=st.text(max_size=20),
)
def test_a_job_comes_back_as_it_was_left(
    tmp_path_factory: pytest.TempPathFactory,
    attempts: int,
    isolated: bool,  # noqa: FBT001
    quarantine_candidate: bool,  # noqa: FBT001
    isolated_crashes: int,
    chores: frozenset[Chore],
    reason: str,
) -> None:
    path = tmp_path_factory.mktemp("journal") / "checkpoint.db"
    with opened(path) as journal:
        journal.folder_id(b"/in")
        row = admitted(journal, b"shoe.jpg")
        outputs = tuple(replace(o, temp=".t", sha256=b"\0hash", size=7) for o in row.outputs)
        move = Move(
            row.job,
            "prepared",
            reason,
            attempts,
            isolated,
            quarantine_candidate,
            isolated_crashes,
            b"content",
            3,
            chores,
        )
        journal.apply([Prepare(row.job, outputs), move])
    with opened(path) as journal:
        (found,) = journal.live()
    assert found == replace(
        row,
        state="prepared",
        reason=reason,
        attempts=attempts,
        isolated=isolated,
        quarantine_candidate=quarantine_candidate,
        isolated_crashes=isolated_crashes,
        chores=chores,
        sha256=b"content",
        outputs=outputs,
    )


def test_what_each_stage_took_is_kept(path: Path) -> None:
    with opened(path) as journal:
        journal.folder_id(b"/in")
        row = admitted(journal, b"shoe.jpg")
        for spent in (StageTimes(read=0.5), StageTimes(infer=2.0), StageTimes(publish=0.25)):
            journal.apply([Move(row.job, "held", spent=spent)])
    with reading(path) as ledger:
        assert [record.spent for record in ledger.all()] == [StageTimes(read=0.5, infer=2.0, publish=0.25)]


def test_the_confidence_in_a_matte_is_kept_and_can_be_asked_for(path: Path) -> None:
    with opened(path) as journal:
        journal.folder_id(b"/in")
        for name, confidence in ((b"clear.jpg", 0.8), (b"hazy.jpg", 0.2), (b"none.jpg", None)):
            row = admitted(journal, name)
            journal.apply([Move(row.job, "matted", confidence=confidence), Move(row.job, "done")])
    with reading(path) as ledger:
        assert [record.confidence for record in ledger.all()] == [0.8, 0.2, None]
        endings, number = ledger.endings(9, below=0.3)
        assert ([ending.path for ending in endings], number) == ([b"hazy.jpg"], 1)
        assert [ending.confidence for ending in ledger.endings(9)[0]] == [0.8, 0.2, None]


def test_what_a_move_does_not_say_stays_as_it_was(journal: JournalWriter) -> None:
    row = admitted(journal, b"shoe.jpg")
    journal.apply([Move(row.job, "reading", "why", 4, True, True, 1, b"x", 2, frozenset({Chore.NOTE}))])  # noqa: FBT003
    journal.apply([Move(row.job, "held")])
    (found,) = journal.live()
    assert (found.attempts, found.isolated, found.quarantine_candidate, found.isolated_crashes) == (
        4,
        True,
        True,
        1,
    )
    assert (found.chores, found.state, found.reason) == (frozenset({Chore.NOTE}), "held", "")


def test_an_ended_job_lives_on_until_its_chores_are_done(journal: JournalWriter) -> None:
    row = admitted(journal, b"shoe.jpg")
    journal.apply([Move(row.job, "failed", "it is damaged", chores=frozenset({Chore.NOTE, Chore.SWEEP}))])
    assert journal.live()[0].chores == {Chore.NOTE, Chore.SWEEP}
    journal.apply([Move(row.job, "failed", "it is damaged", chores=frozenset())])
    assert journal.live() == []


def test_a_taken_place_gives_the_next_that_nobody_holds(journal: JournalWriter) -> None:
    admitted(journal, b"shoe_v2.jpg")
    row = admitted(journal, b"shoe.jpg")
    outputs = tuple(replace(o, temp=".t", sha256=b"hash", size=4) for o in row.outputs)
    (answer,) = journal.apply([Prepare(row.job, outputs), NextVersion(row.job, 0)])
    assert isinstance(answer, VersionAssigned)
    assert answer.output == replace(outputs[0], place=output_paths.place("2026-11-20/in/shoe", 3, ".png"))
    assert journal.live()[1].outputs == (answer.output,)
    assert places(admitted(journal, b"shoe.png")) == ["shoe.png"], "the place it left is free"


# --- transactions ---


class PowerCutError(Exception):
    """The machine goes down."""


def torn(writes: Iterable[Write]) -> Iterator[Write]:
    yield from writes
    raise PowerCutError


def test_a_turn_is_written_whole_or_not_at_all(path: Path) -> None:
    with opened(path) as journal:
        journal.folder_id(b"/in")
        row = admitted(journal, b"a.jpg")
        with pytest.raises(PowerCutError):
            journal.apply(torn([Move(row.job, "reading", attempts=1), admit_of(b"b.jpg")]))
        assert journal.live() == [row]
        assert journal.apply([admit_of(b"b.jpg")]), "and it goes on"


def test_what_was_answered_is_on_the_disk(path: Path) -> None:
    journal = opened(path)
    journal.folder_id(b"/in")
    row = admitted(journal, b"a.jpg")
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT id, state FROM jobs").fetchall() == [(row.job, "queued")]
    other.close()
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: a commit survives a power cut"
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()


def test_two_outputs_never_share_a_place(journal: JournalWriter) -> None:
    admitted(journal, b"a.jpg")
    blind = PlacingRules(lambda wish, _: (output_paths.place(wish.plain, 1, ".png"),), RULES[1], RULES[2])
    journal._admission._rules = blind
    with pytest.raises(JournalError, match="UNIQUE"):
        journal.apply([admit_of(b"a.png")])
    assert len(journal.live()) == 1


# --- runs, folders, drops, copies ---


def test_a_run_that_did_not_end_is_noticed(path: Path) -> None:
    for ended in (True, False, True):
        with opened(path) as journal:
            expected = journal.begin_run()
            if ended:
                journal.end_run()
        with opened(path) as journal:
            assert journal.begin_run() is ended
            journal.end_run()
        assert expected


def test_how_the_run_before_ended_is_kept(path: Path) -> None:
    with opened(path) as journal, reading(path) as ledger:
        assert ledger.last_end() is None
        journal.begin_run()
        assert ledger.last_end() is None
        journal.end_run(70, "the engine ended 6 times in a row")
        end = ledger.last_end()
        assert end is not None
        assert (end["code"], end["reason"]) == (70, "the engine ended 6 times in a row")
        assert end["at"]
        journal.begin_run()
        assert ledger.last_end() == end, "while one runs it is that of the run before"
        journal.begin_run()
        end = ledger.last_end()
        assert end is not None
        assert (end["at"], end["code"]) == (None, None)
        assert "killed" in end["reason"]


def test_folders_keep_their_numbers_and_temp_files_their_name(path: Path) -> None:
    with opened(path) as journal:
        numbers = [journal.folder_id(root) for root in (b"/in", b"/\xff", b"/in")]
        instance = journal.instance
        assert journal.first_scan(1)
        journal.scanned(1)
    with opened(path) as journal:
        assert [journal.folder_id(root) for root in (b"/in", b"/\xff", b"/in")] == numbers == [1, 2, 1]
        assert journal.instance == instance
        assert (journal.first_scan(1), journal.first_scan(2)) == (False, True)


def test_drops_of_a_day_are_counted(journal: JournalWriter) -> None:
    for number, drop in enumerate(("2026-11-20-1", "2026-11-20-1", "2026-11-20-2", "2026-11-21-1")):
        journal.apply([replace(admit_of(b"%d" % number), drop=drop)])
    assert (journal.drops_of(1, "2026-11-20"), journal.drops_of(1, "2026-11-22")) == (2, 0)


def test_what_ended_of_a_drop_is_counted_while_others_of_it_have_not(journal: JournalWriter) -> None:
    day = [replace(admit_of(b"%d.jpg" % number), drop="2026-11-20-1") for number in range(5)]
    journal.apply(day)
    journal.apply([replace(admit_of(b"other.jpg"), drop="2026-11-20-2")])
    rows = {row.path: row for row in journal.live()}
    assert journal.ended_of_live_drops() == []
    assert {row.drop for row in rows.values()} == {"2026-11-20-1", "2026-11-20-2"}
    for number, state in ((0, "failed"), (1, "failed"), (2, "withdrawn")):
        journal.apply([Move(rows[b"%d.jpg" % number].job, state, "why", chores=frozenset())])
    journal.apply([Move(rows[b"other.jpg"].job, "failed", "why", chores=frozenset({Chore.NOTE}))])
    assert journal.ended_of_live_drops() == [
        DropCount(1, "2026-11-20-1", "failed", 2),
        DropCount(1, "2026-11-20-1", "withdrawn", 1),
    ]


def test_a_copy_a_day_and_three_are_kept(journal: JournalWriter, path: Path) -> None:
    row = admitted(journal, b"a.jpg")
    for day in range(10, 15):
        (path.parent / "checkpoint.db.copying").write_bytes(b"a copy that broke off")
        journal.back_up(f"2026-11-{day}")
        journal.back_up(f"2026-11-{day}")
    names = sorted(file.name for file in path.parent.glob("checkpoint.db.*-*-*"))
    assert names == [f"checkpoint.db.2026-11-{day}" for day in (12, 13, 14)]
    with opened(path.parent / names[0]) as copy:
        assert copy.live() == [row]
    assert not (path.parent / "checkpoint.db.copying").exists()
