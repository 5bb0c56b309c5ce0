"""Hours of the day in which pictures of a hot folder are begun.

Only wall-clock times are compared: where clocks are put forward or back, a window opens and closes by what
the clock shows.
"""

import re
from dataclasses import dataclass

DAY = 24 * 60
"""Minutes of a day."""
_TIMES = re.compile(r"\s*(\d{1,2}):(\d{2})\s*[-\N{EN DASH}]\s*(\d{1,2}):(\d{2})\s*")
_LAST_MINUTE = 59


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the day, in minutes after midnight; it may go over midnight."""

    start: int
    end: int
    """The first minute that does not belong to it."""

    def __str__(self) -> str:
        """As it is written in the configuration."""
        return f"{_clock(self.start)}-{_clock(self.end)}"

    def holds(self, minute: int) -> bool:
        """Whether a minute of the day belongs to it."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


def window(text: str) -> Window:
    """Return the window that is written as `20:00-06:00`.

    Raises:
        ValueError: it is none, and why.
    """
    found = _TIMES.fullmatch(text)
    if found is None:
        raise ValueError(f"must be two times of the day like 20:00-06:00, not {text!r}")
    hour, minute, last_hour, last_minute = map(int, found.groups())
    start, end = _minutes(hour, minute, text), _minutes(last_hour, last_minute, text)
    if start % DAY == end % DAY and (start, end) != (0, DAY):
        raise ValueError(f"must begin and end at different times, not {text!r}")
    return Window(start % DAY, end)


def _minutes(hour: int, minute: int, text: str) -> int:
    """Minutes after midnight; 24:00 is the end of the day."""
    whole = hour * 60 + minute
    if whole > DAY or minute > _LAST_MINUTE:
        raise ValueError(f"must be two times of the day like 20:00-06:00, not {text!r}")
    return whole


@dataclass(frozen=True, slots=True)
class Hours:
    """When pictures of a hot folder are begun; without any window at all times."""

    windows: tuple[Window, ...] = ()

    def opens(self, minute: int) -> str | None:
        """The time at which it opens next, such as `20:00`; None when it is open at this minute."""
        if not self.windows or any(each.holds(minute) for each in self.windows):
            return None
        start = min((each.start for each in self.windows), key=lambda start: (start - minute) % DAY)
        return _clock(start)

    def __str__(self) -> str:
        """As it is written in the configuration."""
        return ", ".join(map(str, self.windows)) or "always"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


ALWAYS = Hours()
"""At all times."""
