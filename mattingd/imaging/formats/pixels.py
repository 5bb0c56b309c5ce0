"""Decoded pixels of any mode to RGB and alpha, upright, and to what the network sees.

Knows modes, bit depths and where a profile belongs. Must not know files or containers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import ImageFile

from mattingd.imaging.formats import colour
from mattingd.imaging.formats.errors import corrupt, unsupported
from mattingd.imaging.matting.tiles import Levels, UInt8, as_levels, as_uint8, eight_bits, whole_of

_GREY_BEHIND = 128
"""What the network sees where an already transparent picture is transparent."""

_CUT_AWAY = 0.05

_MEANT_AS_RGB = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr", "HSV"})
_MEANT_AS_GREY = frozenset({"1", "L", "LA", "La"})


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Pixels as a decoder gave them: ``colour`` [H,W] or [H,W,C] in ``mode`` (L, RGB, CMYK, LAB).

    Both arrays are uint8, or both uint16 in a picture of more than 8 bits a channel; straight colours.
    """

    colour: Levels
    mode: str
    alpha: Levels | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    """Why somebody should look at the picture."""


def decode_with_pillow(image: ImageFile.ImageFile) -> Decoded:
    """All 8-bit modes, by Pillow, which turns Adobe's inverted CMYK the right way round.

    Raises:
        PictureError: ``unsupported`` for 32-bit and floating-point pictures.
    """
    if image.mode not in _MEANT_AS_RGB | _MEANT_AS_GREY | {"CMYK", "LAB"}:
        raise unsupported(
            f"this picture holds an unusual kind of pixels (mode {image.mode}), such as 32 bits"
        )
    image.load()
    mode = "L" if image.mode in _MEANT_AS_GREY else "RGB" if image.mode in _MEANT_AS_RGB else image.mode
    if not image.has_transparency_data:
        return Decoded(np.asarray(image if image.mode == mode else image.convert(mode)), mode)
    rgba = np.asarray(image.convert("RGBA"))
    colours = rgba[:, :, 0] if mode == "L" else rgba[:, :, :3]
    return Decoded(np.ascontiguousarray(colours), mode, np.ascontiguousarray(rgba[:, :, 3]))


def decode_deep_png(raw: bytes) -> Decoded:
    """A PNG of 16 bits a channel, which Pillow would clip or cut down.

    Raises:
        PictureError: ``corrupt`` when decoding fails.
    """
    deep = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        raise corrupt("the decoder gave up")
    if deep.shape[2:] == ():
        return Decoded(as_levels(deep), "L")
    if deep.shape[2:] == (3,):
        return Decoded(as_levels(cv2.cvtColor(deep, cv2.COLOR_BGR2RGB)), "RGB")
    rgb = as_levels(cv2.cvtColor(deep, cv2.COLOR_BGRA2RGB))
    return Decoded(rgb, "RGB", as_levels(np.ascontiguousarray(deep[:, :, 3])))


def inverted(levels: Levels) -> Levels:
    """White for black and black for white."""
    return as_levels(cv2.bitwise_not(levels))


def unmultiplied(rgb: Levels, alpha: Levels) -> Levels:
    """Straight colours ([H,W] or [H,W,3]) of premultiplied ones."""
    weight = np.maximum(alpha, 1)
    if rgb.ndim > alpha.ndim:
        weight = as_levels(cv2.cvtColor(weight, cv2.COLOR_GRAY2RGB))
    return as_levels(cv2.divide(rgb, weight, scale=whole_of(alpha)))


def finish(
    decoded: Decoded, icc: bytes | None, turn: int
) -> tuple[Levels, Levels | None, UInt8, bytes | None, tuple[str, ...]]:
    """Upright RGB, alpha (None when opaque), sRGB for the network, the profile RGB stays in, notes."""
    own, icc, notes = _own_colours(decoded, icc)
    rgb = upright_of(own, turn)
    alpha = None if decoded.alpha is None or _is_opaque(decoded.alpha) else upright_of(decoded.alpha, turn)
    srgb = eight_bits(rgb)
    if icc is not None and not colour.is_srgb(icc):
        srgb = colour.to_srgb(srgb, icc, "RGB")
    if alpha is not None:
        srgb = _on_grey(srgb, eight_bits(alpha))
    return rgb, alpha, srgb, icc, decoded.notes + notes


def is_cut_out(alpha: Levels | None) -> bool:
    """Whether an alpha is a cut-out's: nothing on more than 5 % of the frame, some of that at its border."""
    if alpha is None or np.count_nonzero(alpha == 0) <= _CUT_AWAY * alpha.size:
        return False
    return any(not side.all() for side in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


def _is_opaque(alpha: Levels) -> bool:
    return int(alpha.min()) == whole_of(alpha)


def upright_of(pixels: Levels, turn: int) -> Levels:
    """``pixels`` turned as EXIF's orientation (1 to 8) asks, contiguous."""
    return as_levels(_TURNS[turn](pixels) if turn in _TURNS else np.ascontiguousarray(pixels))


_TURNS: dict[int, Callable[[Levels], Any]] = {
    2: lambda a: cv2.flip(a, 1),
    3: lambda a: cv2.rotate(a, cv2.ROTATE_180),
    4: lambda a: cv2.flip(a, 0),
    5: cv2.transpose,
    6: lambda a: cv2.rotate(a, cv2.ROTATE_90_CLOCKWISE),
    7: lambda a: cv2.rotate(cv2.transpose(a), cv2.ROTATE_180),
    8: lambda a: cv2.rotate(a, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def _own_colours(decoded: Decoded, icc: bytes | None) -> tuple[Levels, bytes | None, tuple[str, ...]]:
    """RGB in the picture's own profile where that is one for RGB; everything else becomes sRGB."""
    fits = icc is not None and colour.fits(icc, decoded.mode)
    notes = (
        ()
        if fits or icc is None
        else ("its colour profile is broken or not for its kind of colours: ignored",)
    )
    if decoded.mode == "RGB":
        return decoded.colour, icc if fits else None, notes
    if decoded.mode == "LAB":
        return colour.lab_to_srgb(eight_bits(decoded.colour)), None, ("Lab was converted to sRGB",)
    if fits and icc is not None:
        converted = colour.to_srgb_at_depth(decoded.colour, icc, decoded.mode)
        return converted, None, (f"{_NAMES[decoded.mode]} was converted to sRGB",)
    if decoded.mode == "L":
        return as_levels(cv2.cvtColor(decoded.colour, cv2.COLOR_GRAY2RGB)), None, notes
    return _from_cmyk(decoded.colour), None, (*notes, "CMYK without a profile was converted simply")


def _from_cmyk(ink: Levels) -> Levels:
    """(1 - ink) x (1 - black): what every program shows of CMYK without a profile."""
    paper = cv2.bitwise_not(ink)
    black = cv2.cvtColor(np.ascontiguousarray(paper[:, :, 3]), cv2.COLOR_GRAY2RGB)
    return as_levels(cv2.multiply(np.ascontiguousarray(paper[:, :, :3]), black, scale=1 / whole_of(ink)))


_NAMES = {"L": "grey", "CMYK": "CMYK"}


def _on_grey(srgb: UInt8, alpha: UInt8) -> UInt8:
    """``srgb`` seen through its own alpha on neutral grey."""
    weight = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(cv2.bitwise_not(weight), np.full_like(weight, _GREY_BEHIND), scale=1 / 255)
    return as_uint8(cv2.add(cv2.multiply(srgb, weight, scale=1 / 255), behind))
