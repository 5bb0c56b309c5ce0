"""Whether a picture file is whole, by walking its container; for formats whose decoders do not tell.

Knows RIFF, BMP and GIF structures (JPEG and PNG have modules of their own, TIFF brings its directory along).
A decoder may be content with 30 % of a WebP, a raw TIFF or a BMP: what is missing are zeros to it. Must not
decode pixels.
"""

import struct
from collections.abc import Callable, Iterable

from mattingd.imaging import png
from mattingd.imaging.errors import truncated
from mattingd.imaging.structure import trailing_zeros

_PAGE = 4096
_SLACK = 16  # pixel bytes before a hole that may be zeros themselves
_CODED_ZEROS = 48  # entropy-coded data never ends with so many zeros
_PIXEL_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANMF"})
_GIF_TRAILER, _GIF_EXTENSION, _GIF_IMAGE = 0x3B, 0x21, 0x2C


def check(format: str, data: bytes) -> None:  # noqa: A002 - the field's name
    """Raise `PictureError` (mostly ``truncated``) when ``data`` of this format is not whole."""
    _CHECKS.get(format, _nothing)(data)


def _nothing(_data: bytes) -> None:
    return


def _webp(data: bytes) -> None:
    announced = struct.unpack_from("<I", data, 4)[0] + 8
    if announced > len(data):
        raise truncated(f"{announced} bytes are announced, {len(data)} are there")
    at = 12
    while at + 8 <= announced:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if not any(kind) or (end > announced and kind in _PIXEL_CHUNKS):
            raise truncated("a part of it is missing")
        if (
            kind in _PIXEL_CHUNKS
            and trailing_zeros(data[max(at + 8, end - _CODED_ZEROS) : end]) >= _CODED_ZEROS
        ):
            raise truncated("its last bytes are zeros")
        at = end + length % 2


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


_CHECKS: dict[str, Callable[[bytes], None]] = {"png": png.check, "webp": _webp, "bmp": _bmp, "gif": _gif}
