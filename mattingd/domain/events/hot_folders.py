"""Facts from hot folders."""

from dataclasses import dataclass

from mattingd.domain.jobs import OwnSettings, Stamp
from mattingd.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class FileObservation:
    """The result of inspecting a path."""

    stamp: Stamp
    full: bool = False
    """Whether the file was opened, checked and closed; a directory scan only has the stamp."""
    writer: bool = False
    """Another program has the file open for writing."""
    unfinished: Reason | None = None
    """Why the content looks cut off."""
    decoder_knows: bool = False
    """Whether decoding can tell if an `unfinished` file is complete, so that it waits only a moment."""
    odd: Reason | None = None
    """Why this is not a file to process (a link, a pipe, ...)."""
    delivered: bool = False
    """Whether a program of ours renamed it into place: there is nothing to wait for."""
    companion: int = 0
    """The state of the companion file that the Finder keeps during a copy; 0 when there is none."""
    own: OwnSettings | None = None
    """The settings that were requested for this very picture."""


@dataclass(frozen=True, slots=True)
class FileObserved:
    """A path was inspected; `look` is None when nothing is there."""

    folder: int
    path: bytes
    look: FileObservation | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """A complete scan of a folder ended; everything it found was reported before."""

    folder: int
    files: int
    seconds: float
    passed_over: int = 0
    """Skipped files and folders that no user dropped; the content of such a folder is not counted."""


@dataclass(frozen=True, slots=True)
class Overflowed:
    """The kernel dropped notifications about a hot folder; it is scanned at once."""

    folder: int


@dataclass(frozen=True, slots=True)
class FolderTrouble:
    """A hot folder cannot be read at present, or (None) can be read again."""

    folder: int
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class FolderLeft:
    """A folder is not a hot folder any more."""

    folder: int
