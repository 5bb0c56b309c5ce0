"""Pictures, recipes, hot folders, jobs and their outputs.

Everything here is frozen data. Paths of source files are bytes relative to their hot folder, because a file
name on Linux is bytes. Paths of outputs are text relative to the output root, already made safe.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge

from mattingd.domain.hours import ALWAYS, Hours
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import NO_REASON, Reason, Reasons


@dataclass(frozen=True, slots=True)
class Stamp:
    """The state of a file at an inspection.

    Two equal stamps, a quiet period apart, mean that it is *settled*.
    """

    size: int
    mtime_ns: int
    inode: int = 0
    device: int = 0
    strokes: int = 0
    """Identifies the strokes beside it, see `touchup.files.identity`; 0 without strokes."""
    mark: int = 0
    """Its inode and change time as one number; 0 where these are meaningless."""

    def same_as(self, other: "Stamp") -> bool:
        """Whether both show the same content and strokes, as far as that is known without reading."""
        mine, theirs = (self.size, self.mtime_ns, self.strokes), (other.size, other.mtime_ns, other.strokes)
        return mine == theirs and (self.mark == other.mark or not (self.mark and other.mark))


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture is fitted to the network: its upright size and the network's size, in pixels."""

    width: int
    height: int
    net_width: int
    net_height: int
    inner: tuple[int, int, int, int] | None = None
    """Left, top, width and height of the picture in the network's input; None where it fills the input."""

    @property
    def shape(self) -> tuple[int, int]:
        """The network's (height, width): pictures of one shape can share a batch."""
        return self.net_height, self.net_width

    @property
    def pixels(self) -> int:
        """Pixels of the full-size picture, the unit of the memory budget."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Geometry:
    """How pictures are scaled to a model's network, and its mattes back to full size."""

    side: int
    """The network sees about `side` squared pixels; with `short-side`, that is the shorter side."""
    multiple: int
    """The input's height and width are multiples of this."""
    kind: Literal["buckets", "stretch", "letterbox", "corner", "short-side"] = "buckets"
    """`buckets`: stretched to the nearest of a few shapes; `stretch`: to a square; `letterbox`: within a
    square, in its middle, on black; `corner`: the same from the top left; `short-side`: in proportion."""
    resampling: Literal["area", "bilinear", "lanczos"] = "area"
    enlarge: Literal["guided", "lanczos"] = "guided"
    """How a matte is scaled up: along the picture's edges, or like rembg, with levels cut off."""
    second_pass: bool = True
    """Whether the model may process a picture twice, if the preset wants that."""

    @property
    def fixed(self) -> bool:
        """Whether the network accepts one square shape only."""
        return self.kind in {"stretch", "letterbox", "corner"}


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Size limits, checked before a picture is decoded."""

    max_megapixels: Annotated[float, Ge(0.1)] = 120.0
    """Larger pictures fail; the note gives the limit."""
    max_megabytes: Annotated[float, Ge(0.1)] = 1024.0
    """Larger files fail; the note gives the limit."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of a job, frozen at its admission."""

    hash: str
    """SHA-256 of everything that determines the result, including the model."""
    preset: Preset = field(default_factory=Preset)
    """The first preset.

    It also sets the number of passes, and what happens to a picture without a subject.
    """
    also: tuple[Preset, ...] = ()
    """The presets of further outputs from the same matte."""

    @property
    def presets(self) -> tuple[Preset, ...]:
        """All presets, in the order of their outputs."""
        return self.preset, *self.also


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """The settings requested for a single picture, instead of its hot folder's settings."""

    recipe: Recipe
    endings: tuple[str, ...]
    """The suffixes of its outputs' names, the cut-out's first."""
    preset_name: str
    """The value of `{preset}`."""


@dataclass(frozen=True, slots=True)
class Models:
    """The weights in use: SHA-256 in hexadecimal, or "" for those in the package."""

    current: str = ""
    before: str | None = None
    """The weights that a rollback returns to."""


def model_name(model: str) -> str:
    """Return the name of weights for use in a sentence."""
    return f"weights {model[:12]}" if model else "the weights of the package"


Originals = Literal["keep", "archive", "delete"]
"""What happens to an original when all its outputs are published."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A hot folder as the rules know it, without its path on disk."""

    id: int
    name: str
    """The value of `{folder}`."""
    recipe: Recipe
    layout: str = "{date}/{folder}/{path}"
    preset_name: str = "transparent"
    """The value of `{preset}`."""
    endings: tuple[str, ...] = (".png",)
    """The suffixes of a picture's outputs, the cut-out's first."""
    originals: Originals = "keep"
    first: bool = False
    """Whether its pictures come before those of all other folders: a user is waiting at the page."""
    drop_by_subfolder: bool = False
    """Whether each of its sub-folders has drops of its own."""
    weight: int = 1
    """How many of its pictures start per turn while other folders have pictures waiting, too."""
    shares: bool = True
    """Whether outputs of other hot folders may get the same paths by its layout."""
    hours: Hours = ALWAYS
    """When its pictures are started."""
    on_share: bool = False
    """Whether it is on a network share, where what is seen of a file may be seconds old."""
    windows_names: bool = False
    """Whether outputs only get names that Windows accepts."""


@dataclass(frozen=True, slots=True)
class Naming:
    """The preferred paths of outputs, before anything checks whether they are free.

    Built by `output_paths`. `plain` is preferred. A second source that folds to the same name takes `full`,
    which includes the suffix. New content of a source, or a path that a foreign file has, takes the base's
    next version.
    """

    plain: str
    full: str
    endings: tuple[str, ...]
    note: str
    """Path of the error note, should the job fail."""


@dataclass(frozen=True, slots=True)
class Place:
    """The path of an output: relative to the output root, with the base of the next version."""

    path: str
    base: str
    version: int
    extension: str


class Holder(StrEnum):
    """What has a name below the output root, as far as the journal knows."""

    SELF = "self"
    """An earlier output of the same source."""
    OTHER = "other"
    """An output of another source."""
    FOLDER = "folder"
    """A folder above other outputs."""


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
    """Seconds of work on a picture, by stage; None for a stage that it skipped."""

    read: float | None = None
    infer: float | None = None
    """Its share of the batch's time."""
    finish: float | None = None
    """From the matte to the bytes of the files."""
    write: float | None = None
    """Write, sync, read back and decode."""
    publish: float | None = None

    def told(self) -> dict[str, float]:
        """The stages that something is known of, by name."""
        stages = ("read", "infer", "finish", "write", "publish")
        return {stage: seconds for stage in stages if (seconds := getattr(self, stage)) is not None}


NEEDS_A_LOOK = 0.3
"""A cut-out whose matte has less confidence than this is listed as one to look at."""


@dataclass(frozen=True, slots=True)
class Look:
    """Whether the newest cut-outs of a file need checking."""

    confidence: float | None
    """Confidence in the matte, 0 to 1."""
    approved_at: str | None
    """When a user approved them."""

    @property
    def needed(self) -> bool:
        """Whether the model is unsure, and no user has approved them."""
        return self.confidence is not None and self.confidence < NEEDS_A_LOOK and self.approved_at is None


NO_STAGE_TIMES = StageTimes()
"""On no stage."""


@dataclass(frozen=True, slots=True)
class PreviousResult:
    """What the newest finished job of the same source was made from."""

    sha256: bytes
    recipe: str
    model: str | None = None
    """SHA-256 of the weights that made it; None where the journal does not know."""
    painted: bytes = b""
    """SHA-256 of the strokes that were applied; empty without strokes."""
    confidence: float | None = None
    """Confidence in its matte, 0 to 1."""
    outputs: tuple[Output, ...] = ()
    """The published outputs, if all of them still exist as far as the journal knows."""


@dataclass(frozen=True, slots=True)
class Original:
    """The file that a job was made from, and what happens to it."""

    action: Originals
    place: str
    """Its preferred path in the archive, relative to the archive."""
    stamp: Stamp
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a job has waited, in seconds relative to the moment of the record."""

    waits: int = 0
    """Number of consecutive blocked attempts."""
    blocked: int = 0
    """Number of consecutive attempts at which its own path could not be written."""
    next_try_in: float = 0.0
    unread_for: float | None = None
    """Since when it cannot be read; None when it can."""
    unchanged_for: float = 0.0
    """Since when its file is unchanged."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the journal holds it; the scheduler rebuilds its live jobs from these after a start."""

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
    """Whether the running attempt runs with nothing else in flight."""
    isolated_crashes: int = 0
    """Number of crashes in isolation. Two quarantine the picture."""
    quarantine_candidate: bool = False
    last: PreviousResult | None = None
    chores: frozenset[str] = frozenset()
    """The cleanup that is left to do: see `Chore`."""
    reason: Reason = NO_REASON
    forced: bool = False
    """Whether a user requested it: made again even if nothing changed."""
    anyway: bool = False
    """Whether a user wants it published even if no subject is found or the file is damaged."""
    stale_notes: tuple[str, ...] = ()
    """The error notes of earlier failures of this source."""
    drop: str = ""
    """The name of its drop, such as `2026-11-20-2`; starts with its date."""
    sha256: bytes | None = None
    """SHA-256 of its content, once it was read."""
    remarks: Reasons = ()
    """Remarks for the user on its prepared cut-outs."""
    follows: bytes | None = None
    """The path that it seems to have been moved from: `last` is the result there."""
    maybe_same: bool = False
    """Whether another file of this size had these settings: its content may be the same."""
    patience: Patience = Patience()
    touched_up: bool = False
    """Whether a user painted strokes on a picture that had come to its end."""

    @property
    def date(self) -> str:
        """The date of its drop, such as `2026-11-20`."""
        return self.drop[:10]


ENDS = ("done", "unchanged", "failed", "ignored", "superseded", "withdrawn")
"""The states in which a job has come to its end."""


class Chore(StrEnum):
    """Cleanup tasks on the output side that survive a crash."""

    NOTE = "note"
    """Write the error note."""
    REMOVE_NOTE = "unnote"
    """Remove the error notes of earlier failures of this source."""
    ORIGINAL = "original"
    """Archive or delete the original."""
    SWEEP = "sweep"
    """Remove the temp file of an attempt that will not be published."""


NO_SUBJECT = Reason.of("no_subject")
"""Why a picture fails that has nothing to cut out."""


class Fault(StrEnum):
    """Why a picture worker's operation failed, by what has to happen next."""

    CHANGED = "changed"
    """The source is not the admitted file any more: superseded."""
    GONE = "gone"
    """The source does not exist any more: withdrawn."""
    BUSY = "busy"
    """May recover soon (locked, denied, stale handle): wait, later give up."""
    TRUNCATED = "truncated"
    """Truncated so far: wait as long as `truncated_minutes` says."""
    OUTPUT = "output"
    """Nothing can be written (full, read-only): wait as long as it takes."""
    PLACE = "place"
    """Its own path cannot be written, others can: it waits alone, as long as it takes."""
    UNSUPPORTED = "unsupported"
    """Not a picture format that we read: listed as ignored."""
    HERE = "here"
    """No other machine can process it: it is processed here."""
    LOST = "lost"
    """Workers on other machines died over it: it is tried here in isolation."""
    BAD = "bad"
    """It can never succeed with this content: failed."""
