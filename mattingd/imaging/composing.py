"""Picture and matte to the pixels of the cut-out.

Knows straight alpha, backgrounds and what goes along with the pixels. Must not know file formats beyond that.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import ImageCms, ImageColor

from mattingd.imaging import colour, foreground
from mattingd.imaging.reading import Picture
from mattingd.imaging.sampling import UInt8, as_uint8, tiles_of
from mattingd.values import Preset

_WHOLE = 255
_OPAQUE = np.array([255])


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A cut-out ready to be written.

    Attributes:
        pixels: uint8[H,W,4] with straight alpha, or uint8[H,W,3] on a background.
        icc: the profile the colours are in, None for sRGB.
        dpi: dots per inch across and down, when known.
        exif: EXIF data to keep, from its TIFF header on.
    """

    pixels: UInt8
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None


def compose(picture: Picture, alpha: UInt8, preset: Preset) -> Composed:
    """Cut ``picture`` out by the finished matte ``alpha`` (uint8[H,W]), on the preset's background if any.

    What was transparent stays so: the final alpha is the lesser of both. Opaque pixels keep their bytes.
    """
    final = alpha if picture.alpha is None else as_uint8(cv2.min(picture.alpha, alpha))
    colours = foreground.estimate(picture.rgb, final)
    if picture.alpha is not None:  # where the file's own alpha decides, its colours are straight already
        decides = cv2.compare(picture.alpha, alpha, cv2.CMP_LE)
        cv2.copyTo(picture.rgb, cv2.bitwise_and(decides, final), colours)
    if preset.background is None:
        pixels = as_uint8(cv2.merge([*cv2.split(colours), final]))
    else:
        pixels = over(colours, final, _background(preset.background, picture.icc))
    return Composed(pixels, picture.icc, picture.dpi, picture.exif)


def over(colours: UInt8, alpha: UInt8, background: tuple[int, int, int]) -> UInt8:
    """``colours`` (uint8[H,W,3]) seen through ``alpha`` (uint8[H,W]) on one colour: uint8[H,W,3]."""
    result = np.empty_like(colours)
    result[0] = background
    result[1:] = result[0]
    cv2.copyTo(colours, cv2.inRange(alpha, _OPAQUE, _OPAQUE), result)
    soft = as_uint8(cv2.inRange(alpha, np.array([1]), _OPAQUE - 1))
    for tile in tiles_of(soft):
        cover = cv2.cvtColor(alpha[tile], cv2.COLOR_GRAY2RGB).astype(np.float32) / _WHOLE
        mixed = colours[tile] * cover + (1 - cover) * np.array(background, np.float32) + np.float32(0.5)
        result[tile] = mixed.astype(np.uint8)
    return result


def _background(text: str, icc: bytes | None) -> tuple[int, int, int]:
    """``#rrggbb`` (sRGB) in the picture's own colours."""
    red, green, blue = ImageColor.getrgb(text)[:3]
    if icc is None:
        return red, green, blue
    try:
        return colour.from_srgb((red, green, blue), icc)
    except ImageCms.PyCMSError:  # a profile that can only be read from, not written to
        return red, green, blue
