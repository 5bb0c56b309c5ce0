"""Pictures, recipes, hot folders, jobs and their outputs.

Everything here is frozen data. Paths of source files are bytes relative to their hot folder, since a file
name on Linux is bytes; paths of outputs are text relative to the output root, made safe already.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge

from mattingd.domain.presets import Preset


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a look at a file saw. Two equal stamps, a quiet period apart, are what *settled* means."""

    size: int
    mtime_ns: int
    inode: int = 0
    device: int = 0
    strokes: int = 0
    """Which strokes lie beside it, see `strokes.identity`; 0 when none do."""

    def same_as(self, other: "Stamp") -> bool:
        """Whether both show the same content and strokes, whichever copy of the file it is."""
        mine, theirs = (self.size, self.mtime_ns, self.strokes), (other.size, other.mtime_ns, other.strokes)
        return mine == theirs


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture is brought to the network: its own upright size and the network's, in pixels."""

    width: int
    height: int
    net_width: int
    net_height: int

    @property
    def shape(self) -> tuple[int, int]:
        """Network (height, width): pictures of one shape can share a batch."""
        return self.net_height, self.net_width

    @property
    def pixels(self) -> int:
        """Pixels of the full-size picture, the currency of the memory budget."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What a picture may weigh before anything is decoded."""

    max_megapixels: Annotated[float, Ge(0.1)] = 120.0
    """Larger pictures fail with a clear note."""
    max_megabytes: Annotated[float, Ge(0.1)] = 1024.0
    """Larger files fail with a clear note."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings a job is frozen with when it is admitted."""

    hash: str
    """SHA-256 over everything that shapes the result, the model included."""
    preset: Preset = field(default_factory=Preset)
    """It also says how often the model looks, and what becomes of a picture without a subject."""
    also: tuple[Preset, ...] = ()
    """By which further outputs are made of the same matte."""

    @property
    def presets(self) -> tuple[Preset, ...]:
        """All of them, in the order of their outputs."""
        return self.preset, *self.also


@dataclass(frozen=True, slots=True)
class Models:
    """Which weights make the mattes: SHA-256 in hexadecimal, or "" for those that the package carries."""

    current: str = ""
    before: str | None = None
    """What a rollback returns to."""


def model_name(model: str) -> str:
    """What people are told of weights, in a sentence."""
    return f"weights {model[:12]}" if model else "the weights of the package"


Originals = Literal["keep", "archive", "delete"]
"""What becomes of an original once all its outputs stand."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A hot folder as the rules see it; where it lies on disk is the shell's business."""

    id: int
    name: str
    """What `{folder}` becomes."""
    recipe: Recipe
    layout: str = "{date}/{folder}/{path}"
    preset_name: str = "transparent"
    """What `{preset}` becomes."""
    endings: tuple[str, ...] = (".png",)
    """What the names of a picture's outputs end in, the cut-out's first."""
    originals: Originals = "keep"


@dataclass(frozen=True, slots=True)
class Naming:
    """Where outputs would like to lie, before anybody asked whether the places are free. Built by `placing`.

    `plain` is wanted first; a second source that folds to the same name takes `full`; new content of one
    source, or a place that a foreign file holds, takes the next version of the same base.
    """

    plain: str
    full: str
    endings: tuple[str, ...]
    note: str
    """Where the error note lies, should the job fail."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an output goes: path relative to the output root, and what the next version is made from."""

    path: str
    base: str
    version: int
    extension: str


class Holder(StrEnum):
    """What has a name below the output root, as far as the journal knows."""

    SELF = "self"
    """An earlier output of the very source that asks."""
    OTHER = "other"
    """An output of another source."""
    FOLDER = "folder"
    """A folder on the way to other outputs."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a job. After `prepared`, size and hash of the temp file are known too."""

    ordinal: int
    place: Place
    temp: str | None = None
    sha256: bytes | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Seconds of work that a picture took, stage by stage; None for a stage that it has not been through."""

    read: float | None = None
    infer: float | None = None
    """Its share of the batch."""
    finish: float | None = None
    """From the matte to the bytes of the files."""
    write: float | None = None
    """Onto the disk, synced, read back and decoded."""
    publish: float | None = None


NEEDS_A_LOOK = 0.3
"""A cut-out whose matte has less confidence than this is listed as one to look at."""

NO_STAGE_TIMES = StageTimes()
"""On no stage."""


@dataclass(frozen=True, slots=True)
class PreviousResult:
    """What the newest finished job of the same source file was made from."""

    sha256: bytes
    recipe: str
    model: str | None = None
    """SHA-256 of the weights that made it; None where the journal does not say."""
    painted: bytes = b""
    """SHA-256 of the strokes that were worked in; empty when nothing was painted."""
    outputs: tuple[Output, ...] = ()
    """What was published, as long as all of it stands as far as the journal knows."""


@dataclass(frozen=True, slots=True)
class Original:
    """The file that a job was made from, and what becomes of it."""

    deed: Originals
    place: str
    """Where it would like to lie in the archive, relative to that."""
    stamp: Stamp
    sha256: bytes


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the journal holds it; the scheduler rebuilds its live jobs from these after any start."""

    job: int
    folder: int
    path: bytes
    stamp: Stamp
    state: str
    recipe: Recipe
    outputs: tuple[Output, ...]
    note: str
    attempts: int = 0
    isolated: bool = False
    """Whether the running attempt was made with nothing else in flight."""
    isolated_crashes: int = 0
    """Crashes while alone. Two set the picture aside."""
    quarantine_candidate: bool = False
    last: PreviousResult | None = None
    chores: frozenset[str] = frozenset()
    """What is still to be done for it on disk: see `Chore`."""
    reason: str = ""
    forced: bool = False
    """Asked for by a person: made again even if nothing changed."""
    stale_notes: tuple[str, ...] = ()
    """The error notes that earlier failures of this source left."""
    drop: str = ""
    """The drop it belongs to, `2026-11-20-2`; it begins with its date."""
    sha256: bytes | None = None
    """Of its content, once it was read."""
    remarks: tuple[str, ...] = ()
    """What a person should know of cut-outs that lie prepared."""

    @property
    def date(self) -> str:
        """That of its drop, `2026-11-20`."""
        return self.drop[:10]


ENDS = ("done", "unchanged", "failed", "ignored", "superseded", "withdrawn")
"""The states in which a job has come to its end."""


@dataclass(frozen=True, slots=True)
class DropCount:
    """How many jobs of a drop ended in one state."""

    folder: int
    drop: str
    state: str
    jobs: int


class Chore(StrEnum):
    """Small duties on the output side that outlive a crash."""

    NOTE = "note"
    """Write the error note."""
    REMOVE_NOTE = "unnote"
    """Remove the error notes that earlier failures of this source left."""
    ORIGINAL = "original"
    """Put the original into the archive, or delete it."""
    SWEEP = "sweep"
    """Remove the temp file of an attempt that will not be published."""


NO_SUBJECT = "no subject was found in the picture"
"""Why a picture fails that has nothing to cut out."""


class Fault(StrEnum):
    """Why an operation of a picture worker did not succeed, by what has to happen next."""

    CHANGED = "changed"
    """The source is not the one that was admitted: superseded."""
    GONE = "gone"
    """The source is not there any more: withdrawn."""
    BUSY = "busy"
    """May heal by itself soon (locked, denied, stale handle): wait, later give up."""
    TRUNCATED = "truncated"
    """Cut off so far: wait as long as `truncated_minutes` says."""
    OUTPUT = "output"
    """The output side cannot take anything (full, read-only): wait as long as it takes."""
    PLACE = "place"
    """Its own place cannot be written, while others can: it waits alone, as long as it takes."""
    UNSUPPORTED = "unsupported"
    """Not a picture we read: listed as ignored."""
    BAD = "bad"
    """It will never work with this content: failed."""
