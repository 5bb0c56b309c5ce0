"""Convert decoded pixels of any mode to upright RGB and alpha, and to the network's view.

Knows modes, bit depths and where a profile applies. Must not know files or containers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from PIL import ImageFile

from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.formats.colour import profiles
from mattingd.imaging.formats.errors import corrupt, unsupported
from mattingd.imaging.matting.tiles import Levels, UInt8, as_levels, as_uint8, eight_bits, whole_of

_BLACK, _WHITE = 16, 235
_GREY_BEHIND = 128
"""What the network sees where an already transparent picture is transparent."""

_CUT_AWAY = 0.05

_MEANT_AS_RGB = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr", "HSV"})
_MEANT_AS_GREY = frozenset({"1", "L", "LA", "La"})


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Decoded pixels: ``colour`` [H,W] or [H,W,C] in ``mode`` (L, RGB, CMYK, LAB).

    Both arrays are uint8, or both uint16 in a picture of more than 8 bits a channel; straight colours.
    """

    colour: Levels
    mode: str
    alpha: Levels | None = None
    notes: Reasons = ()
    doubts: Reasons = ()
    """Why the picture needs checking."""


def widened(decoded: Decoded) -> Decoded:
    """Stretch colours of the narrow video range, 16 to 235 of 255 levels, to the full range.

    Alpha always has that.
    """
    top = int(np.iinfo(decoded.colour.dtype).max)
    step = (top + 1) // 256
    levels = (np.arange(top + 1) - _BLACK * step) * (top / ((_WHITE - _BLACK) * step))
    table = np.rint(levels.clip(0, top)).astype(decoded.colour.dtype)
    note = Reason.of("narrow_range")
    return replace(decoded, colour=as_levels(table[decoded.colour]), notes=(*decoded.notes, note))


def decode_with_pillow(image: ImageFile.ImageFile) -> Decoded:
    """Decode all 8-bit modes with Pillow, which corrects Adobe's inverted CMYK.

    Raises:
        PictureError: ``unsupported`` for 32-bit and floating-point pictures.
    """
    if image.mode not in _MEANT_AS_RGB | _MEANT_AS_GREY | {"CMYK", "LAB"}:
        raise unsupported("pixel_kind", mode=image.mode)
    image.load()
    mode = "L" if image.mode in _MEANT_AS_GREY else "RGB" if image.mode in _MEANT_AS_RGB else image.mode
    if not image.has_transparency_data:
        return Decoded(np.asarray(image if image.mode == mode else image.convert(mode)), mode)
    rgba = np.asarray(image.convert("RGBA"))
    colours = rgba[:, :, 0] if mode == "L" else rgba[:, :, :3]
    return Decoded(np.ascontiguousarray(colours), mode, np.ascontiguousarray(rgba[:, :, 3]))


def decode_deep_png(raw: bytes) -> Decoded:
    """Decode a PNG of 16 bits per channel, which Pillow would clip or reduce.

    Raises:
        PictureError: ``corrupt`` when decoding fails.
    """
    deep = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        raise corrupt("decoder_gave_up")
    if deep.shape[2:] == ():
        return Decoded(as_levels(deep), "L")
    if deep.shape[2:] == (3,):
        return Decoded(as_levels(cv2.cvtColor(deep, cv2.COLOR_BGR2RGB)), "RGB")
    rgb = as_levels(cv2.cvtColor(deep, cv2.COLOR_BGRA2RGB))
    return Decoded(rgb, "RGB", as_levels(np.ascontiguousarray(deep[:, :, 3])))


def inverted(levels: Levels) -> Levels:
    """Swap white and black."""
    return as_levels(cv2.bitwise_not(levels))


def unmultiplied(rgb: Levels, alpha: Levels) -> Levels:
    """Convert premultiplied to straight colours ([H,W] or [H,W,3])."""
    weight = np.maximum(alpha, 1)
    if rgb.ndim > alpha.ndim:
        weight = as_levels(cv2.cvtColor(weight, cv2.COLOR_GRAY2RGB))
    return as_levels(cv2.divide(rgb, weight, scale=whole_of(alpha)))


def finish(
    decoded: Decoded, icc: bytes | None, turn: int
) -> tuple[Levels, Levels | None, UInt8, bytes | None, Reasons]:
    """Return upright RGB, alpha (None when opaque), sRGB for the network, the profile of RGB, and notes."""
    own, icc, notes = _own_colours(decoded, icc)
    rgb = upright_of(own, turn)
    alpha = None if decoded.alpha is None or _is_opaque(decoded.alpha) else upright_of(decoded.alpha, turn)
    srgb = eight_bits(rgb)
    if icc is not None and not profiles.is_srgb(icc):
        srgb = profiles.to_srgb(srgb, icc, "RGB")
    if alpha is not None:
        srgb = _on_grey(srgb, eight_bits(alpha))
    return rgb, alpha, srgb, icc, decoded.notes + notes


def is_cut_out(alpha: Levels | None) -> bool:
    """Whether alpha is a cut-out's: zero on more than 5 % of the frame and somewhere at its border."""
    if alpha is None or np.count_nonzero(alpha == 0) <= _CUT_AWAY * alpha.size:
        return False
    return any(not side.all() for side in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


def _is_opaque(alpha: Levels) -> bool:
    return int(alpha.min()) == whole_of(alpha)


def upright_of(pixels: Levels, turn: int) -> Levels:
    """Rotate ``pixels`` by EXIF's orientation (1 to 8); contiguous."""
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


def _own_colours(decoded: Decoded, icc: bytes | None) -> tuple[Levels, bytes | None, Reasons]:
    """Return RGB in the picture's own profile if that is an RGB profile; otherwise sRGB."""
    fits = icc is not None and profiles.fits(icc, decoded.mode)
    notes = () if fits or icc is None else (Reason.of("profile_ignored"),)
    if decoded.mode == "RGB":
        return decoded.colour, icc if fits else None, notes
    if decoded.mode == "LAB":
        return profiles.lab_to_srgb(eight_bits(decoded.colour)), None, (Reason.of("lab_converted"),)
    if fits and icc is not None:
        converted = profiles.to_srgb_at_depth(decoded.colour, icc, decoded.mode)
        return converted, None, (Reason.of(_CONVERTED[decoded.mode]),)
    if decoded.mode == "L":
        return as_levels(cv2.cvtColor(decoded.colour, cv2.COLOR_GRAY2RGB)), None, notes
    return _from_cmyk(decoded.colour), None, (*notes, Reason.of("cmyk_simply"))


def _from_cmyk(ink: Levels) -> Levels:
    """Return (1 - ink) x (1 - black), which every program shows for CMYK without a profile."""
    paper = cv2.bitwise_not(ink)
    black = cv2.cvtColor(np.ascontiguousarray(paper[:, :, 3]), cv2.COLOR_GRAY2RGB)
    return as_levels(cv2.multiply(np.ascontiguousarray(paper[:, :, :3]), black, scale=1 / whole_of(ink)))


_CONVERTED = {"L": "grey_converted", "CMYK": "cmyk_converted"}


def _on_grey(srgb: UInt8, alpha: UInt8) -> UInt8:
    """Composite ``srgb`` by its own alpha on neutral grey."""
    weight = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(cv2.bitwise_not(weight), np.full_like(weight, _GREY_BEHIND), scale=1 / 255)
    return as_uint8(cv2.add(cv2.multiply(srgb, weight, scale=1 / 255), behind))
