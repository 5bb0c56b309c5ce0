"""Network shapes and picture windows. Pure arithmetic and resampling; knows nothing of data sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mattingd.training.data.rng import happens

ASPECTS = (1 / 2, 9 / 16, 2 / 3, 3 / 4, 1.0, 4 / 3, 3 / 2, 16 / 9, 2.0)
"""Width over height of the buckets; pictures are resized to the nearest, as at inference, not letterboxed."""

MULTIPLE = 32

STRETCH = 0.15
"""Largest change of the (log) aspect that a whole picture may suffer to fit a shape."""

Array = NDArray[np.uint8]
Plane = NDArray[np.floating[Any]]
"""float32 at run time; arithmetic with Python numbers is typed wider than it is."""


def bucket(aspect: float, side: int) -> tuple[int, int]:
    """Height and width (multiples of 32) of about `side` squared pixels, in the bucket nearest `aspect`."""
    nearest = min(ASPECTS, key=lambda a: abs(math.log(a / aspect)))
    root = math.sqrt(nearest)
    height, width = (max(1, round(v / MULTIPLE)) * MULTIPLE for v in (side / root, side * root))
    return height, width


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture in pixels, and whether it is mirrored."""

    x: int
    y: int
    width: int
    height: int
    mirrored: bool = False

    def cut(self, picture: Array, shape: tuple[int, int]) -> Array:
        """The rectangle of `picture` [H,W(,C)] resized to `shape` (height, width): area down, cubic up."""
        part = picture[self.y : self.y + self.height, self.x : self.x + self.width]
        shrinking = part.shape[0] * part.shape[1] >= shape[0] * shape[1]
        how = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
        fitted = cv2.resize(part, (shape[1], shape[0]), interpolation=how).astype(np.uint8)
        return np.ascontiguousarray(fitted[:, ::-1]) if self.mirrored else fitted


def random_window(
    size: tuple[int, int], aspect: float, rng: np.random.Generator, smallest: float = 0.5
) -> Window:
    """A window of about `aspect` in a picture of `size` (height, width).

    Half of the time, where the aspects allow it, the whole picture (slightly stretched, as inference does);
    otherwise a part whose linear size is between `smallest` and 1 of the largest window that fits.
    """
    height, width = size
    mirrored = happens(rng, 0.5)
    stretch = abs(math.log(width / height / aspect))
    if stretch < STRETCH and happens(rng, 0.5):
        return Window(0, 0, width, height, mirrored)
    aspect *= math.exp(rng.uniform(-0.1, 0.1))
    full_width = min(width, height * aspect)
    scale = rng.uniform(smallest, 1.0)
    w = max(8, min(width, round(full_width * scale)))
    h = max(8, min(height, round(full_width * scale / aspect)))
    return Window(int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1)), w, h, mirrored)
