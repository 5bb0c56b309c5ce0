"""The states of a job as a table, the live job itself, and the waits between attempts.

A trigger that the table does not list for a state raises an error and changes nothing. docs/LIFECYCLE.md is
generated from the same table.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Gt

from mattingd.domain.earlier import EarlierResult
from mattingd.domain.jobs import Fit, Geometry, JobRecord, Output, Patience, PreviousResult, Recipe, Stamp
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import NO_REASON, Reason, Reasons

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When an operation is retried after a temporary fault."""

    first_seconds: Annotated[float, Gt(0)] = 5.0
    """Wait before the second attempt; doubled before each further one."""
    cap_seconds: Annotated[float, Gt(0)] = 600.0
    """The longest wait between two attempts."""
    give_up_minutes: Annotated[float, Ge(0)] = 30.0
    """A picture that cannot be read for this long fails; a full or read-only output never fails a picture."""


class State(StrEnum):
    """The state of a job. The journal stores the value."""

    QUEUED = "queued"
    """Waits for a worker."""
    READING = "reading"
    """A worker reads and decodes it, and scales it to the network's input."""
    READY = "ready"
    """Waits for the engine; the worker holds the picture."""
    INFERRING = "inferring"
    """In a batch at the engine."""
    MATTED = "matted"
    """Has a matte; waits for the worker that holds the picture."""
    FINISHING = "finishing"
    """The worker makes the cut-outs and writes each to a temp file."""
    PREPARED = "prepared"
    """All cut-outs are complete in temp files, and the journal has their hashes."""
    HELD = "held"
    """Waits for the next attempt after a fault that may pass."""
    DONE = "done"
    """All cut-outs have their final names."""
    UNCHANGED = "unchanged"
    """The result would be the one already published: no new version."""
    FAILED = "failed"
    """This content cannot be processed; the error note says why."""
    IGNORED = "ignored"
    """Not a picture, or not a regular file."""
    SUPERSEDED = "superseded"
    """The file was saved again before it was read; the new content is another job."""
    WITHDRAWN = "withdrawn"
    """The file was removed before it was read."""


class Trigger(StrEnum):
    """What can happen to a job and move it to another state."""

    STARTED = "started"
    """The next operation was sent to a worker or to the engine."""
    SUCCEEDED = "succeeded"
    """That operation succeeded."""
    AGAIN = "again"
    """The picture goes through the network again, as a crop of the subject."""
    RECALLED = "recalled"
    """The matte of the last result is stored and fits this picture: the network is not needed."""
    SAME = "same"
    """Content and settings are those of the last result, or the new cut-out is byte for byte the old one."""
    CROWDED = "crowded"
    """The picture needs more memory than was reserved for it."""
    SPLIT = "split"
    """The batch failed and is run again in smaller parts."""
    WAITS = "waits"
    """A fault that may pass prevents the operation."""
    DUE = "due"
    """The wait is over."""
    BROKE = "broke"
    """This content cannot be processed, or all attempts are used up."""
    REFUSED = "refused"
    """The content is not a picture."""
    CHANGED = "changed"
    """The source has new content."""
    VANISHED = "vanished"
    """The source was removed."""
    CRASHED = "crashed"
    """The process that worked on it died, or the daemon stopped."""
    LOST = "lost"
    """The prepared temp files are gone."""


S, T = State, Trigger

TABLE: dict[tuple[State, Trigger], State] = {
    (S.QUEUED, T.STARTED): S.READING,
    (S.QUEUED, T.CHANGED): S.SUPERSEDED,
    (S.QUEUED, T.VANISHED): S.WITHDRAWN,
    (S.QUEUED, T.BROKE): S.FAILED,
    (S.READING, T.SUCCEEDED): S.READY,
    (S.READING, T.RECALLED): S.MATTED,
    (S.READING, T.SAME): S.UNCHANGED,
    (S.READING, T.CROWDED): S.QUEUED,
    (S.READING, T.WAITS): S.HELD,
    (S.READING, T.BROKE): S.FAILED,
    (S.READING, T.REFUSED): S.IGNORED,
    (S.READING, T.CHANGED): S.SUPERSEDED,
    (S.READING, T.CRASHED): S.QUEUED,
    (S.READY, T.STARTED): S.INFERRING,
    (S.READY, T.RECALLED): S.MATTED,
    (S.READY, T.CRASHED): S.QUEUED,
    (S.INFERRING, T.SUCCEEDED): S.MATTED,
    (S.INFERRING, T.SPLIT): S.READY,
    (S.INFERRING, T.BROKE): S.FAILED,
    (S.INFERRING, T.CRASHED): S.QUEUED,
    (S.MATTED, T.STARTED): S.FINISHING,
    (S.MATTED, T.CRASHED): S.QUEUED,
    (S.FINISHING, T.SUCCEEDED): S.PREPARED,
    (S.FINISHING, T.AGAIN): S.READY,
    (S.FINISHING, T.SAME): S.UNCHANGED,
    (S.FINISHING, T.WAITS): S.HELD,
    (S.FINISHING, T.BROKE): S.FAILED,
    (S.FINISHING, T.CRASHED): S.QUEUED,
    (S.PREPARED, T.SUCCEEDED): S.DONE,
    (S.PREPARED, T.WAITS): S.PREPARED,
    (S.PREPARED, T.CRASHED): S.PREPARED,
    (S.PREPARED, T.LOST): S.QUEUED,
    (S.HELD, T.DUE): S.QUEUED,
    (S.HELD, T.CHANGED): S.SUPERSEDED,
    (S.HELD, T.VANISHED): S.WITHDRAWN,
}
"""Every transition: (state, trigger) -> next state."""

LIVE = frozenset(state for state, _ in TABLE)
"""States that are not final."""

WORKING = frozenset({S.READING, S.READY, S.INFERRING, S.MATTED, S.FINISHING})
"""States in which a job is in flight: after an unclean stop it is run again in isolation."""

COUNTED_AS: dict[State, str] = {
    S.DONE: "done",
    S.UNCHANGED: "done",
    S.FAILED: "failed",
    S.IGNORED: "ignored",
    S.SUPERSEDED: "superseded",
    S.WITHDRAWN: "withdrawn",
} | dict.fromkeys(LIVE, "waiting")
"""The word under which `status` and `audit` count a state."""


class IllegalMoveError(Exception):
    """A trigger cannot happen in this state: a defect of the program, never of the input."""


def advance(state: State, trigger: Trigger) -> State:
    """Return the state that follows `trigger`.

    Raises:
        IllegalMoveError: the table has no such transition.
    """
    try:
        return TABLE[state, trigger]
    except KeyError:
        raise IllegalMoveError(f"{trigger} cannot happen to a job that is {state}") from None


def backoff_seconds(attempts: int, policy: RetryPolicy) -> float:
    """Seconds to wait after the given number of attempts: doubled each time, capped."""
    return min(policy.cap_seconds, policy.first_seconds * 2.0 ** min(attempts - 1, 30))


@dataclass(slots=True)
class Job:
    """A job that is not finished: its journal row, and what only matters while the daemon runs."""

    id: int
    folder: int
    path: bytes
    stamp: Stamp
    recipe: Recipe
    state: State
    outputs: tuple[Output, ...]
    note: str
    attempts: int = 0
    isolated: bool = False
    quarantine_candidate: bool = False
    isolated_crashes: int = 0
    last: PreviousResult | None = None
    forced: bool = False
    wished: bool = False
    """Whether a person waits for it, so that it does not wait for the hours of its folder."""
    anyway: bool = False
    stale_notes: tuple[str, ...] = ()
    chores: frozenset[str] = field(default_factory=frozenset)
    reason: Reason = NO_REASON
    drop: str = ""
    sha256: bytes | None = None
    follows: bytes | None = None
    """Where it seems to have been moved from."""

    worker: int | None = None
    """Number of the worker that holds the picture."""
    fit: Fit | None = None
    net: Geometry | None = None
    """The geometry that it was read with."""
    again: bool = False
    """It has a matte and goes through the network again."""
    inferred: float = 0.0
    """Seconds that the network needed for it."""
    reserved: int = 0
    """Pixels of the memory budget held for it."""
    single: bool = False
    """Its batch failed before: it goes to the engine alone."""
    waits: int = 0
    """Consecutive attempts that were held up."""
    blocked: int = 0
    """Consecutive attempts at which its own output path could not be written."""
    stays: bool = False
    """Another machine could not do it: it is done on this one."""
    unchanged_since: int = 0
    """Monotonic nanoseconds since which this run of the daemon saw the file unchanged."""
    unread_since: int | None = None
    """Monotonic nanoseconds since which it cannot be read; None when it can."""
    due: int = 0
    """When a held job, or the publication of a prepared one, is tried again."""
    size_known: int | None = None
    """Pixels of the picture; None before its header was read."""
    batch: int = 0
    """Number of the last batch it was in."""
    model: str = ""
    """SHA-256 of the weights that made its matte."""
    device: str = ""
    """Where the matte was calculated; "" for one that was stored."""
    precision: str = ""
    """In which number format."""
    remarks: Reasons = ()
    """Remarks about the cut-out for the user, such as ``first of 12 frames``."""
    wrote: bool = False
    """A temp file of it may exist."""
    gone: bool = False
    """Its source was removed too late to cancel the job."""
    cut_out: bool = False
    """The picture was already cut out when it arrived."""
    painted: bytes = b""
    """SHA-256 of the touch-up strokes; empty before they are read, and when there are none."""
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds of work on each stage that it went through in this run."""
    maybe_same: bool = False
    """Another file of its size had its settings: the same picture may have been cut out before."""
    asks: bool = False
    """The journal was asked for such cut-outs and has not answered."""
    same: EarlierResult | None = None
    """The cut-outs that are copied for it."""
    patience_kept: bool = False
    """The journal holds how long it has waited."""

    @classmethod
    def from_row(cls, row: JobRecord, now: int) -> "Job":
        """Return the live job of a journal row; `now` in monotonic nanoseconds."""
        kept = row.patience
        return cls(
            id=row.job,
            folder=row.folder,
            path=row.path,
            stamp=row.stamp,
            recipe=row.recipe,
            state=State(row.state),
            outputs=row.outputs,
            note=row.note,
            attempts=row.attempts,
            isolated=row.isolated,
            quarantine_candidate=row.quarantine_candidate,
            isolated_crashes=row.isolated_crashes,
            last=row.last,
            forced=row.forced,
            wished=row.forced or row.touched_up,
            anyway=row.anyway,
            stale_notes=row.stale_notes,
            chores=row.chores,
            reason=row.reason,
            drop=row.drop,
            sha256=row.sha256,
            follows=row.follows,
            remarks=row.remarks,
            maybe_same=row.maybe_same,
            wrote=row.attempts > 0,
            waits=kept.waits,
            blocked=kept.blocked,
            due=now + round(kept.next_try_in * _SECOND),
            unread_since=None if kept.unread_for is None else now - round(kept.unread_for * _SECOND),
            unchanged_since=now - round(kept.unchanged_for * _SECOND),
            patience_kept=kept != Patience(),
        )

    def patience_to_keep(self, now: int) -> Patience | None:
        """Return how long it has waited if the journal does not hold that yet; None where nothing changed."""
        waits = bool(self.waits or self.blocked or self.unread_since is not None)
        if not (waits or self.patience_kept):
            return None
        self.patience_kept = waits
        return Patience(
            self.waits,
            self.blocked,
            max(0, self.due - now) / _SECOND,
            None if self.unread_since is None else (now - self.unread_since) / _SECOND,
            (now - self.unchanged_since) / _SECOND,
        )

    @property
    def date(self) -> str:
        """Date of its drop, ``YYYY-MM-DD``."""
        return self.drop[:10]

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Those of its recipe; without their doubts where a person wants it published anyway."""
        if not self.anyway:
            return self.recipe.presets
        return tuple(replace(each, on_empty="publish", on_damage="publish") for each in self.recipe.presets)

    def advance(self, trigger: Trigger) -> State:
        """Apply the trigger and return the new state."""
        self.state = advance(self.state, trigger)
        return self.state


def note_moved(job: Job, newer: Job | None, where: str) -> None:
    """Note where the error note of a job is, also for a newer job of the same source, which removes it."""
    if newer is not None:
        newer.stale_notes = tuple(where if note == job.note else note for note in newer.stale_notes)
    job.note = where
