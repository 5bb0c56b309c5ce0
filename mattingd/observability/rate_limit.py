"""Limit equal log lines: the first of them are logged, the others counted. Time comes from outside."""

from dataclasses import dataclass, field

from mattingd.system import clock

SAME_TROUBLE_EVERY_NS = 60 * clock.SECOND
"""Equal lines are gathered for so long, and then told as one with their number."""


@dataclass(slots=True)
class Flood:
    """Equal lines within a minute."""

    until: int
    level: str
    told: int = 0
    more: int = 0
    again: bool = False
    """Whether a file was named that had been counted."""
    files: set[int] = field(default_factory=set)
    """Hashes of those that were."""


class LogRateLimiter:
    """Limits equal log lines: the first are logged, the others counted and reported as one."""

    def __init__(self) -> None:
        self._floods: dict[tuple[str, str], Flood] = {}
        self._due = 0
        """When the first of them is to be looked at; no sooner."""

    def tells(
        self, level: str, event: str, why: str, *, first: int, now: int, file: str | None = None
    ) -> bool:
        """Whether to log this line now; otherwise it is counted. `first` equal ones are logged.

        One about a `file` is logged or counted once, however often it comes, as long as lines like it do.
        """
        until = now + SAME_TROUBLE_EVERY_NS
        self._due = min(self._due, until) if self._floods else until
        flood = self._floods.setdefault((event, why), Flood(until, level))
        if file is not None:
            if hash(file) in flood.files:
                flood.again = True
                return False
            flood.files.add(hash(file))
        if flood.told < first:
            flood.told += 1
            return True
        flood.more += 1
        return False

    def gathered(self, now: int | None) -> list[tuple[str, str, str, int]]:
        """(level, event, why, number) of what was only counted and is due; all of it when `now` is None.

        What goes on is gathered for another minute; what has stopped may be told anew.
        """
        if now is not None and now < self._due:
            return []
        due = [key for key, flood in self._floods.items() if now is None or flood.until <= now]
        told = []
        for event, why in due:
            flood = self._floods.pop((event, why))
            if flood.more:
                told.append((flood.level, event, why, flood.more))
            if flood.more or flood.again:
                until = flood.until + SAME_TROUBLE_EVERY_NS
                self._floods[event, why] = Flood(until, flood.level, told=flood.told, files=flood.files)
        self._due = min((flood.until for flood in self._floods.values()), default=0)
        return told
