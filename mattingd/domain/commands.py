"""The other half of the vocabulary: what the scheduler wants done.

Writes go to the journal, all of a turn in one transaction; only then are the deeds of that turn performed.
"""

from dataclasses import dataclass
from enum import StrEnum

from mattingd.domain.artifacts import ArtifactUpdate
from mattingd.domain.events import DropEnded, JobEnded
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import (
    NO_STAGE_TIMES,
    Chore,
    Models,
    Naming,
    Original,
    Output,
    PictureLimits,
    Recipe,
    StageTimes,
    Stamp,
)
from mattingd.domain.presets import Preset

# --- commands to the journal: one transaction a turn, before any deed ---


@dataclass(frozen=True, slots=True)
class Admit:
    """Take a settled file into the journal. Answered by `Admitted` or `AlreadyKnown`."""

    folder: int
    path: bytes
    stamp: Stamp
    recipe: Recipe
    naming: Naming
    drop: str
    batches: int
    """Batches sent to the engine so far: fairness is counted with it."""
    ignored: str | None = None
    """Why the file is only listed, never processed."""


@dataclass(frozen=True, slots=True)
class Move:
    """A job is in a new state. What is None stays as it was."""

    job: int
    state: str
    reason: str = ""
    attempts: int | None = None
    isolated: bool | None = None
    quarantine_candidate: bool | None = None
    isolated_crashes: int | None = None
    sha256: bytes | None = None
    batch: int | None = None
    chores: frozenset[str] | None = None
    spent: StageTimes = NO_STAGE_TIMES
    """The stages that have just been gone through."""
    confidence: float | None = None
    """In the matte that has just been made."""
    painted: bytes | None = None
    """SHA-256 of the strokes beside it."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """The outputs of a job lie in temp files; record hash, size and place before any rename."""

    job: int
    outputs: tuple[Output, ...]
    model: str = ""
    """SHA-256 of the weights that made the matte, in hexadecimal."""
    remarks: tuple[str, ...] = ()
    """What a person should know of them, told when they are published."""


@dataclass(frozen=True, slots=True)
class UseModel:
    """From now on these weights make the mattes, at the next start too."""

    models: Models


@dataclass(frozen=True, slots=True)
class NextVersion:
    """The place of this output is taken: give it the next free version. Answered by `VersionAssigned`."""

    job: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """The source of a finished job is not there any more."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class AskAgain:
    """A person wants an ended job made again: the next look at its file admits it anew."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Forget:
    """Let go of a file whose jobs have ended: it is new when it is seen next, its cut-outs are not ours."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class SetPaused:
    """Hold a hot folder back (`paused`), or let it go on; kept over restarts."""

    folder: int
    paused: bool


@dataclass(frozen=True, slots=True)
class RecordArchived:
    """The original of a job lies in the archive."""

    job: int
    where: str
    """Relative to the archive."""
    day: str


@dataclass(frozen=True, slots=True)
class RecordArtifacts:
    """What retention is about to do, or did. Followed by `ContinueRetention`."""

    marks: tuple[ArtifactUpdate, ...]
    home: bytes = b""
    """The output folder, if it bears its mark from now on."""


Write = (
    Admit
    | Move
    | Prepare
    | UseModel
    | NextVersion
    | Vanished
    | AskAgain
    | Forget
    | SetPaused
    | RecordArchived
    | RecordArtifacts
)

# --- commands to the shell ---


@dataclass(frozen=True, slots=True)
class LookAt:
    """Open, fstat, check and close one path; always answered by `FileObserved`."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """Read, decode and fit a picture, unless it has more than `grant` pixels."""

    worker: int
    job: int
    folder: int
    path: bytes
    stamp: Stamp
    grant: int
    recall: bool = True
    """Strokes may go into the stored matte of the last result; else the model makes a new one."""
    try_first: tuple[Output, ...] = ()
    """Places that could not be written the last time: they are tried before anything is read."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Finish the picture the worker holds; write temp files.

    The matte lies beside this command, unless the worker holds that, too: see `ReadOk.recalled`.
    """

    worker: int
    job: int
    presets: tuple[Preset, ...]
    """In the order of their outputs."""
    outputs: tuple[Output, ...]
    model: str = ""
    """SHA-256 of the weights that made the matte, in hexadecimal."""
    before: tuple[Output, ...] = ()
    """The last result of this source: while it stands, the same bytes are not written once more."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Give prepared outputs their final names, without replacing anything. Safe to repeat after a crash."""

    worker: int
    job: int
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class DoChore:
    """Do one of the small duties of `Chore` for a job."""

    worker: int
    job: int
    chore: Chore
    outputs: tuple[Output, ...]
    notes: tuple[str, ...]
    folder: int
    source: bytes
    reason: str
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget the picture of a job: in the worker, and the arrays that came beside the facts."""

    worker: int
    job: int


@dataclass(frozen=True, slots=True)
class DropMatte:
    """The matte that this batch gave for a job is not wanted any more; a newer one may be."""

    job: int
    batch: int


class Sent(StrEnum):
    """Why a batch was sent to the engine and did not wait for more pictures."""

    FULL = "full"
    """It took no more."""
    WAITED = "waited"
    """Its oldest picture had waited for long enough."""
    LAST = "last"
    """Nothing else was on its way."""
    ALONE = "alone"
    """Its picture goes by itself: a crash or a failed batch before is to be cleared up."""


@dataclass(frozen=True, slots=True)
class Infer:
    """Run a batch; the network inputs of these jobs lie with the shell."""

    batch: int
    jobs: tuple[int, ...]
    shape: tuple[int, int]
    engine: int
    sent: Sent = Sent.FULL


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start (or start again) a picture worker."""

    worker: int


@dataclass(frozen=True, slots=True)
class KillWorker:
    """End a picture worker at once; `WorkerDied` follows and says why."""

    worker: int
    why: str


@dataclass(frozen=True, slots=True)
class TrimMemory:
    """Let a picture worker that has nothing to do give its free memory back."""

    worker: int


@dataclass(frozen=True, slots=True)
class StartEngine:
    """Start an engine child under a number of its own."""

    engine: int
    model: str
    """As in `Models`."""
    cpu: bool = False
    """On the processor, whatever is configured."""
    beside: bool = False
    """Another one goes on working: this one may not move to the processor for lack of memory."""


@dataclass(frozen=True, slots=True)
class KillEngine:
    """End an engine child at once; `EngineDied` follows and says why."""

    engine: int
    why: str


@dataclass(frozen=True, slots=True)
class EndEngine:
    """End an engine child that is not needed any more; nothing follows."""

    engine: int
    why: str


@dataclass(frozen=True, slots=True)
class RejectModel:
    """A model that was asked for is not used: told to whoever asked."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class ContinueRetention:
    """The journal holds what retention told last: it may go on."""


@dataclass(frozen=True, slots=True)
class AnnounceShutdown:
    """The end was asked for: say that these jobs are finished first, for so many seconds at most."""

    jobs: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    """End the daemon: all children, then the process, with this exit code."""

    code: ExitCode
    reason: str


RetentionAction = (
    LookAt
    | Read
    | Finish
    | Publish
    | DoChore
    | Discard
    | DropMatte
    | Infer
    | StartWorker
    | KillWorker
    | TrimMemory
    | StartEngine
    | KillEngine
    | ContinueRetention
    | EndEngine
    | RejectModel
    | AnnounceShutdown
    | Stop
)
Announcement = JobEnded | DropEnded
"""What the scheduler concludes from the facts: told to reporters once the journal holds it."""
Command = Write | RetentionAction | Announcement


# --- the first thing a child is sent; workers, once more when the settings change ---


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a picture worker needs to know besides its commands."""

    worker: int
    roots: dict[int, bytes]
    """Where each hot folder lies."""
    output_root: str
    instance: str
    """Tells our temp files from those of another daemon."""
    limits: PictureLimits
    side: int
    """Of the network's geometry: see `fitting.fit`."""
    multiple: int
    memory: int | None = None
    """Bytes that pictures may take in it; without a limit when None."""
    archive_root: str | None = None
    """Where originals go, if any do."""
    state_dir: str = ""
    """Where backgrounds are kept."""
    mattes_root: str | None = None
    """Where mattes are stored for touch-ups, if they are."""
    marked: bool = False
    """Whether the output folder bears our mark, and nothing may be written where that is missing."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Which engine is wanted."""

    engine: int
    """Its number, for what it says."""
    model: str
    device: str
    precision: str
    threads: int | None
    require_gpu: bool = False
    """Rather no engine than one on the processor."""
    memory_gb: float | None = None
    """Of the GPU's memory at most."""
    weights: str | None = None
    """The file of other weights than the package carries."""
    fall_back: bool = True
    """Without memory for a single picture on the GPU, use the processor."""
