"""The journal's contract, on a real file: one transaction a turn, runs, folders, drops and copies."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from because import why

from mattingd.core import output_paths
from mattingd.domain.commands import (
    EndDrop,
    Move,
    Write,
)
from mattingd.domain.earlier import DropCount
from mattingd.domain.jobs import Chore, Patience
from mattingd.journal import JournalError, JournalWriter, PlacingRules, reading
from tests.journal.journals import RULES, admit_of, admitted, opened

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


def test_no_name_of_a_drop_is_given_twice(journal: JournalWriter) -> None:
    for number, drop in enumerate(("2026-11-20-0", "2026-11-20-2", "2026-11-20-10", "2026-11-21-1")):
        journal.apply([replace(admit_of(b"%d" % number), drop=drop)])
    assert (journal.drops_of(1, "2026-11-20"), journal.drops_of(1, "2026-11-22")) == (10, 0)
    journal.apply([EndDrop(1, "2026-11-20-11")])  # nothing of it is left
    assert journal.drops_of(1, "2026-11-20") == 11


def test_what_ended_of_a_drop_is_counted_until_its_end_is_recorded(journal: JournalWriter) -> None:
    day = [replace(admit_of(b"%d.jpg" % number), drop="2026-11-20-1") for number in range(5)]
    journal.apply(day)
    journal.apply([replace(admit_of(b"other.jpg"), drop="2026-11-20-2")])
    rows = {row.path: row for row in journal.live()}
    assert journal.ended_of_open_drops() == []
    assert {row.drop for row in rows.values()} == {"2026-11-20-1", "2026-11-20-2"}
    for number, state in ((0, "failed"), (1, "failed"), (2, "withdrawn")):
        journal.apply([Move(rows[b"%d.jpg" % number].job, state, why("it is so"), chores=frozenset())])
    journal.apply([Move(rows[b"other.jpg"].job, "failed", why("it is so"), chores=frozenset({Chore.NOTE}))])
    first = [DropCount(1, "2026-11-20-1", "failed", 2), DropCount(1, "2026-11-20-1", "withdrawn", 1)]
    assert journal.ended_of_open_drops() == [*first, DropCount(1, "2026-11-20-2", "failed", 1)]
    journal.apply([EndDrop(1, "2026-11-20-2")])
    assert journal.ended_of_open_drops() == first


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


def test_what_a_job_has_waited_is_kept(journal: JournalWriter) -> None:
    """Also by the clock on the wall: time goes on while no daemon runs."""
    row = admitted(journal, b"a.jpg")
    journal.apply([Move(row.job, "held", patience=Patience(3, 1, 300, 120, 600))])
    journal.apply([Move(row.job, "queued")])
    (kept,) = (each.patience for each in journal.live())
    assert (kept.waits, kept.blocked) == (3, 1)
    assert kept.unread_for is not None
    assert 0 <= kept.unread_for - 120 == pytest.approx(300 - kept.next_try_in, abs=0.01)
    assert kept.unchanged_for - 600 == pytest.approx(300 - kept.next_try_in, abs=0.01)


def test_a_time_in_which_nobody_tried_uses_up_no_patience(journal: JournalWriter) -> None:
    row = admitted(journal, b"a.jpg")
    journal.apply([Move(row.job, "held", patience=Patience(1, next_try_in=-7_000, unread_for=7_120))])
    (kept,) = (each.patience for each in journal.live())
    assert kept.next_try_in == 0
    assert kept.unread_for == pytest.approx(120, abs=1)


def test_a_picture_that_failed_counts_once_however_often_it_was_tried(journal: JournalWriter) -> None:
    for stamp in (1, 2, 3):
        row = admitted(journal, b"a.jpg", stamp)
        journal.apply([Move(row.job, "failed", why("it is damaged"), chores=frozenset())])
    other = admitted(journal, b"b.jpg")
    journal.apply([Move(other.job, "failed", why("it is damaged"), chores=frozenset())])
    with reading(journal.path) as ledger:
        assert (ledger.states()["failed"], ledger.failed_pictures()) == (4, 2)
        admitted(journal, b"a.jpg", 4)
        assert ledger.failed_pictures() == 1, "it is tried again"
