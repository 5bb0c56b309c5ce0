"""How a hot folder is to be scanned, and how often."""

from collections import deque
from dataclasses import dataclass

STRETCH = 20
"""A folder that takes long to scan is scanned more rarely: the pause is at least so many scan durations."""
SCANS = 3
"""The shortest of so many counts: one may have waited for a server that was away."""


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

    def wants(self, path: bytes) -> bool:
        """Whether this file is to be reported."""
        return self.only is None or path in self.only


class ScanPauses:
    """Pauses between scans, in ns."""

    def __init__(self) -> None:
        self._took: deque[int] = deque(maxlen=SCANS)

    def after(self, duration: int, interval: int) -> int:
        """Return the pause after a scan that took so long, where scans are wanted at this interval."""
        self._took.append(duration)
        stretch = STRETCH if len(self._took) == SCANS else 1
        return max(interval, stretch * min(self._took))
