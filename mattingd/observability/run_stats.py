"""The figures of a run, from facts and commands."""

from collections import deque
from dataclasses import dataclass, field

from mattingd.domain import events
from mattingd.domain.commands import Command, Read
from mattingd.domain.reasons import Reason
from mattingd.system import clock

RATE_NS = 60 * clock.SECOND
"""The time over which the current rate is measured, at most."""
IDLE_NS = 5 * clock.SECOND
"""Without anything to do for so long, the measurement begins anew."""


@dataclass(slots=True)
class RunStats:
    """The figures of a run for `status`: the rate, the folders' problems."""

    troubles: dict[int, Reason] = field(default_factory=dict)
    passed_over: dict[int, int] = field(default_factory=dict)
    """By hot folder: files of the last scan that no user dropped."""
    remote: events.RemoteState | None = None
    """The state of the workers on other machines; None without any."""
    others: str | None = None
    finished: int = 0
    failed: int = 0
    batches: int = 0
    batched: int = 0
    _ends: deque[int] = field(default_factory=deque)
    _since: int = 0
    """When it started to work after it was last idle."""
    _active: int = -IDLE_NS
    """When a picture last started or ended."""

    def fact(self, fact: events.Fact) -> None:
        """Count a fact."""
        match fact:
            case events.FolderTrouble(folder=folder, reason=None) | events.FolderLeft(folder=folder):
                self.troubles.pop(folder, None)
            case events.FolderTrouble(folder=folder, reason=Reason() as reason):
                self.troubles[folder] = reason
            case events.Scanned(folder=folder, passed_over=number):
                self.passed_over[folder] = number
            case events.RemoteState():
                self.remote = fact
            case events.OutputShared(others=others):
                self.others = others
            case events.Inferred(empty=empty):
                self.batches += 1
                self.batched += len(empty)
            case events.JobEnded(state="failed"):
                self.failed += 1
            case events.JobEnded(state="done"):
                self.finished += 1
                self._active = clock.monotonic_ns()
                self._ends.append(self._active)
            case _:
                pass

    def command(self, command: Command) -> None:
        """Measure from the start of work."""
        now = clock.monotonic_ns()
        if isinstance(command, Read):
            if self._active + IDLE_NS <= now:
                self._since = now
                self._ends.clear()
            self._active = now

    def rate(self) -> float:
        """Return pictures per second: in the last minute, or since work started if that is shorter."""
        now = clock.monotonic_ns()
        start = max(self._since, now - RATE_NS)
        while self._ends and self._ends[0] < start:
            self._ends.popleft()
        return len(self._ends) / max((now - start) / clock.SECOND, 1e-9)
