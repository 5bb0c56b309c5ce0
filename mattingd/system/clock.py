"""The only reader of time.

Deadlines are integer nanoseconds of the monotonic clock and are compared as ``deadline <= now``;
the wall clock is for dates that people read. No other module reads either (a lint rule and a test hold it).
"""

import time
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
"""Nanoseconds in a second."""

MILLISECOND = 1_000_000
"""Nanoseconds in a millisecond."""


def monotonic_ns() -> int:
    """Nanoseconds since an arbitrary point; never goes back, whatever is done to the wall clock."""
    return time.monotonic_ns()


def cpu_ns() -> int:
    """Nanoseconds of processor time this process has used, all threads together."""
    return time.process_time_ns()


def sleep(seconds: float) -> None:
    """Do nothing for ``seconds``; only for children and tools, never on the scheduler's thread."""
    time.sleep(seconds)


def wall(zone: tzinfo | None = None) -> datetime:
    """Now, as a date and time of day in ``zone`` (default: the system's), with its offset."""
    return datetime.now(zone).astimezone(zone)


def zone(name: str | None) -> tzinfo | None:
    """The time zone called ``name`` (IANA, such as ``Europe/Berlin``); ``None`` means the system's.

    Raises:
        ZoneInfoNotFoundError: nobody knows that name.
    """
    return None if name is None else ZoneInfo(name)


def in_words(seconds: float) -> str:
    """A duration for people: `45 s`, `12 min`, `3 h`, `2 days`."""
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (129_600, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / divisor)} {unit}"
    return f"{round(seconds / 86400)} days"
