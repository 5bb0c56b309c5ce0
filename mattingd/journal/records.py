"""The frozen records that the journal's readers return, and their conversion from rows."""

import json
from dataclasses import dataclass, replace
from typing import Any

from mattingd.domain.artifacts import Artifact, ArtifactKind, ArtifactState
from mattingd.domain.jobs import NO_STAGE_TIMES, StageTimes
from mattingd.domain.reasons import Reason, Reasons, told
from mattingd.journal.rows import reason_of, remarks_of

RECORD = (
    "SELECT j.id, f.root, j.path, j.size, j.mtime_ns, j.state,"
    " json_array(j.state, j.code, j.params, j.reason, j.remarks), j.admitted_at, j.ended_at, j.batch,"
    " j.admitted_batches, j.note, CASE WHEN j.original_remains IS NULL THEN j.original END, j.confidence,"
    " j.approved_at,"
    " j.read_s, j.infer_s, j.finish_s, j.write_s, j.publish_s"
    " FROM jobs j JOIN folders f ON f.id = j.folder"
)
_WHY = 6
"""The column of a record that tells why; see `_reasons`."""
_STAGES = 5
"""Columns at the end of a record that tell what each stage took."""


@dataclass(frozen=True, slots=True)
class Record:
    """One job, as users see it."""

    job: int
    root: bytes
    path: bytes
    size: int
    mtime_ns: int
    state: str
    reasons: Reasons
    """The reason of its state, or remarks on its cut-outs for the user."""
    admitted_at: str
    ended_at: str | None
    batch: int | None
    """The number of its batch."""
    admitted_batches: int
    """How many batches had been sent when it was admitted."""
    note: str
    """Path of its error note, if it failed."""
    original: str | None = None
    """Path of its original in the archive, relative to the archive."""
    confidence: float | None = None
    """Confidence in its matte, from 0 to 1; None without a matte."""
    approved_at: str | None = None
    """When a user approved its cut-outs."""
    spent: StageTimes = NO_STAGE_TIMES
    """Seconds in each stage."""
    outputs: tuple[str, ...] = ()
    """Relative to the output root."""
    model: str | None = None
    """SHA-256 of the weights that made its matte; None without published outputs."""

    @property
    def reason(self) -> str:
        """The reasons as one English line."""
        return told(self.reasons)


def record_of(row: tuple[Any, ...]) -> Record:
    """Convert a row of `RECORD`, without its outputs."""
    values = [*row[:_WHY], _reasons(row[_WHY]), *row[_WHY + 1 : -_STAGES]]
    return replace(Record(*values), spent=StageTimes(*row[-_STAGES:]))


def _reasons(column: str) -> Reasons:
    """Return the reasons of a job's state; of a finished one the remarks on its cut-outs."""
    state, code, params, sentence, remarks = json.loads(column)
    reason = reason_of(code, params, sentence)
    if reason or state != "done":
        return (reason,) if reason else ()
    return remarks_of(remarks)


@dataclass(frozen=True, slots=True)
class Note:
    """The error note of a failed job."""

    job: int
    root: bytes
    path: bytes
    """SHA-256 of the source."""
    reason: Reason
    note: str
    """Its path, relative to the output root."""


@dataclass(frozen=True, slots=True)
class PublishedOutput:
    """A published output and its present state."""

    path: str
    """Relative to the output root."""
    size: int
    sha256: bytes
    remains: str | None
    """None while it should exist; otherwise what happened to it, see the column `remains` ..."""
    remains_on: str | None
    """... and on which date."""
    model: str | None
    """SHA-256 of the weights that made it."""
    device: str | None = None
    """The device that calculated its matte; None if it was stored, or the journal is older."""
    precision: str | None = None
    """The number format of that calculation."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A job that ended, with all that history shows of it."""

    job: int
    root: bytes
    path: bytes
    state: str
    reasons: Reasons
    """The reason of its state, or remarks on its cut-outs for the user."""
    admitted_at: str
    ended_at: str
    size: int
    sha256: bytes | None
    """SHA-256 of the source, if it was read."""
    attempts: int
    note: str
    """Path of its error note, if it failed; relative to the output root."""
    confidence: float | None = None
    """Confidence in its matte, from 0 to 1; None without a matte."""
    approved_at: str | None = None
    """When a user approved its cut-outs."""
    outputs: tuple[PublishedOutput, ...] = ()

    @property
    def reason(self) -> str:
        """The reasons as one English line."""
        return told(self.reasons)


@dataclass(frozen=True, slots=True)
class Made:
    """A published output."""

    job: int
    path: str
    size: int
    sha256: bytes


def artifact_of(row: tuple[Any, ...]) -> Artifact:
    """Convert a row of a file that retention may remove."""
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


def ending_of(row: tuple[Any, ...]) -> Ending:
    """Convert a row of an ended job, without its outputs."""
    values = [*row[:4], _reasons(row[4]), *row[5:]]
    return Ending(*values)
