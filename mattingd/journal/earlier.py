"""Find earlier results: of a file that was moved, and of the same content elsewhere."""

import os
import sqlite3
from collections.abc import Callable

from mattingd.domain.commands import Admit, FindSame
from mattingd.domain.earlier import EarlierResult
from mattingd.journal.rows import outputs_of, remarks_of


def moved_from(db: sqlite3.Connection, admit: Admit, folded: Callable[[str], str]) -> bytes | None:
    """Return the former path of a file with this size and name, in another folder or with other case.

    Nothing is there any more, and its outputs still exist by the journal. Only reading the file shows
    whether it is the same one. `folded` returns the form in which names are compared.
    """
    rows = db.execute(
        "SELECT path, max(id) FROM jobs j WHERE folder = ? AND size = ? AND NOT current"
        " AND state IN ('done', 'unchanged') AND NOT forgotten AND path <> ? AND NOT EXISTS"
        " (SELECT 1 FROM jobs n WHERE n.folder = j.folder AND n.path = j.path AND (n.current OR n.live))"
        " GROUP BY path ORDER BY max(id) DESC",
        (admit.folder, admit.stamp.size, admit.path),
    )

    def name_of(path: bytes) -> str:
        return folded(os.fsdecode(path.rpartition(b"/")[2]))

    name = name_of(admit.path)
    return next((path for path, _ in rows if name_of(path) == name), None)


def follow(db: sqlite3.Connection, job: int) -> None:
    """Handle a job whose result is unchanged; if its file was moved, its history moves with it."""
    db.execute(
        "UPDATE jobs AS past SET path = now.path"
        " FROM (SELECT folder, path, follows FROM jobs WHERE id = ?) AS now"
        " WHERE past.folder = now.folder AND past.path = now.follows AND NOT current AND NOT live",
        (job,),
    )


def find_same(db: sqlite3.Connection, asked: FindSame) -> EarlierResult | None:
    """Return the newest cut-outs of the same content, settings and weights; None when none stand.

    What a user wanted published in spite of doubts, or painted strokes on, says nothing of others.
    """
    found = db.execute(
        "SELECT j.id, o.path, coalesce(o.device, ''), coalesce(o.precision, ''), j.confidence, j.remarks"
        " FROM jobs j JOIN outputs o ON o.job = j.id AND o.ordinal = 0 WHERE j.state = 'done'"
        " AND j.sha256 = ? AND j.recipe = ? AND o.model = ? AND coalesce(j.painted, x'') = x''"
        " AND NOT j.anyway AND NOT j.forgotten AND NOT EXISTS (SELECT 1 FROM outputs g"
        " WHERE g.job = j.id AND (g.remains IS NOT NULL OR NOT g.published)) ORDER BY j.id DESC LIMIT 1",
        (asked.sha256, asked.recipe, asked.model),
    ).fetchone()
    if found is None:
        return None
    job, place, device, precision, sure, remarks = found
    outputs = outputs_of(db, job)
    return EarlierResult(place, outputs, asked.model, device, precision, sure, remarks_of(remarks))
