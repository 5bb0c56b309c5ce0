"""The files that we write, as the journal and an inspection of the disk know them."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Permissions:
    """Owner and mode of what is put below the output root; None leaves what the system gives."""

    uid: int | None = None
    gid: int | None = None
    file_mode: int | None = None
    folder_mode: int | None = None


NO_PERMISSIONS = Permissions()


class ArtifactKind(StrEnum):
    """The kinds of files below the output root or, for originals, below the archive."""

    CUT_OUT = "cut-out"
    NOTE = "note"
    """An error note."""
    ORIGINAL = "original"
    """An original in the archive."""
    REPORT = "report"
    """A file of a drop's report."""


class ArtifactState(StrEnum):
    """What happened to a published output. The value is stored in the journal."""

    GOING = "going"
    """It is about to be removed; after a crash it is inspected again."""
    TRASHED = "trashed"
    """It is in the trash."""
    EXPIRED = "expired"
    """Retention removed it."""
    TAKEN = "taken"
    """It was already gone when it was due: someone else removed it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that we wrote, as the journal knows it."""

    thing: ArtifactKind
    job: int
    ordinal: int
    """The index of the output; 0 for other kinds."""
    path: str
    day: str
    """The calendar day from which its age counts, as text; in the trash, the day when it was moved there."""
    size: int
    sha256: bytes
    remains: ArtifactState | None = None
    also: tuple[tuple[int, bytes], ...] = ()
    """(size, SHA-256) of other content that we may have written there: a note in another language."""


class ArtifactFinding(StrEnum):
    """The result of inspecting an artifact's path."""

    SAME = "same"
    """Exactly the file that we wrote, by size and content."""
    GONE = "gone"
    """Nothing is there."""
    IN_TRASH = "in trash"
    """Nothing is there, but the trash has exactly the file that we wrote."""
    OTHER = "other"
    """Another file; `ArtifactInspection.why` describes it."""


@dataclass(frozen=True, slots=True)
class ArtifactInspection:
    """An inspection of an artifact's path."""

    sight: ArtifactFinding
    why: str = ""
    identity: tuple[int, ...] = ()
    """Identity of the very file that was read; see `filesystem.identity_of`."""


@dataclass(frozen=True, slots=True)
class ArtifactUpdate:
    """A change to the journal's record of an `Artifact`; None revokes a mark."""

    thing: ArtifactKind
    job: int
    ordinal: int
    remains: ArtifactState | None
    day: str
    path: str = ""
    """Path of a report's file, which has no job."""
