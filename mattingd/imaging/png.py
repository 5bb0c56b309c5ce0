"""PNG containers: walking and checking one, writing one fast, proving that one decodes.

Knows the chunk structure (ISO/IEC 15948). Must not know what a picture is for. What is written here is always
8-bit RGB or RGBA, Up-filtered, deflated by ISA-L at a fast level: at 24 megapixels about 20 times faster than
Pillow's default for about the same bytes.
"""

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from isal import isal_zlib
from isal.isal_zlib import IsalError

from mattingd.imaging.errors import PictureError, corrupt, truncated
from mattingd.imaging.structure import trailing_zeros

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OVERHEAD = 12  # length, kind and checksum of a chunk
_STRIP = 1 << 20  # bytes filtered and deflated at a time: stays in the processor's cache
_COLOUR_TYPES = {3: 2, 4: 6}  # channels -> PNG colour type
_UP = 2
_LAST_FILTER = 4
_INCHES_PER_METRE = 39.37007874015748


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's kind and the (start, end) of its content, up to and with IEND; checksums are verified.

    Raises:
        PictureError: ``truncated`` when the data ends (or turns to zeros) before IEND; ``corrupt`` when a
            checksum does not fit.
    """
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if at + _OVERHEAD > len(data):
            raise truncated("the end marker is missing")
        length, kind = struct.unpack_from(">I4s", data, at)
        start, end = at + 8, at + 8 + length
        if end + 4 > len(data):
            raise _broken(data, end + 4, truncated("the end marker is missing"))
        (checksum,) = struct.unpack_from(">I", data, end)
        if isal_zlib.crc32(memoryview(data)[at + 4 : end]) != checksum:
            raise _broken(data, end + 4, corrupt("a checksum does not fit"))
        yield kind, start, end
        at = end + 4


def _broken(data: bytes, end: int, otherwise: PictureError) -> PictureError:
    """What is wrong with a chunk up to ``end``: zeros behind or in it mean an unfinished copy."""
    zeros = trailing_zeros(data)
    unfinished = zeros >= (_OVERHEAD if end < len(data) else 1)
    return truncated(f"its last {zeros} bytes are zeros") if unfinished else otherwise


def exif(data: bytes) -> bytes | None:
    """The content of the eXIf chunk wherever it stands, or None."""
    return next((data[start:end] for kind, start, end in chunks(data) if kind == b"eXIf"), None)


def check(data: bytes) -> None:
    """Raise `PictureError` unless every chunk is there and its checksum fits."""
    for _ in chunks(data):
        pass


def encode(
    pixels: npt.NDArray[np.uint8],
    icc: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
) -> bytes:
    """A PNG of ``pixels`` (uint8[H,W,3] RGB or [H,W,4] straight RGBA) with profile, resolution, EXIF data.

    The exif bytes start at the TIFF header.
    """
    height, width, channels = pixels.shape
    header = struct.pack(">2I5B", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    parts = [SIGNATURE, _chunk(b"IHDR", header)]
    if icc:
        parts.append(_chunk(b"iCCP", b"ICC profile\0\0" + isal_zlib.compress(icc)))
    if dpi:
        x, y = (round(value * _INCHES_PER_METRE) for value in dpi)
        parts.append(_chunk(b"pHYs", struct.pack(">2IB", x, y, 1)))
    if exif:
        parts.append(_chunk(b"eXIf", exif))
    parts.extend(_chunk(b"IDAT", body) for body in _deflated(pixels) if body)
    parts.append(_chunk(b"IEND", b""))
    return b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = isal_zlib.crc32(content, isal_zlib.crc32(kind))
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", checksum)


def _deflated(pixels: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    """The zlib stream of the Up-filtered rows, in pieces."""
    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    step = max(1, _STRIP // (width * channels))
    filtered = np.empty((step, 1 + width * channels), np.uint8)
    filtered[:, 0] = _UP
    packer = isal_zlib.compressobj(level=1)
    for top in range(0, height, step):
        count = min(step, height - top)
        above = rows[top - 1] if top else np.zeros(width * channels, np.uint8)
        np.subtract(rows[top], above, out=filtered[0, 1:])
        np.subtract(rows[top + 1 : top + count], rows[top : top + count - 1], out=filtered[1:count, 1:])
        yield packer.compress(filtered[:count])
    yield packer.flush()


def verify(data: bytes, width: int, height: int) -> None:
    """Prove that ``data`` is a whole 8-bit RGB or RGBA PNG of this size, down to the last row.

    Chunk checksums, the inflated length, zlib's own checksum over all pixels and every row's filter are
    looked at: what passes decodes everywhere, and to the very bytes that were deflated.

    Raises:
        PictureError: anything is missing, damaged or of another size.
    """
    if not data.startswith(SIGNATURE):
        raise corrupt("it is no PNG")
    unpacker, stride, total = isal_zlib.decompressobj(), 0, 0
    for kind, start, end in chunks(data):
        if kind == b"IHDR":
            stride = 1 + _channels(data[start:end], width, height) * width
        elif kind == b"IDAT":
            total += _inflate(unpacker, memoryview(data)[start:end], total, stride)
    if not unpacker.eof or total != stride * height or not total:
        raise corrupt(f"{total} bytes of pixels instead of {stride * height}")


def _channels(header: bytes, width: int, height: int) -> int:
    found_width, found_height, depth, colour, _, _, interlace = struct.unpack(">2I5B", header)
    if (found_width, found_height) != (width, height):
        raise corrupt(f"it is {found_width} x {found_height} px instead of {width} x {height}")
    channels = {kind: count for count, kind in _COLOUR_TYPES.items()}.get(colour)
    if channels is None or depth != 8 or interlace:  # noqa: PLR2004 - bits
        raise corrupt("it is not of the kind that was written")
    return channels


def _inflate(unpacker: "isal_zlib.Decompress", packed: memoryview, done: int, stride: int) -> int:
    """Inflate one piece and look at the filter bytes of the rows that begin in it; returns its length."""
    try:
        piece = unpacker.decompress(packed)
    except IsalError as error:  # type: ignore[misc] # isal's stub calls the class an instance
        raise corrupt(f"its pixels do not inflate: {error}") from error
    filters = np.frombuffer(piece, np.uint8)[-done % stride :: stride]
    if filters.size and filters.max() > _LAST_FILTER:
        raise corrupt("a row has no valid filter")
    return len(piece)
