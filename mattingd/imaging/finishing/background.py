"""Background pictures: decoded once, then scaled to cover each canvas.

Knows pixels and their profiles. Must not know files or presets.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import ImageCms

from mattingd.domain.jobs import PictureLimits
from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.formats import decode
from mattingd.imaging.formats.colour import profiles
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting.tiles import Levels, Tile, as_levels, deepened, eight_bits

Anchor = Literal["centre", "top", "bottom", "left", "right"]

SMALLEST = 256
"""Pixels of the shorter side at least: a smaller one is an icon, or a mistake."""

MEGAPIXELS = 40
"""Of the largest: 7000 x 5700 px, more than a canvas shows."""

KEPT_BYTES = MEGAPIXELS * 6_000_000
"""Decoded backgrounds that are kept at most: the largest one in 16 bits, or several."""

COARSE = 2.0
"""One that is enlarged more than so many times looks soft beside the subject: somebody should know."""

_EVERYTHING = PictureLimits(max_megapixels=1e6, max_megabytes=1024)
_BESIDE: dict[Anchor, tuple[float, float]] = {
    "centre": (0.5, 0.5),
    "top": (0, 0.5),
    "bottom": (1, 0.5),
    "left": (0.5, 0),
    "right": (0.5, 1),
}
"""Shares (rows, columns) of what does not fit that are cut off at the top and at the left."""


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """A background, upright and opaque.

    Attributes: pixels: [H,W,3]; uint8, or uint16 with more than 8 bits a channel. icc: the pixels' profile,
    None for sRGB.
    """

    pixels: Levels
    icc: bytes | None = None


def opened(data: bytes) -> Backdrop:
    """Decode a background from the bytes of a picture file.

    Raises:
        PictureError: no picture, incomplete, partly transparent, or of an unsuitable size.
    """
    header = decode.probe(data, _EVERYTHING)
    width, height = header.upright_width, header.upright_height
    if min(width, height) < SMALLEST:
        raise PictureError(
            "unsupported", Reason.of("background_small", width=width, height=height, least=SMALLEST)
        )
    if width * height > MEGAPIXELS * 1e6:
        raise PictureError(
            "too_large", Reason.of("background_large", width=width, height=height, most=MEGAPIXELS)
        )
    picture = decode.read(data, _EVERYTHING)
    if picture.alpha is not None:
        raise PictureError("unsupported", Reason.of("background_transparent"))
    return Backdrop(picture.rgb, picture.icc)


def covering(backdrop: Backdrop, canvas: Levels, icc: bytes | None, anchor: Anchor) -> Levels:
    """Return [H,W,3]: the background scaled to cover the canvas and cropped opposite the anchor.

    Args:
        backdrop: any size and shape.
        canvas: [H,W] with the required size and depth.
        icc: the required profile, None for sRGB. A profile that supports no output counts as sRGB.
        anchor: the side that is not cropped.
    """
    height, width = canvas.shape
    shown = backdrop.pixels[_window(backdrop.pixels.shape, (height, width), anchor)]
    if shown.shape[:2] == canvas.shape:
        scaled = as_levels(shown.copy())
    else:
        by = cv2.INTER_AREA if shown.shape[0] > height else cv2.INTER_CUBIC
        scaled = as_levels(cv2.resize(shown, (width, height), interpolation=by))
    try:
        scaled = profiles.between(scaled, backdrop.icc, icc)
    except ImageCms.PyCMSError:
        scaled = profiles.between(scaled, backdrop.icc, None)
    return eight_bits(scaled) if canvas.dtype == np.uint8 else deepened(scaled)


def remarks(backdrop: Backdrop, width: int, height: int) -> Reasons:
    """Return remarks for the user on the background with a canvas of this many pixels."""
    rows, columns = backdrop.pixels.shape[:2]
    scale = max(width / columns, height / rows)
    if scale <= COARSE:
        return ()
    return (Reason.of("background_enlarged", width=columns, height=rows, times=round(scale, 1)),)


def _window(shape: tuple[int, ...], canvas: tuple[int, int], anchor: Anchor) -> Tile:
    """Return the largest part of a picture with exactly the canvas's aspect ratio."""
    scale = max(canvas[0] / shape[0], canvas[1] / shape[1])
    rows, columns = (
        max(1, min(side, round(wanted / scale))) for side, wanted in zip(shape, canvas, strict=False)
    )
    down, across = _BESIDE[anchor]
    top, left = round((shape[0] - rows) * down), round((shape[1] - columns) * across)
    return slice(top, top + rows), slice(left, left + columns)


class Backdrops:
    """The most recently used backgrounds, decoded, by their SHA-256."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        """Start empty; keep at most ``most`` bytes besides the background in use."""
        self._most = most
        self._kept: OrderedDict[str, Backdrop] = OrderedDict()

    def of(self, sha256: str, read: Callable[[], bytes]) -> Backdrop:
        """Return the background with this hash; ``read`` returns its file's bytes if it is not cached.

        Raises:
            PictureError: it cannot be used.
        """
        found = self._kept.pop(sha256, None) or opened(read())
        while self._kept and found.pixels.nbytes + self._bytes() > self._most:
            self._kept.popitem(last=False)
        self._kept[sha256] = found
        return found

    def _bytes(self) -> int:
        return sum(backdrop.pixels.nbytes for backdrop in self._kept.values())
