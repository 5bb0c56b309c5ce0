"""The line of each picture in a report, as plain values. Pure."""

from dataclasses import dataclass
from typing import Any

from mattingd.domain.reasons import as_json, told
from mattingd.domain.text import readable
from mattingd.journal.drops import PictureOfDrop
from mattingd.words import Language

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
"""A cell that begins so is taken for a formula by spreadsheets."""
COLUMNS = (
    "in", "out", "state", "confidence", "needs_a_look", "reasons", "seconds", "preset", "model",
    "model_sha256", "sha256", "settings", "ended_at", "note", "same_as_before",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """The settings' names for a hot folder's preset and model."""

    preset: str
    model: str
    recipe: str
    """Hash of the settings with these names."""


def line_of(picture: PictureOfDrop, names: Names, language: Language) -> dict[str, Any]:
    """Return what the report says of a picture; keys as in `COLUMNS`, `codes` beside them.

    `out` is a list of paths below the output folder, `seconds` is the work that the picture took.
    """
    record = picture.record
    spent = record.spent
    seconds = [each for each in (spent.read, spent.infer, spent.finish, spent.write, spent.publish) if each]
    current = names.recipe == picture.recipe
    return {
        "in": readable(record.path),
        "out": list(record.outputs),
        "state": record.state,
        "confidence": None if record.confidence is None else round(record.confidence, 4),
        "needs_a_look": picture.needs_a_look,
        "reasons": told(record.reasons, language),
        "codes": as_json(record.reasons),
        "seconds": round(sum(seconds), 3),
        "preset": names.preset if current else "",
        "model": names.model if current and picture.model else "",
        "model_sha256": picture.model,
        "sha256": picture.sha256,
        "settings": picture.recipe,
        "ended_at": record.ended_at or "",
        "note": record.note if record.state == "failed" else "",
        "same_as_before": record.state == "unchanged",
    }


def cells(line: dict[str, Any]) -> list[str]:
    """Return a line as cells of a table that no spreadsheet takes for formulas."""
    return [_cell(line[column]) for column in COLUMNS]


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return _safe(" | ".join(map(str, value)))
        case str():
            return _safe(value)
        case _:
            return str(value)


def _safe(text: str) -> str:
    """Escape text with a leading apostrophe, as spreadsheets do."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
