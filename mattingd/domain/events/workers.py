"""Facts from picture workers."""

from dataclasses import dataclass

from mattingd.domain.jobs import Chore, Fault, Fit, Output
from mattingd.domain.reasons import Reason, Reasons


@dataclass(frozen=True, slots=True)
class WorkerUp:
    """A picture worker is ready for its first operation."""

    worker: int
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A picture worker ended, for whatever reason."""

    worker: int
    how: Reason


@dataclass(frozen=True, slots=True)
class ReadOk:
    """A picture was read, decoded and fitted; the worker holds it, and the network input travels beside."""

    worker: int
    job: int
    sha256: bytes
    fit: Fit
    seconds: float = 0.0
    notes: Reasons = ()
    room: int = 0
    """Pixels of the memory budget that it needs, if that is not its size: see `Header.room`."""
    painted: bytes = b""
    """SHA-256 of the strokes beside it; empty when there are none."""
    recalled: str | None = None
    """SHA-256 of the weights of its stored matte, if the worker holds that, too.

    Then there is no network input.
    """
    cut_out: bool = False
    """Whether it is already cut out: its own alpha channel shows its subject."""


@dataclass(frozen=True, slots=True)
class SameContent:
    """The file has the known content (`Read.known`); nothing was decoded."""

    worker: int
    job: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class NeedsRoom:
    """The header says that the picture is larger than granted; nothing was decoded."""

    worker: int
    job: int
    pixels: int


@dataclass(frozen=True, slots=True)
class AnotherPass:
    """The matte was added, and another pass may improve it; the network input for it travels beside."""

    worker: int
    job: int
    shape: tuple[int, int]
    """The network's (height, width) for it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All outputs of a job are complete in temp files, synced, read back and decoded."""

    worker: int
    job: int
    outputs: tuple[Output, ...]
    seconds: float = 0.0
    write_seconds: float = 0.0
    """Seconds of these that the disk took: write, sync, read back and decode."""
    notes: Reasons = ()
    """Remarks on the files for the user."""
    confidence: float | None = None
    """Confidence in the matte after two passes, 0 to 1.

    None after one pass, whose confidence the engine reported.
    """
    device: str = ""
    """Device and precision of another machine that made the matte; empty for a local engine."""
    precision: str = ""


@dataclass(frozen=True, slots=True)
class EarlierGone:
    """The earlier cut-outs (`Finish.same`) are not there as they were published; nothing was written."""

    worker: int
    job: int


@dataclass(frozen=True, slots=True)
class SameResult:
    """The result equals the existing files byte for byte; nothing was written."""

    worker: int
    job: int
    seconds: float = 0.0
    confidence: float | None = None
    """As in `Finished`."""


@dataclass(frozen=True, slots=True)
class Published:
    """All outputs of a job have their final names, durably."""

    worker: int
    job: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class NameOccupied:
    """A foreign file has the path of this output."""

    worker: int
    job: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class TempFileMissing:
    """A prepared output has neither temp file nor final file: the work must be repeated."""

    worker: int
    job: int


@dataclass(frozen=True, slots=True)
class Faulted:
    """An operation on a picture failed; the worker is fine and does not hold the picture any more."""

    worker: int
    job: int
    fault: Fault
    reason: Reason


@dataclass(frozen=True, slots=True)
class ChoreDone:
    """A chore was done, or cannot be done for the given reason."""

    worker: int
    job: int
    chore: Chore
    failed: str | None = None
    where: str = ""
    """Path of an original in the archive, or of a note that did not get its own name."""
    alone: bool = False
    """Whether it failed for a reason of its own: other paths can be written."""
    stays: bool = False
    """Whether an original is as it was read, and stays until its folder is moved as a whole."""


@dataclass(frozen=True, slots=True)
class FolderMoved:
    """A sub-folder that is one job is in the archive, or has to stay for now."""

    worker: int
    job: int
    where: str
    """Its path in the archive; empty if it is not there."""
    failed: str = ""
    """Why it stays for now; empty with `where` where its originals must go one by one."""
    left: tuple[bytes, ...] = ()
    """Originals that lie in a new folder of its name, if it was moved before: they follow later."""
