"""Turn a settled file into a job: decide whether it is known, and which paths its outputs get.

Runs inside the transaction of a turn. A unique index ensures that two outputs never share a path; the
preferred path comes from the placing rules.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import NamedTuple

from mattingd.domain.commands import Admit, NextVersion
from mattingd.domain.events import Admitted, AlreadyKnown, VersionAssigned
from mattingd.domain.jobs import Holder, JobRecord, Naming, Output, Place, Recipe
from mattingd.domain.reasons import NO_REASON
from mattingd.journal.earlier import moved_from
from mattingd.journal.requests import no_more_waiting
from mattingd.journal.rows import (
    JobHistory,
    history,
    may_be_same,
    outputs_of,
    params_of,
    past_at,
    past_of,
    touched_up,
    with_outputs,
)


class PlacingRules(NamedTuple):
    """The pure rules that the journal uses; see `core/output_paths.py`."""

    pick: Callable[[Naming, Callable[[str], Holder | None]], tuple[Place, ...]]
    next_version: Callable[[Place, Callable[[str], bool]], Place]
    folded: Callable[[str], str]


class Admission:
    """Admits files to the journal. One owner: the journal writer."""

    def __init__(self, db: sqlite3.Connection, rules: PlacingRules, wall: Callable[[], str]) -> None:
        self._db = db
        self._rules = rules
        self._wall = wall

    def admit(self, admit: Admit) -> Admitted | AlreadyKnown:
        """Admit a file, unless the newest job of this path was made for this very file.

        The user may request that file once more. A file that crashed a process before then runs in isolation
        at once, and its crash count starts at zero.
        """
        no_more_waiting(self._db, admit.folder, admit.path)
        versions = history(self._db, admit.folder, admit.path)
        current = next((version for version in versions if version.current), None)
        if current is not None:
            if current.stamp.same_as(admit.stamp) and not current.again:
                return AlreadyKnown(admit.folder, admit.path)
            self._db.execute("UPDATE jobs SET current = 0 WHERE id = ?", (current.job,))
        forced = current is not None and current.again
        quarantine_candidate = current is not None and current.again and current.isolated_crashes > 0
        past, follows = with_outputs(self._db, past_of(versions), versions), None
        if admit.follow and past.last is None and not forced:
            follows = moved_from(self._db, admit, self._rules.folded)
        if follows is not None:
            past = past._replace(last=past_at(self._db, admit.folder, follows).last)
        self._keep(admit.recipe)
        job = self._insert(admit, follows, forced=forced, quarantine_candidate=quarantine_candidate)
        anyway = forced and current is not None and current.anyway
        if anyway:
            self._db.execute("UPDATE jobs SET anyway = 1 WHERE id = ?", (job,))
        outputs = self._give_places(job, admit) if admit.ignored is None else ()
        same = may_be_same(self._db, job, admit.stamp.size, admit.recipe.hash)
        row = replace(_row(job, admit, outputs, past), follows=follows, maybe_same=same)
        row = replace(row, touched_up=touched_up(admit.stamp, versions))
        return Admitted(replace(row, forced=forced, anyway=anyway, quarantine_candidate=quarantine_candidate))

    def next_version(self, asked: NextVersion) -> VersionAssigned:
        """Give an output the next free version of its path."""
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

    def _insert(
        self, admit: Admit, follows: bytes | None, *, forced: bool, quarantine_candidate: bool
    ) -> int:
        ignored = admit.ignored is not None
        now, reason = self._wall(), admit.ignored or NO_REASON
        cursor = self._db.execute(
            "INSERT INTO jobs (folder, path, size, mtime_ns, strokes, current, live, state, code, params,"
            " recipe, drop_name, note, forced, suspect, admitted_batches, admitted_at, ended_at,"
            " mark, follows)"
            " VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                admit.folder,
                admit.path,
                admit.stamp.size,
                admit.stamp.mtime_ns,
                admit.stamp.strokes,
                not ignored,
                "ignored" if ignored else "queued",
                reason.code,
                params_of(reason),
                admit.recipe.hash,
                admit.drop,
                admit.naming.note,
                forced,
                quarantine_candidate,
                admit.batches,
                now,
                now if ignored else None,
                0 if ignored else admit.stamp.mark,  # the file is not read, so its content cannot be compared
                follows,
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
        """Return what holds a path. The same index knows each folder above outputs, by the paths below it."""
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
        stamp=replace(admit.stamp, inode=0, device=0),
        state="queued" if admit.ignored is None else "ignored",
        recipe=admit.recipe,
        outputs=outputs,
        note=admit.naming.note,
        last=past.last,
        reason=admit.ignored or NO_REASON,
        stale_notes=past.notes,
        drop=admit.drop,
    )
