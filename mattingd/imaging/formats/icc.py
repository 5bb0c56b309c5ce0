"""Makes the colour profiles that pictures only name: matrix profiles after ICC.1:2001, the same bytes always.

Knows primaries and the profile format. Must not know pictures; reading profiles is LittleCMS's business.
"""

import struct

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]
"""A colour as CIE 1931 x and y."""

_D65 = (0.3127, 0.329)
_D50 = (0.9642, 1.0, 0.8249)  # XYZ of the space in which profiles meet
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_CURVE_POINTS = 1024
_HEAD = 128  # bytes of a profile's header


def matrix_profile(name: str, red: Point, green: Point, blue: Point, gamma: float | None = None) -> bytes:
    """An RGB profile with a D65 white; without ``gamma`` its curve is that of sRGB."""
    matrix = _to_d50(red, green, blue)
    curve = _curve(gamma)
    tags = {
        b"desc": _description(name),
        b"cprt": b"text\0\0\0\0Public domain\0",
        b"wtpt": _xyz(np.array(_D50)),
        **{kind: _xyz(matrix[:, index]) for index, kind in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _profile(b"RGB ", tags)


def grey_profile(name: str, gamma: float) -> bytes:
    """A grey profile."""
    tags = {
        b"desc": _description(name),
        b"cprt": b"text\0\0\0\0Public domain\0",
        b"wtpt": _xyz(np.array(_D50)),
        b"kTRC": _curve(gamma),
    }
    return _profile(b"GRAY", tags)


def _to_d50(red: Point, green: Point, blue: Point) -> npt.NDArray[np.float64]:
    """The XYZ (columns) of the three primaries, adapted from D65 to D50."""
    primaries = np.stack([_xyz_of(point) for point in (red, green, blue)], axis=1)
    white = _xyz_of(_D65)
    matrix = primaries * np.linalg.solve(primaries, white)
    gain = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white)
    adapted: npt.NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD @ matrix
    return adapted


def _xyz_of(point: Point) -> npt.NDArray[np.float64]:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return struct.pack(">4s4xIH", b"curv", 1, round(gamma * 256))
    levels = np.linspace(0, 1, _CURVE_POINTS)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004
    points: bytes = np.rint(linear * 65535).astype(">u2").tobytes()
    return struct.pack(">4s4xI", b"curv", _CURVE_POINTS) + points


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
