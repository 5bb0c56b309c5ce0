"""A contact sheet: pictures before and after, on a checkerboard that shows what is transparent."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

TILE = 420
"""Height of a row, in pixels."""
GAP = 12
SQUARE = 12
LIGHT, DARK = 235, 190
WHITE = (255, 255, 255)


def checkerboard(height: int, width: int) -> Pixels:
    """uint8[H,W,3]: what image editors show behind transparent pixels."""
    rows, columns = np.indices((height, width)) // SQUARE
    return np.where(((rows + columns) % 2)[..., None] == 0, LIGHT, DARK).astype(np.uint8).repeat(3, axis=2)


def over_checkerboard(pixels: Pixels) -> Pixels:
    """A cut-out (uint8[H,W,4], straight alpha) as an editor shows it; uint8[H,W,3] stays as it is."""
    if pixels.shape[2] == 3:  # noqa: PLR2004 - no alpha
        return pixels
    alpha = pixels[..., 3:].astype(np.float32) / 255
    ground = checkerboard(*pixels.shape[:2])
    return np.rint(pixels[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)


def contact_sheet(pairs: list[tuple[Path, Path]], target: Path) -> Path:
    """Write rows of (before, after) as one picture; returns its path."""
    rows = [(_tile(before), _tile(after)) for before, after in pairs]
    widest = max(tile.shape[1] for row in rows for tile in row)
    stacked = np.vstack([np.hstack([_framed(tile, widest) for tile in row]) for row in rows])
    cv2.imwrite(str(target), _border(stacked, GAP // 2, GAP // 2))
    return target


def _framed(tile: Pixels, width: int) -> Pixels:
    """A tile in the middle of a column of this width, with half a gap around."""
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
