"""Convert rows of the tables into jobs, their outputs and their history."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from mattingd.domain.drops import NO_DROP
from mattingd.domain.earlier import DropCount, Resting, Took
from mattingd.domain.jobs import (
    ENDS,
    Chore,
    JobRecord,
    Models,
    Output,
    Patience,
    Place,
    PreviousResult,
    Recipe,
    Stamp,
)
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason, Reasons
from mattingd.journal.schema import JOB_COLUMNS

MEASURED: Final = 500
"""Pictures whose times are looked at after a start."""
RESULTS: Final = frozenset({"done", "unchanged"})
"""States whose content and recipe a later job of the same source is compared with."""


def reason_of(code: str, params: str, sentence: str) -> Reason:
    """Read the reason from the columns `code`, `params` and, in journals before version 4, `reason`."""
    return Reason(code, tuple(json.loads(params).items())) if code else Reason.as_written(sentence)


def params_of(reason: Reason) -> str:
    """Read the column `params` of a reason."""
    return json.dumps(dict(reason.params))


def remarks_of(column: str) -> Reasons:
    """Read the column `remarks`: pairs of a code and parameters; before version 4, sentences."""
    return tuple(
        Reason.as_written(each) if isinstance(each, str) else Reason(each[0], tuple(each[1].items()))
        for each in json.loads(column)
    )


def remarks_column(remarks: Reasons) -> str:
    """Convert remarks for the column `remarks`."""
    return json.dumps([(each.code, dict(each.params)) for each in remarks])


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
    anyway: bool
    forgotten: bool
    model: str | None
    """SHA-256 of the weights that made its output."""
    confidence: float | None


class JobHistory(NamedTuple):
    """The part of a source's history that matters to a new job."""

    last: PreviousResult | None
    """The content that its last result was made from."""
    notes: tuple[str, ...]
    """The error notes written since then."""


def history(db: sqlite3.Connection, folder: int, path: bytes, before: int = 1 << 62) -> list[Version]:
    """Return all jobs of a source with a number below `before`, newest first."""
    rows = db.execute(
        "SELECT id, current, size, mtime_ns, strokes, mark, state, sha256, painted, recipe, note, strikes,"
        " again, anyway, forgotten,"
        " (SELECT model FROM outputs WHERE job = jobs.id AND ordinal = 0), confidence FROM jobs"
        " WHERE folder = ? AND path = ? AND id < ? ORDER BY id DESC",
        (folder, path, before),
    )
    return [
        Version(
            job,
            current,
            Stamp(size, mtime_ns, strokes=strokes, mark=mark),
            state,
            sha256,
            painted or b"",
            *rest,
        )
        for job, current, size, mtime_ns, strokes, mark, state, sha256, painted, *rest in rows
    ]


def past_of(versions: list[Version]) -> JobHistory:
    """Return the last result, and the notes of the failures after it."""
    notes: dict[str, None] = {}
    for number, version in enumerate(versions):
        if version.state in RESULTS:
            if version.sha256 is None or version.forgotten:
                return JobHistory(None, tuple(notes))
            made = next((older for older in versions[number:] if older.state == "done"), version)
            sure = made.confidence
            last = PreviousResult(version.sha256, version.recipe, made.model, version.painted, sure)
            return JobHistory(last, tuple(notes))
        if version.state == "failed":
            notes[version.note] = None
    return JobHistory(None, tuple(notes))


def touched_up(stamp: Stamp, versions: list[Version]) -> bool:
    """Whether a user painted on a picture that came to its end: other strokes are beside the same file."""
    before = next((version for version in versions if version.state in {*RESULTS, "failed"}), None)
    if before is None or before.forgotten:
        return False
    same = (before.stamp.size, before.stamp.mtime_ns) == (stamp.size, stamp.mtime_ns)
    return same and before.stamp.strokes != stamp.strokes


def past_at(db: sqlite3.Connection, folder: int, path: bytes, before: int = 1 << 62) -> JobHistory:
    """Return the history of a source, with the outputs that still exist."""
    versions = history(db, folder, path, before)
    return with_outputs(db, past_of(versions), versions)


def with_outputs(db: sqlite3.Connection, past: JobHistory, versions: list[Version]) -> JobHistory:
    """Add the outputs of the last result to a history if all of them exist."""
    made = next((version for version in versions if version.state == "done"), None)
    if past.last is None or made is None or made.forgotten or not _stand(db, made.job):
        return past
    return past._replace(last=replace(past.last, outputs=outputs_of(db, made.job)))


def _stand(db: sqlite3.Connection, job: int) -> bool:
    gone = "SELECT 1 FROM outputs WHERE job = ? AND (remains IS NOT NULL OR NOT published)"
    return db.execute(gone, (job,)).fetchone() is None


def outputs_of(db: sqlite3.Connection, job: int) -> tuple[Output, ...]:
    """Return the outputs of a job, in order."""
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
    """Return the weights that make the mattes."""
    rows = dict(db.execute("SELECT key, value FROM meta WHERE key IN ('model', 'model before')"))
    return Models(rows.get("model", ""), rows.get("model before"))


def live_rows(db: sqlite3.Connection, now: float) -> list[JobRecord]:
    """Return all jobs that are unfinished or have cleanup left, oldest first; `now` in seconds since 1970."""
    return [_row(db, raw, now) for raw in db.execute("SELECT * FROM jobs WHERE live ORDER BY id").fetchall()]


def ended_of_open_drops(db: sqlite3.Connection) -> list[DropCount]:
    """Return the number of ended jobs by state, of drops whose end is not recorded."""
    rows = db.execute(
        f"SELECT folder, drop_name, state, count(*) FROM jobs WHERE state IN {ENDS}"  # noqa: S608 - our own words
        " AND (folder, drop_name) IN"
        " (SELECT folder, drop_name FROM jobs EXCEPT SELECT folder, name FROM drops)"
        " AND drop_name NOT GLOB ? GROUP BY folder, drop_name, state",
        (f"*{NO_DROP}",),
    )
    return [DropCount(*row) for row in rows]


def may_be_same(db: sqlite3.Connection, job: int, size: int, recipe: str) -> bool:
    """Whether another job had a file of this size and these settings."""
    found = db.execute(
        "SELECT 1 FROM jobs WHERE size = ? AND recipe = ? AND id <> ? AND state <> 'ignored' LIMIT 1",
        (size, recipe, job),
    )
    return found.fetchone() is not None


def took(db: sqlite3.Connection) -> list[Took]:
    """How long the last pictures took that are done and went through the network, the oldest first."""
    rows = db.execute(
        "SELECT path, size, read_s + infer_s + finish_s + write_s + coalesce(publish_s, 0) FROM jobs"
        " WHERE state = 'done' AND read_s + infer_s + finish_s + write_s > 0 ORDER BY id DESC LIMIT ?",
        (MEASURED,),
    ).fetchall()
    return [Took(*row) for row in reversed(rows)]


def resting(db: sqlite3.Connection, now: float) -> list[Resting]:
    """Files that were held back and are not admitted yet; `now` in seconds since 1970."""
    rows = db.execute("SELECT folder, path, size, mtime_ns, strokes, since FROM waiting_files")
    return [
        Resting(folder, path, Stamp(size, mtime_ns, strokes=strokes), max(0.0, now - since))
        for folder, path, size, mtime_ns, strokes, since in rows
    ]


def _patience_of(row: dict[str, Any], now: float) -> Patience:
    """Return how often and how long the job of a row has waited until now; never negative."""
    unread, unchanged = row["unread_since"], row["unchanged_since"]
    untried = max(0.0, now - (row["next_try"] or now))  # nobody tried to read it since then
    return Patience(
        waits=row["waits"],
        blocked=row["blocked"],
        next_try_in=max(0.0, (row["next_try"] or now) - now),
        unread_for=None if unread is None else max(0.0, now - unread - untried),
        unchanged_for=0.0 if unchanged is None else max(0.0, now - unchanged),
    )


def _row(db: sqlite3.Connection, raw: tuple[Any, ...], now: float) -> JobRecord:
    value = dict(zip(JOB_COLUMNS, raw, strict=True))
    (presets,) = db.execute("SELECT presets FROM recipes WHERE hash = ?", (value["recipe"],)).fetchone()
    versions = history(db, value["folder"], value["path"], value["id"])
    past = with_outputs(db, past_of(versions), versions)
    stamp = Stamp(value["size"], value["mtime_ns"], strokes=value["strokes"], mark=value["mark"])
    if value["follows"] is not None:
        past = past._replace(last=past_at(db, value["folder"], value["follows"], value["id"]).last)
    return JobRecord(
        job=value["id"],
        folder=value["folder"],
        path=value["path"],
        stamp=stamp,
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
        reason=reason_of(value["code"], value["params"], value["reason"]),
        forced=bool(value["forced"]),
        anyway=bool(value["anyway"]),
        stale_notes=past.notes,
        drop=value["drop_name"],
        sha256=value["sha256"],
        remarks=remarks_of(value["remarks"]),
        follows=value["follows"],
        maybe_same=may_be_same(db, value["id"], value["size"], value["recipe"]),
        patience=_patience_of(value, now),
        touched_up=touched_up(stamp, versions),
    )


@lru_cache(maxsize=256)
def _recipe(number: str, presets: str) -> Recipe:
    first, *also = (Preset(**values) for values in json.loads(presets))
    return Recipe(number, first, tuple(also))


def known_files(db: sqlite3.Connection, folder: int) -> Iterator[tuple[bytes, int, int, int, int]]:
    """Return (path, size, mtime_ns, strokes, mark) of files with a job that is not to be made again."""
    return iter(
        db.execute(
            "SELECT path, size, mtime_ns, strokes, mark FROM jobs WHERE folder = ? AND current AND NOT again",
            (folder,),
        )
    )
