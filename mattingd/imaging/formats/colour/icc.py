"""Make the colour profiles that pictures only name: ICC.1:2001 matrix profiles, reproducible bytes.

Knows primaries and the profile format. Must not know pictures; LittleCMS reads profiles.
"""

import struct

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
"""A colour as CIE 1931 x and y."""

D65 = (0.3127, 0.329)
_D50 = (0.9642, 1.0, 0.8249)  # XYZ of the profile connection space
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_CURVE_POINTS, _HDR_POINTS = 1024, 4096
_PAPER, _PEAK = 203.0, 1000.0  # nits of paper white (BT.2408), and the maximum of a mastering display
_KNEE, _ROLL = 0.8, 94.0  # light above this is compressed, with a smooth start
_HEAD = 128  # bytes of a profile's header


Point3 = tuple[Point, Point, Point]
"""Red, green and blue."""

Curve = float | npt.NDArray[np.float64] | None
"""From levels to light: an exponent, the light (0 to 1) of evenly spaced levels, or None: as in sRGB.

For RGB, three rows of light give each channel its own.
"""


def matrix_profile(
    name: str,
    red: Point,
    green: Point,
    blue: Point,
    curve: Curve = None,
    *,
    white: Point = D65,
    coded: tuple[int, int] | None = None,
) -> bytes:
    """Return an RGB profile; ``coded`` are the ISO 23091-2 code points of primaries and transfer function."""
    matrix = _to_d50(red, green, blue, white)
    each = curve if isinstance(curve, np.ndarray) and curve.ndim > 1 else (curve,) * 3
    curves = [_curve(row) for row in each]
    tags = {
        b"desc": _description(name),
        b"cprt": b"text\0\0\0\0Public domain\0",
        b"wtpt": _xyz(np.array(_D50)),
        **{kind: _xyz(matrix[:, index]) for index, kind in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict(zip((b"rTRC", b"gTRC", b"bTRC"), curves, strict=True)),
    }
    if coded:
        tags[b"cicp"] = b"cicp" + bytes(4) + bytes((*coded, 0, 1))
    return _profile(b"RGB ", tags)


def grey_profile(name: str, curve: Curve) -> bytes:
    """Return a grey profile."""
    tags = {
        b"desc": _description(name),
        b"cprt": b"text\0\0\0\0Public domain\0",
        b"wtpt": _xyz(np.array(_D50)),
        b"kTRC": _curve(curve),
    }
    return _profile(b"GRAY", tags)


def _to_d50(red: Point, green: Point, blue: Point, white: Point) -> npt.NDArray[np.float64]:
    """Return the XYZ (columns) of the three primaries, adapted from their white to D50."""
    primaries = np.stack([_xyz_of(point) for point in (red, green, blue)], axis=1)
    shown = _xyz_of(white)
    matrix = primaries * np.linalg.solve(primaries, shown)
    gain = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ shown)
    adapted: npt.NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD @ matrix
    return adapted


def _xyz_of(point: Point) -> npt.NDArray[np.float64]:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _curve(curve: Curve) -> bytes:
    if isinstance(curve, int | float):
        return struct.pack(">4s4xIH", b"curv", 1, max(1, min(0xFFFF, round(curve * 256))))
    light = srgb_light(np.linspace(0, 1, _CURVE_POINTS)) if curve is None else curve
    points: bytes = np.rint(light * 65535).astype(">u2").tobytes()
    return struct.pack(">4s4xI", b"curv", len(light)) + points


def srgb_light(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the light of levels in sRGB, both 0 to 1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004


def pq_light() -> npt.NDArray[np.float64]:
    """Return the light of PQ levels (ITU-R BT.2100), for screens without HDR."""
    coded = np.linspace(0, 1, _HDR_POINTS) ** (1 / 78.84375)
    nits = 10_000 * (np.maximum(coded - 0.8359375, 0) / (18.8515625 - 18.6875 * coded)) ** (
        1 / 0.1593017578125
    )
    return _without_hdr(nits)


def hlg_light() -> npt.NDArray[np.float64]:
    """Return the light of HLG levels (ITU-R BT.2100), for screens without HDR."""
    coded = np.linspace(0, 1, _HDR_POINTS)
    upper = (np.exp((coded - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return _without_hdr(_PEAK * np.where(coded <= 0.5, coded**2 / 3, upper) ** 1.2)  # noqa: PLR2004


def _without_hdr(nits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Limit light to 0..1: unchanged up to near paper white, compressed from there to the peak."""
    light, most = nits / _PAPER, _PEAK / _PAPER
    over = np.clip((light - _KNEE) / (most - _KNEE), 0, 1)
    return np.where(light <= _KNEE, light, _KNEE + (1 - _KNEE) * np.log1p(_ROLL * over) / np.log1p(_ROLL))


def _xyz(values: npt.NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + np.rint(values * 65536).astype(">i4").tobytes()


def _description(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    return struct.pack(">4s4xI", b"desc", len(text)) + text + bytes(78)  # no Unicode or Macintosh name


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = _HEAD + 4 + 12 * len(tags)
    for kind, content in tags.items():
        table += struct.pack(">4s2I", kind, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = start + len(body)
    head = struct.pack(">I4xI4s4s4s", size, 0x02100000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2001, 1, 1, 0, 0, 0, b"acsp").ljust(44, b"\0") + _xyz(np.array(_D50))[8:]
    return head.ljust(_HEAD, b"\0") + struct.pack(">I", len(tags)) + table + body


DISPLAY_P3 = matrix_profile("Display P3", (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
"""What iPhones and wide-gamut screens use."""
