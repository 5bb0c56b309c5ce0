"""The findings of an examination: how bad, what, and what to do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    """For information; nothing to do."""
    WARNING = "warning"
    """Works, but could be better, or will not work for long."""
    PROBLEM = "problem"
    """Pictures are not processed, or not found, until this is fixed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    about: str
    """What was checked: `hot folder products`, `output_dir`, `model`."""
    level: Level
    what: str
    remedy: str = ""
    """What to do about it, preferably a command."""


Findings = Iterator[Finding]


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level among findings."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
