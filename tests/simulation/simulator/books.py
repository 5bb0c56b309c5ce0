"""Questions of the simulation to the journal's file, past the code that is being tested."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mattingd.core.lifecycle import WORKING


class Books:
    """An open journal, read with plain SQL."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The answer to a question."""
        return self._db.execute(sql, values).fetchall()

    def states(self) -> dict[str, int]:
        """How many jobs are in each state."""
        return dict(self.rows("SELECT state, count(*) FROM jobs GROUP BY state"))

    def admitted(self) -> int:
        """How many jobs there ever were, counted without looking at them."""
        rows = self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'")
        return int(rows[0][0]) if rows else 0

    def live(self) -> set[int]:
        """Jobs that still move, or have chores left."""
        return {job for (job,) in self.rows("SELECT id FROM jobs WHERE live")}

    def in_work(self) -> dict[int, bool]:
        """Jobs in flight, and whether each was marked as running alone."""
        rows = self.rows("SELECT id, state, alone FROM jobs WHERE live")
        return {job: bool(alone) for job, state, alone in rows if state in WORKING}

    def current(self, key: tuple[int, bytes]) -> list[tuple[Any, ...]]:
        """(state, size, mtime_ns, strokes, note, reason) of the job that speaks for a path."""
        return self.rows(
            "SELECT state, size, mtime_ns, strokes, note, reason FROM jobs"
            " WHERE folder = ? AND path = ? AND current",
            *key,
        )

    def notes(self, key: tuple[int, bytes]) -> set[str]:
        """All places where an error note of this path may lie."""
        return {note for (note,) in self.rows("SELECT note FROM jobs WHERE folder = ? AND path = ?", *key)}

    def prepared(self) -> set[int]:
        """Jobs whose temp file the journal knows."""
        return {job for (job,) in self.rows("SELECT job FROM outputs WHERE temp IS NOT NULL")}

    def jobs_of(self, key: tuple[int, bytes]) -> dict[int, tuple[str, bool, str]]:
        """Recipe, whether a person asked for it, and state, of every job of a path."""
        rows = self.rows("SELECT id, recipe, forced, state FROM jobs WHERE folder = ? AND path = ?", *key)
        return {job: (recipe, bool(forced), state) for job, recipe, forced, state in rows}

    def asked_for(self) -> list[tuple[int, bytes]]:
        """Jobs that a person wants made again, and that speak for their file still."""
        rows = self.rows("SELECT folder, path FROM jobs WHERE current AND again")
        return [(folder, path) for folder, path in rows]

    def let_go(self) -> set[str]:
        """Paths of cut-outs that are not ours any more."""
        rows = self.rows("SELECT path FROM outputs WHERE job IN (SELECT id FROM jobs WHERE forgotten)")
        return {path for (path,) in rows}

    def published(self) -> set[str]:
        """Paths of all outputs that the journal calls published."""
        return {path for (path,) in self.rows("SELECT path FROM outputs WHERE published")}


@contextmanager
def books(path: Path) -> Iterator[Books]:
    """Look into a journal that nobody has open, or beside who has."""
    db = sqlite3.connect(path)
    try:
        yield Books(db)
    finally:
        db.close()
