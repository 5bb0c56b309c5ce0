"""Complete mattes of lettering and line art on a flat background, where the colours tell what is ink.

The network sees 416 x 416 pixels, and letters are thinner than one of them. Where the border of a picture
shows a flat background, each connected part of one colour with a sharp outline is ink, and its alpha is its
colour's distance from the background's. Shadows, photographs and prints on the subject are left to the
network. Knows mattes and colours. Must not know presets or files.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.imaging import threads
from mattingd.imaging.matting.tiles import UInt8, as_uint8

_BORDER = 0.02
"""Share of the shorter side that is looked at along each border, at least 3 px."""
_FLAT = 0.98
"""Share of the border's pixels that must have the background's colour, within `_NOISE` levels."""
_NOISE = 10
"""Levels in which a flat background may differ: JPEG's noise beside letters, a scanner's grain."""
_CONTRAST = 40
"""Levels that ink differs from its background in one channel at least."""
_SHARP = 0.85
"""Share of a part's outline that reaches its full colour within two pixels; that of soft shadows does not."""
_ONE_COLOUR = 14.0
"""Standard deviation up to which a part has one colour, in levels of its most varied channel."""
_CORE, _FULL = 0.9, 0.75
_LEAST = 4  # pixels of a part
_MOST_PIXELS = 3_000_000
"""Parts are told apart at a size of at most so many pixels."""
_ALL = 0.97
"""Share of what differs from the background that is ink in line art; then nothing else is unsure."""
_KNOWN = 0.2
"""Share of a part that the network must have seen where there is more than line art."""
_HALF = 128
_NEXT = np.ones((3, 3), np.uint8)
_NEAR = np.ones((5, 5), np.uint8)


class Ink(NamedTuple):
    """What was found on a flat background."""

    alpha: UInt8
    """uint8[H,W], the completed matte."""
    lost: float
    """Share of the ink, 0 to 1, that the network had missed."""


def completed(alpha: UInt8, srgb: UInt8) -> Ink:
    """Return a matte with its missing lettering; unchanged where the background is not flat.

    Args:
        alpha: uint8[H,W], the matte at full size.
        srgb: uint8[H,W,3], its picture.
    """
    ground = background_of(srgb)
    if ground is None:
        return Ink(alpha, 0.0)
    away = _distance(srgb, ground)
    factor = int(np.ceil((away.size / _MOST_PIXELS) ** 0.5))
    height, width = away.shape
    size = -(-width // factor), -(-height // factor)
    small = as_uint8(cv2.resize(srgb, size, interpolation=cv2.INTER_AREA))
    guess = as_uint8(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))
    parts, line_art = _ink(small, _distance(small, ground), guess)
    if not parts.any():
        return Ink(alpha, 0.0)
    reach = cv2.dilate(parts, _NEAR)
    where = cv2.resize(reach, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    around = np.ones((4 * factor + 1, 4 * factor + 1), np.uint8)
    full = cv2.dilate(away, around).astype(np.float32)
    cover = (away.astype(np.float32) - _NOISE) / (full - _NOISE).clip(1)
    cover[full < _CONTRAST] = 0  # noise, where there is no ink nearby
    found = np.clip(np.rint(255 * cover), 0, 255).astype(np.uint8)
    ink = where & (found >= _HALF)
    lost = int(np.count_nonzero(ink & (alpha < _HALF))) / max(1, int(np.count_nonzero(ink)))
    outside = cv2.erode(alpha, around) < _HALF  # the surroundings of a print on the subject are subject
    if line_art:
        outside |= alpha < _HALF
        where |= outside & (away <= 2 * _NOISE)
    whole = np.where(outside, found, cv2.max(found, alpha))
    return Ink(as_uint8(np.where(where, whole, alpha)), lost)


def background_of(srgb: UInt8) -> npt.NDArray[np.uint8] | None:
    """Return the colour, uint8[3], of a flat background by the border; None where it is not flat."""
    width = max(3, round(_BORDER * min(srgb.shape[:2])))
    if min(srgb.shape[:2]) < 4 * width:
        return None
    sides = (srgb[:width], srgb[-width:], srgb[:, :width], srgb[:, -width:])
    ground = np.array(threads.each(lambda channel: _median(sides, channel), range(3)), np.uint8)
    low, high = (np.clip(ground + np.int16(off), 0, 255).astype(np.uint8) for off in (-_NOISE, _NOISE))
    near = sum(cv2.countNonZero(cv2.inRange(side, low, high)) for side in sides)
    return ground if near >= _FLAT * sum(side[:, :, 0].size for side in sides) else None


def _median(sides: Sequence[UInt8], channel: int) -> int:
    """Return the median of one channel over all sides, by counting.

    The mean of two middle levels is rounded down.
    """
    counts = sum(cv2.calcHist([side], [channel], None, [256], [0, 256]).astype(np.int64) for side in sides)
    below = np.cumsum(counts)
    middle = np.searchsorted(below, ((below[-1] - 1) // 2, below[-1] // 2), side="right")
    return int(middle.sum()) // 2


def _distance(srgb: UInt8, ground: npt.NDArray[np.uint8]) -> UInt8:
    """Return each pixel's distance from the background's colour, in levels of its most different channel."""
    apart = cv2.absdiff(srgb, np.broadcast_to(ground, srgb.shape).copy())
    return as_uint8(cv2.max(cv2.max(apart[:, :, 0], apart[:, :, 1]), apart[:, :, 2]))


def _ink(srgb: UInt8, away: UInt8, guess: UInt8) -> tuple[UInt8, bool]:
    """Return uint8[h,w], 255 where a one-coloured part has a sharp outline, and whether that is all.

    Beside anything else, only parts that the network partly saw count: the line of a frame is no subject.
    """
    seen = (away > 2 * _NOISE).astype(np.uint8)
    number, labels, figures, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    highest = cv2.dilate(away, _NEAR)
    core = (away >= _CORE * highest.astype(np.float32)) & (seen > 0)
    of_core = labels[core]
    cores = np.maximum(np.bincount(of_core, minlength=number), 1)
    strength = np.bincount(of_core, away[core], minlength=number) / cores
    spread = np.zeros(number)
    for channel in cv2.split(srgb):
        values = channel[core].astype(np.float64)
        mean = np.bincount(of_core, values, minlength=number) / cores
        square = np.bincount(of_core, values**2, minlength=number) / cores
        spread = np.maximum(spread, np.sqrt(np.maximum(square - mean**2, 0)))
    rim = (seen > 0) & (cv2.erode(seen, _NEXT, borderType=cv2.BORDER_REPLICATE) == 0)
    of_rim = labels[rim]
    reaches = highest[rim] >= _FULL * strength[of_rim]
    sharp = np.bincount(of_rim, reaches, minlength=number) / np.maximum(
        np.bincount(of_rim, minlength=number), 1
    )
    good = (sharp >= _SHARP) & (spread <= _ONE_COLOUR) & (strength >= _CONTRAST)
    good &= figures[:, cv2.CC_STAT_AREA] >= _LEAST
    good[0] = False
    areas = figures[1:, cv2.CC_STAT_AREA]
    line_art = bool(areas[good[1:]].sum() >= _ALL * max(1, areas.sum()))
    if not line_art:
        known = np.bincount(labels[guess >= _HALF], minlength=number)
        good[1:] &= known[1:] >= _KNOWN * areas
    return np.where(good, 255, 0).astype(np.uint8)[labels], line_art
