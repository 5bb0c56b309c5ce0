"""Record what users request, what waits for admission, what retention did. Part of a turn's transaction."""

import sqlite3
from typing import Final

from mattingd.domain.artifacts import ArtifactKind
from mattingd.domain.commands import (
    Approve,
    AskAgain,
    AskPart,
    Forget,
    ForgetWaiting,
    RecordArtifacts,
    RememberWaiting,
)
from mattingd.domain.drops import EndedFile
from mattingd.domain.events import PartSeen
from mattingd.domain.jobs import Look, Stamp

NEWEST_CUT_OUTS: Final = (
    "j.state = 'done' AND NOT j.forgotten AND EXISTS (SELECT 1 FROM outputs o WHERE o.job = j.id"
    " AND o.published AND (o.remains IS NULL OR o.remains = 'going')) AND NOT EXISTS (SELECT 1 FROM jobs n"
    " WHERE n.folder = j.folder AND n.path = j.path AND n.id > j.id AND n.state = 'done')"
)
"""Jobs `j` whose cut-outs are the newest of their file and stand, whether the file is still there or not."""


def ask_again(db: sqlite3.Connection, ask: AskAgain) -> None:
    """Have the next inspection of a file admit it once more."""
    db.execute(
        "UPDATE jobs SET again = 1, anyway = ?"
        " WHERE folder = ? AND path = ? AND current AND ended_at IS NOT NULL",
        (ask.anyway, ask.folder, ask.path),
    )


def part_seen(db: sqlite3.Connection, ask: AskPart) -> PartSeen:
    """Return what became of the files of a sub-folder; without those that are to be made again."""
    in_it = "FROM jobs WHERE folder = ? AND path > ? AND path < ? AND ended_at IS NOT NULL"
    below = f"{in_it} AND current"
    whose = (ask.part.folder, ask.part.name + b"/", ask.part.name + b"0")
    failed = tuple(
        path for (path,) in db.execute(f"SELECT path {below} AND state = 'failed' ORDER BY path", whose)
    )
    if failed:
        return PartSeen(ask.part, failed, ())
    ended, gone = (
        tuple(
            EndedFile(path, Stamp(size, time, strokes=strokes))
            for path, size, time, strokes in db.execute(
                f"SELECT path, size, mtime_ns, strokes {which} AND NOT again ORDER BY path, id", whose
            )
        )
        for which in (below, f"{in_it} AND NOT current AND NOT forgotten AND state <> 'failed'")
    )
    return PartSeen(ask.part, (), ended, gone)


def forget(db: sqlite3.Connection, wanted: Forget) -> None:
    """Forget a file. The rows stay, so that `audit` still balances, but no longer count for any file."""
    source = (wanted.folder, wanted.path)
    db.execute(
        "UPDATE outputs SET folded = NULL, published = published AND remains IS NOT NULL"
        " WHERE job IN (SELECT id FROM jobs WHERE folder = ? AND path = ? AND ended_at IS NOT NULL)",
        source,
    )
    db.execute(
        "UPDATE jobs SET current = 0, forgotten = 1 WHERE folder = ? AND path = ? AND ended_at IS NOT NULL",
        source,
    )


def look_of(db: sqlite3.Connection, folder: int, path: bytes) -> Look | None:
    """Whether the newest cut-outs of a file need checking; None when there are none."""
    row = db.execute(
        f"SELECT j.confidence, j.approved_at FROM jobs j WHERE j.folder = ? AND j.path = ?"  # noqa: S608 - ours
        f" AND {NEWEST_CUT_OUTS}",
        (folder, path),
    ).fetchone()
    return None if row is None else Look(*row)


def approve(db: sqlite3.Connection, wanted: Approve, now: str) -> None:
    """Record when a user first approved the newest cut-outs of a file, or that nobody did."""
    db.execute(
        "UPDATE jobs AS j SET approved_at = CASE WHEN ? THEN coalesce(approved_at, ?) END"  # noqa: S608 - ours
        f" WHERE j.folder = ? AND j.path = ? AND {NEWEST_CUT_OUTS}",
        (wanted.approved, now, wanted.folder, wanted.path),
    )


def remember_waiting(db: sqlite3.Connection, write: RememberWaiting | ForgetWaiting, now: float) -> None:
    """Keep since when a file is unchanged that is held back, or no more; `now` in seconds since 1970."""
    if isinstance(write, ForgetWaiting):
        no_more_waiting(db, write.folder, write.path)
        return
    stamp = (write.stamp.size, write.stamp.mtime_ns, write.stamp.strokes)
    row = (write.folder, write.path, *stamp, now - write.unchanged_for)
    db.execute("INSERT OR REPLACE INTO waiting_files VALUES (?, ?, ?, ?, ?, ?)", row)


def no_more_waiting(db: sqlite3.Connection, folder: int, path: bytes) -> None:
    """A file is admitted, or gone."""
    db.execute("DELETE FROM waiting_files WHERE folder = ? AND path = ?", (folder, path))


def remember(db: sqlite3.Connection, news: RecordArtifacts) -> None:
    """Record what retention is about to do, or did."""
    for mark in news.marks:
        match mark.thing:
            case ArtifactKind.NOTE:
                gone = mark.remains is not None
                db.execute("UPDATE jobs SET note_gone = ? WHERE id = ?", (gone, mark.job))
            case ArtifactKind.ORIGINAL:
                db.execute("UPDATE jobs SET original_remains = ? WHERE id = ?", (mark.remains, mark.job))
            case ArtifactKind.REPORT:
                db.execute(
                    "UPDATE report_files SET remains = ?, remains_on = ? WHERE path = ?",
                    (mark.remains, mark.day, mark.path),
                )
            case ArtifactKind.CUT_OUT:
                db.execute(
                    "UPDATE outputs SET remains = ?, remains_on = ?"
                    " WHERE job = ? AND ordinal = ? AND published",
                    (mark.remains, mark.day, mark.job, mark.ordinal),
                )
