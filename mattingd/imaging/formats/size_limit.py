"""Keep a file within the kilobytes that a preset allows: by its quality or, if need be, with fewer pixels.

Knows presets and pixels. Must not know formats.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason
from mattingd.domain.units import canvas_of
from mattingd.imaging.finishing.compose import Composed
from mattingd.imaging.finishing.frame import scaled
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting.tiles import as_levels

_SMALLER, _LEAST_SIDE = 0.85, 64  # pixels
_ALPHA = 4  # channels of what is transparent


def smaller(composed: Composed, preset: Preset) -> Iterator[Composed]:
    """Yield the cut-out ever smaller, if the preset has a limit of kilobytes and leaves the size open."""
    if preset.max_kb is None or _has_a_size(preset):
        return
    height, width = composed.pixels.shape[:2]
    long = max(width, height)
    while (long := round(long * _SMALLER)) >= max(preset.min_side, _LEAST_SIDE):
        yield _reduced(composed, long / max(width, height))


def small_enough(encode: Callable[[Preset], bytes], preset: Preset) -> bytes:
    """Encode with the best quality, up to the preset's, that keeps the file within its size limit.

    Raises:
        PictureError: ``too_large`` even at the lowest quality.
    """
    data = encode(preset)
    if preset.max_kb is None or len(data) <= preset.max_kb * 1000:
        return data
    fits, low, high = None, 1, preset.quality - 1
    while low <= high:
        middle = (low + high) // 2
        data = encode(replace(preset, quality=middle))
        if len(data) <= preset.max_kb * 1000:
            fits, low = data, middle + 1
        else:
            high = middle - 1
    if fits is None:
        raise PictureError("too_large", Reason.of("over_kb", kb=preset.max_kb or 0))
    return fits


def _has_a_size(preset: Preset) -> bool:
    """Whether the preset needs a canvas of an exact or minimum size in pixels."""
    canvas = canvas_of(preset.canvas, preset.dpi) if preset.canvas else None
    return canvas is not None and canvas[2]


def _reduced(composed: Composed, scale: float) -> Composed:
    pixels = composed.pixels
    if pixels.shape[2:] == (_ALPHA,):
        colours, alpha = scaled(pixels[:, :, :3], pixels[:, :, 3], scale)
        return replace(composed, pixels=as_levels(np.dstack([colours, alpha])))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return replace(composed, pixels=as_levels(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)))
