"""A contact sheet: pictures before and after, with transparency shown as a checkerboard."""

from pathlib import Path

import cv2
import numpy as np

from mattingd.imaging.checkerboard import Pixels, over_checkerboard

TILE = 420
"""Height of a row, in pixels."""
GAP = 12
WHITE = (255, 255, 255)


def contact_sheet(pairs: list[tuple[Path, Path]], target: Path) -> Path:
    """Write rows of (before, after) as one picture; returns its path."""
    rows = [(_tile(before), _tile(after)) for before, after in pairs]
    widest = max(tile.shape[1] for row in rows for tile in row)
    stacked = np.vstack([np.hstack([_framed(tile, widest) for tile in row]) for row in rows])
    cv2.imwrite(str(target), _border(stacked, GAP // 2, GAP // 2))
    return target


def _framed(tile: Pixels, width: int) -> Pixels:
    """Return a tile in the middle of a column of this width, with half a gap around it."""
    missing = width - tile.shape[1]
    left = cv2.copyMakeBorder(
        tile, 0, 0, missing // 2, missing - missing // 2, cv2.BORDER_CONSTANT, value=WHITE
    )
    return _border(left.astype(np.uint8), GAP // 2, GAP // 2)


def _border(pixels: Pixels, rows: int, columns: int) -> Pixels:
    return cv2.copyMakeBorder(pixels, rows, rows, columns, columns, cv2.BORDER_CONSTANT, value=WHITE).astype(
        np.uint8
    )


def _tile(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"{path} cannot be read")
    shown = over_checkerboard(pixels.astype(np.uint8))
    width = round(shown.shape[1] * TILE / shown.shape[0])
    return cv2.resize(shown, (width, TILE), interpolation=cv2.INTER_AREA).astype(np.uint8)
