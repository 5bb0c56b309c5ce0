"""What people drop: contents with a number of their own, so that a mixed-up result is recognised."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from mattingd.domain.jobs import Stamp
from mattingd.domain.reasons import Reason


class Kind(StrEnum):
    """What becomes of a whole picture with this content, whoever processes it."""

    GOOD = "good"
    EMPTY = "without a subject"
    BAD = "bad"
    FLAWED = "cannot be written"
    UNSUPPORTED = "no picture"
    CULPRIT = "fails its batch"
    POISON_READ = "kills the worker that reads it"
    POISON_FINISH = "kills the worker that finishes it"
    POISON_ENGINE = "kills the engine"
    POISON_AGAIN = "kills the engine at the second pass"
    HANGS = "hangs the worker that reads it"


POISON_ENGINE = frozenset({Kind.POISON_ENGINE, Kind.POISON_AGAIN})
POISON = POISON_ENGINE | {Kind.POISON_READ, Kind.POISON_FINISH, Kind.HANGS}
SPOILT = POISON | {Kind.EMPTY, Kind.BAD, Kind.FLAWED, Kind.CULPRIT}
"""Kinds that must end as failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """The bytes of one version of a file, whole or not yet."""

    number: int
    kind: Kind
    size: int
    pixels: int
    shape: tuple[int, int]
    whole: bool = True
    shows: bool = False
    """Not whole, and a look at its end shows it."""
    decodes: bool = False
    """Not whole, and yet no decoder complains."""
    small: bool = False
    """Its subject goes through the model a second time, by itself."""
    nth: int = 1
    """Of a network's input: for which of the two."""

    def subject(self) -> "Content":
        """What the network sees at the second pass: another part, of another shape."""
        return replace(self, nth=2, shape=(self.shape[1], self.shape[0]))

    @property
    def sha256(self) -> bytes:
        """Its fingerprint."""
        return b"content %d" % self.number


@dataclass(frozen=True, slots=True)
class File:
    """What lies at a path."""

    content: Content
    stamp: Stamp
    writer: bool = False
    """Somebody has it open for writing, and the kernel says so."""
    odd: Reason | None = None
    caption: int = 0
    """How often somebody wrote one: other bytes of the file, the same cut-out."""

    @property
    def sha256(self) -> bytes:
        """Its fingerprint."""
        return self.content.sha256 + (b" caption %d" % self.caption if self.caption else b"")


class Matte(NamedTuple):
    """What the engine made: of which picture, and with which weights."""

    number: int
    model: str
    nth: int = 1


def cut_out(picture: Content, matte: Matte, strokes: int) -> bytes:
    """A finished output: which picture, which strokes, whose matte, and who made that."""
    made = b"cut-out of %d with the matte of %d" % (picture.number, matte.number)
    return made + b" after strokes %d by %s" % (strokes, matte.model.encode())


def strokes_in(data: bytes) -> int:
    """The strokes that were worked into a cut-out; 0 for none."""
    return int(data.rpartition(b" by ")[0].rpartition(b" ")[2] or 0)


def made_by(data: bytes) -> str:
    """The weights that made a cut-out."""
    return data.rpartition(b" by ")[2].decode()
