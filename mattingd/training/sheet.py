"""A contact sheet to judge mattes by eye: picture, matte, and cut-out on a checkerboard side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mattingd.training.data.foreground import estimate_foreground

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mattingd.training.data.geometry import Array, Plane

CELL = 256
SQUARE = 16


def checkerboard(height: int, width: int) -> Array:
    """Two light greys in squares, uint8 [H,W,3]."""
    y, x = np.mgrid[0:height, 0:width] // SQUARE
    board = np.where((y + x) % 2 == 0, 255, 205).astype(np.uint8)
    return np.repeat(board[..., None], 3, 2)


def boxed(image: Array) -> Array:
    """An image fitted into a grey cell."""
    height, width = image.shape[:2]
    scale = CELL / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    cell = np.full((CELL, CELL, 3), 96, np.uint8)
    cell[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cell


def grey(alpha: Plane) -> Array:
    """A matte [H,W] in [0,1] as a picture [H,W,3]."""
    return np.repeat((alpha[..., None] * 255).astype(np.uint8), 3, 2)


def row(image: Array, alpha: Plane, truth: Plane | None = None) -> Array:
    """Picture, matte, cut-out and perhaps true matte side by side, of [H,W,3] and mattes [H,W]."""
    a = alpha[..., None]
    cut = estimate_foreground(image, alpha) * a + checkerboard(*alpha.shape) * (1 - a)
    cells = [boxed(image), boxed(grey(alpha)), boxed(cut.astype(np.uint8))]
    return np.concatenate(cells if truth is None else [*cells, boxed(grey(truth))], 1)


def write_sheet(
    path: Path, items: Iterable[tuple[Array, Plane] | tuple[Array, Plane, Plane]], columns: int = 3
) -> None:
    """Write rows of (picture, matte, perhaps true matte), `columns` side by side, as a PNG or JPEG.

    Raises:
        ValueError: there is nothing to show.
    """
    rows = [row(*item) for item in items]
    if not rows:
        raise ValueError("a contact sheet of nothing")
    rows += [np.zeros_like(rows[0])] * (-len(rows) % columns)
    lines = [np.concatenate(rows[i : i + columns], 1) for i in range(0, len(rows), columns)]
    cv2.imwrite(str(path), cv2.cvtColor(np.concatenate(lines), cv2.COLOR_RGB2BGR))
