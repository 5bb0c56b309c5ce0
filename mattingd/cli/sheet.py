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
    rows = [np.hstack([_tile(before), _gap(TILE), _tile(after)]) for before, after in pairs]
    width = max(row.shape[1] for row in rows)
    padded = [
        cv2.copyMakeBorder(row, 0, GAP, 0, width - row.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3)
        for row in rows
    ]
    cv2.imwrite(str(target), np.vstack(padded))
    return target


def _tile(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"{path} cannot be read")
    shown = over_checkerboard(pixels.astype(np.uint8))
    width = round(shown.shape[1] * TILE / shown.shape[0])
    return cv2.resize(shown, (width, TILE), interpolation=cv2.INTER_AREA).astype(np.uint8)


def _gap(height: int) -> Pixels:
    return np.full((height, GAP, 3), 255, np.uint8)
