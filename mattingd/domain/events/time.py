"""Facts from the clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Today:
    """The calendar date in the configured time zone, as it goes into output paths."""

    date: str


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """What the clock shows in the configured time zone, in minutes after midnight. Told once a minute."""

    minute: int


@dataclass(frozen=True, slots=True)
class Stuck:
    """A part that must show progress does not, and everything that should have helped did not."""

    who: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Only time has passed."""
