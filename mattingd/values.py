"""The values that all rooms share: pictures, presets, jobs, outputs, exit codes.

Everything here is frozen data. Paths of source files are bytes relative to their hot folder, since a file
name on Linux is bytes; paths of outputs are text relative to the output root, made safe already.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Le


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


OutputFormat = Literal["png", "webp", "tiff", "jpeg", "avif", "jxl"]
EXTENSIONS: dict[OutputFormat, str] = {
    "png": ".png",
    "webp": ".webp",
    "tiff": ".tif",
    "jpeg": ".jpg",
    "avif": ".avif",
    "jxl": ".jxl",
}
"""What a finished file's name ends in."""
DEEP_FORMATS: frozenset[OutputFormat] = frozenset({"png", "tiff"})
"""Those that can hold 16 bits a channel."""
TiffCompression = Literal["deflate", "zstd"]
MATTE_ENDING = "_matte.png"
"""What the name of a matte's own file ends in, in place of the extension."""


SIZED_FORMATS: frozenset[OutputFormat] = frozenset({"jpeg", "webp", "avif"})
"""Formats whose files get smaller with less quality."""

FINISHERS = "mattingd.finishers"
"""The entry-point group of plug-ins that change finished cut-outs."""

REFERENCE_SIDE = 1024
"""Pixels in presets (erosion, feather, shadow) are those of a picture whose long side is this."""


SecondPass = Literal["auto", "never", "always"]
"""When a picture goes through the model a second time: its subject by itself, or its mirror image."""

_HASH = "#sha256="


@dataclass(frozen=True, slots=True)
class Pin:
    """A background that is a picture file; frozen presets have it as text, `/a/studio.jpg#sha256=1f3c...`."""

    path: str
    """Absolute."""
    sha256: str = ""
    """Of the file's bytes, in hexadecimal; empty as long as nobody has looked."""

    def __str__(self) -> str:
        return f"{self.path}{_HASH}{self.sha256}"

    @staticmethod
    def of(background: str | None) -> "Pin | None":
        """What a preset's ``background`` names; None where it is a colour, or nothing."""
        if background is None or background.startswith("#"):
            return None
        path, _, sha256 = background.partition(_HASH)
        return Pin(path, sha256)


@dataclass(frozen=True, slots=True)
class Preset:
    """A finishing recipe: what becomes of a matte and in which form the cut-out is written."""

    second_pass: SecondPass = "auto"  # noqa: S105 - no password
    """The model sees a small subject once more, by itself, or an unsure picture as its mirror image: `auto`
    where that helps, `never`, or `always`."""
    threshold: Annotated[int, Ge(0), Le(254)] = 0
    """Alpha below this (of 255) becomes 0."""
    threshold_mode: Literal["soft", "hard"] = "soft"
    """`soft` stretches what is left over the whole range, `hard` leaves a step."""
    erode: Annotated[float, Ge(0), Le(50)] = 0
    """Take this many pixels off the edge, for a picture with a long side of 1024; scaled with the picture."""
    feather: Annotated[float, Ge(0), Le(50)] = 0
    """Soften the edge by this many pixels, scaled like `erode`."""
    specks: Annotated[float, Ge(0), Le(0.5)] = 0
    """Parts apart from the subject that are smaller than this share of it are taken away."""
    holes: Annotated[float, Ge(0), Le(0.5)] = 0
    """Holes in the subject that are smaller than this share of it are filled."""
    despill: Literal["none", "green", "blue"] = "none"
    """Take the glow of a green or blue screen off the subject."""
    content: Literal["cut-out", "matte"] = "cut-out"
    """Publish the cut-out, or only its matte as a grey picture."""
    background: str | None = None
    """`#rrggbb` or a picture file to stand behind the subject; nothing for transparent."""
    background_anchor: Literal["centre", "top", "bottom", "left", "right"] = "centre"
    """A background picture is scaled until it covers the canvas; this side stays, what is over is cut off."""
    shadow: Annotated[float, Ge(0), Le(1)] = 0
    """A soft shadow behind the subject, from 0 (none) to 1 (black)."""
    shadow_blur: Annotated[float, Ge(0), Le(200)] = 24
    """How soft it is, in pixels like those of `erode`."""
    shadow_x: Annotated[float, Ge(-400), Le(400)] = 0
    """How far to the right it falls, in such pixels."""
    shadow_y: Annotated[float, Ge(-400), Le(400)] = 12
    """How far down it falls."""
    trim: bool = False
    """Cut the picture down to the subject."""
    canvas: str | None = None
    """Put the subject on a canvas: `1000x1000` pixels, `35x45mm` (at `dpi`), or a shape such as `1:1`."""
    fill: Annotated[float, Ge(0.05), Le(1)] = 0.85
    """How much of the canvas the subject takes in width or height; with `anchor: head`, its head."""
    anchor: Literal["centre", "bottom", "head"] = "centre"
    """Where the subject stands on the canvas; `head` is for ID photos: head and shoulders."""
    min_side: Annotated[int, Ge(0), Le(20000)] = 0
    """A canvas that is a mere shape has a long side of so many pixels at least; the subject is enlarged."""
    dpi: Annotated[int, Ge(10), Le(2400)] | None = None
    """Dots per inch to write into the file, and for a canvas in millimetres."""
    max_kb: Annotated[int, Ge(5)] | None = None
    """Kilobytes that a `jpeg`, `webp` or `avif` has at most: `quality` is lowered as far as it must be."""
    format: OutputFormat = "png"
    """`jpeg` needs a background, `jxl` (JPEG XL) the package `pillow-jxl-plugin`."""
    quality: Annotated[int, Ge(1), Le(100)] = 92
    """For `jpeg`, `webp`, `avif` and `jxl`, 1 to 100; `webp` and `jxl` at 100 are lossless."""
    bits: Literal["auto", 8, 16] = "auto"
    """Bits a channel; `auto` keeps those of the picture where the format can: `png` and `tiff` hold 16."""
    compression: TiffCompression = "deflate"
    """Of `tiff`: `deflate` is read everywhere, `zstd` is smaller."""
    matte_file: bool = False
    """Publish the matte as well, as a grey PNG beside the cut-out: `shoe.png` and `shoe_matte.png`."""
    colour: Literal["keep", "srgb"] = "keep"
    """`keep` leaves colours and profile as they are in the picture, `srgb` converts them."""
    metadata: Literal["keep", "all", "strip"] = "keep"
    """EXIF and XMP data: `keep` what is there without the place it was taken at, `all`, or `strip`."""
    finisher: str | None = None
    """A plug-in of your own that changes the finished cut-out: its name in the group `mattingd.finishers`."""
    on_empty: Literal["fail", "publish"] = "fail"
    """When no subject is found: report the picture as failed, or publish the empty cut-out all the same."""


_PIXELS = re.compile(r"(\d{1,5})x(\d{1,5})")
_MILLIMETRES = re.compile(r"(\d{1,4}(?:\.\d+)?)x(\d{1,4}(?:\.\d+)?)mm")
_SHAPE = re.compile(r"(\d{1,3}(?:\.\d+)?):(\d{1,3}(?:\.\d+)?)")
_PER_INCH = 25.4

LONGEST_CANVAS = 30_000
"""Pixels of a canvas's longer side at most."""


def canvas_of(text: str, dpi: int | None) -> tuple[float, float, bool] | None:
    """(width, height, whether these are pixels rather than a mere shape) of a preset's ``canvas``.

    None when the text is neither `WxH`, `WxHmm` (with dots per inch) nor `W:H`, or a side is nothing.
    """
    for pattern, factor, exact in (
        (_PIXELS, 1.0, True),
        (_MILLIMETRES, dpi / _PER_INCH if dpi else 0.0, True),
        (_SHAPE, 1.0, False),
    ):
        found = pattern.fullmatch(text)
        if found:
            width, height = (float(side) * factor for side in found.groups())
            if exact:
                width, height = round(width), round(height)
            return (width, height, exact) if width > 0 and height > 0 else None
    return None


def endings_of(preset: Preset, suffix: str = "") -> tuple[str, ...]:
    """What the names of a preset's outputs end in: the cut-out, then the matte if it is wanted."""
    endings = EXTENSIONS[preset.format], *([MATTE_ENDING] if preset.matte_file else [])
    return tuple(suffix + ending for ending in endings)


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


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a job. After `prepared`, size and hash of the temp file are known too."""

    ordinal: int
    place: Place
    temp: str | None = None
    sha256: bytes | None = None
    size: int | None = None


class Thing(StrEnum):
    """What we put somewhere: below the output root or, originals, below the archive's."""

    CUT_OUT = "cut-out"
    NOTE = "note"
    """An error note."""
    ORIGINAL = "original"
    """An original in the archive."""


class Remains(StrEnum):
    """What became of a published output after its time. The value is what the journal stores."""

    GOING = "going"
    """It is about to be removed; found so after a stop, it is looked at again."""
    TRASHED = "trashed"
    """It lies in the trash."""
    EXPIRED = "expired"
    """Retention removed it."""
    TAKEN = "taken"
    """It was not there any more when its time came: somebody had taken it away."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that we put somewhere, as the journal knows it."""

    thing: Thing
    job: int
    ordinal: int
    """Of the output; 0 for anything else."""
    path: str
    day: str
    """The calendar day its age counts from, as text; in the trash, the day it came there."""
    size: int
    sha256: bytes
    remains: Remains | None = None


class Sight(StrEnum):
    """What a look at the place of something of ours showed."""

    SAME = "same"
    """Just what was put there: size and content."""
    GONE = "gone"
    """Nothing lies there."""
    IN_TRASH = "in trash"
    """Nothing lies there, and in the trash there is just what was made."""
    OTHER = "other"
    """Something else; `Seen.why` says what."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at the place of something of ours."""

    sight: Sight
    why: str = ""
    identity: tuple[int, ...] = ()
    """Of the very file that was read; see `disk.identity_of`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the journal shall remember of a `Kept`; None takes a mark back."""

    thing: Thing
    job: int
    ordinal: int
    remains: Remains | None
    day: str


@dataclass(frozen=True, slots=True)
class Spent:
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

UNSPENT = Spent()
"""On no stage."""


@dataclass(frozen=True, slots=True)
class Last:
    """What the newest finished job of the same source file was made from."""

    sha256: bytes
    recipe: str
    model: str | None = None
    """SHA-256 of the weights that made it; None where the journal does not say."""
    painted: bytes = b""
    """SHA-256 of the strokes that were worked in; empty when nothing was painted."""


@dataclass(frozen=True, slots=True)
class Original:
    """The file that a job was made from, and what becomes of it."""

    deed: Originals
    place: str
    """Where it would like to lie in the archive, relative to that."""
    stamp: Stamp
    sha256: bytes


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
    date: str = ""
    """That of its drop."""
    sha256: bytes | None = None
    """Of its content, once it was read."""
    remarks: tuple[str, ...] = ()
    """What a person should know of cut-outs that lie prepared."""


class ExitCode(IntEnum):
    """How the program ends; from 64 on as in BSD's sysexits.h."""

    OK = 0
    PARTIAL = 1
    """Some pictures failed or could not be finished."""
    USAGE = 2
    """The command line makes no sense."""
    FAILED = 3
    """No picture could be done, or the audit found a gap."""
    FOLDER = 66
    """A configured folder is missing or cannot be used: that may pass, as when a share is mounted late."""
    DEVICE = 69
    """The required GPU, or the model, is not there."""
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
    """The output side cannot take it (full, read-only): wait as long as it takes."""
    UNSUPPORTED = "unsupported"
    """Not a picture we read: listed as ignored."""
    BAD = "bad"
    """It will never work with this content: failed."""
