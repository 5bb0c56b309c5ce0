"""From the tables to the vocabulary: jobs, their outputs and their past, as facts and rules know them."""

import json
import sqlite3
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from mattingd.domain.jobs import (
    ENDS,
    Chore,
    DropCount,
    JobRecord,
    Models,
    Output,
    Place,
    PreviousResult,
    Recipe,
    Stamp,
)
from mattingd.domain.presets import Preset
from mattingd.journal.schema import JOB_COLUMNS

RESULTS: Final = frozenset({"done", "unchanged"})
"""States whose content and recipe a later job of the same source is compared with."""


class Version(NamedTuple):
    """One job in the history of a source."""

    job: int
    current: bool
    stamp: Stamp
    state: str
    sha256: bytes | None
    painted: bytes
    recipe: str
    note: str
    isolated_crashes: int
    again: bool
    forgotten: bool
    model: str | None
    """SHA-256 of the weights that made its output."""


class JobHistory(NamedTuple):
    """What matters of a source's history to a new job."""

    last: PreviousResult | None
    """What its last result was made from."""
    notes: tuple[str, ...]
    """The error notes that stand since then."""


def history(db: sqlite3.Connection, folder: int, path: bytes, before: int = 1 << 62) -> list[Version]:
    """All jobs of a source with a number below `before`, newest first."""
    rows = db.execute(
        "SELECT id, current, size, mtime_ns, strokes, state, sha256, painted, recipe, note, strikes, again,"
        " forgotten,"
        " (SELECT model FROM outputs WHERE job = jobs.id AND ordinal = 0) FROM jobs"
        " WHERE folder = ? AND path = ? AND id < ? ORDER BY id DESC",
        (folder, path, before),
    )
    return [
        Version(job, current, Stamp(size, mtime_ns, strokes=strokes), state, sha256, painted or b"", *rest)
        for job, current, size, mtime_ns, strokes, state, sha256, painted, *rest in rows
    ]


def past_of(versions: list[Version]) -> JobHistory:
    """The last result, and the notes of the failures after it."""
    notes: dict[str, None] = {}
    for number, version in enumerate(versions):
        if version.state in RESULTS:
            if version.sha256 is None or version.forgotten:
                return JobHistory(None, tuple(notes))
            made = next((older for older in versions[number:] if older.state == "done"), version)
            last = PreviousResult(version.sha256, version.recipe, made.model, version.painted)
            return JobHistory(last, tuple(notes))
        if version.state == "failed":
            notes[version.note] = None
    return JobHistory(None, tuple(notes))


def with_outputs(db: sqlite3.Connection, past: JobHistory, versions: list[Version]) -> JobHistory:
    """The same past, with the outputs of its last result if all of them stand."""
    made = next((version for version in versions if version.state == "done"), None)
    if past.last is None or made is None or made.forgotten or not _stand(db, made.job):
        return past
    return past._replace(last=replace(past.last, outputs=outputs_of(db, made.job)))


def _stand(db: sqlite3.Connection, job: int) -> bool:
    gone = "SELECT 1 FROM outputs WHERE job = ? AND (remains IS NOT NULL OR NOT published)"
    return db.execute(gone, (job,)).fetchone() is None


def outputs_of(db: sqlite3.Connection, job: int) -> tuple[Output, ...]:
    """The outputs of a job, in order."""
    rows = db.execute(
        "SELECT ordinal, path, base, version, extension, temp, sha256, size FROM outputs WHERE job = ?"
        " ORDER BY ordinal",
        (job,),
    )
    return tuple(
        Output(ordinal, Place(path, base, version, extension), temp, sha256, size)
        for ordinal, path, base, version, extension, temp, sha256, size in rows
    )


def models(db: sqlite3.Connection) -> Models:
    """Which weights make the mattes."""
    rows = dict(db.execute("SELECT key, value FROM meta WHERE key IN ('model', 'model before')"))
    return Models(rows.get("model", ""), rows.get("model before"))


def live_rows(db: sqlite3.Connection) -> list[JobRecord]:
    """All jobs that still move or have chores left, oldest first."""
    return [_row(db, raw) for raw in db.execute("SELECT * FROM jobs WHERE live ORDER BY id").fetchall()]


def ended_of_live_drops(db: sqlite3.Connection) -> list[DropCount]:
    """Jobs that have ended, of drops with jobs that have not: how many in which state."""
    rows = db.execute(
        f"SELECT folder, drop_name, state, count(*) FROM jobs WHERE state IN {ENDS}"  # noqa: S608 - our own words
        f" AND (folder, drop_name) IN (SELECT folder, drop_name FROM jobs WHERE live AND state NOT IN {ENDS})"
        " GROUP BY folder, drop_name, state"
    )
    return [DropCount(*row) for row in rows]


def _row(db: sqlite3.Connection, raw: tuple[Any, ...]) -> JobRecord:
    value = dict(zip(JOB_COLUMNS, raw, strict=True))
    (presets,) = db.execute("SELECT presets FROM recipes WHERE hash = ?", (value["recipe"],)).fetchone()
    versions = history(db, value["folder"], value["path"], value["id"])
    past = with_outputs(db, past_of(versions), versions)
    return JobRecord(
        job=value["id"],
        folder=value["folder"],
        path=value["path"],
        stamp=Stamp(value["size"], value["mtime_ns"], strokes=value["strokes"]),
        state=value["state"],
        recipe=_recipe(value["recipe"], presets),
        outputs=outputs_of(db, value["id"]),
        note=value["note"],
        attempts=value["attempts"],
        isolated=bool(value["alone"]),
        isolated_crashes=value["strikes"],
        quarantine_candidate=bool(value["suspect"]),
        last=past.last,
        chores=frozenset(Chore(chore) for chore in value["chores"].split(",") if chore),
        reason=value["reason"],
        forced=bool(value["forced"]),
        stale_notes=past.notes,
        drop=value["drop_name"],
        sha256=value["sha256"],
        remarks=tuple(json.loads(value["remarks"])),
    )


@lru_cache(maxsize=256)
def _recipe(number: str, presets: str) -> Recipe:
    first, *also = (Preset(**values) for values in json.loads(presets))
    return Recipe(number, first, tuple(also))
