"""Commands to the journal: one transaction a turn, before any action."""

from dataclasses import dataclass

from mattingd.domain.artifacts import ArtifactUpdate
from mattingd.domain.drops import Channel, Part, ReportFile
from mattingd.domain.jobs import NO_STAGE_TIMES, Models, Naming, Output, Patience, Recipe, StageTimes, Stamp
from mattingd.domain.reasons import NO_REASON, Reason, Reasons


@dataclass(frozen=True, slots=True)
class Admit:
    """Admit a settled file to the journal. Answered by `Admitted` or `AlreadyKnown`."""

    folder: int
    path: bytes
    stamp: Stamp
    recipe: Recipe
    naming: Naming
    drop: str
    batches: int
    """Batches sent to the engine so far, for measuring fairness."""
    ignored: Reason | None = None
    """Why the file is only listed and never processed."""
    follow: bool = False
    """Whether the history of its former path in its hot folder counts, if it was moved."""


@dataclass(frozen=True, slots=True)
class Move:
    """Record a job's state. Fields that are None stay unchanged."""

    job: int
    state: str
    reason: Reason = NO_REASON
    attempts: int | None = None
    isolated: bool | None = None
    quarantine_candidate: bool | None = None
    isolated_crashes: int | None = None
    sha256: bytes | None = None
    batch: int | None = None
    chores: frozenset[str] | None = None
    spent: StageTimes = NO_STAGE_TIMES
    """The stages that were just completed."""
    confidence: float | None = None
    """Confidence in the matte that was just made, 0 to 1."""
    painted: bytes | None = None
    """SHA-256 of the strokes beside the picture."""
    patience: Patience | None = None
    """How often and how long it has waited."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Record hash, size and path of a job's outputs, which are in temp files, before any rename."""

    job: int
    outputs: tuple[Output, ...]
    model: str = ""
    """SHA-256 of the weights that made the matte, in hexadecimal."""
    remarks: Reasons = ()
    """Remarks for the user, reported when they are published."""
    device: str = ""
    """The device that calculated the matte ..."""
    precision: str = ""
    """... and its number format."""


@dataclass(frozen=True, slots=True)
class UseModel:
    """Use these weights for the mattes from now on, at the next start, too."""

    models: Models


@dataclass(frozen=True, slots=True)
class NextVersion:
    """Give an output, whose path is taken, the next free version. Answered by `VersionAssigned`."""

    job: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """Record that the source of a finished job does not exist any more."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class RememberWaiting:
    """A file that is not admitted yet is held back; its patience counts over restarts."""

    folder: int
    path: bytes
    stamp: Stamp
    unchanged_for: float
    """Seconds until now."""


@dataclass(frozen=True, slots=True)
class ForgetWaiting:
    """Such a file is not there any more."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class FindSame:
    """Look for cut-outs of the same content by the same settings. Answered by `EarlierFound`."""

    job: int
    sha256: bytes
    """Of the content."""
    recipe: str
    model: str
    """SHA-256 of the weights, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class AskPart:
    """Ask what became of the files of a sub-folder that is one job. Answered by `PartSeen`."""

    part: Part


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Have an ended job made again, as a user requested: the next inspection admits its file once more."""

    folder: int
    path: bytes
    anyway: bool = False
    """Whether to publish even if no subject is found or the file is damaged."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget a file whose jobs have ended: if seen again it is new, and its cut-outs are not ours."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Approve:
    """Record that a user has checked a file's newest cut-outs: approved, or (not `approved`) revoked."""

    folder: int
    path: bytes
    approved: bool


@dataclass(frozen=True, slots=True)
class SetPaused:
    """Pause a hot folder (`paused`) or resume it; kept over restarts."""

    folder: int
    paused: bool


@dataclass(frozen=True, slots=True)
class RecordArchived:
    """Record the archived original of a job."""

    job: int
    where: str
    """Its path, relative to the archive."""
    day: str


@dataclass(frozen=True, slots=True)
class RecordNote:
    """Record where the error note of a job is: its own name was taken."""

    job: int
    where: str


@dataclass(frozen=True, slots=True)
class RecordArtifacts:
    """Record what retention is about to do, or did. Followed by `ContinueRetention`."""

    marks: tuple[ArtifactUpdate, ...]
    home: bytes = b""
    """The output folder, if it has its marker from now on."""


@dataclass(frozen=True, slots=True)
class EndDrop:
    """Record the end of a drop: its report is due."""

    folder: int
    drop: str


@dataclass(frozen=True, slots=True)
class RecordReportFiles:
    """Record the files of a report, which are in temp files, before any rename."""

    folder: int
    drop: str
    files: tuple[ReportFile, ...]


@dataclass(frozen=True, slots=True)
class FinishReport:
    """Record that the report of a drop is finished, and that these channels are due."""

    folder: int
    drop: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class RecordNotice:
    """Record the outcome of a notice: `sent`, `dead`, or `due` with the time of the next attempt."""

    id: str
    state: str
    error: str = ""
    next_try: float | None = None
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class RecordReceivers:
    """These need a notice no more, whatever becomes of the others: they took it, or refused it for good."""

    id: str
    receivers: tuple[str, ...]
    """Hashes of their addresses, all of them until now."""


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Make notices due again that were given up."""
