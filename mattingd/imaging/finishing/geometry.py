"""Boxes and frames in pixels, and where a matte's subject is.

Knows alpha only. Must not know presets or files.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from mattingd.imaging.matting.tiles import UInt8, as_uint8, at_least

SEEN, SOLID = 26, 128
"""Alpha (of 255) from which a pixel counts when a picture is trimmed, and for the place on a canvas: wisps
and haze do not shift the subject there."""

_FAINT = 13
"""Alpha from which the subject's soft parts, such as hair, veils and shadows, must be inside the frame."""

_REACH = 0.02
"""Of the subject's longer side: a soft part that is farther from it than this is haze, which may be cut."""

_MOST_PIXELS = 3_000_000
"""Soft parts are told apart at a size of at most so many pixels."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The picture's placement: it is scaled, and its corner is at (left, top) of the canvas, in pixels."""

    width: int
    height: int
    scale: float
    left: float
    top: float


@dataclass(frozen=True, slots=True)
class Box:
    """A box in pixels: from left to before right, from top to before bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top


def subject(alpha: UInt8, least: int = SEEN) -> Box | None:
    """Return the box of all pixels of ``alpha`` (uint8[H,W]) that reach ``least``; None without any."""
    seen = at_least(alpha, least)
    left, top, width, height = cv2.boundingRect(seen)
    return Box(left, top, left + width, top + height) if width else None


def soft_parts(alpha: UInt8) -> Box | None:
    """Return the box of the subject and its soft parts in ``alpha`` (uint8[H,W]); None without a solid pixel.

    Faint pixels count where they are connected to solid ones, or nearly so: specks of haze elsewhere do not.
    """
    solid = subject(alpha, SOLID)
    if solid is None:
        return None
    factor = math.ceil((alpha.size / _MOST_PIXELS) ** 0.5)
    size = -(-alpha.shape[1] // factor), -(-alpha.shape[0] // factor)
    faint, core = (
        cv2.resize(at_least(alpha, least), size, interpolation=cv2.INTER_AREA) for least in (_FAINT, SOLID)
    )
    reach = round(_REACH * max(solid.width, solid.height) / factor) | 1
    near = cv2.dilate(at_least(as_uint8(faint), 1), np.ones((reach, reach), np.uint8))
    count, labels = cv2.connectedComponents(near, connectivity=8)
    kept = np.zeros(count, np.uint8)
    kept[labels[core > 0]] = 255
    kept[0] = 0  # label 0 is not a part
    where = cv2.resize(kept[labels], alpha.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return subject(as_uint8(cv2.bitwise_and(where, alpha)), _FAINT)


def around(*boxes: Box | None) -> Box | None:
    """Return the smallest box around all of them, None without any."""
    there = [box for box in boxes if box is not None]
    if not there:
        return None
    return Box(
        min(box.left for box in there),
        min(box.top for box in there),
        max(box.right for box in there),
        max(box.bottom for box in there),
    )
