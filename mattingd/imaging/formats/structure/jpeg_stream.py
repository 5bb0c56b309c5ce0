"""The markers of a JPEG stream (ITU-T T.81): where its scans and its end are located.

Knows bytes. Must not decode: whether a scan holds all that its picture needs is `formats.jpeg`'s question.
"""

import re
import struct
from dataclasses import dataclass

from mattingd.imaging.formats.errors import PictureError, corrupt, truncated

_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)  # beginning with \xff+ it is 30 times slower
_EOI, _SOS, _SOI, _TEM = 0xD9, 0xDA, 0xD8, 0x01
_RESERVED = frozenset({*range(0x02, 0xC0), *range(0xF0, 0xFE)})
"""Markers that mean nothing in the processes that are decoded: libjpeg gives up at one."""
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SPARE = 4  # zeros that may be coded
_LEAST_SOS = 6  # bytes of a scan's header


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: its header's content, and from where to where its entropy-coded data lie."""

    header: bytes
    start: int
    end: int

    @property
    def components(self) -> bytes:
        """Whose coefficients the scan brings."""
        return self.header[1 : 1 + 2 * self.header[0] : 2]

    @property
    def step(self) -> tuple[int, int, int, int]:
        """First and last coefficient, and how many of their bits were to come before it and are after it."""
        first, last, bits = self.header[-3:]
        return first, last, bits >> 4, bits & 15


@dataclass(frozen=True, slots=True)
class Stream:
    """Where things are located in a JPEG: its components, its scans, its end; bits a component."""

    components: int
    scans: tuple[Scan, ...]
    end: int
    """Where the end marker stands or, with ``trouble``, where the stream stops making sense."""
    bits: int = 8
    trouble: PictureError | None = None
    """Why there is no end marker: the data ends before it, or a marker that means nothing stands there."""


def walk(data: bytes) -> Stream:
    """Follow the markers to the end of the (first) picture; what comes after it is not looked at.

    Raises:
        PictureError: ``truncated`` when the data ends before the end marker; ``corrupt`` at a marker that
            means nothing, where OpenCV would give out what it had decoded by then.
    """
    stream = follow(data)
    if stream.trouble is not None:
        raise stream.trouble
    return stream


def follow(data: bytes) -> Stream:
    """`walk`, as far as it goes."""
    position, components, bits, header = 2, 0, 8, b""
    scans: list[Scan] = []
    while (found := _MARKER.search(data, position)) is not None:
        if header:
            scans.append(Scan(header, position, _without_fill(data, position, found.start())))
        code, position, header = found[1][0], found.end(), b""
        if code == _EOI:
            return Stream(components, tuple(scans), found.start(), bits)
        if code in _RESERVED:
            nonsense = corrupt(f"a marker that means nothing, FF{code:02X}, stands in it")
            return Stream(components, tuple(scans), found.start(), bits, nonsense)
        if code in (_SOI, _TEM) or position + 2 > len(data):
            continue
        content = data[position + 2 : position + struct.unpack_from(">H", data, position)[0]]
        if code in _START_OF_FRAME:
            bits, components = (content[0], content[5]) if len(content) > 5 else (8, 0)  # noqa: PLR2004
        if code == _SOS and len(content) >= _LEAST_SOS:
            header = content
        position += 2 + len(content)
    if header:
        scans.append(Scan(header, position, _last_coded(data, position)))
    end = scans[-1].end if scans else len(data)
    return Stream(components, tuple(scans), end, bits, truncated("the end marker is missing"))


def _last_coded(data: bytes, start: int) -> int:
    """Where the data of a scan without a marker behind it end: zeros there are padding, but for a few."""
    end = min(len(data), len(data.rstrip(b"\0")) + _SPARE)
    return max(start, _without_fill(data, start, end))


def _without_fill(data: bytes, start: int, marker: int) -> int:
    """Where the fill bytes, any number of them from ``start`` on, before a marker begin."""
    while marker > start and data[marker - 1] == 0xFF:  # noqa: PLR2004 - what every marker begins with
        marker -= 1
    return marker
