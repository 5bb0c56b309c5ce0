"""How a hot folder is to be scanned."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What a scanner does."""

    folder: int
    root: bytes
    interval_seconds: float
    only: frozenset[bytes] | None = None
    """Only these files in the root; None for the whole tree."""
    ignore_existing: bool = False
    """Report what the first scan finds as not to be processed."""
    remote: bool = False
    """The folder is on a share, which may hang for reasons outside this machine."""
    point: str = ""
    """Where its file system was last mounted; empty when unknown."""
    patient: bool = True
    """Delay inspections and reports of missing files while the folder is offline."""
