"""Find out a picture's colour space, for all formats: its first usable tag decides.

The order is that of the PNG specification (third edition): cICP, an ICC profile, sRGB, cHRM and gAMA; then
what a BMP's header says; then EXIF data, where cameras set to Adobe RGB record it. AVIF and HEIC have their
coded numbers after the profile; a TIFF's transfer function counts with EXIF's primaries. Knows tags; must not
know pixels.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
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
_COLOUR_SPACE, _GAMMA, _WHITE, _CHROMATICITIES, _TRANSFER = 0xA001, 0xA500, 0x013E, 0x013F, 0x012D
_TABLES = {1 << bits: 1 for bits in range(1, 17)} | {3 << bits: 3 for bits in range(1, 17)}
"""Tables in a transfer function, by the number of its values: one for all channels, or one each."""
_LONGEST_CURVE = 4096
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
    curve = None
    if len(told := chunks.get(b"gAMA", b"")) == 4 and any(told):  # noqa: PLR2004 - bytes
        curve = 100_000 / struct.unpack(">I", told)[0]
    corners = None
    if len(told := chunks.get(b"cHRM", b"")) == 32:  # noqa: PLR2004 - bytes
        corners = [value / 100_000 for value in struct.unpack(">8I", told)]
    return _of_numbers(corners, curve, grey=grey)


def _of_numbers(corners: list[float] | None, curve: icc.Curve, *, grey: bool) -> Colours | None:
    """Return the colours for x and y of white, red, green and blue, and the curve; sRGB if near."""
    if corners is None and curve is None:
        return None
    x = [*icc.D65, *(value for point in _SRGB for value in point)] if corners is None else corners
    if (grey or _are_near(x, _SRGB)) and _is_like_srgb(curve):
        return Colours(None)
    white, red, green, blue = ((x[at], x[at + 1]) for at in range(0, 8, 2))
    name = "Adobe RGB (1998)" if _are_near(x, _ADOBE) else "its own primaries"
    shape = "its own curve" if isinstance(curve, np.ndarray) else f"gamma {curve or 0:.3g}"
    try:
        if not isinstance(curve, np.ndarray) and not 0.1 < (curve or 1) < 10:  # noqa: PLR2004 - nonsense
            return None
        return Colours(_profile(f"{name}, {shape}", (red, green, blue), white, curve, grey=grey))
    except (np.linalg.LinAlgError, ZeroDivisionError, ValueError, OverflowError, struct.error):
        return None


def _is_like_srgb(curve: icc.Curve) -> bool:
    """Whether a curve is (nearly) that of sRGB, or the exponent that most programs write for it."""
    if isinstance(curve, np.ndarray):
        levels = np.linspace(0, 1, curve.shape[-1])
        return any(
            float(np.abs(curve ** (1 / _SRGB_GAMMA) - light ** (1 / _SRGB_GAMMA)).max()) < _NEAR
            for light in (icc.srgb_light(levels), levels**_SRGB_GAMMA)
        )
    return curve is None or abs(curve / _SRGB_GAMMA - 1) < _NEAR


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
        light = _light(exif.get(_TRANSFER))
        named = index.decode("ascii", "replace") if isinstance(index, bytes) else str(index)
        numbers = [float(value) for value in (*exif.get(_WHITE, ()), *corners)] if corners else []
    except Exception:  # noqa: BLE001 - Pillow's parsers raise anything on hostile bytes
        return None
    if space == _SPACE_SRGB:
        return Colours(None)
    if space == _SPACE_ADOBE or named.startswith("R03"):
        return _adobe(grey=grey)
    has_corners = len(numbers) == 8 and all(0 < value < 1 for value in numbers)  # noqa: PLR2004 - four points
    if light is not None:
        light = light[0] if grey or len(light) == 1 else light
        return _of_numbers(numbers if has_corners else None, light, grey=grey)
    return _of_numbers(numbers, gamma, grey=grey) if has_corners else None


def _light(told: object) -> npt.NDArray[np.float64] | None:
    """Return the light of a TIFF's transfer function, [1 or 3, N] in 0..1; None when it is no such thing."""
    if not isinstance(told, tuple) or (rows := _TABLES.get(len(told))) is None:
        return None
    tables = np.asarray(told, np.float64).reshape(rows, -1) / 0xFFFF
    if tables[0, 0] > tables[0, -1]:
        tables = tables[:, ::-1]  # of a picture whose 0 is white: its levels were turned round
    if (np.diff(tables) < 0).any() or tables.max() > 1 or (tables[:, 0] == tables[:, -1]).any():
        return None
    count = tables.shape[1]
    if count <= _LONGEST_CURVE:
        return tables
    at = np.linspace(0, count - 1, _LONGEST_CURVE)
    return np.stack([np.interp(at, np.arange(count), table) for table in tables])


@cache
def _adobe(*, grey: bool) -> Colours:
    return Colours(_profile("Adobe RGB (1998)", _ADOBE, icc.D65, 563 / 256, grey=grey))
