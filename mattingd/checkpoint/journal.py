"""The durable journal: one SQLite file that says what became of every picture.

The only place that knows SQL. It decides nothing about pictures: it applies the writes of a turn in one
transaction (`synchronous=FULL`, so a commit survives a power cut) and answers with facts. Which place an
output gets is asked of the placing rules; that two outputs never share one is held by a unique index.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Self

from mattingd.checkpoint.schema import (
    COPIES,
    ENDED,
    JOB_COLUMNS,
    NOT_CURRENT,
    SCHEMA,
    VERSION,
    JournalError,
    damaged,
    explained,
)
from mattingd.commands import Admit, Move, NextVersion, Prepare, Vanished, Write
from mattingd.facts import (
    Admitted,
    Chore,
    Fact,
    Known,
    Last,
    Naming,
    Output,
    Place,
    Placed,
    Preset,
    Recipe,
    Row,
    Stamp,
)


class PlacingRules(NamedTuple):
    """The pure rules the journal asks; see `rules/placing.py`."""

    pick: Callable[[Naming, Callable[[str], bool | None]], Place]
    next_version: Callable[[Place, Callable[[str], bool]], Place]
    folded: Callable[[str], str]


class Checkpoint:
    """An open journal. One thread owns it."""

    def __init__(self, path: Path, rules: PlacingRules, wall: Callable[[], str]) -> None:
        """Open or create the journal.

        Args:
            path: the database file; its directory exists and is on a local disk.
            rules: where outputs go.
            wall: the time of day as people read it.

        Raises:
            JournalError: it is damaged, from a newer version, or the disk refuses.
        """
        self.path = path
        self._rules = rules
        self._wall = wall
        with explained(path):
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._migrate()
        self.instance = self._meta("instance", "") or self._name_instance()
        """Names this journal's temp files; stays the same for its whole life."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything committed stays."""
        self._db.close()

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise JournalError(
                f"{self.path} was written by a newer mattingd (journal version {version};"
                f" this one knows {VERSION}): install that version again, or put back a copy that lies beside"
                " it"
            )
        if version == 0:
            self._db.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={VERSION};COMMIT;")
        elif self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise JournalError(damaged(self.path))

    def _name_instance(self) -> str:
        name = secrets.token_hex(4)
        self._set_meta("instance", name)
        return name

    # --- start ---

    def folder_id(self, root: bytes) -> int:
        """The number of a hot folder; the same root keeps its number for ever."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO folders (root) VALUES (?)", (root,))
        return int(self._db.execute("SELECT id FROM folders WHERE root = ?", (root,)).fetchone()[0])

    def first_scan(self, folder: int) -> bool:
        """Whether this folder was never scanned to its end before."""
        return not self._db.execute("SELECT scanned FROM folders WHERE id = ?", (folder,)).fetchone()[0]

    def scanned(self, folder: int) -> None:
        """This folder was scanned to its end."""
        with self._transaction() as db:
            db.execute("UPDATE folders SET scanned = 1 WHERE id = ? AND NOT scanned", (folder,))

    def ask_again(self, folder: int, recipe: str) -> None:
        """Let what failed, and what was made by another recipe, be taken once more when it is seen."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET current = 0 WHERE folder = ? AND current AND NOT live"
                " AND (state = 'failed' OR recipe <> ?)",
                (folder, recipe),
            )

    def live(self) -> list[Row]:
        """All rows that still move or have chores left, oldest first."""
        rows = self._db.execute("SELECT * FROM jobs WHERE live ORDER BY id").fetchall()
        return [self._row(row) for row in rows]

    def known(self, folder: int) -> Iterator[tuple[bytes, int, int]]:
        """(path, size, mtime_ns) of every file of a folder that has a job, ended or not."""
        return iter(
            self._db.execute("SELECT path, size, mtime_ns FROM jobs WHERE folder = ? AND current", (folder,))
        )

    def drops_of(self, folder: int, date: str) -> int:
        """How many drops of this folder carry this date."""
        row = self._db.execute(
            "SELECT count(DISTINCT drop_name) FROM jobs WHERE folder = ? AND drop_name GLOB ?",
            (folder, f"{date}-*"),
        ).fetchone()
        return int(row[0])

    def begin_run(self) -> bool:
        """Mark the journal as in use; False when the run before did not end by itself."""
        clean = self._meta("clean", "1") == "1"
        self._set_meta("clean", "0")
        return clean

    def end_run(self) -> None:
        """This run ended by itself: nothing it had in flight is suspect."""
        self._set_meta("clean", "1")

    def back_up(self, date: str) -> None:
        """Copy the journal once a day, and keep the newest copies."""
        copy = self.path.with_name(f"{self.path.name}.{date}")
        if copy.exists():
            return
        unfinished = copy.with_suffix(".tmp")
        with explained(self.path), sqlite3.connect(unfinished) as target:
            self._db.backup(target)
        target.close()
        unfinished.replace(copy)
        copies = sorted(self.path.parent.glob(f"{self.path.name}.????-??-??"))
        for old in copies[:-COPIES]:
            old.unlink()

    # --- a turn ---

    def apply(self, writes: Iterable[Write]) -> list[Fact]:
        """Apply the writes of a turn in one transaction and answer those that ask.

        Raises:
            JournalError: nothing of the turn was written.
        """
        answers: list[Fact] = []
        with self._transaction():
            for write in writes:
                if isinstance(write, Move):
                    self._move(write)
                elif isinstance(write, Prepare):
                    self._prepare(write)
                elif isinstance(write, Admit):
                    answers.append(self._admit(write))
                elif isinstance(write, NextVersion):
                    answers.append(self._next_version(write))
                else:
                    self._vanished(write)
        return answers

    def _move(self, move: Move) -> None:
        ended = move.state in ENDED
        chores = None if move.chores is None else ",".join(sorted(move.chores))
        self._db.execute(
            "UPDATE jobs SET state = ?, reason = ?, attempts = coalesce(?, attempts),"
            " alone = coalesce(?, alone), suspect = coalesce(?, suspect), strikes = coalesce(?, strikes), sha256 = coalesce(?, sha256),"
            " batch = coalesce(?, batch), chores = coalesce(?, chores) WHERE id = ?",
            (
                move.state,
                move.reason,
                move.attempts,
                move.alone,
                move.suspect,
                move.strikes,
                move.sha256,
                move.batch,
                chores,
                move.job,
            ),
        )
        if ended:
            self._end(move.job, move.state)

    def _end(self, job: int, state: str) -> None:
        self._db.execute(
            "UPDATE jobs SET live = chores <> '', ended_at = coalesce(ended_at, ?), current = current AND ?"
            " WHERE id = ?",
            (self._wall(), state not in NOT_CURRENT, job),
        )
        if state == "done":
            self._db.execute("UPDATE outputs SET published = 1, temp = NULL WHERE job = ?", (job,))
        else:
            self._db.execute("UPDATE outputs SET folded = NULL WHERE job = ?", (job,))

    def _prepare(self, prepare: Prepare) -> None:
        self._db.executemany(
            "UPDATE outputs SET temp = ?, sha256 = ?, size = ? WHERE job = ? AND ordinal = ?",
            [(o.temp, o.sha256, o.size, prepare.job, o.ordinal) for o in prepare.outputs],
        )

    def _admit(self, admit: Admit) -> Fact:
        identity = (admit.folder, admit.path, admit.stamp.size, admit.stamp.mtime_ns)
        known = self._db.execute(
            "SELECT 1 FROM jobs WHERE folder = ? AND path = ? AND size = ? AND mtime_ns = ? AND current",
            identity,
        ).fetchone()
        if known:
            return Known(admit.folder, admit.path)
        self._db.execute(
            "UPDATE jobs SET current = 0 WHERE folder = ? AND path = ? AND current",
            (admit.folder, admit.path),
        )
        self._db.execute(
            "INSERT OR IGNORE INTO recipes VALUES (?, ?)",
            (admit.recipe.hash, json.dumps(asdict(admit.recipe.preset))),
        )
        job = self._insert(admit)
        if admit.ignored is None:
            self._give_place(job, admit)
        row = self._db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
        return Admitted(self._row(row))

    def _insert(self, admit: Admit) -> int:
        ignored = admit.ignored is not None
        now = self._wall()
        cursor = self._db.execute(
            "INSERT INTO jobs (folder, path, size, mtime_ns, current, live, state, reason, recipe, drop_name,"
            " note, admitted_batches, admitted_at, ended_at) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                admit.folder,
                admit.path,
                admit.stamp.size,
                admit.stamp.mtime_ns,
                not ignored,
                "ignored" if ignored else "queued",
                admit.ignored or "",
                admit.recipe.hash,
                admit.drop,
                admit.naming.note,
                admit.batches,
                now,
                now if ignored else None,
            ),
        )
        return int(cursor.lastrowid or 0)

    def _give_place(self, job: int, admit: Admit) -> None:
        def mine(folded: str) -> bool | None:
            holder = self._db.execute(
                "SELECT folder = ? AND path = ? FROM jobs"
                " WHERE id = (SELECT job FROM outputs WHERE folded = ?)",
                (admit.folder, admit.path, folded),
            ).fetchone()
            return None if holder is None else bool(holder[0])

        place = self._rules.pick(admit.naming, mine)
        self._db.execute(
            "INSERT INTO outputs (job, ordinal, path, folded, base, version, extension)"
            " VALUES (?, 0, ?, ?, ?, ?, ?)",
            (job, place.path, self._rules.folded(place.path), place.base, place.version, place.extension),
        )

    def _next_version(self, asked: NextVersion) -> Placed:
        output = next(o for o in self._outputs(asked.job) if o.ordinal == asked.ordinal)

        def held(folded: str) -> bool:
            return (
                self._db.execute("SELECT 1 FROM outputs WHERE folded = ?", (folded,)).fetchone() is not None
            )

        place = self._rules.next_version(output.place, held)
        self._db.execute(
            "UPDATE outputs SET path = ?, folded = ?, version = ? WHERE job = ? AND ordinal = ?",
            (place.path, self._rules.folded(place.path), place.version, asked.job, asked.ordinal),
        )
        return Placed(asked.job, Output(output.ordinal, place, output.temp, output.sha256, output.size))

    def _vanished(self, gone: Vanished) -> None:
        self._db.execute(
            "UPDATE jobs SET current = 0 WHERE folder = ? AND path = ? AND current AND ended_at IS NOT NULL",
            (gone.folder, gone.path),
        )

    # --- rows ---

    def _row(self, raw: tuple[Any, ...]) -> Row:
        value = dict(zip(JOB_COLUMNS, raw, strict=True))
        preset = self._db.execute("SELECT preset FROM recipes WHERE hash = ?", (value["recipe"],)).fetchone()[
            0
        ]
        sha256, recipe, notes = self._past(value["folder"], value["path"], value["id"])
        return Row(
            job=value["id"],
            folder=value["folder"],
            path=value["path"],
            stamp=Stamp(value["size"], value["mtime_ns"]),
            state=value["state"],
            recipe=Recipe(value["recipe"], Preset(**json.loads(preset))),
            outputs=self._outputs(value["id"]),
            note=value["note"],
            attempts=value["attempts"],
            alone=bool(value["alone"]),
            strikes=value["strikes"],
            suspect=bool(value["suspect"]),
            last=None if sha256 is None else Last(sha256, recipe),
            chores=frozenset(Chore(chore) for chore in value["chores"].split(",") if chore),
            reason=value["reason"],
            forced=bool(value["forced"]),
            stale_notes=notes,
        )

    def _past(self, folder: int, path: bytes, before: int) -> tuple[bytes | None, str, tuple[str, ...]]:
        """Content hash and recipe of the last result of a source, and the notes of failures since then."""
        last = self._db.execute(
            "SELECT id, sha256, recipe FROM jobs WHERE folder = ? AND path = ? AND id < ?"
            " AND state IN ('done', 'unchanged') ORDER BY id DESC LIMIT 1",
            (folder, path, before),
        ).fetchone() or (0, None, "")
        notes = self._db.execute(
            "SELECT DISTINCT note FROM jobs WHERE folder = ? AND path = ? AND id < ? AND id > ?"
            " AND state = 'failed'",
            (folder, path, before, last[0]),
        ).fetchall()
        return last[1], last[2], tuple(note for (note,) in notes)

    def _outputs(self, job: int) -> tuple[Output, ...]:
        rows = self._db.execute(
            "SELECT ordinal, path, base, version, extension, temp, sha256, size FROM outputs WHERE job = ?"
            " ORDER BY ordinal",
            (job,),
        )
        return tuple(
            Output(ordinal, Place(path, base, version, extension), temp, sha256, size)
            for ordinal, path, base, version, extension, temp, sha256, size in rows
        )

    def _meta(self, key: str, default: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def _set_meta(self, key: str, value: str) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
