"""Foreground colours and softer mattes for pictures that only come with a mask. Pure functions on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from mattingd.training.data.geometry import Array, Plane


UNDECIDED = 128
"""Value of a trimap's undecided band in the `pets` masks."""


OPAQUE = 0.98
CLOSE = 0.02
HEAD = 0.2
"""Share of a standing person's height, from the top, in which the outline is taken for hair."""
FADE = 0.05


def fused(image: Plane, fore: Plane, back: Plane, alpha: Plane, radius: int) -> tuple[Plane, Plane]:
    """One pass of blur fusion (Forte 2021, "Approximate fast foreground colour estimation").

    Both layers [H,W,3] are averaged over a box where they count; the foreground then takes up what the two
    averages leave unexplained of the picture.
    """
    size = (2 * radius + 1, 2 * radius + 1)
    a = alpha[..., None]
    weight = cv2.blur(alpha, size)[..., None]
    smooth = cv2.blur(fore * a, size) / (weight + 1e-5)
    behind = cv2.blur(back * (1 - a), size) / (1 - weight + 1e-5)
    return np.clip(smooth + a * (image - a * smooth - (1 - a) * behind), 0, 1), behind


def estimate_foreground(image: Array, alpha: Plane) -> Array:
    """Colours [H,W,3] of the subject, extended outwards, for a picture [H,W,3] and its matte [H,W] in [0,1].

    Two passes of blur fusion, wide and narrow; opaque pixels keep their colour.
    """
    picture = image.astype(np.float32) / 255
    radius = max(8, round(90 * np.sqrt(alpha.size / 1e6)))
    fore, back = fused(picture, picture, picture, alpha, radius)
    near, _ = fused(picture, fore, back, alpha, max(2, radius // 15))
    close = cv2.blur(alpha, (9, 9))[..., None] > CLOSE
    colour = np.where(close, near, fore) * 255
    return np.where(alpha[..., None] > OPAQUE, image, colour).astype(np.uint8)


def soft_from_binary(mask: Array) -> Plane:
    """A matte [H,W] in [0,1] one pixel inside a binary mask, its edge as soft as a lens makes it."""
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur(inner, (0, 0), 0.8).astype(np.float32) / 255


def nearby(image: Plane, where: Plane, size: tuple[int, int]) -> tuple[Plane, Plane]:
    """Mean colours [H,W,3] of the pixels selected by `where` [H,W] within a box, and their share [H,W]."""
    weight: Plane = cv2.blur(where, size).astype(np.float32)
    return cv2.blur(image * where[..., None], size) / (weight[..., None] + 1e-5), weight


def soft_from_trimap(image: Array, trimap: Array, radius: int = 14) -> Plane:
    """A matte [H,W] in [0,1] of a picture and its trimap.

    In the undecided band it is how far each colour lies from background towards subject. Where the
    two look alike the band becomes a plain ramp; a little contrast removes the haze.
    """
    picture = image.astype(np.float32) / 255
    size = (2 * radius + 1, 2 * radius + 1)
    inside = (trimap > UNDECIDED).astype(np.float32)
    outside = (trimap < UNDECIDED).astype(np.float32)
    fore, fore_weight = nearby(picture, inside, size)
    back, back_weight = nearby(picture, outside, size)
    step = fore - back
    contrast = (step**2).sum(2)
    by_colour = ((picture - back) * step).sum(2) / (contrast + 1e-3)
    ramp = fore_weight / (fore_weight + back_weight + 1e-5)
    trust = np.clip(contrast / 0.1, 0, 0.7)
    alpha = np.clip(trust * by_colour + (1 - trust) * ramp, 0, 1)
    alpha = np.clip((alpha - 0.2) / 0.6, 0, 1)
    return np.where(trimap == UNDECIDED, alpha, inside).astype(np.float32)


def head(mask: Array) -> Plane:
    """Where a person's hair may be, float32 [H,W] in [0,1]: 1 at the top of the subject, fading out below."""
    rows = np.nonzero((mask >= UNDECIDED).any(1))[0]
    if not len(rows):
        return np.zeros(mask.shape, np.float32)
    tall = float(rows[-1] - rows[0] + 1)
    depth = (np.arange(mask.shape[0]) - rows[0]) / tall
    fading = np.clip((HEAD + FADE - depth) / FADE, 0, 1).astype(np.float32)
    return np.repeat(fading[:, None], mask.shape[1], 1)
