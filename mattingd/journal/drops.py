"""The ends of drops, their reports and their notices. Writes run inside the transaction of a turn."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mattingd.domain.commands import (
    EndDrop,
    FinishReport,
    RecordNotice,
    RecordReceivers,
    RecordReportFiles,
    SendAgain,
)
from mattingd.domain.drops import NO_DROP, Channel, Notice, ReportFile
from mattingd.domain.jobs import NEEDS_A_LOOK, Look
from mattingd.journal.queries import JournalReader
from mattingd.journal.records import RECORD, Record, record_of
from mattingd.journal.schema import explained

DropWrite = EndDrop | RecordReportFiles | FinishReport | RecordNotice | RecordReceivers | SendAgain


def record(db: sqlite3.Connection, write: DropWrite, now: str, instance: str) -> None:
    """Apply a write that concerns drops.

    Args:
        db: the journal.
        write: what to record.
        now: the time in the journal's format.
        instance: the journal's instance name, for the names of notices.
    """
    match write:
        case EndDrop(folder, drop):
            db.execute("INSERT OR IGNORE INTO drops VALUES (?, ?, ?, 0)", (folder, drop, now))
        case RecordReportFiles():
            _record_files(db, write, now)
        case FinishReport():
            _finish(db, write, instance)
        case RecordReceivers(notice, receivers):
            db.execute("UPDATE notices SET settled = ? WHERE id = ?", (json.dumps(receivers), notice))
        case SendAgain():
            db.execute("UPDATE notices SET state = 'due', next_try = 0, attempts = 0 WHERE state = 'dead'")
        case RecordNotice(notice, state, error, next_try):
            db.execute(
                "UPDATE notices SET state = ?, error = ?, next_try = ?, attempts = attempts + 1 WHERE id = ?",
                (state, error, next_try, notice),
            )


def _record_files(db: sqlite3.Connection, write: RecordReportFiles, now: str) -> None:
    day = max(write.drop[:10], now[:10])
    db.executemany(
        "INSERT INTO report_files (path, folder, drop_name, day, size, sha256) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET folder = excluded.folder, drop_name = excluded.drop_name,"
        " day = excluded.day, size = excluded.size, sha256 = excluded.sha256, remains = NULL,"
        " remains_on = NULL",
        [(file.path, write.folder, write.drop, day, file.size, file.sha256) for file in write.files],
    )


def _finish(db: sqlite3.Connection, write: FinishReport, instance: str) -> None:
    db.execute("UPDATE drops SET reported = 1 WHERE folder = ? AND name = ?", (write.folder, write.drop))
    for channel in write.channels:
        named = f"{instance} {write.folder} {write.drop} {channel}"
        db.execute(
            "INSERT OR IGNORE INTO notices (id, folder, drop_name, channel, state, next_try)"
            " VALUES (?, ?, ?, ?, 'due', 0)",
            (hashlib.sha256(named.encode()).hexdigest()[:32], write.folder, write.drop, channel),
        )


@dataclass(frozen=True, slots=True)
class EndedDrop:
    """A drop that has ended."""

    folder: int
    root: bytes
    name: str
    ended_at: str


@dataclass(frozen=True, slots=True)
class PictureOfDrop:
    """A job of a drop, for its report."""

    record: Record
    sha256: str
    """SHA-256 of the source in hexadecimal; empty if it was not read."""
    recipe: str
    """Hash of its settings."""
    model: str
    """SHA-256 of the weights that made it; empty if the journal does not know."""

    @property
    def needs_a_look(self) -> bool:
        """Whether its cut-outs need checking and no user has approved them."""
        return self.record.state == "done" and Look(self.record.confidence, self.record.approved_at).needed


SHOWN = 20
"""Pictures that failed, or need checking, that are told one by one."""


@dataclass(frozen=True, slots=True)
class FolderStanding:
    """The number of pictures of a hot folder by state."""

    live: dict[str, int]
    """Unfinished jobs by state."""
    drop: str
    """The newest drop; empty if there was none."""
    is_open: bool
    """Whether that drop is still open or in work."""
    counts: dict[str, int]
    """The jobs of that drop by state."""
    unsure: int
    """Number of its cut-outs that need checking ..."""
    unsure_paths: tuple[bytes, ...]
    """... and the sources of some of them, the least sure first."""
    failed: tuple[Record, ...]
    """Failed pictures that still exist, the newest first; only some of them ..."""
    all_failed: int
    """... and their total number."""


_ENDED = "SELECT d.folder, f.root, d.name, d.ended_at FROM drops d JOIN folders f ON f.id = d.folder"
_EXTRA = ", hex(j.sha256), j.recipe, (SELECT model FROM outputs o WHERE o.job = j.id AND o.ordinal = 0) FROM"
_UNSURE = (
    "FROM jobs WHERE folder = ? AND drop_name = ? AND state = 'done'"
    " AND confidence < ? AND approved_at IS NULL"
)
_PICTURE = RECORD.replace(" FROM", _EXTRA, 1)


class DropReader(JournalReader):
    """A journal reader with questions about drops."""

    def unreported(self) -> list[EndedDrop]:
        """Return drops that have ended and have no report, the oldest first."""
        rows = self._db.execute(f"{_ENDED} WHERE NOT d.reported ORDER BY d.ended_at, d.name LIMIT 1000")
        return [EndedDrop(*row) for row in rows]

    def drop(self, folder: int, name: str) -> EndedDrop | None:
        """Return a drop by its name."""
        row = self._db.execute(f"{_ENDED} WHERE d.folder = ? AND d.name = ?", (folder, name)).fetchone()
        return None if row is None else EndedDrop(*row)

    def counts_of(self, folder: int, name: str) -> dict[str, int]:
        """Return the number of jobs of a drop in each state."""
        rows = self._db.execute(
            "SELECT state, count(*) FROM jobs WHERE folder = ? AND drop_name = ?"
            " GROUP BY state ORDER BY state",
            (folder, name),
        )
        return dict(rows)

    def unsure_in(self, folder: int, name: str) -> int:
        """Return the number of its cut-outs that need checking."""
        row = self._db.execute(f"SELECT count(*) {_UNSURE}", (folder, name, NEEDS_A_LOOK)).fetchone()
        return int(row[0])

    def pictures_of(self, folder: int, name: str) -> Iterator[PictureOfDrop]:
        """Return the jobs of a drop, in the order of their admission."""
        rows = self._db.execute(
            f"{_PICTURE} WHERE j.folder = ? AND j.drop_name = ? ORDER BY j.id", (folder, name)
        )
        return map(self._picture, rows)

    def unsure_first(self, folder: int, name: str) -> Iterator[PictureOfDrop]:
        """Return failed jobs, then finished ones by increasing confidence."""
        rows = self._db.execute(
            f"{_PICTURE} WHERE j.folder = ? AND j.drop_name = ? AND j.state IN ('failed', 'done')"
            " ORDER BY j.state = 'done', j.confidence IS NULL, j.confidence, j.id",
            (folder, name),
        )
        return map(self._picture, rows)

    def _picture(self, row: tuple[object, ...]) -> PictureOfDrop:
        # the three further columns are before FROM, so after those of a record
        record = self._with_outputs(record_of(row[:-3]))
        sha256, recipe, model = row[-3:]
        return PictureOfDrop(record, str(sha256 or "").lower(), str(recipe), str(model or ""))

    def standing_of(self, folder: int) -> FolderStanding:
        """Return the number of pictures of a hot folder by state."""
        states = dict(
            self._db.execute(
                "SELECT state, count(*) FROM jobs WHERE live AND ended_at IS NULL AND folder = ?"
                " GROUP BY state",
                (folder,),
            )
        )
        newest = self._db.execute(
            "SELECT drop_name FROM jobs WHERE folder = ? AND drop_name NOT GLOB ? ORDER BY id DESC LIMIT 1",
            (folder, f"*{NO_DROP}"),
        ).fetchone()
        name = newest[0] if newest else ""
        there = "j.state = 'failed' AND j.folder = ? AND j.current AND NOT j.forgotten"
        failed = self._db.execute(
            f"{RECORD} WHERE {there} ORDER BY j.id DESC LIMIT ?", (folder, SHOWN)
        ).fetchall()
        counted = f"SELECT count(*) FROM jobs j WHERE {there}"  # noqa: S608 - our own words
        unsure = f"SELECT path {_UNSURE} ORDER BY confidence, id LIMIT ?"
        (all_failed,) = self._db.execute(counted, (folder,)).fetchone()
        return FolderStanding(
            states,
            name,
            name != "" and self.drop(folder, name) is None,
            self.counts_of(folder, name),
            self.unsure_in(folder, name),
            tuple(path for (path,) in self._db.execute(unsure, (folder, name, NEEDS_A_LOOK, SHOWN))),
            tuple(record_of(row) for row in failed),
            all_failed,
        )

    def report_files(self, folder: int, name: str) -> list[ReportFile]:
        """Return the files of a report that retention has not removed."""
        rows = self._db.execute(
            "SELECT path, size, sha256 FROM report_files WHERE folder = ? AND drop_name = ?"
            " AND (remains IS NULL OR remains = 'going') ORDER BY path",
            (folder, name),
        )
        return [ReportFile(*row) for row in rows]

    def all_report_files(self) -> Iterator[ReportFile]:
        """Return the files of all reports."""
        rows = self._db.execute(
            "SELECT path, size, sha256 FROM report_files WHERE remains IS NULL OR remains = 'going'"
        )
        return (ReportFile(*row) for row in rows)

    def due_notices(self, channel: Channel, now: float) -> tuple[list[Notice], float | None]:
        """Return notices of a channel that are due, and when (seconds since 1970) the next one is."""
        table = "FROM notices WHERE state = 'due' AND channel = ?"
        rows = self._db.execute(
            f"SELECT id, folder, drop_name, channel, attempts, settled {table} AND next_try <= ?"
            " ORDER BY next_try LIMIT 100",
            (channel, now),
        )
        found = [
            Notice(id_, folder, drop, Channel(via), tries, tuple(json.loads(settled)))
            for id_, folder, drop, via, tries, settled in rows
        ]
        (later,) = self._db.execute(
            f"SELECT min(next_try) {table} AND next_try > ?", (channel, now)
        ).fetchone()
        return found, later

    def notices(self, state: str) -> list[tuple[Notice, str]]:
        """Return all notices in a state, with the error of the last attempt."""
        rows = self._db.execute(
            "SELECT id, folder, drop_name, channel, attempts, error FROM notices WHERE state = ?"
            " ORDER BY drop_name",
            (state,),
        )
        return [(Notice(row[0], row[1], row[2], Channel(row[3]), row[4]), row[5]) for row in rows]


@contextmanager
def reading_drops(path: Path) -> Iterator[DropReader]:
    """Open the journal for reading.

    Raises:
        JournalError: it cannot be read.
    """
    with explained(path), closing(DropReader(path)) as journal:
        yield journal
