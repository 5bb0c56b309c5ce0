"""When a drop has come to its end: no file joins it any more, and all that belong to it have ended."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from mattingd.domain.events import DropEnded
from mattingd.domain.jobs import DropCount


class DropId(NamedTuple):
    """Names of drops are unique in their hot folder only."""

    folder: int
    name: str


@dataclass(slots=True)
class _Counts:
    live: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    open_until: int = 0
    """Until then a file may join; 0 for a drop of an earlier run, which no file joins."""


class DropEnds:
    """Counts the jobs of each drop that has not ended. One owner: the job store."""

    def __init__(self) -> None:
        self._drops: dict[DropId, _Counts] = {}

    def __len__(self) -> int:
        return len(self._drops)

    def seed(self, counts: Iterable[DropCount]) -> None:
        """Jobs that ended in earlier runs, of drops with jobs that have not."""
        for count in counts:
            self._of(DropId(count.folder, count.drop)).ends[count.state] += count.jobs

    def joined(self, drop: DropId, open_until: int) -> None:
        """A file joined a drop, which stays open until then (ns)."""
        self._of(drop).open_until = open_until

    def began(self, drop: DropId) -> None:
        """A job of a drop is live."""
        self._of(drop).live += 1

    def ended(self, drop: DropId, state: str) -> None:
        """A live job of a drop ended, in this state."""
        counts = self._of(drop)
        counts.live -= 1
        counts.ends[state] += 1

    def ignored(self, drop: DropId) -> None:
        """The journal lists a file of a drop, and it never becomes a live job."""
        self._of(drop).ends["ignored"] += 1

    def over(self, drop: DropId, now: int) -> DropEnded | None:
        """The end of a drop, told once; None as long as it goes on, or when nothing became of its files."""
        counts = self._drops.get(drop)
        if counts is None or counts.live or now < counts.open_until:
            return None
        del self._drops[drop]
        return DropEnded(drop.folder, drop.name, tuple(sorted(counts.ends.items()))) if counts.ends else None

    def _of(self, drop: DropId) -> _Counts:
        return self._drops.setdefault(drop, _Counts())
