"""Messages between the daemon and the child process that works on a share.

A call to a share that hangs may never return. So one child per folder on a share makes these calls, and the
daemon waits only as long as it wants to.
"""

from dataclasses import dataclass

from mattingd.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """Some of the files with ended jobs: (path, size, mtime_ns, strokes, mark). Sent before `ScanShare`."""

    files: tuple[tuple[bytes, int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class ScanShare:
    """Scan this hot folder repeatedly, and report differences from the known files."""

    folder: int
    root: bytes
    interval_seconds: float
    only: tuple[bytes, ...] | None = None
    """Only these files in the root; None for the whole tree."""
    ignore_existing: bool = False
    point: str = ""
    """Where its file system was last mounted; empty when unknown."""


@dataclass(frozen=True, slots=True)
class RescanShare:
    """Scan everything at once, and from now on this often."""

    interval_seconds: float


@dataclass(frozen=True, slots=True)
class WatchOutput:
    """Check repeatedly whether this output folder exists, is ours and has space."""

    root: str
    marker: str
    """The marker file that it must contain; empty when it has none yet."""
    own_marker: str
    """Its name, whether there is one or not."""
    own_card: str
    """What it says of this daemon; see `mattingd.outputs.other_daemons`."""


@dataclass(frozen=True, slots=True)
class SweepShare:
    """Go through an output folder and an archive whose files' days may be over; see `RetentionPolicy`."""

    output: str
    archive: str | None
    journal: str
    """The journal's file, which is on a local disk."""
    today: str
    """Calendar date in the configured time zone."""
    confirmed: bool
    """A person said that however many may go at once."""
    days: int | None
    trash_days: int | None
    failed_days: int | None
    archived_days: int | None
    brake_percent: float
    file_seconds: float
    """A step on one file that takes longer hangs."""


@dataclass(frozen=True, slots=True)
class ShareSwept:
    """What a sweep came to; the fields of `mattingd.outputs.retention.Report`."""

    removed: int
    trashed: int
    freed: int
    gone: int
    left: int
    shown: tuple[tuple[str, str], ...]
    refused: str | None


@dataclass(frozen=True, slots=True)
class ShareAlive:
    """The child's last call has returned."""


@dataclass(frozen=True, slots=True)
class OutputSeen:
    """The output folder answered: free bytes, or why it cannot be used."""

    free: int = 0
    trouble: Reason | None = None
    others: str | None = None
    """Other daemons that work for it."""
