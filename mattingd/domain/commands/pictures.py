"""Commands for a picture: inspect, read, finish, publish."""

from dataclasses import dataclass

from mattingd.domain.drops import EndedFile
from mattingd.domain.jobs import Chore, Geometry, Original, Output, Stamp
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason


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
    """Whether strokes may be applied to the stored matte of the last result.

    Otherwise the model makes another one.
    """
    model: str = ""
    """SHA-256 of the weights whose stored matte may be used without strokes, too; empty: none."""
    try_first: tuple[Output, ...] = ()
    """Paths that could not be written the last time: they are tested before anything is read."""
    known: bytes = b""
    """SHA-256 of the content that needs no decoding because its result exists; empty when there is none."""
    standing: tuple[Output, ...] = ()
    """The outputs of a moved picture: these must exist where they were published, too."""
    net: Geometry | None = None
    """Network geometry of the picture's model; None for the one in the worker's configuration."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Finish the picture that the worker holds, and write temp files.

    The matte travels beside this command, unless the worker holds that, too: see `ReadOk.recalled`.
    """

    worker: int
    job: int
    presets: tuple[Preset, ...]
    """The presets, in the order of their outputs."""
    outputs: tuple[Output, ...]
    model: str = ""
    """SHA-256 of the weights that made the matte, in hexadecimal."""
    before: tuple[Output, ...] = ()
    """The last result of this source: while it exists, the same bytes are not written again."""
    same: tuple[Output, ...] = ()
    """Cut-outs of the same content, settings and weights: they are copied, and nothing is made."""
    threads: int = 1
    """Number of threads that it may use: more when the other workers are idle."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Give prepared outputs their final names, without replacing anything. Safe to repeat after a crash."""

    worker: int
    job: int
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class DoChore:
    """Carry out one cleanup task of `Chore` for a job."""

    worker: int
    job: int
    chore: Chore
    outputs: tuple[Output, ...]
    notes: tuple[str, ...]
    folder: int
    source: bytes
    reason: Reason
    original: Original | None = None
    together: bool = False
    """Whether the original is only checked: it leaves with its whole folder, by `MoveFolder`."""


@dataclass(frozen=True, slots=True)
class MoveFolder:
    """Move a sub-folder that is one job into the archive, as a whole. Answered by `FolderMoved`."""

    worker: int
    job: int
    """One of the jobs whose originals are in it."""
    folder: int
    part: bytes
    place: str
    """Its preferred path in the archive."""
    files: tuple[EndedFile, ...]
    """What may be in it; with any other picture it stays."""
    originals: tuple[bytes, ...]
    """Those that are to be recorded as archived: each was just seen, here or in the archive ..."""
    gone: tuple[EndedFile, ...] = ()
    """... and what ended and is not here any more: an attempt whose answer was lost may have moved it."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget the picture of a job: in the worker, and the arrays beside the facts."""

    worker: int
    job: int


@dataclass(frozen=True, slots=True)
class DropMatte:
    """Drop the matte that this batch gave for a job, but not a newer one."""

    job: int
    batch: int
