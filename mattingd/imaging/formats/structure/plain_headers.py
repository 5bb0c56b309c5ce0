"""The headers of Netpbm's formats (PNM, PAM, PFM) and of Targa: formats that are a header and rows of pixels.

Standard library only. Must not decode.
"""

import re
import struct
from dataclasses import dataclass

_PNM = re.compile(rb"P([1-6])(?:\s|#[^\n]*\n)+")
_NUMBER = re.compile(rb"(?:\s|#[^\n]*\n)*(\d{1,9})")
_PFM = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+(-?[\d.eE+-]+)\s")
_PAM_END = b"ENDHDR\n"
_CHANNELS = {b"5": 1, b"6": 3, b"f": 1, b"F": 3}
_BYTE = 255
_FOOTER = b"TRUEVISION-XFILE.\0"
_TGA_HEADER, _TGA_FOOTER = 18, 26
_ATTRIBUTES = 494  # of the extension area
_NO_ALPHA, _MULTIPLIED = (0, 1), 4


@dataclass(frozen=True, slots=True)
class Plain:
    """Where the rows start and how long they are, in bytes; a length of 0 means unknown."""

    width: int
    height: int
    channels: int
    most: int
    """The white level; 0 for floating point."""
    start: int
    stride: int
    big_endian: bool = True

    @property
    def end(self) -> int:
        """Where the last row ends."""
        return self.start + self.stride * self.height


def netpbm(head: bytes) -> Plain | None:
    """Parse a header with rows of bytes, words or floats; None for plain text, bits and nonsense."""
    if head.startswith(b"P7\n"):
        return _pam(head)
    if found := _PFM.match(head):
        width, height, channels = int(found[2]), int(found[3]), _CHANNELS[found[1]]
        return Plain(width, height, channels, 0, found.end(), width * channels * 4, float(found[4]) > 0)
    found = _PNM.match(head)
    if found is None or found[1] not in _CHANNELS:
        return None
    numbers, at = list[int](), found.end()
    while len(numbers) < 3 and (number := _NUMBER.match(head, at)):  # noqa: PLR2004 - width, height, white
        numbers.append(int(number[1]))
        at = number.end()
    if len(numbers) < 3 or not 0 < numbers[2] < 1 << 16:  # noqa: PLR2004
        return None
    width, height, most = numbers
    channels = _CHANNELS[found[1]]
    return Plain(width, height, channels, most, at + 1, width * channels * (1 if most <= _BYTE else 2))


def _pam(head: bytes) -> Plain | None:
    end = head.find(_PAM_END)
    lines = dict(line.split(None, 1) for line in head[:end].splitlines() if len(line.split(None, 1)) > 1)
    try:
        width, height, channels, most = (
            int(lines[key]) for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
    except (KeyError, ValueError):
        return None
    if end < 0 or not 0 < most < 1 << 16 or not 0 < channels <= 4:  # noqa: PLR2004 - RGBA
        return None
    stride = width * channels * (1 if most <= _BYTE else 2)
    return Plain(width, height, channels, most, end + len(_PAM_END), stride)


def is_netpbm(head: bytes) -> bool:
    """Whether a file starts like one of them."""
    known = head[:3] == b"P7\n" or _PFM.match(head) or _PNM.match(head)
    return bool(known) and (head[1:2] in b"1234" or netpbm(head) is not None)


def is_targa(head: bytes) -> bool:
    """Whether the header makes sense: the format has no magic number at its start."""
    if len(head) < _TGA_HEADER:
        return False
    _, has_map, kind, map_start, map_length, map_depth = struct.unpack_from("<3B2HB", head)
    width, height, depth, flags = struct.unpack_from("<2H2B", head, 12)
    if not (width and height) or flags & 0xC0 or flags & 0x0F not in (0, 1, 8):
        return False
    if has_map == 0:
        depths = {2: (15, 16, 24, 32), 10: (15, 16, 24, 32), 3: (8, 16), 11: (8, 16)}.get(kind, ())
        return depth in depths and map_start == map_length == map_depth == 0
    palette = map_depth in (15, 16, 24, 32) and 0 < map_length <= 256  # noqa: PLR2004 - of 8 bits
    return has_map == 1 and kind in (1, 9) and depth == 8 and palette  # noqa: PLR2004


def targa(head: bytes) -> Plain:
    """Parse a Targa with uncompressed rows; a stride of 0: they are compressed."""
    name, _, kind, _, map_length, map_depth = struct.unpack_from("<3B2HB", head)
    width, height, depth = struct.unpack_from("<2HB", head, 12)
    start = _TGA_HEADER + name + map_length * ((map_depth + 7) // 8)
    stride = width * ((depth + 7) // 8) if kind in (1, 2, 3) else 0
    return Plain(width, height, (depth + 7) // 8, _BYTE, start, stride)


def targa_alpha(data: bytes) -> tuple[bool, bool]:
    """Return whether the fourth channel is alpha, and whether colours are premultiplied."""
    told = bool(data[17] & 0x0F)
    if data[-18:] == _FOOTER:
        (extension,) = struct.unpack_from("<I", data, len(data) - _TGA_FOOTER)
        if 0 < extension < len(data) - _ATTRIBUTES:
            attributes = data[extension + _ATTRIBUTES]
            return told and attributes not in _NO_ALPHA, attributes == _MULTIPLIED
    return told, False
