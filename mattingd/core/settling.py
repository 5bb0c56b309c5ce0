"""When is a file whole? Quiet for a while, and confirmed by a second look.

Knows one resting file per path and compares deadlines; it never looks at a disk itself. A directory scan or
an event starts the rest; only a *full* look (open + fstat + close, end markers, other writers) can end it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from annotated_types import Ge

from mattingd.domain.events import FileObservation
from mattingd.domain.jobs import Stamp

SECOND = 1_000_000_000
DOUBT = 10 * SECOND
"""Nanoseconds that a file rests of which only decoding it can tell whether it is whole."""
STILL_SETTLING = "still settling"
"""Why a file is not taken yet while nothing speaks against it."""


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """How long a file must rest before it is taken."""

    settle_seconds: Annotated[float, Ge(0)] = 2.0
    """A file is taken once it stayed the same this long and a second look confirms it."""
    truncated_minutes: Annotated[float, Ge(0)] = 30.0
    """A picture that looks cut off is given this long, unchanged, before it fails."""

    @property
    def quiet_ns(self) -> int:
        """The quiet period in nanoseconds."""
        return round(self.settle_seconds * SECOND)

    @property
    def patience_ns(self) -> int:
        """How long an unfinished-looking file is waited for, in nanoseconds."""
        return round(self.truncated_minutes * 60 * SECOND)


class SourceId(NamedTuple):
    """A source file: hot folder and path in it."""

    folder: int
    path: bytes


@dataclass(slots=True)
class PendingFile:
    """A file that is not taken yet."""

    stamp: Stamp
    since: int
    """Since when it is unchanged."""
    deadline: int
    """When the next look is due."""
    confirming: bool = False
    """That look was asked for and is not answered yet."""
    why: str = STILL_SETTLING
    wanted: bool = False
    """A person said to take it now, as it is."""


class SettlingTracker:
    """All files at rest. One owner: the scheduler."""

    def __init__(self, policy: SettlePolicy) -> None:
        self.policy = policy
        self._resting: dict[SourceId, PendingFile] = {}

    def __len__(self) -> int:
        return len(self._resting)

    def __contains__(self, key: SourceId) -> bool:
        return key in self._resting

    def waiting(self) -> Iterator[tuple[SourceId, PendingFile]]:
        """All resting files, for `status`."""
        return iter(self._resting.items())

    def pending(self, key: SourceId) -> PendingFile | None:
        """The file at rest there; None when there is none."""
        return self._resting.get(key)

    def forget(self, key: SourceId) -> None:
        """Nothing is there any more, or it need not be taken."""
        self._resting.pop(key, None)

    def looked(self, key: SourceId, look: FileObservation, now: int) -> int | None:
        """Take a look into account; if the file is settled, and so rests no longer: since when it did."""
        resting = self._resting.get(key)
        if resting is None or resting.stamp != look.stamp:
            self._resting[key] = PendingFile(look.stamp, now, now + self.policy.quiet_ns)
            return None
        if not (look.full and resting.confirming):
            return None
        resting.confirming = False
        resting.why = "" if resting.wanted else self._held_back_by(look, now - resting.since)
        if resting.why:
            resting.deadline = now + self._next_look_ns(now - resting.since)
            return None
        del self._resting[key]
        return resting.since

    def hasten(self, key: SourceId) -> None:
        """Take the file at its next look, whatever holds it back."""
        self._resting[key].wanted = True

    def deadline(self, key: SourceId) -> int | None:
        """When the next look at this path is due; None while one is under way or nothing rests there."""
        resting = self._resting.get(key)
        return None if resting is None or resting.confirming else resting.deadline

    def confirm(self, key: SourceId) -> None:
        """The confirming look was asked for."""
        self._resting[key].confirming = True

    def postpone(self, key: SourceId, now: int, why: str) -> int:
        """Not yet, for a reason that no look at the file can tell; returns when to ask again."""
        resting = self._resting[key]
        resting.confirming, resting.why = False, why
        resting.deadline = now + max(self.policy.quiet_ns, SECOND // 10)
        return resting.deadline

    def _held_back_by(self, look: FileObservation, age_ns: int) -> str:
        """Why a confirmed file is not taken yet; after the patience it is taken all the same."""
        if age_ns >= self.policy.patience_ns:
            return ""
        if look.writer:
            return "another program still has it open for writing"
        if look.decoder_knows and age_ns >= max(DOUBT, self.policy.quiet_ns):
            return ""
        return look.unfinished or ""

    def _next_look_ns(self, age_ns: int) -> int:
        """Look again soon at first, then ever more rarely, and once more when the patience ends."""
        wait = min(max(self.policy.quiet_ns, age_ns // 4, SECOND // 10), 30 * SECOND)
        return min(wait, max(self.policy.patience_ns - age_ns, SECOND // 10))
