"""Find out a picture's colour space, for all formats: its first usable tag decides.

The order is that of the PNG specification (third edition): cICP, an ICC profile, sRGB, cHRM and gAMA; then
what a BMP's header says; then EXIF data, where cameras set to Adobe RGB record it. AVIF and HEIC have their
coded numbers after the profile. Knows tags; must not know pixels.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.formats import isobmff, png
from mattingd.imaging.formats.colour import icc

_SRGB_CODED, _P3_CODED = 1, 12
_SRGB: icc.Point3 = ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
_ADOBE: icc.Point3 = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_PRIMARIES: dict[int, tuple[str, icc.Point3, icc.Point]] = {
    1: ("sRGB", _SRGB, icc.D65),
    4: ("BT.470 M", ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), (0.31, 0.316)),
    5: ("BT.601 625", ((0.64, 0.33), (0.29, 0.6), (0.15, 0.06)), icc.D65),
    6: ("BT.601 525", ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)), icc.D65),
    7: ("SMPTE 240M", ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)), icc.D65),
    9: ("BT.2020", ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046)), icc.D65),
    11: ("DCI P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), (0.314, 0.351)),
    12: ("Display P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), icc.D65),
}
"""By their numbers in ISO 23091-2."""
_SRGB_CURVES = frozenset({1, 6, 13, 14, 15})
"""Those of television as well: pictures marked so are shown like sRGB everywhere."""
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: ("PQ", icc.pq_light), 18: ("HLG", icc.hlg_light)}
_SRGB_GAMMA, _NEAR = 2.2, 0.02
_CLOSE = 0.002  # in x and y: the same primaries
_EXIF, _INTEROP = 0x8769, 0xA005
_COLOUR_SPACE, _GAMMA, _WHITE, _CHROMATICITIES = 0xA001, 0xA500, 0x013E, 0x013F
_SPACE_SRGB, _SPACE_ADOBE = 1, 2
_GREY_MODES = ("1", "L", "I", "F")


@dataclass(frozen=True, slots=True)
class Colours:
    """A picture's colours: their profile, None for sRGB; and remarks for the user."""

    icc: bytes | None
    notes: Reasons = ()


def colours_of(format: str, mode: str, raw: bytes, profile: bytes | None, exif: Image.Exif) -> Colours:  # noqa: A002
    """Return the colours by the first usable tag; sRGB when there is none.

    Args:
        format: as `sniff` names it.
        mode: the mode of the pixels, as named by Pillow or a decoder.
        raw: the file's bytes.
        profile: the ICC profile in it.
        exif: its EXIF data.
    """
    grey = mode.startswith(_GREY_MODES) and mode != "LAB"
    if mode in ("CMYK", "LAB", "unknown"):
        return Colours(profile)
    for found in _marks(format, raw, profile, exif, grey=grey):
        if found is not None:
            return found
    return Colours(None)


def _marks(
    format: str,  # noqa: A002
    raw: bytes,
    profile: bytes | None,
    exif: Image.Exif,
    *,
    grey: bool,
) -> Iterator[Colours | None]:
    chunks = png.content(raw, b"cICP", b"sRGB", b"gAMA", b"cHRM") if format == "png" else {}
    if (coded := chunks.get(b"cICP", b""))[3:]:
        yield _of_code(coded[0], coded[1], grey=grey)
    if profile:
        yield Colours(profile)
    if format in ("avif", "heic") and (numbers := isobmff.coded_colours(raw)):
        yield _of_code(*numbers, grey=grey)
    if b"sRGB" in chunks:
        yield Colours(None)
    yield _of_png(chunks, grey=grey)
    if format == "bmp":
        yield _of_bmp(raw)
    yield _of_exif(exif, grey=grey)


@cache
def _of_code(primaries: int, transfer: int, *, grey: bool) -> Colours | None:
    """Return the colours of ISO 23091-2 code points; None for unknown or meaningless ones."""
    name, points, white = _PRIMARIES.get(primaries, _PRIMARIES[_SRGB_CODED])
    if transfer in _SRGB_CURVES:
        if name == "sRGB" or grey:
            return Colours(None) if primaries in _PRIMARIES else None
        return Colours(
            icc.DISPLAY_P3 if primaries == _P3_CODED else icc.matrix_profile(name, *points, white=white)
        )
    if transfer in _GAMMAS:
        gamma = _GAMMAS[transfer]
        return Colours(_profile(f"{name}, gamma {gamma:g}", points, white, gamma, grey=grey))
    if transfer not in _HDR:
        return None
    kind, light = _HDR[transfer]
    note = Reason.of("hdr", kind=kind)
    if grey:
        return Colours(icc.grey_profile(f"grey {kind}", light()), (note,))
    made = icc.matrix_profile(f"{name} {kind}", *points, light(), white=white, coded=(primaries, transfer))
    return Colours(made, (note,))


def _profile(name: str, points: icc.Point3, white: icc.Point, curve: icc.Curve, *, grey: bool) -> bytes:
    return icc.grey_profile(name, curve) if grey else icc.matrix_profile(name, *points, curve, white=white)


def _of_png(chunks: dict[bytes, bytes], *, grey: bool) -> Colours | None:
    """Return the colours of cHRM and gAMA."""
    gamma = None
    if len(told := chunks.get(b"gAMA", b"")) == 4 and any(told):  # noqa: PLR2004 - bytes
        gamma = 100_000 / struct.unpack(">I", told)[0]
    corners = None
    if len(told := chunks.get(b"cHRM", b"")) == 32:  # noqa: PLR2004 - bytes
        corners = [value / 100_000 for value in struct.unpack(">8I", told)]
    return _of_numbers(corners, gamma, grey=grey)


def _of_numbers(corners: list[float] | None, gamma: float | None, *, grey: bool) -> Colours | None:
    """Return the colours for x and y of white, red, green and blue, and the exponent; sRGB if near."""
    if corners is None and gamma is None:
        return None
    x = [*icc.D65, *(value for point in _SRGB for value in point)] if corners is None else corners
    like_srgb = gamma is None or abs(gamma / _SRGB_GAMMA - 1) < _NEAR
    if (grey or _are_near(x, _SRGB)) and like_srgb:
        return Colours(None)
    white, red, green, blue = ((x[at], x[at + 1]) for at in range(0, 8, 2))
    name = "Adobe RGB (1998)" if _are_near(x, _ADOBE) else "its own primaries"
    try:
        if not 0.1 < (gamma or 1) < 10:  # noqa: PLR2004 - nonsense
            return None
        return Colours(
            _profile(f"{name}, gamma {gamma or 0:.3g}", (red, green, blue), white, gamma, grey=grey)
        )
    except (np.linalg.LinAlgError, ZeroDivisionError, ValueError, OverflowError, struct.error):
        return None


def _are_near(corners: list[float], points: icc.Point3) -> bool:
    expected = [*icc.D65, *(value for point in points for value in point)]
    return all(abs(one - other) < _CLOSE for one, other in zip(corners, expected, strict=True))


def _of_bmp(raw: bytes) -> Colours | None:
    """Return the colours of a BMP header of version 4 or 5."""
    if len(raw) < 138 or struct.unpack_from("<I", raw, 14)[0] < 108:  # noqa: PLR2004 - bytes of those headers
        return None
    kind, ends, gammas = raw[70:74], struct.unpack_from("<9i", raw, 74), struct.unpack_from("<3I", raw, 110)
    if kind == b"DEBM":
        start, length = struct.unpack_from("<2I", raw, 126)
        found = raw[14 + start : 14 + start + length]
        return Colours(found) if len(found) == length > 0 else None
    if kind != bytes(4) or not all(sum(ends[at : at + 3]) for at in (0, 3, 6)):
        return None
    corners, white = list[float](), [sum(ends[axis::3]) for axis in range(3)]
    for point in (white, ends[0:3], ends[3:6], ends[6:9]):
        corners += [point[0] / sum(point), point[1] / sum(point)]
    gamma = gammas[1] / 65536
    return _of_numbers(corners, gamma or None, grey=False)


def _of_exif(exif: Image.Exif, *, grey: bool) -> Colours | None:
    """Return the colours of EXIF's colour space: DCF marks Adobe RGB by the interoperability index R03."""
    try:
        photo, index = exif.get_ifd(_EXIF), exif.get_ifd(_INTEROP).get(1, "")
        space, corners = photo.get(_COLOUR_SPACE), exif.get(_CHROMATICITIES)
        gamma = float(photo.get(_GAMMA, _SRGB_GAMMA))
        named = index.decode("ascii", "replace") if isinstance(index, bytes) else str(index)
        numbers = [float(value) for value in (*exif.get(_WHITE, ()), *corners)] if corners else []
    except Exception:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return None
    if space == _SPACE_SRGB:
        return Colours(None)
    if space == _SPACE_ADOBE or named.startswith("R03"):
        return _adobe(grey=grey)
    if len(numbers) == 8 and all(0 < value < 1 for value in numbers):  # noqa: PLR2004 - four points
        return _of_numbers(numbers, gamma, grey=grey)
    return None


@cache
def _adobe(*, grey: bool) -> Colours:
    return Colours(_profile("Adobe RGB (1998)", _ADOBE, icc.D65, 563 / 256, grey=grey))
