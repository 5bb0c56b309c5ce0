"""The header of a BMP: where its pixels are located. Standard library only."""

import struct
from dataclasses import dataclass

_OS2 = 12  # bytes of the oldest header
_RAW = (0, 3, 6)  # compression methods that do not compress
_LEAST = 30


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pixels start, their size in bytes, and the bytes of a row; 0 when they are compressed."""

    start: int
    length: int
    stride: int


def layout(head: bytes) -> Layout | None:
    """Return the layout from the first bytes of the file; None when they are too few."""
    if len(head) < _LEAST:
        return None
    announced, start, header = struct.unpack_from("<I4x2I", head, 2)
    coding = size = 0
    if header == _OS2:
        width, height, _, bits = struct.unpack_from("<4H", head, 18)
    else:
        width, height, _, bits = struct.unpack_from("<2i2H", head, 18)
        coding, size = struct.unpack_from("<2I", head.ljust(_LEAST + 8, b"\0"), 30)
    row = (abs(width) * bits + 31) // 32 * 4
    if coding in _RAW:
        return Layout(start, row * abs(height), row)
    return Layout(start, size or max(0, announced - start), 0)
