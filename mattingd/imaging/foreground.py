"""The subject's own colour where it is half transparent, so that no tint of the old background goes along.

Blur fusion (Forte & Pitie, *Approximate Fast Foreground Colour Estimation*, 2021): two passes of box filters
give smooth foreground and background colours; each soft pixel is then corrected by what it differs from their
mixture. The smooth fields are computed at reduced size, the correction at full size in the edge band only.
Knows colour and alpha. Must not know presets or files.
"""

import cv2
import numpy as np

from mattingd.imaging.sampling import Float32, UInt8, as_float32, as_uint8, box, piece, shrink, tiles_of

_FIELD_PIXELS = 300_000
"""At most so many pixels for the smooth fields."""

_WIDE, _NARROW = 0.09, 0.006
"""The two passes' radii as a share of the root of the picture's area: 90 and 6 px at one megapixel."""

_EXTENSION = 4
"""Pixels beyond the edge that get the subject's colour, so that later resizes find no dark rim."""

_TINY = 1e-3
_WHOLE = 255
_OPAQUE = np.array([255])


def estimate(rgb: UInt8, alpha: UInt8) -> UInt8:
    """The straight foreground colours of ``rgb`` (uint8[H,W,3]) under ``alpha`` (uint8[H,W]).

    Pixels of alpha 255 keep their very bytes; soft ones get the estimated colour; a few pixels beyond the
    edge the colour goes on, further out it is zero (small files).
    """
    near = cv2.dilate(alpha, np.ones((2 * _EXTENSION + 1, 2 * _EXTENSION + 1), np.uint8))
    result = as_uint8(cv2.bitwise_and(rgb, rgb, mask=near))
    band = as_uint8(cv2.bitwise_and(near, cv2.bitwise_not(cv2.inRange(alpha, _OPAQUE, _OPAQUE))))
    if not cv2.hasNonZero(band):
        return result
    full = alpha.shape
    front, back = _fields(rgb, alpha)
    for tile in tiles_of(band):
        mixed = _unmix(rgb[tile], alpha[tile], piece(front, full, tile), piece(back, full, tile))
        cv2.copyTo(mixed, band[tile], result[tile])
    return result


def _fields(rgb: UInt8, alpha: UInt8) -> tuple[Float32, Float32]:
    """Smooth foreground and background colours (float32[h,w,4], 0..255) at reduced size.

    The fourth channel means nothing: OpenCV samples four more than twice as fast as three.
    """
    height, width = alpha.shape
    scale = min(1.0, (_FIELD_PIXELS / (height * width)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = shrink(rgb, *size).astype(np.float32)
    cover = cv2.cvtColor(shrink(alpha, *size), cv2.COLOR_GRAY2RGB).astype(np.float32) / _WHOLE
    side = (size[0] * size[1]) ** 0.5
    wide, narrow = max(1, round(side * _WIDE)), max(1, round(side * _NARROW))
    nothing = np.zeros_like(picture)
    front, back = _blur(picture, cover, wide, nothing), _blur(picture, 1 - cover, wide, nothing)
    colours = np.clip(front + cover * (picture - cover * front - (1 - cover) * back), 0, _WHOLE)
    smooth = _blur(colours, cover, narrow, front), _blur(back, 1 - cover, narrow, back)
    front, back = (as_float32(cv2.cvtColor(field, cv2.COLOR_RGB2RGBA)) for field in smooth)
    return front, back


def _blur(colours: Float32, weight: Float32, radius: int, otherwise: Float32) -> Float32:
    """The weighted mean of ``colours`` around each pixel; where nothing has weight, ``otherwise``."""
    total = box(weight, radius)
    mean: Float32 = (box(colours * weight, radius) + _TINY * otherwise) / (total + _TINY)
    return mean


def _unmix(colours: UInt8, alpha: UInt8, front: Float32, back: Float32) -> UInt8:
    """The foreground colours that, mixed with ``back``, come nearest to ``colours``.

    Step by step in place: temporary arrays would cost more than the arithmetic.
    """
    front, back = (as_float32(cv2.cvtColor(field, cv2.COLOR_RGBA2RGB)) for field in (front, back))
    cover = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB).astype(np.float32)
    cover /= _WHOLE
    result = front - back
    result *= cover
    result += back
    np.subtract(colours, result, out=result)
    result *= cover
    result += front
    result += np.float32(0.5)
    return as_uint8(np.clip(result, 0, _WHOLE, out=result))
