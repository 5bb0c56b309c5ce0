"""What we put on disk, as the journal and a look at the disk know it."""

from dataclasses import dataclass
from enum import StrEnum


class ArtifactKind(StrEnum):
    """What we put somewhere: below the output root or, originals, below the archive's."""

    CUT_OUT = "cut-out"
    NOTE = "note"
    """An error note."""
    ORIGINAL = "original"
    """An original in the archive."""


class ArtifactState(StrEnum):
    """What became of a published output after its time. The value is what the journal stores."""

    GOING = "going"
    """It is about to be removed; found so after a stop, it is looked at again."""
    TRASHED = "trashed"
    """It lies in the trash."""
    EXPIRED = "expired"
    """Retention removed it."""
    TAKEN = "taken"
    """It was not there any more when its time came: somebody had taken it away."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that we put somewhere, as the journal knows it."""

    thing: ArtifactKind
    job: int
    ordinal: int
    """Of the output; 0 for anything else."""
    path: str
    day: str
    """The calendar day its age counts from, as text; in the trash, the day it came there."""
    size: int
    sha256: bytes
    remains: ArtifactState | None = None


class ArtifactFinding(StrEnum):
    """What a look at the place of something of ours showed."""

    SAME = "same"
    """Just what was put there: size and content."""
    GONE = "gone"
    """Nothing lies there."""
    IN_TRASH = "in trash"
    """Nothing lies there, and in the trash there is just what was made."""
    OTHER = "other"
    """Something else; `ArtifactInspection.why` says what."""


@dataclass(frozen=True, slots=True)
class ArtifactInspection:
    """A look at the place of something of ours."""

    sight: ArtifactFinding
    why: str = ""
    identity: tuple[int, ...] = ()
    """Of the very file that was read; see `disk.identity_of`."""


@dataclass(frozen=True, slots=True)
class ArtifactUpdate:
    """What the journal shall remember of a `Artifact`; None takes a mark back."""

    thing: ArtifactKind
    job: int
    ordinal: int
    remains: ArtifactState | None
    day: str
