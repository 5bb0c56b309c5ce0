"""PNG containers: walking and checking one, writing one fast, proving that one decodes.

Knows the chunk structure (ISO/IEC 15948). Must not know what a picture is for. What is written here is always
grey, RGB or RGBA of 8 or 16 bits, Up-filtered, deflated by ISA-L at a fast level: about 30 times faster than
Pillow's default for about the same bytes. The best of Up, Sub and Average for each of 60 photographs would
save 1.4 % more, and the usual guess of it (least sum of differences) costs 4.6 %: so it is Up for all.
"""

import contextlib
import struct
from collections.abc import Iterator

import numpy as np
from isal import isal_zlib
from isal.isal_zlib import IsalError

from mattingd.imaging.formats.errors import NO_END, PictureError, corrupt, truncated
from mattingd.imaging.formats.sniff import trailing_zeros
from mattingd.imaging.matting.tiles import Levels, UInt8, as_levels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OVERHEAD = 12  # length, kind and checksum of a chunk
_STRIP = 1 << 20  # bytes filtered and deflated at a time: stays in the processor's cache
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type
_CHANNELS = {kind: channels for channels, kind in _COLOUR_TYPES.items()}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
_UP = 2
_LAST_FILTER = 4
_XMP_KEYWORD = b"XML:com.adobe.xmp\0\0\0\0\0"  # not compressed, in no language
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


def content(data: bytes, *wanted: bytes) -> dict[bytes, bytes]:
    """The content of the first chunk of each wanted kind, as far as they are there and sound."""
    found: dict[bytes, bytes] = {}
    with contextlib.suppress(PictureError):
        for kind, start, end in chunks(data):
            if kind in wanted:
                found.setdefault(kind, data[start:end])
    return found


def whole(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """A PNG as it can be decoded, and why somebody should look at it.

    Where the end is missing but every row is there, the end is made.

    Raises:
        PictureError: a chunk is missing or damaged.
    """
    try:
        for _ in chunks(data):
            pass
    except PictureError as error:
        mended = _with_an_end(data) if error.kind == "truncated" else None
        if mended is None:
            raise
        return mended, (NO_END,)
    return data, ()


def _with_an_end(data: bytes) -> bytes | None:
    """The picture with its last pixel data and its end made whole; None when a row is missing."""
    at, first, packed = len(SIGNATURE), 0, []
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            first = first or at
            packed.append(data[at + 8 : at + 8 + length])
        elif first:
            break
        at += length + _OVERHEAD
    if not first or not _has_all_rows(data, packed):
        return None
    return b"".join([data[:first], *_chunk(b"IDAT", b"".join(packed)), *_chunk(b"IEND", b"")])


def _has_all_rows(data: bytes, packed: list[bytes]) -> bool:
    unpacker, total = isal_zlib.decompressobj(), 0
    try:
        for piece in packed:
            total += len(unpacker.decompress(piece))
    except IsalError:  # type: ignore[misc] # isal's stub calls the class an instance
        return False
    return unpacker.eof and total == _stored_length(data)


def _stored_length(data: bytes) -> int:
    """Bytes of all rows with their filters, interlaced or not."""
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">2I5B", data, 16)
    bits = depth * _SAMPLES.get(colour, 1)
    sizes = [(width, height)]
    if interlace:
        sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _ADAM7]
    return sum((1 + (across * bits + 7) // 8) * down for across, down in sizes if across > 0 and down > 0)


def encode(
    pixels: Levels,
    icc: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
    xmp: bytes | None = None,
) -> bytes:
    """A PNG of ``pixels`` with profile, resolution, EXIF and XMP data.

    Args:
        pixels: uint8 or uint16; [H,W] grey, [H,W,3] RGB or [H,W,4] straight RGBA.
        icc: the profile they are in; None for sRGB.
        dpi: dots per inch across and down.
        exif: EXIF data, from the TIFF header on.
        xmp: an XMP packet.
    """
    height, width, channels = (*pixels.shape, 1)[:3]
    header = struct.pack(">2I5B", width, height, 8 * pixels.itemsize, _COLOUR_TYPES[channels], 0, 0, 0)
    parts = [SIGNATURE, *_chunk(b"IHDR", header)]
    if icc:
        parts += _chunk(b"iCCP", b"ICC profile\0\0" + isal_zlib.compress(icc))
    if dpi:
        x, y = (round(value * _INCHES_PER_METRE) for value in dpi)
        parts += _chunk(b"pHYs", struct.pack(">2IB", x, y, 1))
    if exif:
        parts += _chunk(b"eXIf", exif)
    if xmp:
        parts += _chunk(b"iTXt", _XMP_KEYWORD + xmp)
    for body in _deflated(pixels):
        if body:
            parts += _chunk(b"IDAT", body)
    parts += _chunk(b"IEND", b"")
    return b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> tuple[bytes, bytes, bytes]:
    """A chunk in parts, so that its content is copied once only."""
    checksum = isal_zlib.crc32(content, isal_zlib.crc32(kind))
    return struct.pack(">I4s", len(content), kind), content, struct.pack(">I", checksum)


def _deflated(pixels: Levels) -> Iterator[bytes]:
    """The zlib stream of the Up-filtered rows, in pieces."""
    height, stride = pixels.shape[0], pixels[0].nbytes
    rows = as_levels(np.ascontiguousarray(pixels).reshape(height, -1))
    step = max(1, _STRIP // stride)
    filtered = np.empty((step, 1 + stride), np.uint8)
    filtered[:, 0] = _UP
    above = np.zeros(stride, np.uint8)
    packer = isal_zlib.compressobj(level=1)
    for top in range(0, height, step):
        strip = _as_stored(as_levels(rows[top : top + step]))
        count = len(strip)
        np.subtract(strip[0], above, out=filtered[0, 1:])
        np.subtract(strip[1:], strip[:-1], out=filtered[1:count, 1:])
        yield packer.compress(filtered[:count])
        above = strip[-1]
    yield packer.flush()


def _as_stored(rows: Levels) -> UInt8:
    """The bytes of some rows in PNG's order: of 16 bits the higher ones first."""
    if rows.dtype == np.uint8:
        return rows.view(np.uint8)
    return rows.astype(">u2").view(np.uint8)


def verify(data: bytes, width: int, height: int) -> None:
    """Prove that ``data`` is a whole PNG of this size and of a kind written here, down to the last row.

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
            stride = 1 + _pixel_bytes(data[start:end], width, height) * width
        elif kind == b"IDAT":
            total += _inflate(unpacker, memoryview(data)[start:end], total, stride)
    if not unpacker.eof or total != stride * height or not total:
        raise corrupt(f"{total} bytes of pixels instead of {stride * height}")


def _pixel_bytes(header: bytes, width: int, height: int) -> int:
    """The bytes of one pixel."""
    found_width, found_height, depth, colour, _, _, interlace = struct.unpack(">2I5B", header)
    if (found_width, found_height) != (width, height):
        raise corrupt(f"it is {found_width} x {found_height} px instead of {width} x {height}")
    if colour not in _CHANNELS or depth not in (8, 16) or interlace:
        raise corrupt("it is not of the kind that was written")
    return int(_CHANNELS[colour] * depth // 8)


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
