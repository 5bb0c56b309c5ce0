"""Decides when a file is completely copied: unchanged for a while, and confirmed by a second inspection.

Holds one pending file per path and compares deadlines; it does not access the disk. A directory scan or an
event starts the quiet time; only a *full* inspection (open, fstat, end markers, other writers) ends it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from annotated_types import Ge

from mattingd.domain.events import FileObservation
from mattingd.domain.jobs import Stamp
from mattingd.domain.reasons import NO_REASON, Reason

SECOND = 1_000_000_000
DOUBT = 10 * SECOND
"""Nanoseconds a file must be unchanged if only decoding can show whether it is complete."""
SHARE_QUIET_NS = 3 * SECOND
"""On a share a file rests for at least so long: attributes that are cached there are as old, at most."""
COMPANION = Reason.of("finder_copies")
STILL_SETTLING = Reason.of("settling")
"""The reason while nothing but the quiet time delays a file."""


@dataclass(frozen=True, slots=True)
class SettlePolicy:
    """How long a file must be unchanged before it is accepted."""

    settle_seconds: Annotated[float, Ge(0)] = 2.0
    """A file is accepted when it was unchanged this long and a second inspection confirms it."""
    truncated_minutes: Annotated[float, Ge(0)] = 30.0
    """A picture that looks cut off fails when it was unchanged this long."""

    @property
    def quiet_ns(self) -> int:
        """The quiet period in nanoseconds."""
        return round(self.settle_seconds * SECOND)

    @property
    def patience_ns(self) -> int:
        """How long to wait for a file that looks unfinished, in nanoseconds."""
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
    """Since when it has not changed."""
    deadline: int
    """When the next inspection is due."""
    confirming: bool = False
    """That inspection was requested and has no answer yet."""
    why: Reason = STILL_SETTLING
    wanted: bool = False
    """The user asked to take it now, as it is."""
    companion: int = 0
    """The companion file at the last inspection, see `FileObservation.companion`."""
    kept: int | None = None
    """Since when it has not changed, as the journal holds it; None if it does not."""


class SettlingTracker:
    """All pending files. One owner: the scheduler."""

    def __init__(self, policy: SettlePolicy) -> None:
        self.policy = policy
        self.on_shares: frozenset[int] = frozenset()
        """Hot folders on network shares."""
        self._resting: dict[SourceId, PendingFile] = {}
        self._earlier: dict[SourceId, tuple[Stamp, int]] = {}
        """Files that an earlier run held back, as they were and since when, until they are seen again."""

    def __len__(self) -> int:
        return len(self._resting)

    def __contains__(self, key: SourceId) -> bool:
        return key in self._resting

    def waiting(self) -> Iterator[tuple[SourceId, PendingFile]]:
        """Return all pending files, for `status`."""
        return iter(self._resting.items())

    def pending(self, key: SourceId) -> PendingFile | None:
        """Return the pending file at a path; None when there is none."""
        return self._resting.get(key)

    def forget(self, key: SourceId) -> None:
        """Forget a path: nothing is there any more, or it need not be taken."""
        self._resting.pop(key, None)

    def looked(self, key: SourceId, look: FileObservation, now: int) -> int | None:
        """Process an inspection; return since when a settled file, which leaves the tracker, is unchanged.

        A file that was delivered as a whole gets no patience: if it looks cut off, it was sent that way.
        """
        if look.delivered and look.full:
            self.forget(key)
            return now - self.policy.patience_ns
        resting = self._resting.get(key)
        if resting is None or resting.stamp != look.stamp:
            self._resting[key] = self._seen(key, look, now)
            return None
        if not (look.full and resting.confirming):
            return None
        resting.confirming = False
        copying, resting.companion = look.companion != resting.companion, look.companion
        resting.why = (
            NO_REASON if resting.wanted else self._held_back_by(look, now - resting.since, copying=copying)
        )
        if resting.why:
            resting.deadline = now + self._next_look_ns(now - resting.since)
            return None
        del self._resting[key]
        return resting.since

    def seed(self, key: SourceId, stamp: Stamp, since: int) -> None:
        """An earlier run held this file back, and saw it unchanged since then."""
        self._earlier[key] = stamp, since

    def not_seen_again(self, folder: int) -> list[SourceId]:
        """Those of a folder that was scanned, and forget them."""
        gone = [key for key in self._earlier if key.folder == folder]
        for key in gone:
            del self._earlier[key]
        return gone

    def to_keep(self, key: SourceId) -> PendingFile | None:
        """The file at rest there if the journal should know since when; None if it does, or need not."""
        file = self._resting.get(key)
        if file is None or file.why in {STILL_SETTLING, NO_REASON} or file.kept == file.since:
            return None
        file.kept = file.since
        return file

    def hasten(self, key: SourceId) -> None:
        """Take the file at its next inspection, whatever delays it."""
        self._resting[key].wanted = True

    def deadline(self, key: SourceId) -> int | None:
        """Return when the next inspection of this path is due.

        None while one is under way or nothing is pending.
        """
        resting = self._resting.get(key)
        return None if resting is None or resting.confirming else resting.deadline

    def confirm(self, key: SourceId) -> None:
        """Record that the confirming inspection was requested."""
        self._resting[key].confirming = True

    def postpone(self, key: SourceId, now: int, why: Reason) -> int:
        """Delay a file for a reason outside the file; returns when to ask again."""
        resting = self._resting[key]
        resting.confirming, resting.why = False, why
        resting.deadline = now + max(self.policy.quiet_ns, SECOND // 10)
        return resting.deadline

    def _seen(self, key: SourceId, look: FileObservation, now: int) -> PendingFile:
        """A file that is seen for the first time, or changed."""
        quiet = 0 if look.delivered else self._quiet_ns(key)
        file = PendingFile(look.stamp, now, now + quiet)
        stamp, since = self._earlier.pop(key, (None, 0))
        if stamp is not None and stamp.same_as(look.stamp):
            file.since = file.kept = since
        return file

    def _quiet_ns(self, key: SourceId) -> int:
        return max(self.policy.quiet_ns, SHARE_QUIET_NS if key.folder in self.on_shares else 0)

    def _held_back_by(self, look: FileObservation, age_ns: int, *, copying: bool) -> Reason:
        """Return why a confirmed file is not taken yet; None after the patience is used up."""
        if age_ns >= self.policy.patience_ns:
            return NO_REASON
        if copying:
            return COMPANION
        if look.writer:
            return Reason.of("has_writer")
        if look.decoder_knows and age_ns >= max(DOUBT, self.policy.quiet_ns):
            return NO_REASON
        return look.unfinished or NO_REASON

    def _next_look_ns(self, age_ns: int) -> int:
        """Return the next inspection's time: soon at first, then more rarely, and when the patience ends."""
        wait = min(max(self.policy.quiet_ns, age_ns // 4, SECOND // 10), 30 * SECOND)
        return min(wait, max(self.policy.patience_ns - age_ns, SECOND // 10))
