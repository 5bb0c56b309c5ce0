"""A soft shadow behind the subject.

Knows mattes and colours. Must not know files.
"""

import cv2
import numpy as np

from mattingd.domain.presets import REFERENCE_SIDE, Preset
from mattingd.imaging.matting.tiles import Levels, UInt8, as_levels, as_uint8, at_least, tiles_of, whole_of

_BLUR_SIDE = 1024
"""A shadow is blurred at no more than this long side: it has no detail to lose."""


def cast(matte: UInt8, preset: Preset) -> UInt8:
    """Return the shadow of the subject in ``matte`` (uint8[H,W]): uint8[H,W], 0 none to 255 black."""
    height, width = matte.shape
    shrunk = min(1.0, _BLUR_SIDE / max(height, width))
    size = max(1, round(width * shrunk)), max(1, round(height * shrunk))
    small = cv2.resize(matte, size, interpolation=cv2.INTER_AREA)
    unit = max(size) / REFERENCE_SIDE
    moved = cv2.warpAffine(
        small, np.array([[1, 0, preset.shadow_x * unit], [0, 1, preset.shadow_y * unit]], np.float64), size
    )
    if preset.shadow_blur:
        moved = cv2.GaussianBlur(moved, (0, 0), preset.shadow_blur * unit / 2)
    dark = cv2.convertScaleAbs(moved, alpha=preset.shadow)
    return as_uint8(cv2.resize(dark, (width, height), interpolation=cv2.INTER_LINEAR))


def under(colours: Levels, matte: Levels, dark: UInt8) -> tuple[Levels, Levels]:
    """Return straight colours ([H,W,3]) and alpha ([H,W]) of the subject with its black shadow below it."""
    whole = whole_of(colours)
    new_colours, new_matte = colours.copy(), matte.copy()
    for tile in tiles_of(dark):
        cover = matte[tile].astype(np.float32) / whole
        total = cover + (1 - cover) * (dark[tile].astype(np.float32) / 255)
        share = cover / np.maximum(total, np.float32(1e-6))
        mixed = colours[tile] * share[:, :, None] + np.float32(0.5)
        soft = as_uint8(cv2.bitwise_not(at_least(matte[tile], whole)))
        cv2.copyTo(mixed.astype(colours.dtype), soft, new_colours[tile])
        new_matte[tile] = np.rint(total * whole).astype(matte.dtype)
    return as_levels(new_colours), as_levels(new_matte)
