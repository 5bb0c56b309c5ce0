"""From a picture to the network's input: which geometry, and the resize.

Knows a few shapes so that pictures of like aspect share a batch. Must not know the network.
"""

from functools import lru_cache
from itertools import product
from math import log, sqrt

import numpy as np
import numpy.typing as npt

from mattingd.domain.jobs import Fit, Geometry
from mattingd.imaging.matting.tiles import Halving, UInt8, shrink

ASPECTS = (1.0, 4 / 3, 3 / 2, 16 / 9, 2.4)
"""The aspects there are buckets for, each lying and standing: square, 4:3, 3:2, 16:9 and panoramas."""

CV_UNET = Geometry(416, 32)
"""That of the default model."""

_AREA_WEIGHT = 0.5  # weight of a wrong area against a wrong aspect ratio when a bucket is chosen


@lru_cache(maxsize=16)
def buckets(side: int = 416, multiple: int = 32) -> tuple[tuple[int, int], ...]:
    """Return the network's (width, height) choices: one for each of `ASPECTS`, landscape and portrait.

    Both sides are multiples of ``multiple`` and the area is about ``side * side``; for 416 and 32 these are
    416x416, 480x352, 512x352, 576x320, 640x256 and the same in portrait: nine in all.
    """
    lying = [_bucket(aspect, side, multiple) for aspect in ASPECTS]
    return tuple(dict.fromkeys(lying + [(height, width) for width, height in lying]))


def _bucket(aspect: float, side: int, multiple: int) -> tuple[int, int]:
    """Return the multiples nearest to this aspect ratio and to the area ``side * side``."""

    def cost(shape: tuple[int, int]) -> float:
        width, height = shape
        return abs(log(width / height / aspect)) + _AREA_WEIGHT * abs(log(width * height / side**2))

    wide, high = side * sqrt(aspect) / multiple, side / sqrt(aspect) / multiple
    widths, heights = ((max(1, int(side)) * multiple, (int(side) + 1) * multiple) for side in (wide, high))
    return min(product(widths, heights), key=cost)


def shapes(net: Geometry, most: int) -> tuple[tuple[int, int], ...]:
    """Return the most common (height, width) of the network, up to a maximum number."""
    if net.fixed:
        return ((net.side, net.side),)[:most]
    if net.kind == "short-side":
        usual = ((3000, 2000), (2000, 3000), (2000, 2000))
        return tuple(fit(width, height, net).shape for width, height in usual)[:most]
    return tuple((height, width) for width, height in buckets(net.side, net.multiple)[:most])


def fit(width: int, height: int, net: Geometry = CV_UNET) -> Fit:
    """How an upright picture of this size is brought to the network.

    Of buckets the nearest in aspect: extreme panoramas take the last, and up to 2.5:1 pictures are stretched
    by less than a tenth either way.
    """
    side = net.side
    if net.kind == "buckets":
        aspect = log(width / height)
        net_width, net_height = min(
            buckets(side, net.multiple), key=lambda shape: abs(log(shape[0] / shape[1]) - aspect)
        )
        return Fit(width, height, net_width, net_height)
    if net.kind == "short-side":
        outside = max(width, height) < side or min(width, height) > side
        scale = side / min(width, height) if outside else 1.0
        wide, high = (
            max(1, int(length * scale) // net.multiple) * net.multiple for length in (width, height)
        )
        return Fit(width, height, wide, high)
    if net.kind == "stretch" or width == height:
        return Fit(width, height, side, side)
    scale = side / max(width, height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = ((side - length) // 2 if net.kind == "letterbox" else 0 for length in inner)
    return Fit(width, height, side, side, (left, top, *inner))


def to_net(srgb: UInt8 | Halving, fit: Fit, net: Geometry = CV_UNET) -> UInt8:
    """Return ``srgb`` (uint8[H,W,3]) at the network's size: contiguous uint8[net_height,net_width,3]."""
    if fit.inner is None:
        return _resized(srgb, fit.net_width, fit.net_height, net)
    left, top, width, height = fit.inner
    canvas = np.zeros((fit.net_height, fit.net_width, 3), np.uint8)
    canvas[top : top + height, left : left + width] = _resized(srgb, width, height, net)
    return canvas


def from_net(matte: npt.NDArray[np.float32], fit: Fit) -> npt.NDArray[np.float32]:
    """Return the part of a network matte (float32[net_height,net_width]) that shows the picture."""
    if fit.inner is None or matte.shape != fit.shape:
        return matte
    left, top, width, height = fit.inner
    return np.ascontiguousarray(matte[top : top + height, left : left + width])


def _resized(srgb: UInt8 | Halving, width: int, height: int, net: Geometry) -> UInt8:
    """Resize with antialiasing, using the filter that the model was trained with."""
    if net.resampling == "area":
        return shrink(srgb, width, height)
    from PIL import Image  # noqa: PLC0415 - the shipped model's engine starts sooner without

    kind = Image.Resampling.LANCZOS if net.resampling == "lanczos" else Image.Resampling.BILINEAR
    picture = srgb.picture if isinstance(srgb, Halving) else srgb
    return np.array(Image.fromarray(picture).resize((width, height), kind))


def enlarged(matte: npt.NDArray[np.float32], width: int, height: int) -> npt.NDArray[np.uint8]:
    """Enlarge a matte (float32[h,w] in 0..1) to full size, uint8[H,W], like rembg: levels, then LANCZOS."""
    from PIL import Image  # noqa: PLC0415 - as above

    levels = Image.fromarray((matte * 255).astype(np.uint8), mode="L")
    return np.array(levels.resize((width, height), Image.Resampling.LANCZOS))
