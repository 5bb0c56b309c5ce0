"""What happened before and still counts: earlier results, and what earlier runs left beside the jobs."""

from dataclasses import dataclass

from mattingd.domain.jobs import Output, Stamp
from mattingd.domain.reasons import Reasons


@dataclass(frozen=True, slots=True)
class DropCount:
    """How many jobs of a drop ended in one state."""

    folder: int
    drop: str
    state: str
    jobs: int


@dataclass(frozen=True, slots=True)
class Took:
    """How long a picture took."""

    path: bytes
    size: int
    """Bytes of its file."""
    seconds: float
    """Of work, at all stages together."""


@dataclass(frozen=True, slots=True)
class Resting:
    """A file that was held back and is not admitted yet."""

    folder: int
    path: bytes
    stamp: Stamp
    """Of its size, time and strokes alone."""
    unchanged_for: float
    """Seconds until now."""


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """The cut-outs of another job that had the same content, settings and weights."""

    place: str
    """The first of them, below the output folder."""
    outputs: tuple[Output, ...]
    model: str
    """SHA-256 of the weights."""
    device: str
    precision: str
    confidence: float | None
    remarks: Reasons
    """What the user should know about them."""
