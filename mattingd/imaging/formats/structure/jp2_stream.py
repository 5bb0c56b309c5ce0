"""JPEG 2000: find the end of the data, by boxes or by the lengths of tile parts. Standard library only."""

import struct

from mattingd.imaging.formats import isobmff
from mattingd.imaging.formats.errors import truncated

_EOC, _SOT = 0xFFD9, 0xFF90


def end_of(data: bytes) -> int:
    """Return where the picture ends.

    Raises:
        PictureError: ``truncated`` when its end is missing.
    """
    if data[4:8] != b"jP  ":
        return _end_of_stream(data, 0)
    for box in isobmff.boxes(data, 0, len(data)):
        if box.kind == b"jp2c":
            end = _end_of_stream(data, box.start)
            return max(end, box.end) if box.end <= len(data) else end
    raise truncated("part_missing")


def _end_of_stream(data: bytes, start: int) -> int:
    at = start + 2
    while at + 4 <= len(data):
        marker, length = struct.unpack_from(">2H", data, at)
        if marker == _EOC:
            return at + 2
        if marker == _SOT and at + 10 <= len(data):
            (part,) = struct.unpack_from(">I", data, at + 6)
            if part == 0:  # up to the end marker
                break
            at += part
        else:
            at += 2 + length
    found = data.find(b"\xff\xd9", min(at, len(data) - 2))
    if found < 0 or found < at - 2:
        raise truncated("no_end")
    return found + 2
