"""Drops: sub-folders that are one, the files of a report, and notices of the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from mattingd import words
from mattingd.domain.jobs import ENDS, Stamp
from mattingd.words import Language

NO_DROP = "-0"
"""After the date, in place of a drop's number: a file that is listed and belongs to none."""


LOOKS = "_Needs_a_look"
"""The folder of links to cut-outs that need a look."""


class Part(NamedTuple):
    """A sub-folder of a hot folder that is one drop, with everything in it."""

    folder: int
    name: bytes


@dataclass(frozen=True, slots=True)
class EndedFile:
    """A file of such a sub-folder that has come to its end."""

    path: bytes
    """In the hot folder."""
    stamp: Stamp


class Channel(StrEnum):
    """The ways to notify users. The value is stored in the journal."""

    WEBHOOK = "webhook"
    MAIL = "mail"
    CHAT = "chat"
    PROGRAM = "program"
    """The team's own program, `hooks.on_drop`."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file of a report."""

    path: str
    """Relative to the output root."""
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that is to be delivered."""

    id: str
    """The same at every delivery, so that a receiver can ignore a repeated notice."""
    folder: int
    drop: str
    channel: Channel
    attempts: int = 0
    settled: tuple[str, ...] = ()
    """Receivers that need it no more, by hashes of their addresses."""


def counts_in_words(counts: Mapping[str, int], unsure: int, language: Language) -> str:
    """Return how many pictures of a drop ended in each state, and how many need checking, in words."""
    said = [
        words.label(language, f"count_{state}", number=counts[state]) for state in ENDS if counts.get(state)
    ]
    look = [words.label(language, "count_look", number=unsure)] if unsure else []
    return words.label(language, "comma").join([*said, *look])
