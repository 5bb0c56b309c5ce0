"""From a picture to the network's input: which geometry, and the resize.

Knows a few shapes so that pictures of like aspect share a batch. Must not know the network.
"""

from functools import lru_cache
from itertools import product
from math import log, sqrt

import numpy as np
import numpy.typing as npt

from mattingd.domain.jobs import Fit
from mattingd.imaging.matting.tiles import shrink

ASPECTS = (1.0, 4 / 3, 3 / 2, 16 / 9, 2.4)
"""The aspects there are buckets for, each lying and standing: square, 4:3, 3:2, 16:9 and panoramas."""

_AREA_WEIGHT = 0.5  # how much a wrong area counts against a wrong aspect when a bucket is drawn up


@lru_cache(maxsize=16)
def buckets(side: int = 416, multiple: int = 32) -> tuple[tuple[int, int], ...]:
    """The network's (width, height) choices: one for each of `ASPECTS`, lying and standing.

    Both sides are multiples of ``multiple`` and the area is about ``side * side``; for 416 and 32 these are
    416x416, 480x352, 512x352, 576x320, 640x256 and the same upright: nine in all.
    """
    lying = [_bucket(aspect, side, multiple) for aspect in ASPECTS]
    return tuple(dict.fromkeys(lying + [(height, width) for width, height in lying]))


def _bucket(aspect: float, side: int, multiple: int) -> tuple[int, int]:
    """The multiples nearest to this aspect and to the area ``side * side``."""

    def cost(shape: tuple[int, int]) -> float:
        width, height = shape
        return abs(log(width / height / aspect)) + _AREA_WEIGHT * abs(log(width * height / side**2))

    wide, high = side * sqrt(aspect) / multiple, side / sqrt(aspect) / multiple
    widths, heights = ((max(1, int(side)) * multiple, (int(side) + 1) * multiple) for side in (wide, high))
    return min(product(widths, heights), key=cost)


def fit(width: int, height: int, *, side: int = 416, multiple: int = 32) -> Fit:
    """The bucket nearest in aspect to an upright picture of this size; extreme panoramas take the last.

    Pictures are stretched into their bucket: up to 2.5:1 by less than a tenth either way.
    """
    aspect = log(width / height)
    net_width, net_height = min(
        buckets(side, multiple), key=lambda shape: abs(log(shape[0] / shape[1]) - aspect)
    )
    return Fit(width, height, net_width, net_height)


def to_net(srgb: npt.NDArray[np.uint8], fit: Fit) -> npt.NDArray[np.uint8]:
    """``srgb`` (uint8[H,W,3]) at the network's size: contiguous uint8[net_height,net_width,3]."""
    return shrink(srgb, fit.net_width, fit.net_height)
