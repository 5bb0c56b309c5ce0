"""The life of a picture as a table, and when to try again.

Knows states and events, nothing else: no time, no job. An event that the table does not foresee in a state
raises and changes nothing. The diagram in docs/LIFECYCLE.md is drawn from the same table.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Gt

from mattingd.domain.jobs import Fit, JobRecord, Output, PreviousResult, Recipe, Stamp


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When something that may heal by itself is tried again."""

    first_seconds: Annotated[float, Gt(0)] = 5.0
    """Wait before the second attempt; doubled for each further one."""
    cap_seconds: Annotated[float, Gt(0)] = 600.0
    """The longest wait between two attempts."""
    give_up_minutes: Annotated[float, Ge(0)] = 30.0
    """A picture that cannot be read this long fails; a full or read-only output never makes one fail."""


class State(StrEnum):
    """Where on its way a job is. The value is what the journal stores."""

    QUEUED = "queued"
    """Waits for its turn."""
    READING = "reading"
    """A worker reads, decodes and fits it."""
    READY = "ready"
    """Waits for the engine; the worker holds the picture."""
    INFERRING = "inferring"
    """Stands in a batch at the engine."""
    MATTED = "matted"
    """Has a matte; waits for the worker that holds the picture."""
    FINISHING = "finishing"
    """The worker makes the cut-outs and writes each to a temp file."""
    PREPARED = "prepared"
    """All cut-outs lie whole in temp files, and the journal knows their hashes."""
    HELD = "held"
    """Something that may heal is in the way; it is tried again later."""
    DONE = "done"
    """All cut-outs stand under their final names."""
    UNCHANGED = "unchanged"
    """This file's last result is what would be made again: nothing new to publish."""
    FAILED = "failed"
    """It will not work with this content; an error note says why."""
    IGNORED = "ignored"
    """It is no picture, or no file."""
    SUPERSEDED = "superseded"
    """The file was saved again before it was read; the new content is a job of its own."""
    WITHDRAWN = "withdrawn"
    """The file was taken away before it was read."""


class Event(StrEnum):
    """What can happen to a job."""

    STARTED = "started"
    """Its next operation was handed to a worker or to the engine."""
    SUCCEEDED = "succeeded"
    """That operation succeeded."""
    AGAIN = "again"
    """It goes through the model a second time: its subject by itself, or its mirror image."""
    RECALLED = "recalled"
    """Strokes were painted on its last result, whose matte is stored: the model has nothing to do."""
    SAME = "same"
    """Content and settings are those of this source's last result, or what they give is, byte for byte."""
    CROWDED = "crowded"
    """It needs more memory than was granted."""
    SPLIT = "split"
    """Its batch failed and is run again in smaller parts."""
    WAITS = "waits"
    """Something that may heal is in the way."""
    DUE = "due"
    """The wait is over."""
    BROKE = "broke"
    """It will never work with this content, or no longer may be tried."""
    REFUSED = "refused"
    """It is no picture."""
    CHANGED = "changed"
    """The source has other content now."""
    VANISHED = "vanished"
    """The source is not there any more."""
    CRASHED = "crashed"
    """Whoever had it in hand died, or the daemon ended in between."""
    LOST = "lost"
    """Its prepared outputs are not there any more."""


S, E = State, Event

TABLE: dict[tuple[State, Event], State] = {
    (S.QUEUED, E.STARTED): S.READING,
    (S.QUEUED, E.CHANGED): S.SUPERSEDED,
    (S.QUEUED, E.VANISHED): S.WITHDRAWN,
    (S.QUEUED, E.BROKE): S.FAILED,
    (S.READING, E.SUCCEEDED): S.READY,
    (S.READING, E.RECALLED): S.MATTED,
    (S.READING, E.SAME): S.UNCHANGED,
    (S.READING, E.CROWDED): S.QUEUED,
    (S.READING, E.WAITS): S.HELD,
    (S.READING, E.BROKE): S.FAILED,
    (S.READING, E.REFUSED): S.IGNORED,
    (S.READING, E.CHANGED): S.SUPERSEDED,
    (S.READING, E.VANISHED): S.WITHDRAWN,
    (S.READING, E.CRASHED): S.QUEUED,
    (S.READY, E.STARTED): S.INFERRING,
    (S.READY, E.CRASHED): S.QUEUED,
    (S.INFERRING, E.SUCCEEDED): S.MATTED,
    (S.INFERRING, E.SPLIT): S.READY,
    (S.INFERRING, E.BROKE): S.FAILED,
    (S.INFERRING, E.CRASHED): S.QUEUED,
    (S.MATTED, E.STARTED): S.FINISHING,
    (S.MATTED, E.CRASHED): S.QUEUED,
    (S.FINISHING, E.SUCCEEDED): S.PREPARED,
    (S.FINISHING, E.AGAIN): S.READY,
    (S.FINISHING, E.SAME): S.UNCHANGED,
    (S.FINISHING, E.WAITS): S.HELD,
    (S.FINISHING, E.BROKE): S.FAILED,
    (S.FINISHING, E.CRASHED): S.QUEUED,
    (S.PREPARED, E.SUCCEEDED): S.DONE,
    (S.PREPARED, E.WAITS): S.PREPARED,
    (S.PREPARED, E.CRASHED): S.PREPARED,
    (S.PREPARED, E.LOST): S.QUEUED,
    (S.HELD, E.DUE): S.QUEUED,
    (S.HELD, E.CHANGED): S.SUPERSEDED,
    (S.HELD, E.VANISHED): S.WITHDRAWN,
}
"""The whole life: (state, event) -> state."""

LIVE = frozenset(state for state, _ in TABLE)
"""States from which a job still moves."""

WORKING = frozenset({S.READING, S.READY, S.INFERRING, S.MATTED, S.FINISHING})
"""States in which a job is in flight: found so after an unclean stop, the job is a suspect."""

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
    """An event came in a state in which it cannot happen: a defect in the rules, never in the input."""


def advance(state: State, event: Event) -> State:
    """The state after `event`.

    Raises:
        IllegalMoveError: the table has no such edge.
    """
    try:
        return TABLE[state, event]
    except KeyError:
        raise IllegalMoveError(f"{event} cannot happen to a job that is {state}") from None


def backoff_seconds(attempts: int, policy: RetryPolicy) -> float:
    """Seconds to wait after the given number of attempts: doubled each time, capped."""
    return min(policy.cap_seconds, policy.first_seconds * 2.0 ** min(attempts - 1, 30))


@dataclass(slots=True)
class Job:
    """A live job: what the journal's row says, and what only matters while the daemon runs."""

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
    stale_notes: tuple[str, ...] = ()
    chores: frozenset[str] = field(default_factory=frozenset)
    reason: str = ""
    drop: str = ""
    sha256: bytes | None = None

    worker: int | None = None
    """Who holds the picture."""
    fit: Fit | None = None
    again: bool = False
    """It has a matte, and goes through the model again."""
    inferred: float = 0.0
    """Seconds of the model's time that it took."""
    reserved: int = 0
    """Pixels of the memory budget held for it."""
    single: bool = False
    """Its batch failed before: it goes to the engine by itself."""
    waits: int = 0
    """Times in a row that something was in the way."""
    blocked: int = 0
    """Times in a row that its own place could not be written."""
    unchanged_since: int = 0
    """Since when the file is seen to be the same, by this run of the daemon."""
    unread_since: int | None = None
    """Since when it cannot be read."""
    due: int = 0
    """When a held job, or the publishing of a prepared one, is tried again."""
    size_known: int | None = None
    """Pixels, once its header was read."""
    batch: int = 0
    """The newest batch it stands in."""
    model: str = ""
    """SHA-256 of the weights that made its matte."""
    remarks: tuple[str, ...] = ()
    """What a person should know of its cut-out, such as ``first of 12 frames``."""
    wrote: bool = False
    """A temp file of it may lie about."""
    gone: bool = False
    """Its source was taken away when nothing could be called off any more."""
    cut_out: bool = False
    """It came cut out already."""
    painted: bytes = b""
    """SHA-256 of the strokes beside it, once they were read; empty when nothing is painted."""

    @classmethod
    def from_row(cls, row: JobRecord) -> "Job":
        """The live job of a journal row."""
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
            stale_notes=row.stale_notes,
            chores=row.chores,
            reason=row.reason,
            drop=row.drop,
            sha256=row.sha256,
            remarks=row.remarks,
            wrote=row.attempts > 0,
        )

    @property
    def date(self) -> str:
        """That of its drop."""
        return self.drop[:10]

    def advance(self, event: Event) -> State:
        """Move along the table."""
        self.state = advance(self.state, event)
        return self.state
