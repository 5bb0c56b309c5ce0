"""How a settled file becomes a job: known or new, and which place its output gets.

Runs inside the transaction of a turn. That two outputs never share a place is held by a unique index; which
place is wanted is asked of the placing rules.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import NamedTuple

from mattingd.domain.commands import Admit, NextVersion
from mattingd.domain.events import Admitted, AlreadyKnown, VersionAssigned
from mattingd.domain.jobs import Holder, JobRecord, Naming, Output, Place, Recipe, Stamp
from mattingd.journal.rows import JobHistory, history, outputs_of, past_of, with_outputs


class PlacingRules(NamedTuple):
    """The pure rules the journal asks; see `rules/placing.py`."""

    pick: Callable[[Naming, Callable[[str], Holder | None]], tuple[Place, ...]]
    next_version: Callable[[Place, Callable[[str], bool]], Place]
    folded: Callable[[str], str]


class Admission:
    """The journal's door. One owner: the checkpoint."""

    def __init__(self, db: sqlite3.Connection, rules: PlacingRules, wall: Callable[[], str]) -> None:
        self._db = db
        self._rules = rules
        self._wall = wall

    def admit(self, admit: Admit) -> Admitted | AlreadyKnown:
        """Take a file in, unless the newest job of this path was made for this very file.

        A person may ask for that very file once more. What crashed its process before then runs alone at
        once, and with no strike against it.
        """
        versions = history(self._db, admit.folder, admit.path)
        current = next((version for version in versions if version.current), None)
        if current is not None:
            if current.stamp.same_as(admit.stamp) and not current.again:
                return AlreadyKnown(admit.folder, admit.path)
            self._db.execute("UPDATE jobs SET current = 0 WHERE id = ?", (current.job,))
        forced = current is not None and current.again
        quarantine_candidate = current is not None and current.again and current.isolated_crashes > 0
        self._keep(admit.recipe)
        job = self._insert(admit, forced=forced, quarantine_candidate=quarantine_candidate)
        outputs = self._give_places(job, admit) if admit.ignored is None else ()
        row = _row(job, admit, outputs, with_outputs(self._db, past_of(versions), versions))
        return Admitted(replace(row, forced=forced, quarantine_candidate=quarantine_candidate))

    def next_version(self, asked: NextVersion) -> VersionAssigned:
        """Give an output the next free version of its place."""
        output = next(o for o in outputs_of(self._db, asked.job) if o.ordinal == asked.ordinal)
        place = self._rules.next_version(output.place, self._held)
        self._db.execute(
            "UPDATE outputs SET path = ?, folded = ?, version = ? WHERE job = ? AND ordinal = ?",
            (place.path, self._rules.folded(place.path), place.version, asked.job, asked.ordinal),
        )
        return VersionAssigned(
            asked.job, Output(output.ordinal, place, output.temp, output.sha256, output.size)
        )

    def _keep(self, recipe: Recipe) -> None:
        known = self._db.execute("SELECT 1 FROM recipes WHERE hash = ?", (recipe.hash,)).fetchone()
        if known is None:
            presets = json.dumps([asdict(preset) for preset in recipe.presets])
            self._db.execute("INSERT INTO recipes VALUES (?, ?)", (recipe.hash, presets))

    def _insert(self, admit: Admit, *, forced: bool, quarantine_candidate: bool) -> int:
        ignored = admit.ignored is not None
        now = self._wall()
        cursor = self._db.execute(
            "INSERT INTO jobs (folder, path, size, mtime_ns, strokes, current, live, state, reason, recipe,"
            " drop_name, note, forced, suspect, admitted_batches, admitted_at, ended_at)"
            " VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                admit.folder,
                admit.path,
                admit.stamp.size,
                admit.stamp.mtime_ns,
                admit.stamp.strokes,
                not ignored,
                "ignored" if ignored else "queued",
                admit.ignored or "",
                admit.recipe.hash,
                admit.drop,
                admit.naming.note,
                forced,
                quarantine_candidate,
                admit.batches,
                now,
                now if ignored else None,
            ),
        )
        return int(cursor.lastrowid or 0)

    def _give_places(self, job: int, admit: Admit) -> tuple[Output, ...]:
        places = self._rules.pick(
            admit.naming, lambda folded: self._holder(folded, (admit.folder, admit.path))
        )
        self._db.executemany(
            "INSERT INTO outputs (job, ordinal, path, folded, base, version, extension)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    job,
                    ordinal,
                    each.path,
                    self._rules.folded(each.path),
                    each.base,
                    each.version,
                    each.extension,
                )
                for ordinal, each in enumerate(places)
            ],
        )
        return tuple(Output(ordinal, each) for ordinal, each in enumerate(places))

    def _held(self, folded: str) -> bool:
        return self._holder(folded) is not None

    def _holder(self, folded: str, source: tuple[int, bytes] = (0, b"")) -> Holder | None:
        """What holds a place; the same index knows each folder on the way to outputs, by what lies below."""
        found = self._db.execute(
            "SELECT folder = ? AND path = ? FROM jobs WHERE id = (SELECT job FROM outputs WHERE folded = ?)",
            (*source, folded),
        ).fetchone()
        if found is not None:
            return Holder.SELF if found[0] else Holder.OTHER
        below = self._db.execute(
            "SELECT 1 FROM outputs WHERE folded > ? || '/' AND folded < ? || '0' LIMIT 1", (folded, folded)
        ).fetchone()
        return None if below is None else Holder.FOLDER


def _row(job: int, admit: Admit, outputs: tuple[Output, ...], past: JobHistory) -> JobRecord:
    return JobRecord(
        job=job,
        folder=admit.folder,
        path=admit.path,
        stamp=Stamp(admit.stamp.size, admit.stamp.mtime_ns, strokes=admit.stamp.strokes),
        state="queued" if admit.ignored is None else "ignored",
        recipe=admit.recipe,
        outputs=outputs,
        note=admit.naming.note,
        last=past.last,
        reason=admit.ignored or "",
        stale_notes=past.notes,
        drop=admit.drop,
    )
