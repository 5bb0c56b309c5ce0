"""The durable journal: one SQLite file that records the state of every picture.

The only place that writes SQL. It makes no decisions about pictures: it applies the writes of a turn in one
transaction (`synchronous=FULL`, so a commit survives a power cut) and answers with facts. The preferred path
of an output comes from the placing rules; a unique index ensures that two outputs never share one.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from mattingd.domain.commands import (
    Admit,
    Approve,
    AskAgain,
    AskPart,
    FindSame,
    Forget,
    ForgetWaiting,
    Move,
    NextVersion,
    Prepare,
    RecordArchived,
    RecordArtifacts,
    RecordNote,
    RememberWaiting,
    SetPaused,
    UseModel,
    Vanished,
    Write,
)
from mattingd.domain.earlier import DropCount, Resting, Took
from mattingd.domain.events import EarlierFound, Fact
from mattingd.domain.jobs import JobRecord, Look, Models
from mattingd.journal.admission import Admission, PlacingRules
from mattingd.journal.drops import DropWrite, record
from mattingd.journal.earlier import find_same, follow
from mattingd.journal.moves import move_row
from mattingd.journal.requests import (
    approve,
    ask_again,
    forget,
    look_of,
    no_more_waiting,
    part_seen,
    remember,
    remember_waiting,
)
from mattingd.journal.rows import (
    ended_of_open_drops,
    known_files,
    live_rows,
    models,
    remarks_column,
    resting,
    took,
)
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


class JournalWriter:
    """An open journal. It is used by one thread."""

    def __init__(self, path: Path, rules: PlacingRules, wall: Callable[[], str]) -> None:
        """Open or create the journal.

        Args:
            path: the database file; its directory exists and is on a local disk.
            rules: the placing rules for outputs.
            wall: the wall clock.

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
        """Close the file; everything that was committed stays."""
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
        """Return the number of a hot folder; a path keeps its number for ever."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO folders (root) VALUES (?)", (root,))
        return int(self._db.execute("SELECT id FROM folders WHERE root = ?", (root,)).fetchone()[0])

    def first_scan(self, folder: int) -> bool:
        """Whether this folder was never scanned completely."""
        return not self._db.execute("SELECT scanned FROM folders WHERE id = ?", (folder,)).fetchone()[0]

    def scanned(self, folder: int) -> None:
        """Record that this folder was scanned completely."""
        with self._transaction() as db:
            db.execute("UPDATE folders SET scanned = 1 WHERE id = ? AND NOT scanned", (folder,))

    def ask_again(self, folder: int, recipe: str) -> None:
        """Have failed pictures, and those made by another recipe, admitted once more when they are seen."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET current = 0 WHERE folder = ? AND current AND NOT live"
                " AND (state = 'failed' OR recipe <> ?)",
                (folder, recipe),
            )

    def is_named(self, folder: int, *, alone: bool) -> bool:
        """Whether `layout: auto` puts a hot folder's name into paths.

        Decided at the first call.

        Args:
            folder: the hot folder's number.
            alone: whether it is the only hot folder at present.
        """
        with self._transaction() as db:
            db.execute("UPDATE folders SET named = ? WHERE id = ? AND named IS NULL", (not alone, folder))
        return bool(self._db.execute("SELECT named FROM folders WHERE id = ?", (folder,)).fetchone()[0])

    def is_home(self, output: bytes) -> bool:
        """Whether the journal has recorded the marker of this output folder."""
        return self._meta("home", "") == output.hex()

    def paused_folders(self) -> frozenset[int]:
        """Return the hot folders that the user has paused."""
        return frozenset(number for (number,) in self._db.execute("SELECT id FROM folders WHERE paused"))

    def state_of(self, folder: int, path: bytes) -> str | None:
        """Return the state of a file's present job; None when there is none."""
        row = self._db.execute(
            "SELECT state FROM jobs WHERE folder = ? AND path = ? AND current", (folder, path)
        ).fetchone()
        return None if row is None else str(row[0])

    def look_of(self, folder: int, path: bytes) -> Look | None:
        """Whether the newest cut-outs of a file need checking; None when there are none."""
        return look_of(self._db, folder, path)

    def owes(self, folder: int, path: bytes) -> bool:
        """Whether a job of this file is unfinished or has cleanup left."""
        row = self._db.execute("SELECT 1 FROM jobs WHERE folder = ? AND path = ? AND live", (folder, path))
        return row.fetchone() is not None

    def roots(self) -> dict[int, bytes]:
        """Return the paths of all hot folders, including former ones."""
        return dict(self._db.execute("SELECT id, root FROM folders"))

    def live(self) -> list[JobRecord]:
        """Return all rows that are unfinished or have cleanup left, oldest first."""
        return live_rows(self._db, self._seconds())

    def known(self, folder: int) -> Iterator[tuple[bytes, int, int, int, int]]:
        """Return (path, size, mtime_ns, strokes, mark) of files with a job that is not to be made again."""
        return known_files(self._db, folder)

    def drops_of(self, folder: int, date: str) -> int:
        """Return the highest drop number of this folder for this date; 0 without any."""
        row = self._db.execute(
            "SELECT coalesce(max(CAST(substr(name, ?) AS INTEGER)), 0) FROM"
            " (SELECT folder, drop_name AS name FROM jobs UNION ALL SELECT folder, name FROM drops)"
            " WHERE folder = ? AND name GLOB ?",
            (len(date) + 2, folder, f"{date}-*"),
        ).fetchone()
        return int(row[0])

    def ended_of_open_drops(self) -> list[DropCount]:
        """Return the number of ended jobs by state, of drops whose end is not recorded."""
        return ended_of_open_drops(self._db)

    def took(self) -> list[Took]:
        """How long the last pictures took that are done, the oldest first."""
        return took(self._db)

    def resting(self) -> list[Resting]:
        """Files that were held back when the last run ended."""
        return resting(self._db, self._seconds())

    def dead_notices(self) -> int:
        """Return how many notices were given up."""
        return int(self._db.execute("SELECT count(*) FROM notices WHERE state = 'dead'").fetchone()[0])

    def models(self) -> Models:
        """Return the weights that make the mattes."""
        return models(self._db)

    def begin_run(self) -> bool:
        """Mark the journal as in use; returns False when the previous run crashed."""
        clean = self._meta("clean", "1") == "1"
        if not clean:
            self._note_end(None, None, "it was killed, or the machine went down")
        self._set_meta("clean", "0")
        return clean

    def end_run(self, code: int = 0, reason: str = "stopped") -> None:
        """Record that this run ended normally, with its reason: nothing in flight is suspect."""
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
        """Write a copy of the journal, atomically."""
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

    def _apply(self, write: Write) -> Fact | None:  # noqa: C901, PLR0912 - a line for each
        if isinstance(write, DropWrite):
            record(self._db, write, self._wall(), self.instance)
            return None
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
                ask_again(self._db, write)
            case Forget():
                forget(self._db, write)
            case Approve():
                approve(self._db, write, self._wall())
            case RememberWaiting() | ForgetWaiting():
                remember_waiting(self._db, write, self._seconds())
            case SetPaused(folder, paused):
                self._db.execute("UPDATE folders SET paused = ? WHERE id = ?", (paused, folder))
            case RecordArchived(job, where, day):
                self._db.execute(
                    "UPDATE jobs SET original = ?, original_on = ? WHERE id = ?", (where, day, job)
                )
            case RecordNote(job, where):
                self._db.execute("UPDATE jobs SET note = ? WHERE id = ?", (where, job))
            case RecordArtifacts():
                remember(self._db, write)
                if write.home:
                    self._put_meta("home", write.home.hex())
            case AskPart():
                return part_seen(self._db, write)
            case FindSame():
                return EarlierFound(write.job, find_same(self._db, write))
            case UseModel(models):
                self._put_meta("model", models.current)
                if models.before is not None:
                    self._put_meta("model before", models.before)
        return None

    def _move(self, move: Move) -> None:
        move_row(self._db, move, self._seconds)
        if move.state in ENDED:
            self._end(move.job, move.state)

    def _seconds(self) -> float:
        return datetime.fromisoformat(self._wall()).timestamp()

    def _end(self, job: int, state: str) -> None:
        self._db.execute(
            "UPDATE jobs SET live = chores <> '', ended_at = coalesce(ended_at, ?), current = current AND ?"
            " WHERE id = ?",
            (self._wall(), state not in NOT_CURRENT, job),
        )
        if state == "unchanged":
            follow(self._db, job)
        if state in KEEPS_PLACE:
            self._db.execute("UPDATE outputs SET published = 1, temp = NULL WHERE job = ?", (job,))
        else:
            self._db.execute("UPDATE outputs SET folded = NULL WHERE job = ?", (job,))

    def _prepare(self, prepare: Prepare) -> None:
        made_by = [text or None for text in (prepare.model, prepare.device, prepare.precision)]
        self._db.executemany(
            "UPDATE outputs SET temp = ?, sha256 = ?, size = ?, model = ?, device = ?, precision = ?"
            " WHERE job = ? AND ordinal = ?",
            [(o.temp, o.sha256, o.size, *made_by, prepare.job, o.ordinal) for o in prepare.outputs],
        )
        remarks = remarks_column(prepare.remarks)
        self._db.execute("UPDATE jobs SET remarks = ? WHERE id = ?", (remarks, prepare.job))

    def _vanished(self, gone: Vanished) -> None:
        no_more_waiting(self._db, gone.folder, gone.path)
        self._db.execute(
            "UPDATE jobs SET current = 0 WHERE folder = ? AND path = ? AND current AND ended_at IS NOT NULL",
            (gone.folder, gone.path),
        )

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
