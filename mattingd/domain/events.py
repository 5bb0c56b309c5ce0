"""What happened: the facts that the scheduler is told, one after the other.

Everything here is frozen data; what is to be done stands in `commands`. Pixel arrays never stand in a fact:
they travel beside it, keyed by job. Times are integer nanoseconds of the monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum

from mattingd.domain.artifacts import ArtifactUpdate
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Chore, Fault, Fit, JobRecord, Output, Stamp


@dataclass(frozen=True, slots=True)
class FileObservation:
    """What somebody saw at a path."""

    stamp: Stamp
    full: bool = False
    """True for open + fstat + close with all further checks; a directory scan only has the stamp."""
    writer: bool = False
    """Another program has the file open for writing."""
    unfinished: str | None = None
    """Why the content looks cut off, in plain words."""
    decoder_knows: bool = False
    """Of `unfinished`: decoding the picture tells whether anything is missing, so it waits a moment only."""
    odd: str | None = None
    """Why this is no file to process (a link, a pipe, ...), in plain words."""


@dataclass(frozen=True, slots=True)
class FileObserved:
    """Somebody looked at a path; `look` is None when nothing is there."""

    folder: int
    path: bytes
    look: FileObservation | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """A complete scan of a folder ended; everything it found was reported before."""

    folder: int
    files: int
    seconds: float
    passed_over: int = 0
    """Files and folders that no person dropped; what lies below such a folder is not counted."""


@dataclass(frozen=True, slots=True)
class Overflowed:
    """The kernel dropped notifications about a hot folder; it is looked through at once."""

    folder: int


@dataclass(frozen=True, slots=True)
class FolderTrouble:
    """A hot folder cannot be read at present, or (None) can be read again."""

    folder: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class FolderLeft:
    """A folder is no hot folder any more."""

    folder: int


@dataclass(frozen=True, slots=True)
class Today:
    """The calendar date in the configured time zone, as it goes into output paths."""

    date: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """The journal holds a new job."""

    row: JobRecord


@dataclass(frozen=True, slots=True)
class AlreadyKnown:
    """The journal already holds this very file; nothing to do."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class VersionAssigned:
    """The journal moved an output to its next version, because the place before was taken."""

    job: int
    output: Output


@dataclass(frozen=True, slots=True)
class WorkerUp:
    """A picture worker is ready for its first operation."""

    worker: int
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A picture worker ended, whatever the reason."""

    worker: int
    how: str


@dataclass(frozen=True, slots=True)
class ReadOk:
    """A picture was read, decoded and fitted; the worker keeps it, the network input lies beside."""

    worker: int
    job: int
    sha256: bytes
    fit: Fit
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    room: int = 0
    """Pixels of the memory budget that it takes, where these are not its own: see `Header.room`."""
    painted: bytes = b""
    """SHA-256 of the strokes beside it; empty when nothing is painted."""
    recalled: str | None = None
    """The worker holds the stored matte of its last result, too: by these weights. No network input then."""
    cut_out: bool = False
    """It is cut out already: its own alpha shows where its subject is."""


@dataclass(frozen=True, slots=True)
class NeedsRoom:
    """The header says that the picture is larger than what was granted; nothing was decoded."""

    worker: int
    job: int
    pixels: int


@dataclass(frozen=True, slots=True)
class AnotherPass:
    """The matte was taken, and another pass promises more; the network input for it lies beside."""

    worker: int
    job: int
    shape: tuple[int, int]
    """The network's (height, width) for it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All outputs of a job lie whole in temp files, were synced, read back and decoded."""

    worker: int
    job: int
    outputs: tuple[Output, ...]
    seconds: float = 0.0
    write_seconds: float = 0.0
    """Of these, those for the disk: written, synced, read back and decoded."""
    notes: tuple[str, ...] = ()
    """What a person should know of the files."""
    confidence: float | None = None
    """In the matte after two passes; None after one, which the engine told."""


@dataclass(frozen=True, slots=True)
class SameResult:
    """Byte for byte what stands already was made; nothing was written."""

    worker: int
    job: int
    seconds: float = 0.0
    confidence: float | None = None
    """As in `Finished`."""


@dataclass(frozen=True, slots=True)
class Published:
    """All outputs of a job stand under their final names, durably."""

    worker: int
    job: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class NameOccupied:
    """A foreign file holds the place of this output."""

    worker: int
    job: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class TempFileMissing:
    """Neither the temp file nor the final file of a prepared output exists: the work is to be done again."""

    worker: int
    job: int


@dataclass(frozen=True, slots=True)
class Faulted:
    """An operation on a picture did not succeed; the worker is fine and holds the picture no longer."""

    worker: int
    job: int
    fault: Fault
    reason: str


@dataclass(frozen=True, slots=True)
class ChoreDone:
    """A chore was done, or cannot be done for the given reason."""

    worker: int
    job: int
    chore: Chore
    failed: str | None = None
    where: str = ""
    """Where in the archive an original lies now."""
    alone: bool = False
    """It failed for a reason of its own: other places can be written."""


@dataclass(frozen=True, slots=True)
class EngineUp:
    """An engine child loaded, warmed up and passed its self-test."""

    engine: int
    device: str
    driver: str
    precision: str
    model: str
    model_sha256: str
    max_batch: int
    batch_seconds: float
    """Of the largest batch, as measured at warm-up: deadlines follow from it."""
    load_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineDied:
    """An engine child ended, whatever the reason."""

    engine: int
    how: str
    fatal: ExitCode | None = None
    """It said that starting it again is no use: with this code the daemon ends too."""
    wrong: bool = False
    """Its self-test failed: what it calculated last was not given away."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """The mattes of a batch lie beside this fact; `empty` says for each whether no subject was found."""

    batch: int
    empty: tuple[bool, ...]
    seconds: float = 0.0
    confidence: tuple[float, ...] = ()
    """Of each, from 0 to 1; an engine that has no picture of it says nothing."""


class InferFault(StrEnum):
    """Why a batch gave no mattes."""

    MEMORY = "memory"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class InferFailed:
    """A batch gave no mattes; the engine is still up."""

    batch: int
    fault: InferFault
    reason: str


@dataclass(frozen=True, slots=True)
class SpaceLow:
    """The output disk has less free space than it must keep, or (None) has enough again."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class Swept:
    """Retention is about to remove, or has removed, these; it goes on when the journal holds that."""

    marks: tuple[ArtifactUpdate, ...]
    home: bytes = b""
    """The output folder, if it bears its mark from now on."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Retention has been through everything."""

    removed: int
    trashed: int
    freed: int
    """Bytes of what was removed; the trash still takes space."""
    left: int
    """What was due and is left alone, since it is not as it was made, or cannot be removed."""
    refused: str | None = None
    """Why cut-outs were not removed at all."""


@dataclass(frozen=True, slots=True)
class ModelAsked:
    """Somebody wants these weights (as in `Models`) to make the mattes from now on."""

    model: str
    ticket: int = 0
    """By which the outcome is known."""
    anew: bool = False
    """In a new process, even if they are in use."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody wants the daemon to end after the running work."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stuck:
    """Somebody who must show life does not, and nothing that should have helped did."""

    who: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Another configuration was read and is in use; in words, what changed and what needs a restart."""

    taken: tuple[str, ...]
    restart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReloadRefused:
    """Another configuration was read and cannot be used, for these mistakes: the old one stays."""

    mistakes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """Somebody wants a picture tried again, whatever became of it."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class ForgetAsked:
    """Somebody wants a file forgotten, so that it counts as new."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class PauseAsked:
    """Somebody wants a hot folder held back, or (not `paused`) to go on."""

    folder: int
    paused: bool


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job came to its end, and the journal holds that. The scheduler says it once, for all reporters."""

    job: int
    folder: int
    path: bytes
    state: str
    """`done`, `unchanged`, `failed`, `ignored`, `superseded` or `withdrawn`."""
    reason: str
    note: str = ""
    """Where its error note is located if it failed, below the output folder."""
    drop: str = ""


@dataclass(frozen=True, slots=True)
class DropEnded:
    """No file joins a drop any more, and all its jobs came to their end. The scheduler says it once.

    A drop whose last job ended is open for half a minute more. A run that ends within that time says nothing.
    """

    folder: int
    drop: str
    ends: tuple[tuple[str, int], ...]
    """(state, jobs) for each state that occurs, those of earlier runs included."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened but time."""


Fact = (
    FileObserved
    | Scanned
    | Overflowed
    | FolderTrouble
    | FolderLeft
    | Today
    | Admitted
    | AlreadyKnown
    | VersionAssigned
    | WorkerUp
    | WorkerDied
    | ReadOk
    | NeedsRoom
    | AnotherPass
    | Finished
    | SameResult
    | Published
    | NameOccupied
    | TempFileMissing
    | Faulted
    | ChoreDone
    | EngineUp
    | EngineDied
    | Inferred
    | InferFailed
    | SpaceLow
    | Swept
    | Cleaned
    | ModelAsked
    | StopAsked
    | Stuck
    | Reloaded
    | ReloadRefused
    | RetryAsked
    | ForgetAsked
    | PauseAsked
    | JobEnded
    | DropEnded
    | Tick
)
