"""The vocabulary that all rooms share: values, and what happened (what to do stands in `commands`).

Everything here is frozen data. Facts go to the conductor; pixel arrays never stand in them (they travel
beside them, keyed by job). Paths of source files are bytes relative to their hot folder,
since a file name on Linux is bytes; paths of outputs are text relative to the output root, made safe already.
Times are integer nanoseconds of the monotonic clock unless a name says ``wall``.
"""

import unicodedata
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Le

# --- values ---


def readable(path: bytes) -> str:
    """A source path for people: one line, with nothing in it that a terminal would obey."""
    return "".join(map(_shown, path.decode("utf-8", "backslashreplace")))


def _shown(char: str) -> str:
    plain = char.isprintable() or unicodedata.category(char) == "Zs"  # Macs put narrow spaces into names
    return char if plain else char.encode("unicode_escape").decode()


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a look at a file saw. Two equal stamps, a quiet period apart, are what *settled* means."""

    size: int
    mtime_ns: int
    inode: int = 0
    device: int = 0


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


OutputFormat = Literal["png", "webp", "tiff", "jpeg"]
EXTENSIONS: dict[OutputFormat, str] = {"png": ".png", "webp": ".webp", "tiff": ".tif", "jpeg": ".jpg"}
"""What a finished file's name ends in."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A finishing recipe: what becomes of a matte and in which form the cut-out is written."""

    threshold: Annotated[int, Ge(0), Le(254)] = 0
    """Alpha below this (of 255) becomes 0."""
    threshold_mode: Literal["soft", "hard"] = "soft"
    """`soft` stretches what is left over the whole range, `hard` leaves a step."""
    erode: Annotated[float, Ge(0), Le(50)] = 0
    """Take this many pixels off the edge, for a picture with a long side of 1024; scaled with the picture."""
    feather: Annotated[float, Ge(0), Le(50)] = 0
    """Soften the edge by this many pixels, scaled like `erode`."""
    background: str | None = None
    """`#rrggbb` to stand behind the subject; nothing for transparent."""
    format: OutputFormat = "png"
    """`png`, `webp`, `tiff` or `jpeg`; `jpeg` needs a background."""
    quality: Annotated[int, Ge(1), Le(100)] = 92
    """For `jpeg` and `webp`, 1 to 100; `webp` at 100 is lossless."""
    on_empty: Literal["fail", "publish"] = "fail"
    """When no subject is found: report the picture as failed, or publish the empty cut-out all the same."""


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
    extension: str = ".png"
    """Of the finished cut-outs."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Where an output would like to lie, before anybody asked whether the place is free. Built by `placing`.

    `plain` is wanted first; a second source that folds to the same name takes `full`; new content of one
    source, or a place that a foreign file holds, takes the next version of the same base.
    """

    plain: str
    full: str
    extension: str
    note: str
    """Where the error note lies, should the job fail."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an output goes: path relative to the output root, and what the next version is made from."""

    path: str
    base: str
    version: int
    extension: str


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a job. After `prepared`, size and hash of the temp file are known too."""

    ordinal: int
    place: Place
    temp: str | None = None
    sha256: bytes | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Last:
    """What the newest finished job of the same source file was made from."""

    sha256: bytes
    recipe: str


@dataclass(frozen=True, slots=True)
class Row:
    """A job as the journal holds it; the conductor rebuilds its live jobs from these after any start."""

    job: int
    folder: int
    path: bytes
    stamp: Stamp
    state: str
    recipe: Recipe
    outputs: tuple[Output, ...]
    note: str
    attempts: int = 0
    alone: bool = False
    """Whether the running attempt was made with nothing else in flight."""
    strikes: int = 0
    """Crashes while alone. Two set the picture aside."""
    suspect: bool = False
    last: Last | None = None
    chores: frozenset[str] = frozenset()
    """What is still to be done for it on disk: see `Chore`."""
    reason: str = ""
    forced: bool = False
    """Asked for by a person: made again even if nothing changed."""
    stale_notes: tuple[str, ...] = ()
    """The error notes that earlier failures of this source left."""


class ExitCode(IntEnum):
    """How the program ends; from 64 on as in BSD's sysexits.h."""

    OK = 0
    PARTIAL = 1
    """Some pictures failed or could not be finished."""
    USAGE = 2
    """The command line makes no sense."""
    FAILED = 3
    """No picture could be done, or the audit found a gap."""
    DEVICE = 69
    """The required GPU is not there."""
    CHILD = 70
    """A worker or the engine cannot be kept running."""
    JOURNAL = 74
    """The journal cannot be read or written."""
    LOCKED = 75
    """Another daemon works with this state directory."""
    CONFIG = 78
    """The configuration is wrong."""


class Chore(StrEnum):
    """Small duties on the output side that outlive a crash."""

    NOTE = "note"
    """Write the error note."""
    UNNOTE = "unnote"
    """Remove the error notes that earlier failures of this source left."""
    SWEEP = "sweep"
    """Remove the temp file of an attempt that will not be published."""


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
    """The output side cannot take it (full, read-only): wait as long as it takes."""
    UNSUPPORTED = "unsupported"
    """Not a picture we read: listed as ignored."""
    BAD = "bad"
    """It will never work with this content: failed."""


# --- facts ---


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody saw at a path."""

    stamp: Stamp
    full: bool = False
    """True for open + fstat + close with all further checks; a directory scan only has the stamp."""
    writer: bool = False
    """Another program has the file open for writing."""
    unfinished: str | None = None
    """Why the content looks cut off, in plain words."""
    odd: str | None = None
    """Why this is no file to process (a link, a pipe, ...), in plain words."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Somebody looked at a path; `look` is None when nothing is there."""

    folder: int
    path: bytes
    look: Look | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """A complete scan of a folder ended; everything it found was reported before."""

    folder: int
    files: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FolderTrouble:
    """A hot folder cannot be read at present, or (None) can be read again."""

    folder: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Today:
    """The calendar date in the configured time zone, as it goes into output paths."""

    date: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """The journal holds a new job."""

    row: Row


@dataclass(frozen=True, slots=True)
class Known:
    """The journal already holds this very file; nothing to do."""

    folder: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Placed:
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


@dataclass(frozen=True, slots=True)
class NeedsRoom:
    """The header says that the picture is larger than what was granted; nothing was decoded."""

    worker: int
    job: int
    pixels: int


@dataclass(frozen=True, slots=True)
class Finished:
    """All outputs of a job lie whole in temp files, were synced, read back and decoded."""

    worker: int
    job: int
    outputs: tuple[Output, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Published:
    """All outputs of a job stand under their final names, durably."""

    worker: int
    job: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A foreign file holds the place of this output."""

    worker: int
    job: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class Lost:
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


@dataclass(frozen=True, slots=True)
class EngineUp:
    """The engine child loaded, warmed up and passed its self-test."""

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
    """The engine child ended, whatever the reason."""

    how: str
    fatal: ExitCode | None = None
    """It said that starting it again is no use: with this code the daemon ends too."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """The mattes of a batch lie beside this fact; `empty` says for each whether no subject was found."""

    batch: int
    empty: tuple[bool, ...]
    seconds: float = 0.0


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
class StopAsked:
    """Somebody wants the daemon to end after the running work."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened but time."""


Fact = (
    Looked
    | Scanned
    | FolderTrouble
    | Today
    | Admitted
    | Known
    | Placed
    | WorkerUp
    | WorkerDied
    | ReadOk
    | NeedsRoom
    | Finished
    | Published
    | Taken
    | Lost
    | Faulted
    | ChoreDone
    | EngineUp
    | EngineDied
    | Inferred
    | InferFailed
    | StopAsked
    | Tick
)
