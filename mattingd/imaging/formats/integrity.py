"""Whether a picture file is whole, by walking its container; for formats whose decoders do not tell.

Knows TIFF, BMP and GIF structures; the others have modules of their own. A decoder may be content with 30 %
of a raw TIFF or a BMP: what is missing are zeros to it. Must not decode pixels.
"""

import struct
from collections.abc import Callable, Iterable

from mattingd.imaging.formats import isobmff, png, webp
from mattingd.imaging.formats.errors import truncated
from mattingd.imaging.formats.sniff import trailing_zeros

_PAGE = 4096
_SLACK = 16  # pixel bytes before a hole that may be zeros themselves
_TYPE_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes of a TIFF value, where more than 1
_GIF_TRAILER, _GIF_EXTENSION, _GIF_IMAGE = 0x3B, 0x21, 0x2C


def check(format: str, data: bytes) -> None:  # noqa: A002 - the field's name
    """Raise `PictureError` (mostly ``truncated``) when ``data`` of this format is not whole."""
    _CHECKS.get(format, _nothing)(data)


def _nothing(_data: bytes) -> None:
    return


def refuse_short(data: bytes, pieces: Iterable[tuple[int, int]], *, coded: bool) -> None:
    """Check that all (offset, length) pieces of pixel data lie inside ``data`` and do not end in a hole.

    Raw pixels (not ``coded``) may be black at the end: they count as a hole only when the zeros begin where a
    page of the file begins, as they do in a copy under way.
    """
    end = max((offset + length for offset, length in pieces), default=0)
    if end > len(data):
        raise truncated(f"{end} bytes are needed, {len(data)} are there")
    zeros = trailing_zeros(data)
    if coded and zeros >= _PAGE:
        raise truncated(f"its last {zeros} bytes are zeros")
    if zeros >= _PAGE and -(len(data) - zeros) % _PAGE <= _SLACK:
        raise truncated(f"its last {zeros // 1024} kB are zeros")


def _tiff(data: bytes) -> None:
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", data, 4)[0]
    if b"\x2b" in data[2:4]:  # BigTIFF has other offsets; its decoder tells what is missing
        return
    count = struct.unpack_from(order + "H", data, at)[0] if 0 < at < len(data) - 1 else 0
    if count == 0 or at + 2 + 12 * count > len(data):
        raise truncated("its directory is not there")


def points_outside(data: bytes) -> bool:
    """Whether a classic TIFF's first directory has a value beyond the end: why it could not be decoded."""
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, at)[0]
    entries = struct.iter_unpack(order + "2H2I", data[at + 2 : at + 2 + 12 * count])
    sizes = ((length * _TYPE_SIZES.get(kind, 1), value) for _, kind, length, value in entries)
    return any(size > 4 and value + size > len(data) for size, value in sizes)  # noqa: PLR2004 - else it is inside


def _bmp(data: bytes) -> None:
    size, start = struct.unpack_from("<I4xI", data, 2)
    if len(data) < 30:  # noqa: PLR2004 - up to the bits per pixel
        raise truncated("its header is not there")
    if struct.unpack_from("<I", data, 14)[0] == 12:  # noqa: PLR2004 - the OS/2 header
        width, height, _, bits = struct.unpack_from("<4H", data, 18)
        coding = 0
    else:
        width, height, _, bits, coding = struct.unpack_from("<2i2HI", data, 18)
    row = (abs(width) * bits + 31) // 32 * 4
    raw = coding in (0, 3)
    refuse_short(data, [(start, row * abs(height))] if raw else [(0, size)], coded=not raw)


def _gif(data: bytes) -> None:
    at = 13 + _palette(data, 10)
    while at < len(data) and data[at] != _GIF_TRAILER:
        if data[at] == _GIF_EXTENSION:
            at = _after_blocks(data, at + 2)
        elif data[at] == _GIF_IMAGE:
            at = _after_blocks(data, at + 11 + _palette(data, at + 9))
        else:
            raise truncated("a part of it is missing")
    if at > len(data):
        raise truncated("the end marker is missing")


def _palette(data: bytes, at: int) -> int:
    """Bytes of the colour table that the flags at ``at`` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Where a chain of sub-blocks ends."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


_CHECKS: dict[str, Callable[[bytes], None]] = {
    "png": png.check,
    "webp": webp.check,
    "tiff": _tiff,
    "bmp": _bmp,
    "gif": _gif,
    "avif": isobmff.check,
    "heic": isobmff.check,
}
