"""The durable journal: one SQLite file that says what became of every picture.

The only place that knows SQL. It decides nothing about pictures: it applies the writes of a turn in one
transaction (`synchronous=FULL`, so a commit survives a power cut) and answers with facts. Which place an
output gets is asked of the placing rules; that two outputs never share one is held by a unique index.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from mattingd.domain.artifacts import ArtifactKind
from mattingd.domain.commands import (
    Admit,
    AskAgain,
    Forget,
    Move,
    NextVersion,
    Prepare,
    RecordArchived,
    RecordArtifacts,
    SetPaused,
    UseModel,
    Vanished,
    Write,
)
from mattingd.domain.events import Fact
from mattingd.domain.jobs import DropCount, JobRecord, Models
from mattingd.journal.admission import Admission, PlacingRules
from mattingd.journal.rows import ended_of_live_drops, live_rows, models
from mattingd.journal.schema import (
    COPIES,
    ENDED,
    KEEPS_PLACE,
    MIGRATIONS,
    NOT_CURRENT,
    SCHEMA,
    VERSION,
    JournalError,
    copies_of,
    damaged,
    explained,
    newer,
)

_MOVE = (
    "UPDATE jobs SET state = ?, reason = ?, attempts = coalesce(?, attempts), alone = coalesce(?, alone),"
    " suspect = coalesce(?, suspect), strikes = coalesce(?, strikes), sha256 = coalesce(?, sha256),"
    " batch = coalesce(?, batch), chores = coalesce(?, chores), read_s = coalesce(?, read_s),"
    " infer_s = coalesce(?, infer_s), finish_s = coalesce(?, finish_s), write_s = coalesce(?, write_s),"
    " publish_s = coalesce(?, publish_s), confidence = coalesce(?, confidence),"
    " painted = coalesce(?, painted) WHERE id = ?"
)
"""What a command does not say stays as it was."""


class JournalWriter:
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
        self._wall = wall
        with explained(path):
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._admission = Admission(self._db, rules, wall)
        try:
            with explained(path):
                self._open()
            self.instance = self._meta("instance", "") or self._name_instance()
            """Names this journal's temp files; stays the same for its whole life."""
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything committed stays."""
        self._db.close()

    def _open(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise JournalError(newer(self.path, version))
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        if version == 0:
            self._db.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={VERSION};COMMIT;")
            return
        if self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise JournalError(damaged(self.path))
        if version < VERSION:
            self._copy_to(self.path.with_name(f"{self.path.name}.version-{version}"))
            for number in range(version, VERSION):
                script = f"BEGIN IMMEDIATE;{MIGRATIONS[number]}PRAGMA user_version={number + 1};COMMIT;"
                self._db.executescript(script)

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

    def is_home(self, output: bytes) -> bool:
        """Whether this output folder bears our mark."""
        return self._meta("home", "") == output.hex()

    def held(self) -> frozenset[int]:
        """The hot folders that a person holds back."""
        return frozenset(number for (number,) in self._db.execute("SELECT id FROM folders WHERE paused"))

    def state_of(self, folder: int, path: bytes) -> str | None:
        """The state of the job that speaks for a file; None when there is none."""
        row = self._db.execute(
            "SELECT state FROM jobs WHERE folder = ? AND path = ? AND current", (folder, path)
        ).fetchone()
        return None if row is None else str(row[0])

    def owes(self, folder: int, path: bytes) -> bool:
        """Whether a job of this file still moves, or leaves something to be done."""
        row = self._db.execute("SELECT 1 FROM jobs WHERE folder = ? AND path = ? AND live", (folder, path))
        return row.fetchone() is not None

    def roots(self) -> dict[int, bytes]:
        """Where every hot folder lies that ever was one."""
        return dict(self._db.execute("SELECT id, root FROM folders"))

    def live(self) -> list[JobRecord]:
        """All rows that still move or have chores left, oldest first."""
        return live_rows(self._db)

    def known(self, folder: int) -> Iterator[tuple[bytes, int, int, int]]:
        """(path, size, mtime_ns, strokes) of files with a job, unless it is to be made again."""
        return iter(
            self._db.execute(
                "SELECT path, size, mtime_ns, strokes FROM jobs WHERE folder = ? AND current AND NOT again",
                (folder,),
            )
        )

    def drops_of(self, folder: int, date: str) -> int:
        """How many drops of this folder carry this date."""
        row = self._db.execute(
            "SELECT count(DISTINCT drop_name) FROM jobs WHERE folder = ? AND drop_name GLOB ?",
            (folder, f"{date}-*"),
        ).fetchone()
        return int(row[0])

    def ended_of_live_drops(self) -> list[DropCount]:
        """Jobs that have ended, of drops with jobs that have not: how many in which state."""
        return ended_of_live_drops(self._db)

    def models(self) -> Models:
        """Which weights make the mattes."""
        return models(self._db)

    def begin_run(self) -> bool:
        """Mark the journal as in use; False when the run before did not end by itself."""
        clean = self._meta("clean", "1") == "1"
        if not clean:
            self._note_end(None, None, "it was killed, or the machine went down")
        self._set_meta("clean", "0")
        return clean

    def end_run(self, code: int = 0, reason: str = "stopped") -> None:
        """This run ended by itself: nothing it had in flight is suspect. Its last words are kept."""
        self._note_end(self._wall(), code, reason)
        self._set_meta("clean", "1")

    def _note_end(self, at: str | None, code: int | None, reason: str) -> None:
        self._set_meta("end", json.dumps({"at": at, "code": code, "reason": reason}))

    def back_up(self, date: str) -> None:
        """Copy the journal once a day, and keep the newest copies."""
        copy = self.path.with_name(f"{self.path.name}.{date}")
        if copy.exists():
            return
        self._copy_to(copy)
        for old in copies_of(self.path)[:-COPIES]:
            old.unlink()

    def _copy_to(self, copy: Path) -> None:
        """A copy of the journal, whole or not at all."""
        unfinished = self.path.with_name(f"{self.path.name}.copying")
        unfinished.unlink(missing_ok=True)
        with explained(self.path), closing(sqlite3.connect(unfinished)) as target:
            self._db.backup(target)
        unfinished.replace(copy)

    # --- a turn ---

    def apply(self, writes: Iterable[Write]) -> list[Fact]:
        """Apply the writes of a turn in one transaction and answer those that ask.

        Raises:
            JournalError: nothing of the turn was written.
        """
        with self._transaction():
            answers = [self._apply(write) for write in writes]
        return [answer for answer in answers if answer is not None]

    def _apply(self, write: Write) -> Fact | None:  # noqa: C901 - one line for each kind of write
        match write:
            case Admit():
                return self._admission.admit(write)
            case NextVersion():
                return self._admission.next_version(write)
            case Move():
                self._move(write)
            case Prepare():
                self._prepare(write)
            case Vanished():
                self._vanished(write)
            case AskAgain():
                self._ask_again(write)
            case Forget():
                self._forget(write)
            case SetPaused(folder, paused):
                self._db.execute("UPDATE folders SET paused = ? WHERE id = ?", (paused, folder))
            case RecordArchived(job, where, day):
                self._db.execute(
                    "UPDATE jobs SET original = ?, original_on = ? WHERE id = ?", (where, day, job)
                )
            case RecordArtifacts():
                self._remember(write)
            case UseModel(models):
                self._put_meta("model", models.current)
                if models.before is not None:
                    self._put_meta("model before", models.before)
        return None

    def _move(self, move: Move) -> None:
        chores = None if move.chores is None else ",".join(sorted(move.chores))
        self._db.execute(
            _MOVE,
            (
                move.state,
                move.reason,
                move.attempts,
                move.isolated,
                move.quarantine_candidate,
                move.isolated_crashes,
                move.sha256,
                move.batch,
                chores,
                move.spent.read,
                move.spent.infer,
                move.spent.finish,
                move.spent.write,
                move.spent.publish,
                move.confidence,
                move.painted,
                move.job,
            ),
        )
        if move.state in ENDED:
            self._end(move.job, move.state)

    def _end(self, job: int, state: str) -> None:
        self._db.execute(
            "UPDATE jobs SET live = chores <> '', ended_at = coalesce(ended_at, ?), current = current AND ?"
            " WHERE id = ?",
            (self._wall(), state not in NOT_CURRENT, job),
        )
        if state in KEEPS_PLACE:
            self._db.execute("UPDATE outputs SET published = 1, temp = NULL WHERE job = ?", (job,))
        else:
            self._db.execute("UPDATE outputs SET folded = NULL WHERE job = ?", (job,))

    def _prepare(self, prepare: Prepare) -> None:
        self._db.executemany(
            "UPDATE outputs SET temp = ?, sha256 = ?, size = ?, model = ? WHERE job = ? AND ordinal = ?",
            [
                (o.temp, o.sha256, o.size, prepare.model or None, prepare.job, o.ordinal)
                for o in prepare.outputs
            ],
        )
        remarks = json.dumps(prepare.remarks)
        self._db.execute("UPDATE jobs SET remarks = ? WHERE id = ?", (remarks, prepare.job))

    def _vanished(self, gone: Vanished) -> None:
        self._db.execute(
            "UPDATE jobs SET current = 0 WHERE folder = ? AND path = ? AND current AND ended_at IS NOT NULL",
            (gone.folder, gone.path),
        )

    def _ask_again(self, ask: AskAgain) -> None:
        self._db.execute(
            "UPDATE jobs SET again = 1 WHERE folder = ? AND path = ? AND current AND ended_at IS NOT NULL",
            (ask.folder, ask.path),
        )

    def _forget(self, forget: Forget) -> None:
        """The rows stay, so that the books balance; they speak for nothing any more."""
        source = (forget.folder, forget.path)
        self._db.execute(
            "UPDATE outputs SET folded = NULL, published = published AND remains IS NOT NULL"
            " WHERE job IN (SELECT id FROM jobs WHERE folder = ? AND path = ? AND ended_at IS NOT NULL)",
            source,
        )
        self._db.execute(
            "UPDATE jobs SET current = 0, forgotten = 1"
            " WHERE folder = ? AND path = ? AND ended_at IS NOT NULL",
            source,
        )

    def _remember(self, remember: RecordArtifacts) -> None:
        for mark in remember.marks:
            if mark.thing is ArtifactKind.NOTE:
                gone = mark.remains is not None
                self._db.execute("UPDATE jobs SET note_gone = ? WHERE id = ?", (gone, mark.job))
            elif mark.thing is ArtifactKind.ORIGINAL:
                self._db.execute(
                    "UPDATE jobs SET original_remains = ? WHERE id = ?", (mark.remains, mark.job)
                )
            else:
                self._db.execute(
                    "UPDATE outputs SET remains = ?, remains_on = ?"
                    " WHERE job = ? AND ordinal = ? AND published",
                    (mark.remains, mark.day, mark.job, mark.ordinal),
                )
        if remember.home:
            self._put_meta("home", remember.home.hex())

    # --- small ---

    def _meta(self, key: str, default: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])

    def _set_meta(self, key: str, value: str) -> None:
        with self._transaction():
            self._put_meta(key, value)

    def _put_meta(self, key: str, value: str) -> None:
        self._db.execute(
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
