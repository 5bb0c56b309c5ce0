"""Decide when a drop has ended: no file can join it any more, and all its jobs have ended."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from mattingd.domain.earlier import DropCount
from mattingd.domain.events import DropEnded


class DropId(NamedTuple):
    """Identifies a drop: its name is unique only within its hot folder."""

    folder: int
    name: str


@dataclass(slots=True)
class _Counts:
    live: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    open_until: int = 0
    """Until when a file may join; 0 for a drop of an earlier run, which accepts no more files."""


class DropEnds:
    """Counts the unfinished jobs of each drop. One owner: the job store."""

    def __init__(self) -> None:
        self._drops: dict[DropId, _Counts] = {}

    def __len__(self) -> int:
        return len(self._drops)

    def __contains__(self, drop: object) -> bool:
        """Whether a drop has not ended."""
        return drop in self._drops

    def seed(self, counts: Iterable[DropCount]) -> None:
        """Add jobs that ended in earlier runs, of drops whose end was not reported."""
        for count in counts:
            self._of(DropId(count.folder, count.drop)).ends[count.state] += count.jobs

    def seeded(self) -> list[DropId]:
        """Record that all drops are known; after a start these are the drops of earlier runs."""
        return list(self._drops)

    def joined(self, drop: DropId, open_until: int) -> None:
        """Record that a file joined a drop, which stays open until `until` (ns)."""
        self._of(drop).open_until = open_until

    def began(self, drop: DropId) -> None:
        """Record a live job of a drop."""
        self._of(drop).live += 1

    def ended(self, drop: DropId, state: str) -> None:
        """Record that a live job of a drop ended in this state."""
        counts = self._of(drop)
        counts.live -= 1
        counts.ends[state] += 1

    def ignored(self, drop: DropId) -> None:
        """Record a file of a drop that the journal lists and that never becomes a live job."""
        self._of(drop).ends["ignored"] += 1

    def over(self, drop: DropId, now: int) -> DropEnded | None:
        """Return the end of a drop, once; None while it is open, or when no file became a job."""
        counts = self._drops.get(drop)
        if counts is None or counts.live or now < counts.open_until:
            return None
        del self._drops[drop]
        return DropEnded(drop.folder, drop.name, tuple(sorted(counts.ends.items()))) if counts.ends else None

    def _of(self, drop: DropId) -> _Counts:
        return self._drops.setdefault(drop, _Counts())
