"""The journal as others may see it: read-only, beside a running daemon or without one."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mattingd.domain.artifacts import Artifact, ArtifactKind, ArtifactState
from mattingd.domain.jobs import NO_STAGE_TIMES, Models, StageTimes
from mattingd.journal.rows import models
from mattingd.journal.schema import VERSION, JournalError, NoJournalError, explained, newer, older

_RECORD = (
    "SELECT j.id, f.root, j.path, j.size, j.mtime_ns, j.state, j.reason, j.admitted_at, j.ended_at, j.batch,"
    " j.admitted_batches, j.note, CASE WHEN j.original_remains IS NULL THEN j.original END, j.confidence,"
    " j.read_s, j.infer_s, j.finish_s, j.write_s, j.publish_s"
    " FROM jobs j JOIN folders f ON f.id = j.folder"
)
_STAGES = 5
"""Columns at the end of a record that tell what each stage took."""

_STANDING = "FROM outputs o WHERE o.published AND (o.remains IS NULL OR o.remains = 'going')"
"""Outputs that retention has not seen to."""
_ARCHIVED = "FROM jobs WHERE original > '' AND (original_remains IS NULL OR original_remains = 'going')"
"""Jobs whose originals lie in the archive."""
_DAY = "max(substr(j.drop_name, 1, 10), substr(j.ended_at, 1, 10))"
"""The day that an output's age counts from: that of its drop, or of its publication if that was later."""
_DUE = _STANDING.replace("outputs o", "outputs o JOIN jobs j ON j.id = o.job") + (
    f" AND NOT j.live AND ({_DAY} <= ? OR o.remains = 'going')"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One job, for people."""

    job: int
    root: bytes
    path: bytes
    size: int
    mtime_ns: int
    state: str
    reason: str
    admitted_at: str
    ended_at: str | None
    batch: int | None
    """The batch it was in."""
    admitted_batches: int
    """How many had been sent when it was admitted."""
    note: str
    """Where its error note lies, if it failed."""
    original: str | None = None
    """Where its original lies in the archive, relative to that."""
    confidence: float | None = None
    """In its matte, from 0 to 1; None if it got none."""
    spent: StageTimes = NO_STAGE_TIMES
    """On each stage."""
    outputs: tuple[str, ...] = ()
    """Relative to the output root."""


def _record(row: tuple[Any, ...]) -> Record:
    return replace(Record(*row[:-_STAGES]), spent=StageTimes(*row[-_STAGES:]))


@dataclass(frozen=True, slots=True)
class Note:
    """The error note of a failed job."""

    job: int
    root: bytes
    path: bytes
    """Of the source."""
    reason: str
    note: str
    """Where it lies, relative to the output root."""


@dataclass(frozen=True, slots=True)
class PublishedOutput:
    """A published output, and what became of it since."""

    path: str
    """Relative to the output root."""
    size: int
    sha256: bytes
    remains: str | None
    """None while it should lie there; else what became of it: see the column `remains` ..."""
    remains_on: str | None
    """... and since which date."""
    model: str | None
    """SHA-256 of the weights that made it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A job that came to an end, with all that history tells of it."""

    job: int
    root: bytes
    path: bytes
    state: str
    reason: str
    admitted_at: str
    ended_at: str
    size: int
    sha256: bytes | None
    """Of the source, if it was read."""
    attempts: int
    note: str
    """Where the error note lies, if it failed; relative to the output root."""
    confidence: float | None = None
    """In its matte, from 0 to 1; None if it got none."""
    outputs: tuple[PublishedOutput, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A published output."""

    job: int
    path: str
    size: int
    sha256: bytes


class JournalReader:
    """Questions to a journal that somebody else may be writing."""

    def __init__(self, path: Path) -> None:
        """Open for reading.

        Raises:
            JournalError: it is not there, damaged, or from another version.
        """
        version = 0
        if path.exists():
            with explained(path):
                self._db = sqlite3.connect(_address(path), uri=True, isolation_level=None)
                version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version != VERSION:
                self._db.close()
        if version == 0:
            raise NoJournalError(f"{path}: there is no journal yet; `mattingd run` makes one")
        if version != VERSION:
            raise JournalError((newer if version > VERSION else older)(path, version))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @property
    def instance(self) -> str:
        """What this journal's temp files are named with."""
        return str(self._meta("instance", ""))

    def models(self) -> Models:
        """Which weights make the mattes."""
        return models(self._db)

    def clean(self) -> bool:
        """Whether the last run ended by itself (False while one is running)."""
        return self._meta("clean", "1") == "1"

    def last_end(self) -> dict[str, Any] | None:
        """How the last run ended (while one is running: the one before it); None when there was none.

        `at` is when, `code` the exit code (both None if it did not end by itself), `reason` why.
        """
        end: dict[str, Any] | None = json.loads(self._meta("end", "null"))
        return end

    def admitted(self) -> int:
        """Jobs ever admitted, counted independently of the rows that are there."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
        return (int(row[0]) if row else 0) - int(self._meta("pruned", "0"))

    def states(self) -> dict[str, int]:
        """How many jobs are in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM jobs GROUP BY state"))

    def waiting(self) -> tuple[dict[str, int], str | None]:
        """How many jobs that have not ended are in each state, and when the oldest of them was admitted."""
        states = dict(
            self._db.execute(
                "SELECT state, count(*) FROM jobs WHERE live AND ended_at IS NULL GROUP BY state"
            )
        )
        oldest = self._db.execute(
            "SELECT admitted_at FROM jobs WHERE live AND ended_at IS NULL ORDER BY id LIMIT 1"
        ).fetchone()
        return states, oldest[0] if oldest else None

    def states_of(self, root: bytes) -> dict[str, int]:
        """The same for one hot folder."""
        return dict(
            self._db.execute(
                "SELECT state, count(*) FROM jobs WHERE folder = (SELECT id FROM folders WHERE root = ?)"
                " GROUP BY state",
                (root,),
            )
        )

    def records_of(self, root: bytes, path: bytes) -> list[Record]:
        """Everything that ever became of one file, newest first."""
        rows = self._db.execute(f"{_RECORD} WHERE f.root = ? AND j.path = ? ORDER BY j.id DESC", (root, path))
        return [self._with_outputs(_record(row)) for row in rows.fetchall()]

    def endings(
        self,
        limit: int,
        *,
        since: float | None = None,
        root: bytes | None = None,
        state: str | None = None,
        below: float | None = None,
    ) -> tuple[list[Ending], int]:
        """The jobs that ended last, the newest last, and how many there are of the kind.

        Args:
            limit: at most so many.
            since: only what ended at this time (seconds since 1970) or later.
            root: only of this hot folder.
            state: only with this end.
            below: only with less confidence than this, and with no later job of the same file.
        """
        ended = "CAST(strftime('%s', j.ended_at) AS INTEGER)"
        wanted = {f"{ended} >= ?": since, "f.root = ?": root, "j.state = ?": state, "j.confidence < ?": below}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        newest = () if below is None else ("j.current",)
        where = " AND ".join(("j.ended_at IS NOT NULL", *newest, *given))
        table = f"FROM jobs j JOIN folders f ON f.id = j.folder WHERE {where}"
        (number,) = self._db.execute(f"SELECT count(*) {table}", (*given.values(),)).fetchone()
        rows = self._db.execute(
            "SELECT j.id, f.root, j.path, j.state, j.reason, j.admitted_at, j.ended_at, j.size, j.sha256,"
            f" j.attempts, j.note, j.confidence {table} ORDER BY {ended} DESC, j.id DESC LIMIT ?",
            (*given.values(), limit),
        ).fetchall()
        return [replace(Ending(*row), outputs=self.standing(row[0])) for row in reversed(rows)], number

    def standing(self, job: int) -> tuple[PublishedOutput, ...]:
        """The published outputs of a job, and what became of them since."""
        rows = self._db.execute(
            "SELECT path, size, sha256, remains, remains_on, model FROM outputs WHERE job = ? AND published"
            " ORDER BY ordinal",
            (job,),
        )
        return tuple(PublishedOutput(*row) for row in rows)

    def source_of(self, output: str) -> tuple[bytes, bytes] | None:
        """Hot folder and path of the picture that an output was made from; None when we did not make it."""
        row = self._db.execute(
            "SELECT f.root, j.path FROM outputs o JOIN jobs j ON j.id = o.job"
            " JOIN folders f ON f.id = j.folder WHERE o.path = ? AND o.published ORDER BY j.id DESC LIMIT 1",
            (output,),
        ).fetchone()
        return (row[0], row[1]) if row else None

    def newest(self, state: str, limit: int) -> list[Record]:
        """The newest jobs in a state."""
        rows = self._db.execute(f"{_RECORD} WHERE j.state = ? ORDER BY j.id DESC LIMIT ?", (state, limit))
        return [self._with_outputs(_record(row)) for row in rows.fetchall()]

    def all(self) -> Iterator[Record]:
        """Every job, oldest first, without its outputs."""
        return (_record(row) for row in self._db.execute(f"{_RECORD} ORDER BY j.id"))

    def current(self, root: bytes) -> dict[bytes, tuple[int, int]]:
        """(size, mtime_ns) by path of every file of a hot folder that has a job."""
        rows = self._db.execute(
            "SELECT path, size, mtime_ns FROM jobs WHERE folder = (SELECT id FROM folders WHERE root = ?)"
            " AND current",
            (root,),
        )
        return {path: (size, mtime_ns) for path, size, mtime_ns in rows}

    def newest_states(self, root: bytes) -> dict[bytes, str]:
        """The state of the newest job of every file that ever was in a hot folder and is not forgotten."""
        rows = self._db.execute(
            "SELECT path, state, max(id) FROM jobs WHERE folder = (SELECT id FROM folders WHERE root = ?)"
            " AND NOT forgotten GROUP BY path",
            (root,),
        )
        return {path: state for path, state, _ in rows}

    def held(self) -> set[bytes]:
        """The hot folders that a person holds back."""
        return {root for (root,) in self._db.execute("SELECT root FROM folders WHERE paused")}

    def ends_of(self, root: bytes) -> dict[bytes, str]:
        """The state, by path, of every file of a hot folder whose job has ended."""
        rows = self._db.execute(
            "SELECT path, state FROM jobs WHERE folder = (SELECT id FROM folders WHERE root = ?)"
            " AND current AND ended_at IS NOT NULL",
            (root,),
        )
        return dict(rows)

    def made(self) -> Iterator[Made]:
        """Every published output."""
        rows = self._db.execute(f"SELECT job, path, size, sha256 {_STANDING} ORDER BY job")
        return (Made(*row) for row in rows)

    def newest_made(self, limit: int) -> list[Made]:
        """The newest of them."""
        rows = self._db.execute(
            f"SELECT job, path, size, sha256 {_STANDING} ORDER BY job DESC LIMIT ?", (limit,)
        )
        return [Made(*row) for row in rows]

    def remains(self) -> dict[ArtifactState, int]:
        """How many published outputs retention has seen to, by what became of them."""
        rows = self._db.execute(
            "SELECT remains, count(*) FROM outputs WHERE published AND remains > '' GROUP BY remains"
        )
        return {ArtifactState(remains): number for remains, number in rows}

    # --- retention ---

    def is_home(self, output: bytes) -> bool:
        """Whether this output folder bears our mark."""
        return self._meta("home", "") == output.hex()

    def count_standing(self) -> int:
        """Published outputs that retention has not seen to."""
        return int(self._db.execute(f"SELECT count(*) {_STANDING}").fetchone()[0])

    def due(self, until: str) -> int:
        """How many of them are of this day or an earlier one, or were about to be removed."""
        (number,) = self._db.execute(f"SELECT count(*) {_DUE}", (until,)).fetchone()
        return int(number)

    def page_of_due(self, until: str, after: tuple[int, int], limit: int) -> list[Artifact]:
        """The same, in order of (job, ordinal) from after this one on."""
        rows = self._db.execute(
            f"SELECT o.job, o.ordinal, o.path, {_DAY}, o.size, o.sha256, o.remains {_DUE}"
            " AND (o.job, o.ordinal) > (?, ?) ORDER BY o.job, o.ordinal LIMIT ?",
            (until, *after, limit),
        )
        return [_kept(row) for row in rows]

    def page_of_trash(self, until: str, after: tuple[int, int], limit: int) -> list[Artifact]:
        """Outputs that came to the trash on this day or an earlier one."""
        rows = self._db.execute(
            "SELECT job, ordinal, path, remains_on, size, sha256, remains FROM outputs"
            " WHERE remains = 'trashed' AND published AND remains_on <= ? AND (job, ordinal) > (?, ?)"
            " ORDER BY job, ordinal LIMIT ?",
            (until, *after, limit),
        )
        return [_kept(row) for row in rows]

    def page_of_notes(self, until: str, after: int, limit: int) -> list[tuple[Note, str]]:
        """The error notes that failures of this day or an earlier one left, with that day."""
        rows = self._db.execute(
            "SELECT j.id, f.root, j.path, j.reason, j.note, substr(j.ended_at, 1, 10) AS day FROM jobs j"
            " JOIN folders f ON f.id = j.folder WHERE j.state = 'failed' AND NOT j.live AND NOT j.note_gone"
            " AND NOT j.forgotten"
            " AND day <= ? AND j.id > ? AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.folder = j.folder"
            " AND n.path = j.path AND n.note = j.note AND n.id > j.id AND (n.state = 'failed' OR n.live))"
            " ORDER BY j.id LIMIT ?",
            (until, after, limit),
        )
        return [(Note(*row[:5]), row[5]) for row in rows]

    def newest_archived(self, limit: int) -> list[tuple[str, int]]:
        """(path, size) of the newest originals in the archive."""
        rows = self._db.execute(f"SELECT original, size {_ARCHIVED} ORDER BY id DESC LIMIT ?", (limit,))
        return rows.fetchall()

    def count_archived(self, until: str | None = None) -> int:
        """How many originals the archive holds: all, or those that came on this day or an earlier one."""
        (number,) = self._db.execute(
            f"SELECT count(*) {_ARCHIVED} AND original_on <= ?", ("9" if until is None else until,)
        ).fetchone()
        return int(number)

    def page_of_archived(self, until: str, after: tuple[int, int], limit: int) -> list[Artifact]:
        """Those that came on this day or an earlier one, or were about to be removed."""
        rows = self._db.execute(
            f"SELECT id, 0, original, original_on, size, sha256, original_remains {_ARCHIVED}"
            " AND (original_on <= ? OR original_remains = 'going') AND id > ? ORDER BY id LIMIT ?",
            (until, after[0], limit),
        )
        return [replace(_kept(row), thing=ArtifactKind.ORIGINAL) for row in rows]

    def unpublished_done(self) -> list[int]:
        """Jobs that say done and have an output that does not: there must be none."""
        rows = self._db.execute(
            "SELECT DISTINCT j.id FROM jobs j LEFT JOIN outputs o ON o.job = j.id"
            " WHERE j.state = 'done' AND NOT j.forgotten AND (o.job IS NULL OR NOT o.published)"
        )
        return [job for (job,) in rows]

    def live_jobs(self) -> set[int]:
        """Jobs that still move or have chores left: their temp files are no leftovers."""
        return {job for (job,) in self._db.execute("SELECT id FROM jobs WHERE live")}

    def _with_outputs(self, record: Record) -> Record:
        rows = self._db.execute("SELECT path FROM outputs WHERE job = ? AND published", (record.job,))
        outputs = tuple(path for (path,) in rows)
        return replace(record, outputs=outputs)

    def _meta(self, key: str, default: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])


@contextmanager
def reading(path: Path) -> Iterator[JournalReader]:
    """A ledger that is closed afterwards.

    Raises:
        JournalError: it cannot be opened, or not be read to the end of the block.
    """
    with explained(path), closing(JournalReader(path)) as ledger:
        yield ledger


def _kept(row: tuple[Any, ...]) -> Artifact:
    job, ordinal, path, day, size, sha256, remains = row
    return Artifact(
        ArtifactKind.CUT_OUT,
        job,
        ordinal,
        path,
        day,
        size,
        sha256,
        ArtifactState(remains) if remains else None,
    )


def _address(path: Path) -> str:
    """The journal as an SQLite URI that only reads.

    Without a write-ahead log beside it nobody has it open, and none is to be made: it would belong to
    whoever asks, and the daemon's user could not write it.
    """
    escaped = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    alone = not path.with_name(f"{path.name}-wal").exists()
    return f"file:{escaped}?mode=ro" + ("&immutable=1" if alone else "")
