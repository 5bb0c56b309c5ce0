"""Canvas sizes: pixels, millimetres, aspect ratios."""

import re

_PIXELS = re.compile(r"(\d{1,5})x(\d{1,5})")
_MILLIMETRES = re.compile(r"(\d{1,4}(?:\.\d+)?)x(\d{1,4}(?:\.\d+)?)mm")
_SHAPE = re.compile(r"(\d{1,3}(?:\.\d+)?):(\d{1,3}(?:\.\d+)?)")
_PER_INCH = 25.4

LONGEST_CANVAS = 30_000
"""Pixels of a canvas's longer side at most."""


def canvas_of(text: str, dpi: int | None) -> tuple[float, float, bool] | None:
    """Return (width, height, whether these are pixels and not just a shape) of a preset's ``canvas``.

    None when the text is neither `WxH`, `WxHmm` (with dots per inch) nor `W:H`, or a side is zero.
    """
    for pattern, factor, exact in (
        (_PIXELS, 1.0, True),
        (_MILLIMETRES, dpi / _PER_INCH if dpi else 0.0, True),
        (_SHAPE, 1.0, False),
    ):
        found = pattern.fullmatch(text)
        if found:
            width, height = (float(side) * factor for side in found.groups())
            if exact:
                width, height = round(width), round(height)
            return (width, height, exact) if width > 0 and height > 0 else None
    return None
