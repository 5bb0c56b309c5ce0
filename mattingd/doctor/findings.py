"""What an examination finds: how bad it is, what it is, and what to do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    """Good to know; nothing to do."""
    WARNING = "warning"
    """Works, and not as well as it could; or will not for long."""
    PROBLEM = "problem"
    """Pictures are not done, or not found, until this is mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    """What was looked at: `hot folder products`, `output_dir`, `model`."""
    level: Level
    what: str
    remedy: str = ""
    """What to do about it, as far as possible a command."""


Findings = Iterator[Finding]


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among findings."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
