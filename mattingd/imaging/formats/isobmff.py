"""Files made of boxes (ISO 14496-12): check that an AVIF, HEIC or CR3 is complete, and read its boxes.

Knows boxes, items and where their data are. Must not decode. Decoders of these formats accept a hole as
picture data. Coded pictures never contain long runs of zeros, so a hole can be detected.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mattingd.imaging.formats.errors import truncated

_HOLE = bytes(64)
_HOLE_IN_AV1 = bytes(512)  # flat surfaces are coded as zeros: 83 in a row occurred in a sound picture
_HEAD = 8  # bytes of a box's size and kind
_TO_THE_END, _LARGE = 0, 1  # sizes with a special meaning
_NO_PICTURES = frozenset({b"Exif", b"mime", b"uri "})
_KNOWN = frozenset({b"ftyp", b"meta", b"moov", b"mdat", b"free", b"skip", b"uuid", b"wide", b"PICT"})
_DEEP_AV1, _TWELVE_AV1 = 0x40, 0x20
_IN_FILE = 0  # construction method of an item with its data in the file itself


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its kind, and the start and end of its content."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the consecutive boxes from ``start`` to ``end``; the last may reach beyond."""
    while start + _HEAD <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = _HEAD
        if size == _LARGE and start + 16 <= end:
            size, head = struct.unpack_from(">Q", data, start + _HEAD)[0], 16
        stop = end if size == _TO_THE_END else start + max(size, head)
        yield Box(kind, start + head, stop)
        start = stop


def check(data: bytes) -> None:
    """Raise `PictureError` (``truncated``) when a box or its picture data is incomplete.

    Data after the complete picture (another program's leftovers, zeros) is not examined.
    """
    found = set[bytes]()
    for box in boxes(data, 0, len(data)):
        if box.kind not in _KNOWN:
            if box.end > len(data) or not any(box.kind):
                break
            continue
        if box.end > len(data):
            raise truncated("bytes_announced", needed=box.end, there=len(data))
        found.add(box.kind)
        if box.kind == b"meta":
            _check_items(data, Box(box.kind, box.start + 4, box.end))
    if not {b"meta", b"moov"} & found or (b"moov" in found and b"mdat" not in found):
        raise truncated("part_missing")


def depth_of_av1(data: bytes) -> int:
    """Return the bits per channel of an AVIF: 8, 10 or 12."""
    at = data.find(b"av1C")
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
    return 8 if not flags & _DEEP_AV1 else 12 if flags & _TWELVE_AV1 else 10


def coded_colours(data: bytes) -> tuple[int, int] | None:
    """Return colour primaries and transfer function (ISO 23091-2), for pictures without a profile."""
    at = data.find(b"colrnclx")
    return struct.unpack_from(">2H", data, at + 8) if 0 <= at < len(data) - 12 else None


def data_end(data: bytes, meta: Box) -> int:
    """Return where the last item's data end; 0 when the box (from its own content on) has no locations."""
    inner = {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}
    if b"iloc" not in inner:
        return 0
    return max((end for _, _, end in _extents(data, inner[b"iloc"])), default=0)


def _check_items(data: bytes, meta: Box) -> None:
    """Check that every item is in the file, and that no picture has a hole."""
    inner = {box.kind: box for box in boxes(data, meta.start, meta.end)}
    if b"iloc" not in inner:
        return
    kinds = dict(_kinds(data, inner[b"iinf"])) if b"iinf" in inner else {}
    for item, start, end in _extents(data, inner[b"iloc"]):
        if end > len(data):
            raise truncated("bytes_missing", needed=end, there=len(data))
        kind = kinds.get(item, b"")
        hole = _HOLE_IN_AV1 if kind == b"av01" else _HOLE
        if kind not in _NO_PICTURES and data.find(hole, start, end) >= 0:
            raise truncated("holes")


def _kinds(data: bytes, box: Box) -> Iterator[tuple[int, bytes]]:
    """Return each item's number and kind from an ``iinf`` box."""
    start = box.start + (6 if data[box.start] == 0 else 8)
    for entry in boxes(data, start, box.end):
        version = data[entry.start]
        if entry.kind == b"infe" and version >= 2:  # noqa: PLR2004 - older ones tell no kind
            code = ">H2x4s" if version == 2 else ">I2x4s"  # noqa: PLR2004
            yield struct.unpack_from(code, data, entry.start + 4)


def _extents(data: bytes, box: Box) -> Iterator[tuple[int, int, int]]:
    """Return each item's number, and the start and end of a piece of its data, from an ``iloc`` box."""
    version, sizes, more = data[box.start], data[box.start + 4], data[box.start + 5]
    widths = sizes >> 4, sizes & 15, more >> 4, more & 15 if version else 0  # offset, length, base, index
    wide = version >= 2  # noqa: PLR2004 - from version 2 on numbers have 32 bits
    at = box.start + 6
    count, at = _number(data, at, 4 if wide else 2)
    for _ in range(count):
        item, at = _number(data, at, 4 if wide else 2)
        method, at = _number(data, at, 2) if version else (_IN_FILE, at)
        base, at = _number(data, at + 2, widths[2])
        pieces, at = _number(data, at, 2)
        for _ in range(pieces):
            offset, at = _number(data, at + widths[3], widths[0])
            length, at = _number(data, at, widths[1])
            if method & 15 == _IN_FILE:
                yield item, base + offset, base + offset + length
        if at > box.end:
            raise truncated("part_missing")


def _number(data: bytes, at: int, width: int) -> tuple[int, int]:
    """Return the unsigned number of this many bytes at ``at``, and the offset after it."""
    return int.from_bytes(data[at : at + width], "big"), at + width
