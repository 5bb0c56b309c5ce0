"""PNG files: walk and check the chunks, encode fast, verify.

Knows the chunk structure (ISO/IEC 15948). Must not know what a picture is for. The encoder always writes
grey, RGB or RGBA of 8 or 16 bits, Up-filtered, deflated by ISA-L at a fast level: about 30 times faster than
Pillow's default, with about the same size. Each IDAT chunk contains a section of rows that refers to no
other, so that sections can be compressed and verified in any order; readers see one zlib stream. The best of
Up, Sub and Average for each of 60 photographs would save 1.4 % more, and the usual heuristic (least sum of
differences) would cost 4.6 %: so Up is used for all.
"""

import contextlib
import struct
from collections.abc import Iterator

import imagecodecs
import numpy as np
from isal import isal_zlib
from isal.isal_zlib import IsalError

from mattingd.domain.reasons import Reasons
from mattingd.imaging import threads
from mattingd.imaging.formats.errors import NO_END, PictureError, corrupt, misread, truncated
from mattingd.imaging.formats.sniff import trailing_zeros
from mattingd.imaging.matting.tiles import Levels, UInt8, as_levels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OVERHEAD = 12  # length, kind and checksum of a chunk
_SECTION = 1 << 20  # bytes filtered and deflated at a time: fits the CPU's cache
_ZLIB = b"\x78\x01"  # deflate, a window of 32 KB, fast
_LAST_BLOCK = b"\x03\0"  # an empty block, which ends a deflate stream
_END = 6  # bytes: that and the checksum
_ADLER = 65521
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> PNG colour type
_CHANNELS = {kind: channels for channels, kind in _COLOUR_TYPES.items()}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
_UP = 2
_LAST_FILTER = 4
_XMP_KEYWORD = b"XML:com.adobe.xmp\0\0\0\0\0"  # not compressed, no language
_INCHES_PER_METRE = 39.37007874015748


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's kind and the (start, end) of its content, up to and with IEND.

    Checksums are verified.

    Raises:
        PictureError: ``truncated`` when the data ends (or turns to zeros) before IEND; ``corrupt`` when a
            checksum does not fit.
    """
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if at + _OVERHEAD > len(data):
            raise truncated("no_end")
        length, kind = struct.unpack_from(">I4s", data, at)
        start, end = at + 8, at + 8 + length
        if end + 4 > len(data):
            raise _broken(data, end + 4, truncated("no_end"))
        (checksum,) = struct.unpack_from(">I", data, end)
        if isal_zlib.crc32(memoryview(data)[at + 4 : end]) != checksum:
            raise _broken(data, end + 4, corrupt("checksum"))
        yield kind, start, end
        at = end + 4


def _broken(data: bytes, end: int, otherwise: PictureError) -> PictureError:
    """Describe the fault of a chunk up to ``end``: zeros in or after it mean an unfinished copy."""
    zeros = trailing_zeros(data)
    unfinished = zeros >= (_OVERHEAD if end < len(data) else 1)
    return truncated("last_bytes_zeros", bytes=zeros) if unfinished else otherwise


def content(data: bytes, *wanted: bytes) -> dict[bytes, bytes]:
    """Return the content of the first sound chunk of each requested kind."""
    found: dict[bytes, bytes] = {}
    with contextlib.suppress(PictureError):
        for kind, start, end in chunks(data):
            if kind in wanted:
                found.setdefault(kind, data[start:end])
    return found


def is_narrow(data: bytes) -> bool:
    """Whether its black is 16 and its white 235 of 255, as in video: cICP's last byte says so."""
    return content(data, b"cICP").get(b"cICP", b"")[3:4] == b"\0"


def whole(data: bytes) -> tuple[bytes, Reasons]:
    """Return a decodable PNG, and why it needs checking.

    If only the end is missing and every row exists, the end is added.

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
    """Return the picture with its last pixel data and its end completed; None when a row is missing."""
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
    """Return the bytes of all rows with their filters, interlaced or not."""
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
    """Encode ``pixels`` as PNG with profile, resolution, EXIF and XMP data.

    Args:
        pixels: uint8 or uint16; [H,W] grey, [H,W,3] RGB or [H,W,4] straight RGBA.
        icc: their profile; None for sRGB.
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
    for body in _zlib_stream(pixels):
        parts += _chunk(b"IDAT", body)
    parts += _chunk(b"IEND", b"")
    return b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> tuple[bytes, bytes, bytes]:
    """Yield a chunk in parts, so that its content is copied only once."""
    checksum = isal_zlib.crc32(content, isal_zlib.crc32(kind))
    return struct.pack(">I4s", len(content), kind), content, struct.pack(">I", checksum)


def _zlib_stream(pixels: Levels) -> list[bytes]:
    """Yield all pixels deflated, one section per piece."""
    pieces, checksum = list[bytes](), 1
    for packed, adler, length in threads.each(_packed, _sections(pixels)):
        pieces.append(packed)
        checksum = _joined(checksum, adler, length)
    pieces[0] = _ZLIB + pieces[0]
    pieces[-1] += _LAST_BLOCK + struct.pack(">I", checksum)
    return pieces


def _sections(pixels: Levels) -> Iterator[tuple[Levels, Levels | None]]:
    """Yield the rows of each section, and the row above them, if any; views of [n,W * channels]."""
    rows = as_levels(np.ascontiguousarray(pixels).reshape(len(pixels), -1))
    step = _rows_of_a_section(rows[0].nbytes)
    for top in range(0, len(rows), step):
        yield as_levels(rows[top : top + step]), as_levels(rows[top - 1]) if top else None


def _rows_of_a_section(stride: int) -> int:
    return max(1, _SECTION // stride)


def _packed(section: tuple[Levels, Levels | None]) -> tuple[bytes, int, int]:
    """Filter (Up) and deflate a section; returns it with its Adler-32 checksum and uncompressed length."""
    rows, above = _as_stored(section[0]), section[1]
    filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _UP
    np.subtract(rows[0], 0 if above is None else _as_stored(above), out=filtered[0, 1:])
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    packer = isal_zlib.compressobj(level=1, wbits=-isal_zlib.MAX_WBITS)
    packed = packer.compress(filtered) + packer.flush(isal_zlib.Z_SYNC_FLUSH)
    return packed, isal_zlib.adler32(filtered), filtered.size


def _joined(first: int, second: int, length: int) -> int:
    """Combine the Adler-32 checksums of two parts; ``length`` is the second one's, in bytes."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = (first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)
    return (high % _ADLER) << 16 | low % _ADLER


def _as_stored(rows: Levels) -> UInt8:
    """Return the bytes of rows in PNG's order: big-endian for 16 bits."""
    if rows.dtype == np.uint8:
        return rows.view(np.uint8)
    return rows.astype(">u2").view(np.uint8)


def verify(data: bytes, width: int, height: int) -> None:
    """Verify that ``data`` is a complete PNG of this size and of a kind written here, down to the last row.

    Chunk checksums, the inflated length, zlib's own checksum over all pixels and every row's filter are
    checked: a file that passes decodes everywhere, to exactly the bytes that were deflated.

    Raises:
        PictureError: anything is missing, damaged or of another size.
    """
    if not data.startswith(SIGNATURE):
        raise misread("it is no PNG")
    stride, parts = 0, list[memoryview]()
    for kind, start, end in chunks(data):
        if kind == b"IHDR":
            stride = 1 + _pixel_bytes(data[start:end], width, height) * width
        elif kind == b"IDAT":
            parts.append(memoryview(data)[start:end])
    if not parts or parts[0][:2] != _ZLIB or len(parts[-1]) < _END:
        raise misread("its pixels are not packed as they were written")
    last = bytes(parts[-1][-_END:])
    parts[-1] = parts[-1][:-_END]
    parts[0] = parts[0][len(_ZLIB) :]
    checksum, total = 1, 0
    for adler, length in threads.each(lambda part: _proved(part, stride), parts):
        checksum, total = _joined(checksum, adler, length), total + length
    if total != stride * height or not total:
        raise misread(f"{total} bytes of pixels instead of {stride * height}")
    if last != _LAST_BLOCK + struct.pack(">I", checksum):
        raise misread("the checksum of its pixels does not fit")


def _pixel_bytes(header: bytes, width: int, height: int) -> int:
    """Return the bytes per pixel."""
    found_width, found_height, depth, colour, _, _, interlace = struct.unpack(">2I5B", header)
    if (found_width, found_height) != (width, height):
        raise misread(f"it is {found_width} x {found_height} px instead of {width} x {height}")
    if colour not in _CHANNELS or depth not in (8, 16) or interlace:
        raise misread("it is not of the kind that was written")
    return int(_CHANNELS[colour] * depth // 8)


def _proved(packed: memoryview, stride: int) -> tuple[int, int]:
    """Inflate a section and check its rows' filters; returns its Adler-32 checksum and length."""
    room = np.empty(_rows_of_a_section(stride - 1) * stride, np.uint8).data
    try:
        found = imagecodecs.deflate_decode(b"".join((packed, _LAST_BLOCK)), raw=True, out=room)
    except imagecodecs.DeflateError as error:
        raise misread(f"its pixels do not inflate: {error}") from error
    rows = np.frombuffer(found, np.uint8)
    if rows.size % stride or rows[::stride].max(initial=0) > _LAST_FILTER:
        raise misread("a row has no valid filter")
    return isal_zlib.adler32(rows), rows.size
