"""Turn picture and matte into the pixels of the cut-out.

Knows straight alpha, backgrounds and the metadata of pixels. Must not know file formats beyond that.
"""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from PIL import ImageCms, ImageColor

from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reasons
from mattingd.imaging import threads
from mattingd.imaging.finishing import shadow
from mattingd.imaging.finishing.background import Backdrop, covering
from mattingd.imaging.finishing.frame import frame_of, framed
from mattingd.imaging.finishing.heads import doubts, faces_on_subject
from mattingd.imaging.formats import metadata
from mattingd.imaging.formats.colour import profiles
from mattingd.imaging.formats.decode import Picture
from mattingd.imaging.matting import foreground
from mattingd.imaging.matting.tiles import (
    DEEP,
    Halving,
    Levels,
    UInt8,
    as_levels,
    as_uint8,
    deepened,
    eight_bits,
    strips,
    tiles_of,
    whole_of,
)


@dataclass(frozen=True, slots=True, eq=False)
class Composed:
    """A cut-out ready to be written.

    Attributes: pixels: [H,W,4] with straight alpha, [H,W,3] on a background, or [H,W] when only the matte is
    wanted; uint8, or uint16 when the picture had more than 8 bits a channel. matte: [H,W], the share of each
    pixel that is subject. icc: the profile of the colours, None for sRGB. dpi: dots per inch across and down,
    if known. exif: EXIF data to embed, starting at its TIFF header. xmp: the XMP packet to embed. doubts: why
    the cut-out needs checking, each with advice.
    """

    pixels: Levels
    matte: Levels
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    doubts: Reasons = ()


def compose(
    picture: Picture,
    alpha: UInt8,
    preset: Preset,
    backdrop: Backdrop | None = None,
    halved: Halving | None = None,
) -> Composed:
    """Cut ``picture`` out by the finished matte ``alpha`` (uint8[H,W]), on the preset's background if any.

    ``backdrop`` is that background where it is a picture; ``halved`` is the picture as the network sees it,
    if others need it smaller as well.

    With ``colour: srgb`` its colours are converted first. Transparent pixels stay transparent: the final
    alpha is the smaller of both. Opaque pixels keep their bytes unless a setting changes scale or colour.
    """
    if preset.colour == "srgb" and picture.icc is not None:
        picture = _in_srgb(picture, picture.icc)
    matte = alpha if picture.rgb.dtype == np.uint8 else as_levels(alpha.astype(np.uint16) * DEEP)
    final = matte if picture.alpha is None else as_levels(cv2.min(picture.alpha, matte))
    colours = _colours(picture.rgb, eight_bits(final), halved)
    if picture.alpha is not None:  # where the file's own alpha decides, its colours are already straight
        decides = cv2.compare(picture.alpha, matte, cv2.CMP_LE)
        cv2.copyTo(picture.rgb, cv2.bitwise_and(decides, eight_bits(final)), colours)
    if preset.despill != "none":
        colours = despilled(colours, preset.despill)
    shown = faces_on_subject(picture.srgb, final) if preset.anchor == "head" and preset.canvas else ()
    frame = frame_of(final, preset, shown)
    said = () if frame is None else doubts(final, preset, shown, frame)
    if frame is not None:
        colours, final = framed(colours, final, frame)
    dpi = picture.dpi if preset.dpi is None else (float(preset.dpi), float(preset.dpi))
    exif, xmp = metadata.chosen(picture.exif, picture.xmp, preset.metadata)
    icc = None if preset.content == "matte" else picture.icc  # its profile is for colours
    if backdrop is not None and preset.bits == 16 and backdrop.pixels.itemsize > final.itemsize:  # noqa: PLR2004
        colours, final = deepened(colours), deepened(final)
    ground = None if backdrop is None else covering(backdrop, final, picture.icc, preset.background_anchor)
    return Composed(_pixels(colours, final, preset, picture.icc, ground), final, icc, dpi, exif, xmp, said)


def _pixels(
    colours: Levels, matte: Levels, preset: Preset, icc: bytes | None, ground: Levels | None
) -> Levels:
    """Return the pixels to write: the matte alone, the subject on its background, or straight alpha."""
    if preset.content == "matte":
        return matte
    dark = shadow.cast(eight_bits(matte), preset) if preset.shadow else None
    if ground is not None:
        return over(colours, matte, ground, dark)
    if preset.background is not None:
        return over(colours, matte, _background(preset.background, icc), dark)
    if dark is not None:
        colours, matte = shadow.under(colours, matte, dark)
    return _with_alpha(colours, matte)


def _with_alpha(colours: Levels, matte: Levels) -> Levels:
    """Return ``colours`` ([H,W,3]) and ``matte`` ([H,W]) as [H,W,4]."""
    pixels = np.empty((*matte.shape, 4), colours.dtype)

    def join(rows: slice) -> None:
        strip = pixels[rows]
        cv2.cvtColor(colours[rows], cv2.COLOR_RGB2RGBA, dst=strip)
        cv2.insertChannel(matte[rows], strip, 3)

    threads.each(join, strips(len(matte)))
    return as_levels(pixels)


def despilled(colours: Levels, screen: Literal["green", "blue"]) -> Levels:
    """``colours`` ([H,W,3]) with the screen's channel limited to the larger of the other two."""
    red, green, blue = cv2.split(colours)
    if screen == "green":
        return as_levels(cv2.merge([red, cv2.min(green, cv2.max(red, blue)), blue]))
    return as_levels(cv2.merge([red, green, cv2.min(blue, cv2.max(red, green))]))


def _in_srgb(picture: Picture, icc: bytes) -> Picture:
    """Convert the colours of ``picture`` to sRGB; the network's view has them if nothing was lost."""
    seen = picture.alpha is None and picture.rgb.dtype == np.uint8 and picture.srgb is not picture.rgb
    rgb = picture.srgb if seen else profiles.to_srgb_at_depth(picture.rgb, icc, "RGB")
    return replace(picture, rgb=rgb, icc=None)


def _colours(rgb: Levels, alpha: UInt8, halved: Halving | None) -> Levels:
    """Return the straight foreground colours of ``rgb`` under ``alpha``.

    With 16 bits, only the correction is computed with 8: opaque pixels stay exact, and soft ones keep their
    fine gradation.
    """
    seen = eight_bits(rgb)
    same = halved is not None and halved.picture is seen
    estimated = foreground.estimate(seen, alpha, halved if same else None)
    if rgb.dtype == np.uint8:
        return estimated
    result = np.multiply(estimated, DEEP, dtype=np.uint16)  # beyond the edge, where a small value is not zero
    for tile in tiles_of(alpha):
        moved = np.subtract(estimated[tile], seen[tile], dtype=np.int32) * DEEP + rgb[tile]
        np.clip(moved, 0, whole_of(rgb), out=moved)
        cv2.copyTo(moved.astype(np.uint16), alpha[tile], result[tile])
    return as_levels(result)


def over(
    colours: Levels, alpha: Levels, ground: tuple[int, int, int] | Levels, dark: UInt8 | None = None
) -> Levels:
    """Composite ``colours`` ([H,W,3]) by ``alpha`` ([H,W]) on a background: [H,W,3], all of one depth.

    Args:
        colours: straight.
        alpha: the share of each pixel that they cover.
        ground: one colour (0..255), or a picture of this size, which is overwritten.
        dark: uint8[H,W], the shadow on the background.
    """
    whole = whole_of(colours)
    if isinstance(ground, tuple):
        result = np.empty_like(colours)
        result[0] = np.array(ground) * (whole // 255)
        result[1:] = result[0]
    else:
        result = ground
    if dark is not None:
        for tile in tiles_of(dark):
            light = 1 - cv2.cvtColor(dark[tile], cv2.COLOR_GRAY2RGB).astype(np.float32) / 255
            result[tile] = (result[tile] * light + np.float32(0.5)).astype(colours.dtype)
    cv2.copyTo(colours, cv2.inRange(alpha, np.array([whole]), np.array([whole])), result)
    soft = as_uint8(cv2.inRange(alpha, np.array([1]), np.array([whole - 1])))
    for tile in tiles_of(soft):
        cover = cv2.cvtColor(alpha[tile], cv2.COLOR_GRAY2RGB).astype(np.float32) / whole
        mixed = colours[tile] * cover + (1 - cover) * result[tile] + np.float32(0.5)
        behind = result[tile]
        cv2.copyTo(mixed.astype(colours.dtype), soft[tile], behind)
    return result


def _background(text: str, icc: bytes | None) -> tuple[int, int, int]:
    """Return ``#rrggbb`` (sRGB) in the picture's own colour space."""
    red, green, blue = ImageColor.getrgb(text)[:3]
    if icc is None:
        return red, green, blue
    try:
        return profiles.from_srgb((red, green, blue), icc)
    except ImageCms.PyCMSError:  # a profile that supports no output
        return red, green, blue
