"""The order to the child that makes a report, and its answers: JSON, one line each."""

from dataclasses import asdict, dataclass
from typing import Any

from mattingd.words import Language


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """Make the report of a drop."""

    journal: str
    output: str
    """The output folder."""
    archive: str | None
    folder: int
    drop: str
    title: str
    """The hot folder's name."""
    base: str
    """Path of the files, without endings, below the output folder."""
    preset: str
    model: str
    recipe: str
    language: Language
    tables: bool
    sheet: int
    """Maximum number of pictures on the contact sheet; 0 for none."""
    bundle: bool
    """Whether to make a ZIP."""
    keep_free: int = 0
    """Bytes that the ZIP must leave free on the output disk."""
    look: bool = False
    """Whether to make links to the cut-outs that need checking."""
    sources: bool = True
    """Whether the sheet shows the sources, too."""
    skipped: tuple[int, ...] = ()
    """Jobs whose pictures crashed the process before: they get no tile."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "ReportOrder":
        """Create it from plain values."""
        return cls(**plain | {"skipped": tuple(plain["skipped"])})
