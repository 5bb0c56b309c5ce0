"""The only reader of time.

Deadlines are integer nanoseconds of the monotonic clock and are compared as ``deadline <= now``; the wall
clock is for dates that users read. No other module reads either clock (enforced by a lint rule and a test).
"""

import time
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
"""Nanoseconds in a second."""

MILLISECOND = 1_000_000
"""Nanoseconds in a millisecond."""


def monotonic_ns() -> int:
    """Return nanoseconds since an arbitrary point; never goes back, whatever happens to the wall clock."""
    return time.monotonic_ns()


def seconds_since(started: int) -> float:
    """Return the seconds since `monotonic_ns` returned this value."""
    return (monotonic_ns() - started) / SECOND


def cpu_ns() -> int:
    """Return the CPU time of this process in nanoseconds, all threads together."""
    return time.process_time_ns()


def sleep(seconds: float) -> None:
    """Sleep for ``seconds``; only for children and tools, never on the scheduler's thread."""
    time.sleep(seconds)


def wall(zone: tzinfo | None = None) -> datetime:
    """Return the present date and time in ``zone`` (default: the system's), with its offset."""
    return datetime.now(zone).astimezone(zone)


def zone(name: str | None) -> tzinfo | None:
    """The time zone called ``name`` (IANA, such as ``Europe/Berlin``); ``None`` means the system's.

    Raises:
        ZoneInfoNotFoundError: the name is unknown.
    """
    return None if name is None else ZoneInfo(name)


def in_words(seconds: float, units: tuple[str, str, str, str] = ("s", "min", "h", "days")) -> str:
    """Return a duration for users: `45 s`, `12 min`, `3 h`, `2 days`, or in other words for these."""
    for limit, divisor, unit in ((90, 1, units[0]), (5400, 60, units[1]), (129_600, 3600, units[2])):
        if seconds < limit:
            return f"{round(seconds / divisor)} {unit}"
    return f"{round(seconds / 86400)} {units[3]}"
