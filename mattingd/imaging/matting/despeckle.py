"""Specks beside the subject and pinholes in it: gone, without touching the edge.

Whole connected parts go or fill, their soft rims with them; what hangs together with the subject, or with the
background, is never touched. Knows alpha only. Must not know pictures or files.
"""

import cv2
import numpy as np

from mattingd.domain.presets import Preset
from mattingd.imaging.matting.tiles import UInt8, as_uint8, at_least

_FIRST = 6
"""Alpha from which a pixel belongs to a part, and below 255 by which it belongs to a hole."""

_MOST_PIXELS = 3_000_000
"""Parts are told apart at a size of at most so many pixels; a single opaque pixel still counts there."""

_NEXT = np.ones((3, 3), np.uint8)


def clean(alpha: UInt8, preset: Preset) -> UInt8:
    """Return ``alpha`` (uint8[H,W]) without the specks and holes below the preset's size."""
    result = _without_parts(alpha, preset.specks, alpha)
    if not preset.holes:
        return result
    return as_uint8(cv2.bitwise_not(_without_parts(as_uint8(cv2.bitwise_not(result)), preset.holes, result)))


def _without_parts(plane: UInt8, share: float, alpha: UInt8) -> UInt8:
    """Remove parts of ``plane`` smaller than this share of the subject in ``alpha``; never the largest."""
    if not share:
        return plane
    height, width = plane.shape
    factor = int(np.ceil((height * width / _MOST_PIXELS) ** 0.5))
    size = -(-width // factor), -(-height // factor)
    small = as_uint8(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))
    parts = at_least(small, max(1, _FIRST // factor**2))
    count, labels, figures, _ = cv2.connectedComponentsWithStats(parts, connectivity=8)
    areas = figures[:, cv2.CC_STAT_AREA]
    least = share * np.count_nonzero(alpha >= _FIRST) / factor**2
    doomed = areas < least
    doomed[0] = False  # label 0 is not a part
    if count > 1:
        doomed[1 + int(areas[1:].argmax())] = False
    if not doomed.any():
        return plane
    parts_gone = np.where(doomed, 255, 0).astype(np.uint8)[labels]
    parts_kept = as_uint8(cv2.bitwise_and(parts, cv2.bitwise_not(parts_gone)))
    rims = cv2.bitwise_and(cv2.dilate(parts_gone, _NEXT), cv2.bitwise_not(cv2.dilate(parts_kept, _NEXT)))
    gone = cv2.resize(cv2.bitwise_or(parts_gone, rims), (width, height), interpolation=cv2.INTER_NEAREST)
    result = plane.copy()
    result[gone > 0] = 0
    return result
