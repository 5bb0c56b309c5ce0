"""Read-only access to the journal, beside a running daemon or without one."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mattingd.domain.artifacts import Artifact, ArtifactKind, ArtifactState
from mattingd.domain.jobs import Models
from mattingd.journal.records import (
    RECORD,
    Ending,
    Made,
    Note,
    PublishedOutput,
    Record,
    artifact_of,
    ending_of,
    record_of,
)
from mattingd.journal.requests import NEWEST_CUT_OUTS
from mattingd.journal.rows import known_files, models, reason_of
from mattingd.journal.schema import VERSION, JournalError, NoJournalError, explained, newer, older

_STANDING = "FROM outputs o WHERE o.published AND (o.remains IS NULL OR o.remains = 'going')"
"""Outputs that retention has not seen to."""
_ARCHIVED = "FROM jobs WHERE original > '' AND (original_remains IS NULL OR original_remains = 'going')"
"""Jobs whose originals lie in the archive."""
_DAY = "max(substr(j.drop_name, 1, 10), substr(j.ended_at, 1, 10))"
"""The day that an output's age counts from: that of its drop, or of its publication if that was later."""
_DUE = _STANDING.replace("outputs o", "outputs o JOIN jobs j ON j.id = o.job") + (
    f" AND NOT j.live AND ({_DAY} <= ? OR o.remains = 'going')"
)


class JournalReader:
    """Questions to a journal that another process may be writing."""

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
        """The name that is part of this journal's temp files."""
        return str(self._meta("instance", ""))

    def models(self) -> Models:
        """Return the weights that make the mattes."""
        return models(self._db)

    def clean(self) -> bool:
        """Whether the last run ended normally (False while one is running)."""
        return self._meta("clean", "1") == "1"

    def last_end(self) -> dict[str, Any] | None:
        """Return how the last run ended (while one is running: the previous one); None when there was none.

        `at` is when, `code` the exit code (both None if it crashed), `reason` why.
        """
        end: dict[str, Any] | None = json.loads(self._meta("end", "null"))
        return end

    def admitted(self) -> int:
        """Return how many jobs were ever admitted, counted independently of the rows."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
        return (int(row[0]) if row else 0) - int(self._meta("pruned", "0"))

    def states(self, root: bytes | None = None) -> dict[str, int]:
        """Return the number of jobs in each state: of all hot folders or of one."""
        of_folder = "" if root is None else "WHERE folder = (SELECT id FROM folders WHERE root = ?)"
        query = f"SELECT state, count(*) FROM jobs {of_folder} GROUP BY state"  # noqa: S608 - our own words
        return dict(self._db.execute(query, () if root is None else (root,)))

    def failed_pictures(self) -> int:
        """Return how many pictures failed at their last attempt and were not made or retried since."""
        row = self._db.execute(
            "SELECT count(*) FROM jobs j WHERE state = 'failed' AND NOT EXISTS"
            " (SELECT 1 FROM jobs k WHERE k.folder = j.folder AND k.path = j.path AND k.id > j.id)"
        ).fetchone()
        return int(row[0])

    def waiting(self) -> tuple[dict[str, int], str | None]:
        """Return the number of unfinished jobs in each state, and when the oldest of them was admitted."""
        states = dict(
            self._db.execute(
                "SELECT state, count(*) FROM jobs WHERE live AND ended_at IS NULL GROUP BY state"
            )
        )
        oldest = self._db.execute(
            "SELECT admitted_at FROM jobs WHERE live AND ended_at IS NULL ORDER BY id LIMIT 1"
        ).fetchone()
        return states, oldest[0] if oldest else None

    def page_of_live(self, after: int, limit: int, root: bytes | None = None) -> tuple[list[int], int]:
        """Return unfinished jobs by number, and their total number.

        Args:
            after: only job numbers above this one, the last of the previous page.
            limit: maximum number of jobs.
            root: only of this hot folder.
        """
        of_folder = "" if root is None else " AND folder = (SELECT id FROM folders WHERE root = ?)"
        table = f"FROM jobs WHERE live AND ended_at IS NULL{of_folder}"
        given = () if root is None else (root,)
        (number,) = self._db.execute(f"SELECT count(*) {table}", given).fetchone()
        rows = self._db.execute(f"SELECT id {table} AND id > ? ORDER BY id LIMIT ?", (*given, after, limit))
        return [job for (job,) in rows], int(number)

    def records_of(self, root: bytes, path: bytes) -> list[Record]:
        """Return all jobs of one file, newest first."""
        rows = self._db.execute(f"{RECORD} WHERE f.root = ? AND j.path = ? ORDER BY j.id DESC", (root, path))
        return [self._with_outputs(record_of(row)) for row in rows.fetchall()]

    def endings(
        self,
        limit: int,
        *,
        since: float | None = None,
        root: bytes | None = None,
        state: str | None = None,
        below: float | None = None,
        before: tuple[int, int] | None = None,
        approved: bool = False,
        drop: str | None = None,
    ) -> tuple[list[Ending], int]:
        """Return the jobs that ended last, newest last, and the number of all that match.

        Args:
            limit: maximum number of jobs.
            since: only jobs that ended at this time (seconds since 1970) or later.
            root: only of this hot folder.
            state: only jobs in this state.
            below: only the newest cut-outs of each file, with less confidence than this.
            approved: of those, the ones that a user has approved, or the others.
            drop: only jobs of this drop.
            before: only jobs before this one: when it ended (seconds since 1970), and its number. The total
                number does not depend on it.
        """
        ended = "CAST(strftime('%s', j.ended_at) AS INTEGER)"
        wanted = {f"{ended} >= ?": since, "f.root = ?": root, "j.state = ?": state, "j.confidence < ?": below}
        wanted["j.drop_name = ?"] = drop
        given = {clause: value for clause, value in wanted.items() if value is not None}
        looked_at = f"j.approved_at IS {'NOT ' * approved}NULL"
        newest = () if below is None else (NEWEST_CUT_OUTS, looked_at)
        where = " AND ".join(("j.ended_at IS NOT NULL", *newest, *given))
        table = f"FROM jobs j JOIN folders f ON f.id = j.folder WHERE {where}"
        page = "" if before is None else f" AND ({ended}, j.id) < (?, ?)"
        (number,) = self._db.execute(f"SELECT count(*) {table}", (*given.values(),)).fetchone()
        rows = self._db.execute(
            "SELECT j.id, f.root, j.path, j.state,"
            " json_array(j.state, j.code, j.params, j.reason, j.remarks),"
            " j.admitted_at, j.ended_at, j.size, j.sha256,"
            f" j.attempts, j.note, j.confidence, j.approved_at {table}{page}"
            f" ORDER BY {ended} DESC, j.id DESC LIMIT ?",
            (*given.values(), *(before or ()), limit),
        ).fetchall()
        return [replace(ending_of(row), outputs=self.standing(row[0])) for row in reversed(rows)], number

    def standing(self, job: int) -> tuple[PublishedOutput, ...]:
        """Return the published outputs of a job, and their state since."""
        rows = self._db.execute(
            "SELECT path, size, sha256, remains, remains_on, model, device, precision FROM outputs"
            " WHERE job = ? AND published ORDER BY ordinal",
            (job,),
        )
        return tuple(PublishedOutput(*row) for row in rows)

    def source_of(self, output: str) -> tuple[bytes, bytes] | None:
        """Return the hot folder and the path of an output's source; None when the output is not ours."""
        row = self._db.execute(
            "SELECT f.root, j.path FROM outputs o JOIN jobs j ON j.id = o.job"
            " JOIN folders f ON f.id = j.folder WHERE o.path = ? AND o.published ORDER BY j.id DESC LIMIT 1",
            (output,),
        ).fetchone()
        return (row[0], row[1]) if row else None

    def newest(self, state: str, limit: int) -> list[Record]:
        """Return the newest jobs in a state."""
        rows = self._db.execute(f"{RECORD} WHERE j.state = ? ORDER BY j.id DESC LIMIT ?", (state, limit))
        return [self._with_outputs(record_of(row)) for row in rows.fetchall()]

    def all(self) -> Iterator[Record]:
        """Return every job, oldest first, without its outputs."""
        return (record_of(row) for row in self._db.execute(f"{RECORD} ORDER BY j.id"))

    def current(self, root: bytes) -> dict[bytes, tuple[int, int]]:
        """Return (size, mtime_ns) by path of every file of a hot folder that has a job."""
        rows = self._db.execute(
            "SELECT path, size, mtime_ns FROM jobs WHERE folder = (SELECT id FROM folders WHERE root = ?)"
            " AND current",
            (root,),
        )
        return {path: (size, mtime_ns) for path, size, mtime_ns in rows}

    def newest_states(self, root: bytes) -> dict[bytes, str]:
        """Return the state of the newest job of every file of a hot folder that is not forgotten."""
        rows = self._db.execute(
            "SELECT path, state, max(id) FROM jobs WHERE folder = (SELECT id FROM folders WHERE root = ?)"
            " AND NOT forgotten GROUP BY path",
            (root,),
        )
        return {path: state for path, state, _ in rows}

    def paused_folders(self) -> set[bytes]:
        """Return the hot folders that the user has paused."""
        return {root for (root,) in self._db.execute("SELECT root FROM folders WHERE paused")}

    def ends_of(self, root: bytes) -> dict[bytes, str]:
        """Return the state, by path, of every file of a hot folder whose job has ended."""
        rows = self._db.execute(
            "SELECT path, state FROM jobs WHERE folder = (SELECT id FROM folders WHERE root = ?)"
            " AND current AND ended_at IS NOT NULL",
            (root,),
        )
        return dict(rows)

    def made(self) -> Iterator[Made]:
        """Return every published output."""
        rows = self._db.execute(f"SELECT job, path, size, sha256 {_STANDING} ORDER BY job")
        return (Made(*row) for row in rows)

    def newest_made(self, limit: int) -> list[Made]:
        """Return the newest published outputs."""
        rows = self._db.execute(
            f"SELECT job, path, size, sha256 {_STANDING} ORDER BY job DESC LIMIT ?", (limit,)
        )
        return [Made(*row) for row in rows]

    def remains(self) -> dict[ArtifactState, int]:
        """Return the number of published outputs that retention has handled, by what happened to them."""
        rows = self._db.execute(
            "SELECT remains, count(*) FROM outputs WHERE published AND remains > '' GROUP BY remains"
        )
        return {ArtifactState(remains): number for remains, number in rows}

    # --- retention ---

    def roots(self) -> dict[int, bytes]:
        """Return the paths of all hot folders, including former ones."""
        return dict(self._db.execute("SELECT id, root FROM folders"))

    def known(self, folder: int) -> Iterator[tuple[bytes, int, int, int, int]]:
        """Return (path, size, mtime_ns, strokes, mark) of files with a job that is not to be made again."""
        return known_files(self._db, folder)

    def is_home(self, output: bytes) -> bool:
        """Whether the journal has recorded the marker of this output folder."""
        return self._meta("home", "") == output.hex()

    def count_standing(self) -> int:
        """Return the number of published outputs that retention has not handled."""
        return int(self._db.execute(f"SELECT count(*) {_STANDING}").fetchone()[0])

    def due(self, until: str) -> int:
        """Return how many of them are of this day or earlier, or were about to be removed."""
        (number,) = self._db.execute(f"SELECT count(*) {_DUE}", (until,)).fetchone()
        return int(number)

    def page_of_due(self, until: str, after: tuple[int, int], limit: int) -> list[Artifact]:
        """Return those outputs in order of (job, ordinal), after this one."""
        rows = self._db.execute(
            f"SELECT o.job, o.ordinal, o.path, {_DAY}, o.size, o.sha256, o.remains {_DUE}"
            " AND (o.job, o.ordinal) > (?, ?) ORDER BY o.job, o.ordinal LIMIT ?",
            (until, *after, limit),
        )
        return [artifact_of(row) for row in rows]

    def page_of_trash(self, until: str, after: tuple[int, int], limit: int) -> list[Artifact]:
        """Return outputs that were moved to the trash on this day or earlier."""
        rows = self._db.execute(
            "SELECT job, ordinal, path, remains_on, size, sha256, remains FROM outputs"
            " WHERE remains = 'trashed' AND published AND remains_on <= ? AND (job, ordinal) > (?, ?)"
            " ORDER BY job, ordinal LIMIT ?",
            (until, *after, limit),
        )
        return [artifact_of(row) for row in rows]

    def page_of_notes(self, until: str, after: int, limit: int) -> list[tuple[Note, str]]:
        """Return the error notes of failures on this day or earlier, with that day."""
        rows = self._db.execute(
            "SELECT j.id, f.root, j.path, j.code, j.params, j.reason, j.note,"
            " substr(j.ended_at, 1, 10) AS day FROM jobs j JOIN folders f ON f.id = j.folder"
            " WHERE j.state = 'failed' AND NOT j.live AND NOT j.note_gone AND NOT j.forgotten"
            " AND day <= ? AND j.id > ? AND NOT EXISTS (SELECT 1 FROM jobs n WHERE n.folder = j.folder"
            " AND n.path = j.path AND n.note = j.note AND n.id > j.id AND (n.state = 'failed' OR n.live))"
            " ORDER BY j.id LIMIT ?",
            (until, after, limit),
        )
        return [
            (Note(job, root, path, reason_of(code, params, sentence), note), day)
            for job, root, path, code, params, sentence, note, day in rows
        ]

    def page_of_reports(self, until: str, after: str, limit: int) -> list[Artifact]:
        """Return files of reports of this day or earlier, in order of their paths, after this one."""
        rows = self._db.execute(
            "SELECT 0, 0, path, day, size, sha256, remains FROM report_files WHERE path > ?"
            " AND (remains IS NULL AND day <= ? OR remains = 'going') ORDER BY path LIMIT ?",
            (after, until, limit),
        )
        return [replace(artifact_of(row), thing=ArtifactKind.REPORT) for row in rows]

    def newest_archived(self, limit: int) -> list[tuple[str, int]]:
        """Return (path, size) of the newest originals in the archive."""
        rows = self._db.execute(f"SELECT original, size {_ARCHIVED} ORDER BY id DESC LIMIT ?", (limit,))
        return rows.fetchall()

    def count_archived(self, until: str | None = None) -> int:
        """Return the number of originals in the archive: all, or those archived on this day or earlier."""
        (number,) = self._db.execute(
            f"SELECT count(*) {_ARCHIVED} AND original_on <= ?", ("9" if until is None else until,)
        ).fetchone()
        return int(number)

    def page_of_archived(self, until: str, after: tuple[int, int], limit: int) -> list[Artifact]:
        """Return originals that were archived on this day or earlier, or were about to be removed."""
        rows = self._db.execute(
            f"SELECT id, 0, original, original_on, size, sha256, original_remains {_ARCHIVED}"
            " AND (original_on <= ? OR original_remains = 'going') AND id > ? ORDER BY id LIMIT ?",
            (until, after[0], limit),
        )
        return [replace(artifact_of(row), thing=ArtifactKind.ORIGINAL) for row in rows]

    def unpublished_done(self) -> list[int]:
        """Return jobs that are done but have an unpublished output: there must be none."""
        rows = self._db.execute(
            "SELECT DISTINCT j.id FROM jobs j LEFT JOIN outputs o ON o.job = j.id"
            " WHERE j.state = 'done' AND NOT j.forgotten AND (o.job IS NULL OR NOT o.published)"
        )
        return [job for (job,) in rows]

    def live_jobs(self) -> set[int]:
        """Return jobs that are unfinished or have cleanup left: their temp files are not leftovers."""
        return {job for (job,) in self._db.execute("SELECT id FROM jobs WHERE live")}

    def _with_outputs(self, record: Record) -> Record:
        query = "SELECT path, model FROM outputs WHERE job = ? AND published"
        rows = self._db.execute(query, (record.job,)).fetchall()
        model = next((model for _, model in rows), None)
        return replace(record, outputs=tuple(path for path, _ in rows), model=model)

    def _meta(self, key: str, default: str) -> str:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else str(row[0])


@contextmanager
def reading(path: Path) -> Iterator[JournalReader]:
    """Open a journal reader and close it afterwards.

    Raises:
        JournalError: it cannot be opened, or not be read to the end of the block.
    """
    with explained(path), closing(JournalReader(path)) as ledger:
        yield ledger


def known_to(path: Path, folder: int) -> Iterator[tuple[bytes, int, int, int, int]]:
    """Return what `JournalReader.known` returns, read lazily on any thread.

    Raises:
        JournalError: the journal cannot be read.
    """
    with reading(path) as ledger:
        yield from ledger.known(folder)


def _address(path: Path) -> str:
    """Return the journal's SQLite URI for reading only.

    Without a write-ahead log beside it, no process has it open, and none may be created: it would belong to
    the reading user, and the daemon's user could not write it.
    """
    escaped = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    alone = not path.with_name(f"{path.name}-wal").exists()
    return f"file:{escaped}?mode=ro" + ("&immutable=1" if alone else "")
