"""Facts from the output folder."""

from dataclasses import dataclass

from mattingd.domain.artifacts import ArtifactUpdate
from mattingd.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class OutputTrouble:
    """The output folder does not answer or is not the right one, or (None) can be used again."""

    reason: Reason | None


@dataclass(frozen=True, slots=True)
class OutputShared:
    """Another daemon works for the same output folder, or (None) none does any more."""

    others: str | None


@dataclass(frozen=True, slots=True)
class SpaceLow:
    """The output disk has less free space than it must keep, or (None) enough again."""

    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Swept:
    """Retention is about to remove, or has removed, these; it continues when the journal holds that."""

    marks: tuple[ArtifactUpdate, ...]
    home: bytes = b""
    """The output folder, if it has its marker from now on."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Retention has finished a sweep."""

    removed: int
    trashed: int
    freed: int
    """Bytes that were removed; the trash still takes space."""
    left: int
    """Due files that are kept, because they were changed or cannot be removed."""
    refused: str | None = None
    """Why cut-outs were not removed at all."""
