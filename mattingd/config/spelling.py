"""Normalises what users write for a setting: `jpg` is `jpeg`, `white` `#ffffff`, `A4` `210x297mm`.

Handles the spelling of single values; whether a value is allowed is checked afterwards.
"""

import re
from collections.abc import Mapping
from typing import Any

_FORMATS = {"jpg": "jpeg", "tif": "tiff"}
_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_PAPER = {
    "a3": "297x420mm",
    "a4": "210x297mm",
    "a5": "148x210mm",
    "a6": "105x148mm",
    "letter": "215.9x279.4mm",
}
"""ISO 216 and ANSI paper sizes, upright."""
_PRINT_DPI = 300
"""Default dots per inch of a canvas in millimetres: the usual value for print."""


def understood(settings: Mapping[str, Any], dpi: int | None = None) -> dict[str, Any]:
    """Return a preset's settings in their stored spelling; unknown values stay as written.

    Args:
        settings: as they are written.
        dpi: dots per inch of the preset that they change; None if it has none.
    """
    result = dict(settings)
    for name, spelling in (("format", _format), ("background", _colour), ("canvas", _canvas)):
        if isinstance(value := result.get(name), str):
            result[name] = spelling(value)
    canvas = result.get("canvas")
    if isinstance(canvas, str) and canvas.endswith("mm") and dpi is None:
        result.setdefault("dpi", _PRINT_DPI)
    return result


def outputs_named(folder: Any) -> Any:
    """Return a hot folder's block in which further outputs that are just names of presets are blocks."""
    if not isinstance(folder, dict) or not isinstance(also := folder.get("also"), list):
        return folder
    return folder | {"also": [{"preset": each} if isinstance(each, str) else each for each in also]}


def _format(text: str) -> str:
    return _FORMATS.get(text.lower().lstrip("."), text)


def _canvas(text: str) -> str:
    return _PAPER.get(text.lower(), text)


def _colour(text: str) -> str | None:
    """`#rrggbb` for a CSS colour in any spelling; None for "transparent"; anything else as it is."""
    from PIL import ImageColor  # noqa: PLC0415 - only for those who name a colour

    if text.lower() in {"transparent", "none"}:
        return None
    if text.lower() in ImageColor.colormap:  # by getrgb: Pillow replaces what it was asked for in that table
        return "#" + bytes(ImageColor.getrgb(text)[:3]).hex()
    if not (found := _HEX.fullmatch(text)):
        return text
    digits = found[1].lower()
    return "#" + (digits if len(digits) > 3 else "".join(digit * 2 for digit in digits))  # noqa: PLR2004
