"""From a file with strokes to the places that are painted in it, on the grid of the picture.

What is painted is told by transparency where the file has any, else by brightness: any colour on transparent,
or on black. Knows files' bytes and pixels. Must not know what the strokes mean.
"""

import cv2
import numpy as np

from mattingd.domain.jobs import PictureLimits
from mattingd.domain.reasons import Reason
from mattingd.imaging.formats import decode
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting.tiles import Levels, UInt8, as_uint8, eight_bits

_FAINTEST = 16
"""Levels of 255 that something must reach to be a stroke: what a scan or a tablet leaves is none."""

_SHARE = 0.5
"""Of the strongest stroke in the file: the soft edge of a brush is cut there."""

_MOST = 0.9
"""Of the picture; who paints more has painted the background, too."""

_BETWEEN = 0.2
"""Of a file without transparency, neither black nor a stroke: where there is more it is a photograph."""

_ROUNDING = 1.0
"""Pixels by which a side of a copy may be off."""


def room(data: bytes, limits: PictureLimits) -> int:
    """Return the pixels of the memory budget that reading the strokes needs.

    Raises:
        PictureError: it is no picture, over a limit, or its header is incomplete.
    """
    return decode.probe(data, limits).room


def painted(data: bytes, limits: PictureLimits, shape: tuple[int, int]) -> UInt8 | None:
    """Return the mask of the strokes for a picture of this (height, width).

    Args:
        data: the file, of any size with the picture's aspect.
        limits: size limits for the file.
        shape: (height, width) of the upright picture.

    Returns:
        uint8[H,W], 255 where something is painted, otherwise 0; None when nothing is.

    Raises:
        PictureError: it cannot be read, has another shape, or is painted all over.
    """
    picture = decode.read(data, limits)
    height, width = picture.rgb.shape[:2]
    if not _same_shape((height, width), shape):
        raise PictureError(
            "corrupt",
            Reason.of("strokes_shape", width=width, height=height, of_width=shape[1], of_height=shape[0]),
        )
    level = _level(picture.rgb, picture.alpha)
    strongest = int(level.max())
    if strongest < _FAINTEST:
        return None
    cover = as_uint8((level >= max(_FAINTEST, _SHARE * strongest)).astype(np.uint8) * 255)
    if cv2.countNonZero(cover) > _MOST * cover.size:
        raise PictureError("corrupt", Reason.of("strokes_all"))
    if not _has_transparency(picture.alpha) and np.mean(level >= _FAINTEST) - np.mean(cover > 0) > _BETWEEN:
        raise PictureError("corrupt", Reason.of("strokes_photo"))
    return _on_grid(cover, shape)


def _same_shape(strokes: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Whether one size is a scaled copy of the other."""
    (height, width), (full_height, full_width) = strokes, picture
    scale = max(height / full_height, width / full_width)
    small = min(1.0, 1 / scale)  # a rounded side differs by up to a pixel of the smaller one
    off = abs(full_height * scale - height), abs(full_width * scale - width)
    return max(off) * small <= _ROUNDING


def _has_transparency(alpha: Levels | None) -> bool:
    return alpha is not None and bool(alpha.min() < alpha.max())


def _level(rgb: Levels, alpha: Levels | None) -> UInt8:
    """Return how much is painted, uint8[h,w]."""
    if alpha is not None and _has_transparency(alpha):
        return eight_bits(alpha)
    return as_uint8(eight_bits(rgb).max(axis=2))


def _on_grid(cover: UInt8, shape: tuple[int, int]) -> UInt8:
    """Scale to the picture's size; when shrinking, paint in any part of a pixel counts."""
    height, width = shape
    how = cv2.INTER_NEAREST if width >= cover.shape[1] else cv2.INTER_AREA
    return as_uint8(
        cv2.compare(cv2.resize(cover, (width, height), interpolation=how), np.array([0]), cv2.CMP_GT)
    )
