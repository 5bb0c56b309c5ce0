"""The self-test's picture, and the comparison of its mattes.

The expected result is part of a model's entry. Knows no library that runs networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mattingd.domain.jobs import Geometry

SIDE = 256
CELLS = 8
TOLERANCE = 0.04
"""Largest allowed difference of a cell's mean alpha: bfloat16 stays below half, wrong weights exceed it."""


def picture() -> NDArray[np.uint8]:
    """Return a shaded red ball with its shadow on a light background, uint8 [1,SIDE,SIDE,3]."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    u, v = (x - 120) / 66, (y - 122) / 66
    r2 = u * u + v * v
    light = np.clip(0.75 - 0.45 * u - 0.5 * v - 0.25 * r2, 0.12, 1)
    ball = np.stack([40 + 215 * light, 20 + 70 * light, 24 + 66 * light], -1)
    dark = 0.45 * np.exp(-(((x - 136) / 62) ** 2 + ((y - 194) / 12) ** 2))
    backdrop = (np.stack([232 - y / 8, 230 - y / 9, 224 - y / 10], -1)) * (1 - dark)[..., None]
    cover = np.clip((1 - np.sqrt(r2)) * 66 + 0.5, 0, 1)[..., None]
    return np.asarray(np.rint(ball * cover + backdrop * (1 - cover)), np.uint8)[None]


def picture_for(net: Geometry) -> NDArray[np.uint8]:
    """Return the same picture, uint8 [1,H,W,3], in a shape that a network of this geometry accepts."""
    if net.kind == "buckets":
        return picture()
    from mattingd.imaging.matting.preprocess import fit, to_net  # noqa: PLC0415 - cv2 only for who needs it

    return to_net(picture()[0], fit(SIDE, SIDE, net), net)[None]


def pixels_for(net: Geometry) -> int:
    """Return how many pixels that picture has."""
    if net.kind == "buckets":
        return SIDE * SIDE
    from mattingd.imaging.matting.preprocess import fit  # noqa: PLC0415 - as above

    height, width = fit(SIDE, SIDE, net).shape
    return height * width


def cells(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return mean alpha [CELLS,CELLS] of a matte [H,W] whose sides are multiples of CELLS."""
    high, wide = (length // CELLS for length in matte.shape)
    means: NDArray[np.float32] = matte.reshape(CELLS, high, CELLS, wide).mean((1, 3), dtype=np.float32)
    return means


def deviation(matte: NDArray[np.float32], expected: Sequence[Sequence[float]]) -> float:
    """Return the largest difference between a matte's cells and the expected ones.

    Infinite unless all are finite.
    """
    difference = np.abs(cells(matte) - np.asarray(expected, np.float32))
    return float(difference.max()) if np.isfinite(difference).all() else float("inf")
