"""Picture and matte to the pixels of the cut-out.

Knows straight alpha, backgrounds and what goes along with the pixels. Must not know file formats beyond that.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import ImageCms, ImageColor

from mattingd.imaging import colour, foreground, metadata
from mattingd.imaging.reading import Picture
from mattingd.imaging.sampling import (
    DEEP,
    Levels,
    UInt8,
    as_levels,
    as_uint8,
    eight_bits,
    tiles_of,
    whole_of,
)
from mattingd.values import Preset


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A cut-out ready to be written.

    Attributes:
        pixels: [H,W,4] with straight alpha, or [H,W,3] on a background; uint8, or uint16 when the picture had
            more than 8 bits a channel.
        matte: [H,W], how much of each pixel is subject.
        icc: the profile the colours are in, None for sRGB.
        dpi: dots per inch across and down, when known.
        exif: EXIF data that goes along, from its TIFF header on.
        xmp: the XMP packet that goes along.
    """

    pixels: Levels
    matte: Levels
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


def compose(picture: Picture, alpha: UInt8, preset: Preset) -> Composed:
    """Cut ``picture`` out by the finished matte ``alpha`` (uint8[H,W]), on the preset's background if any.

    With ``colour: srgb`` its colours are converted first. What was transparent stays so: the final alpha is
    the lesser of both. Opaque pixels keep their bytes.
    """
    if preset.colour == "srgb" and picture.icc is not None:
        picture = _in_srgb(picture, picture.icc)
    matte = alpha if picture.rgb.dtype == np.uint8 else as_levels(alpha.astype(np.uint16) * DEEP)
    final = matte if picture.alpha is None else as_levels(cv2.min(picture.alpha, matte))
    colours = _colours(picture.rgb, eight_bits(final))
    if picture.alpha is not None:  # where the file's own alpha decides, its colours are straight already
        decides = cv2.compare(picture.alpha, matte, cv2.CMP_LE)
        cv2.copyTo(picture.rgb, cv2.bitwise_and(decides, eight_bits(final)), colours)
    if preset.background is None:
        pixels = as_levels(cv2.merge([*cv2.split(colours), final]))
    else:
        pixels = over(colours, final, _background(preset.background, picture.icc))
    exif, xmp = metadata.chosen(picture.exif, picture.xmp, preset.metadata)
    return Composed(pixels, final, picture.icc, picture.dpi, exif, xmp)


def _in_srgb(picture: Picture, icc: bytes) -> Picture:
    """``picture`` with its colours converted; what the network saw is that already where nothing was lost."""
    seen = picture.alpha is None and picture.rgb.dtype == np.uint8 and picture.srgb is not picture.rgb
    rgb = picture.srgb if seen else colour.to_srgb_at_depth(picture.rgb, icc, "RGB")
    return replace(picture, rgb=rgb, icc=None)


def _colours(rgb: Levels, alpha: UInt8) -> Levels:
    """The straight foreground colours of ``rgb`` under ``alpha``.

    In 16 bits only the correction is taken from 8: so opaque pixels stay as they are, to the last bit, and
    soft ones keep their fine steps.
    """
    seen = eight_bits(rgb)
    estimated = foreground.estimate(seen, alpha)
    if rgb.dtype == np.uint8:
        return estimated
    result = np.multiply(estimated, DEEP, dtype=np.uint16)  # beyond the edge, where little is not zero
    for tile in tiles_of(alpha):
        moved = np.subtract(estimated[tile], seen[tile], dtype=np.int32) * DEEP + rgb[tile]
        np.clip(moved, 0, whole_of(rgb), out=moved)
        cv2.copyTo(moved.astype(np.uint16), alpha[tile], result[tile])
    return as_levels(result)


def over(colours: Levels, alpha: Levels, background: tuple[int, int, int]) -> Levels:
    """``colours`` ([H,W,3]) seen through ``alpha`` ([H,W]) on one colour, all of one depth: [H,W,3]."""
    whole = whole_of(colours)
    behind = np.array(background) * (whole // 255)
    result = np.empty_like(colours)
    result[0] = behind
    result[1:] = result[0]
    cv2.copyTo(colours, cv2.inRange(alpha, np.array([whole]), np.array([whole])), result)
    soft = as_uint8(cv2.inRange(alpha, np.array([1]), np.array([whole - 1])))
    for tile in tiles_of(soft):
        cover = cv2.cvtColor(alpha[tile], cv2.COLOR_GRAY2RGB).astype(np.float32) / whole
        mixed = colours[tile] * cover + (1 - cover) * behind.astype(np.float32) + np.float32(0.5)
        result[tile] = mixed.astype(colours.dtype)
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
