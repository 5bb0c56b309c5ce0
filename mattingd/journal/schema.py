"""The journal's tables and columns, and its errors in plain words."""

import glob
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

VERSION: Final = 8
"""`PRAGMA user_version` of the journals this code writes."""
COPIES: Final = 3
"""Daily copies that are kept."""

_SINCE_1: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    root BLOB NOT NULL UNIQUE,
    scanned INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0, -- a person holds it back
    named INTEGER                      -- its name is in the paths of `layout: auto`; NULL: undecided
);
CREATE TABLE recipes (
    hash TEXT PRIMARY KEY,
    presets TEXT NOT NULL              -- a JSON list, in the order of their outputs
) WITHOUT ROWID;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    folder INTEGER NOT NULL REFERENCES folders,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    current INTEGER NOT NULL,          -- speaks for the file that lies at this path now
    live INTEGER NOT NULL,             -- still moves, or has chores left
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    recipe TEXT NOT NULL REFERENCES recipes,
    drop_name TEXT NOT NULL,
    note TEXT NOT NULL,
    forced INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    alone INTEGER NOT NULL DEFAULT 0,
    suspect INTEGER NOT NULL DEFAULT 0,
    strikes INTEGER NOT NULL DEFAULT 0,
    chores TEXT NOT NULL DEFAULT '',
    sha256 BLOB,
    admitted_batches INTEGER NOT NULL, -- sent to the engine when it was admitted ...
    batch INTEGER,                     -- ... and the one it was in: fairness can be counted
    admitted_at TEXT NOT NULL,
    ended_at TEXT,
    note_gone INTEGER NOT NULL DEFAULT 0, -- retention has seen to its error note
    again INTEGER NOT NULL DEFAULT 0,  -- a person wants it made again: the next look admits it anew
    forgotten INTEGER NOT NULL DEFAULT 0,
    read_s REAL,                       -- seconds of work on each stage of its last way through them
    infer_s REAL,
    finish_s REAL,
    write_s REAL,
    publish_s REAL,
    original TEXT,                     -- where in the archive its original lies ...
    original_on TEXT,                  -- ... and since which date
    original_remains TEXT,             -- once retention has looked at it, see `ArtifactState`
    confidence REAL,                   -- in its matte, 0 to 1
    strokes INTEGER NOT NULL DEFAULT 0, -- which strokes lie beside the file ...
    painted BLOB,                      -- ... and the SHA-256 of what is painted in them
    remarks TEXT NOT NULL DEFAULT '[]', -- a JSON list of [code, parameters], on its cut-outs
    code TEXT NOT NULL DEFAULT '',     -- why it is in its state, in place of `reason`: a code ...
    params TEXT NOT NULL DEFAULT '{}', -- ... and its parameters as JSON
    anyway INTEGER NOT NULL DEFAULT 0, -- a person wants it published, doubts or not
    waits INTEGER NOT NULL DEFAULT 0,  -- times in a row that something was in the way ...
    blocked INTEGER NOT NULL DEFAULT 0, -- ... or that its own place could not be written
    next_try REAL,                     -- when it is tried again, ...
    unread_since REAL,                 -- ... since when it cannot be read ...
    unchanged_since REAL,              -- ... and its file is the same: seconds since 1970
    approved_at TEXT,                  -- a person has looked at its cut-outs and found them good
    mark INTEGER NOT NULL DEFAULT 0,   -- inode and time of change, see `Stamp.mark`
    follows BLOB                       -- the path that the file seems to have been moved from
);
CREATE UNIQUE INDEX one_current ON jobs (folder, path) WHERE current;
CREATE INDEX by_path ON jobs (folder, path, id);
CREATE INDEX live_jobs ON jobs (id) WHERE live;
CREATE INDEX by_state ON jobs (state);
CREATE INDEX gone_sources ON jobs (folder, size) WHERE NOT current;
CREATE TABLE outputs (
    job INTEGER NOT NULL REFERENCES jobs,
    ordinal INTEGER NOT NULL,
    path TEXT NOT NULL,
    folded TEXT UNIQUE,                -- NULL once the place is free again
    base TEXT NOT NULL,
    version INTEGER NOT NULL,
    extension TEXT NOT NULL,
    temp TEXT,
    sha256 BLOB,
    size INTEGER,
    published INTEGER NOT NULL DEFAULT 0,
    remains TEXT,                      -- NULL: it lies where it was published; else see `ArtifactState` ...
    remains_on TEXT,                   -- ... and since which date
    model TEXT,                        -- SHA-256 of the weights that made it ...
    device TEXT,                       -- ... on this device ...
    precision TEXT,                    -- ... in this number format
    PRIMARY KEY (job, ordinal)
) WITHOUT ROWID;
CREATE INDEX standing ON outputs (job) WHERE published AND (remains IS NULL OR remains = 'going');
CREATE INDEX in_trash ON outputs (job) WHERE remains = 'trashed';
"""
_SINCE_4: Final = """
CREATE TABLE waiting_files (           -- seen, not whole yet, so not admitted
    folder INTEGER NOT NULL REFERENCES folders,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    strokes INTEGER NOT NULL,
    since REAL NOT NULL,               -- unchanged since then, in seconds since 1970
    PRIMARY KEY (folder, path)
) WITHOUT ROWID;
CREATE TABLE drops (                   -- those that have ended
    folder INTEGER NOT NULL REFERENCES folders,
    name TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    reported INTEGER NOT NULL DEFAULT 0, -- its report is written, its notices are in `notices`
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE INDEX unreported ON drops (ended_at) WHERE NOT reported;
CREATE TABLE report_files (
    path TEXT PRIMARY KEY,             -- relative to the output root
    folder INTEGER NOT NULL REFERENCES folders,
    drop_name TEXT NOT NULL,
    day TEXT NOT NULL,                 -- its age counts from then
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    remains TEXT,                      -- as of outputs
    remains_on TEXT
) WITHOUT ROWID;
CREATE TABLE notices (
    id TEXT PRIMARY KEY,               -- tells a repeated delivery from a new one
    folder INTEGER NOT NULL REFERENCES folders,
    drop_name TEXT NOT NULL,
    channel TEXT NOT NULL,             -- `webhook`, `mail`, `chat` or `program`
    state TEXT NOT NULL,               -- `due`, `sent` or `dead`
    attempts INTEGER NOT NULL DEFAULT 0,
    next_try REAL,
    error TEXT NOT NULL DEFAULT ''     -- of the last attempt
) WITHOUT ROWID;
CREATE INDEX due_notices ON notices (next_try) WHERE state = 'due';
CREATE INDEX by_drop ON jobs (folder, drop_name);
"""
_SINCE_8: Final = """
ALTER TABLE notices ADD COLUMN settled TEXT NOT NULL DEFAULT '[]'; -- JSON: receivers that need it no more
CREATE INDEX by_content ON jobs (sha256) WHERE state = 'done'; -- the same picture again ...
CREATE INDEX by_size ON jobs (size);                           -- ... and pictures that may be the same
"""
SCHEMA: Final = _SINCE_1 + _SINCE_4 + _SINCE_8

_ADDED_IN_4: Final = """
ALTER TABLE jobs ADD COLUMN code TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN params TEXT NOT NULL DEFAULT '{}';
ALTER TABLE jobs ADD COLUMN anyway INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN next_try REAL;
ALTER TABLE jobs ADD COLUMN unread_since REAL;
ALTER TABLE jobs ADD COLUMN unchanged_since REAL;
"""
_ENDED_BEFORE: Final = """
INSERT OR IGNORE INTO drops SELECT folder, drop_name, max(ended_at), 1 FROM jobs GROUP BY folder, drop_name
    HAVING sum(ended_at IS NULL) = 0;  -- nobody waits for reports of what ended before
"""

MIGRATIONS: Final = {
    1: """
ALTER TABLE jobs ADD COLUMN note_gone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN read_s REAL;
ALTER TABLE jobs ADD COLUMN infer_s REAL;
ALTER TABLE jobs ADD COLUMN finish_s REAL;
ALTER TABLE jobs ADD COLUMN write_s REAL;
ALTER TABLE jobs ADD COLUMN publish_s REAL;
ALTER TABLE jobs ADD COLUMN original TEXT;
ALTER TABLE jobs ADD COLUMN original_on TEXT;
ALTER TABLE jobs ADD COLUMN original_remains TEXT;
ALTER TABLE jobs ADD COLUMN confidence REAL;
ALTER TABLE jobs ADD COLUMN strokes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN painted BLOB;
ALTER TABLE folders ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outputs ADD COLUMN remains TEXT;
ALTER TABLE outputs ADD COLUMN remains_on TEXT;
ALTER TABLE outputs ADD COLUMN model TEXT;
CREATE INDEX standing ON outputs (job) WHERE published AND (remains IS NULL OR remains = 'going');
CREATE INDEX in_trash ON outputs (job) WHERE remains = 'trashed';
""",
    2: """
ALTER TABLE recipes RENAME COLUMN preset TO presets;
UPDATE recipes SET presets = '[' || presets || ']';
ALTER TABLE jobs ADD COLUMN remarks TEXT NOT NULL DEFAULT '[]';
DELETE FROM meta WHERE key = 'founded';  -- 'home' takes its place, which names the folder
""",
    3: _ADDED_IN_4 + _SINCE_4 + _ENDED_BEFORE,
    4: """
ALTER TABLE folders ADD COLUMN named INTEGER;
UPDATE folders SET named = 1;            -- cut-outs go on where earlier ones lie
ALTER TABLE jobs ADD COLUMN approved_at TEXT;
ALTER TABLE outputs ADD COLUMN device TEXT;
ALTER TABLE outputs ADD COLUMN precision TEXT;
""",
    5: """
ALTER TABLE jobs ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN follows BLOB;
CREATE INDEX gone_sources ON jobs (folder, size) WHERE NOT current;
""",
    6: _ENDED_BEFORE,  # the ends of drops are recorded from here on
    7: _SINCE_8,
}
"""What makes the next version of a journal; each is one transaction. New columns come last in their table."""

KEEPS_PLACE: Final = frozenset({"done", "queued", "reading", "ready", "inferring", "matted", "finishing"}) | {
    "prepared",
    "held",
}
"""States whose outputs hold their places; in all others the places are free again."""
ENDED: Final = frozenset({"done", "unchanged", "failed", "ignored", "superseded", "withdrawn"})
"""States from which a job does not move any more."""
NOT_CURRENT: Final = frozenset({"superseded", "withdrawn"})
"""Ends that say nothing about the file that lies there now."""


class JournalError(Exception):
    """The journal cannot be opened, read or written; the message says which file and what to do."""


class NoJournalError(JournalError):
    """There is no journal yet."""


JOB_COLUMNS: Final = (
    "id", "folder", "path", "size", "mtime_ns", "current", "live", "state", "reason", "recipe", "drop_name",
    "note", "forced", "attempts", "alone", "suspect", "strikes", "chores", "sha256", "admitted_batches",
    "batch", "admitted_at", "ended_at", "note_gone", "again",
    "forgotten", "read_s", "infer_s", "finish_s", "write_s", "publish_s", "original",
    "original_on", "original_remains", "confidence", "strokes", "painted", "remarks",
    "code", "params", "anyway", "waits", "blocked", "next_try", "unread_since", "unchanged_since",
    "approved_at",
    "mark", "follows",
)  # fmt: skip


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Return an error of SQLite in plain words."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "malformed" in text or "not a database" in text:
            raise JournalError(damaged(path)) from error
        if "full" in text:
            raise JournalError(
                f"{path}: the disk that holds the journal is full; free some space on it"
            ) from error
        raise JournalError(f"{path}: the journal cannot be used: {text}") from error


def damaged(path: Path) -> str:
    """Return what to tell the user about a damaged journal."""
    return f"{path} is damaged; nothing was changed. {_way_out(path)}"


def older(path: Path, version: int) -> str:
    """Return what to tell a user who may only read a journal of an earlier version."""
    return (
        f"{path} was written by an earlier mattingd (journal version {version}; this one reads {VERSION});"
        " the next `mattingd run` brings it up to date, and keeps a copy"
    )


def newer(path: Path, version: int) -> str:
    """Return what to tell the user about a journal of a later version."""
    return (
        f"{path} was written by a newer mattingd (journal version {version}; this one knows {VERSION});"
        f" nothing was changed. Install that version again. {_way_out(path)}"
    )


def _way_out(path: Path) -> str:
    """Return the command that restores the newest copy or, without one, moves the journal aside."""
    before = path.parent.glob(f"{glob.escape(path.name)}.version-*")
    usable = [copy for copy in (*before, *copies_of(path)) if 0 < _version_of(copy) <= VERSION]
    rest = " ".join(shlex.quote(f"{path}{end}") for end in ("-wal", "-shm"))
    here = shlex.quote(str(path))
    if usable:
        newest = max(usable, key=lambda copy: copy.stat().st_mtime_ns)
        return f"To go on with the newest copy: rm -f {rest}; cp {shlex.quote(str(newest))} {here}"
    return f"There is no copy; to begin again: rm -f {rest}; mv {here} {shlex.quote(f'{path}.damaged')}"


def copies_of(path: Path) -> list[Path]:
    """Return the daily copies of a journal, oldest first."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}.????-??-??"))


def _version_of(path: Path) -> int:
    """Return a file's journal version (sqlite.org/fileformat.html, offset 60); 0 for other files."""
    with path.open("rb") as file:
        header = file.read(64)
    return int.from_bytes(header[60:]) if header.startswith(b"SQLite format 3\0") else 0
