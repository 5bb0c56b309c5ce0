"""Facts from the journal about jobs, and their ends."""

from dataclasses import dataclass

from mattingd.domain.drops import EndedFile, Part
from mattingd.domain.earlier import EarlierResult
from mattingd.domain.jobs import JobRecord, Output
from mattingd.domain.reasons import Reasons


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
class EarlierFound:
    """The journal holds cut-outs of the same content, or (None) holds none that stand."""

    job: int
    result: EarlierResult | None


@dataclass(frozen=True, slots=True)
class PartSeen:
    """What became of the files of a sub-folder that is one job: it leaves when none of them has failed."""

    part: Part
    failed: tuple[bytes, ...]
    """Paths of pictures that failed and are still there."""
    ended: tuple[EndedFile, ...]
    """All others that have come to their end ..."""
    gone: tuple[EndedFile, ...] = ()
    """... and those that are not there any more, as they were last."""


@dataclass(frozen=True, slots=True)
class VersionAssigned:
    """The journal moved an output to its next version, because its path was taken."""

    job: int
    output: Output


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job has ended, and the journal holds that. The scheduler reports it once, for all reporters."""

    job: int
    folder: int
    path: bytes
    state: str
    """`done`, `unchanged`, `failed`, `ignored`, `superseded` or `withdrawn`."""
    reasons: Reasons = ()
    """The reasons, or remarks on its cut-outs for the user."""
    note: str = ""
    """Path of its error note below the output folder, if it failed."""
    drop: str = ""


@dataclass(frozen=True, slots=True)
class DropEnded:
    """A drop has ended: no file joins it, and all its jobs have ended. Reported once by the scheduler.

    A drop stays open for half a minute after its last job. A run that ends within that time does not report
    it.
    """

    folder: int
    drop: str
    ends: tuple[tuple[str, int], ...]
    """(state, number of jobs) for each state that occurs, including jobs of earlier runs."""
