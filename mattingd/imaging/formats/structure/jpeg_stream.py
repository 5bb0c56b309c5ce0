"""The markers of a JPEG stream (ITU-T T.81): where its scans and its end are located.

Knows bytes. Must not decode: whether a scan holds all that its picture needs is `formats.jpeg`'s question.
"""

import re
import struct
from dataclasses import dataclass

from mattingd.imaging.formats.errors import PictureError, corrupt, truncated

_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)  # a leading \xff+ is 30 times slower
_EOI, _SOS, _SOI, _DQT, _TEM = 0xD9, 0xDA, 0xD8, 0xDB, 0x01
_RESERVED = frozenset({*range(0x02, 0xC0), *range(0xF0, 0xFE)})
"""Markers that mean nothing in the processes that are decoded: libjpeg gives up at one."""
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SPARE = 4  # zeros that may be coded data
_LEAST_SOS = 6  # bytes of a scan's header


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan: its header's content, and the range of its entropy-coded data."""

    header: bytes
    start: int
    end: int

    @property
    def components(self) -> bytes:
        """The components whose coefficients the scan contains."""
        return self.header[1 : 1 + 2 * self.header[0] : 2]

    @property
    def step(self) -> tuple[int, int, int, int]:
        """First and last coefficient, and their bit positions before and after the scan."""
        first, last, bits = self.header[-3:]
        return first, last, bits >> 4, bits & 15


@dataclass(frozen=True, slots=True)
class Stream:
    """A parsed JPEG: its components, scans, end, and bits per component."""

    components: int
    scans: tuple[Scan, ...]
    end: int
    """Where the end marker is or, with ``trouble``, where the stream becomes invalid."""
    bits: int = 8
    unit: tuple[int, int] = (8, 8)
    """Width and height in pixels of what a scan of all components codes together."""
    step: float = 0.0
    """Levels from one value to the next that the mean of a block may have, in the coarsest component."""
    trouble: PictureError | None = None
    """Why there is no end marker: the data end before it, or an invalid marker is there."""


def walk(data: bytes) -> Stream:
    """Follow the markers to the end of the (first) picture; data after it are not examined.

    Raises:
        PictureError: ``truncated`` when the data ends before the end marker; ``corrupt`` at an invalid
            marker, where OpenCV would return what it had decoded so far.
    """
    stream = follow(data)
    if stream.trouble is not None:
        raise stream.trouble
    return stream


def follow(data: bytes) -> Stream:
    """Walk as far as the stream is valid."""
    position, components, bits, unit, step, header = 2, 0, 8, (8, 8), 0.0, b""
    scans: list[Scan] = []
    while (found := _MARKER.search(data, position)) is not None:
        if header:
            scans.append(Scan(header, position, _without_fill(data, position, found.start())))
        code, position, header = found[1][0], found.end(), b""
        if code == _EOI:
            return Stream(components, tuple(scans), found.start(), bits, unit, step)
        if code in _RESERVED:
            nonsense = corrupt("marker", marker=f"{code:02X}")
            return Stream(components, tuple(scans), found.start(), bits, unit, step, nonsense)
        if code in (_SOI, _TEM) or position + 2 > len(data):
            continue
        content = data[position + 2 : position + struct.unpack_from(">H", data, position)[0]]
        if code in _START_OF_FRAME:
            bits, components = (content[0], content[5]) if len(content) > 5 else (8, 0)  # noqa: PLR2004
            unit = _unit(content[7 : 6 + 3 * components : 3])
        if code == _DQT:
            step = max(step, _coarsest(content))
        if code == _SOS and len(content) >= _LEAST_SOS:
            header = content
        position += 2 + len(content)
    if header:
        scans.append(Scan(header, position, _last_coded(data, position)))
    end = scans[-1].end if scans else len(data)
    return Stream(components, tuple(scans), end, bits, unit, step, truncated("no_end"))


def _unit(sampling: bytes) -> tuple[int, int]:
    """Pixels across and down that all components need for whole blocks; one alone goes by blocks."""
    if len(sampling) <= 1:
        return 8, 8
    return 8 * max(1, *(each >> 4 for each in sampling)), 8 * max(1, *(each & 15 for each in sampling))


def _coarsest(tables: bytes) -> float:
    """Of quantisation tables, the largest step of a block's mean, in levels."""
    steps, at = [0], 0
    while at + 2 < len(tables):
        double = tables[at] >> 4
        steps.append(int.from_bytes(tables[at + 1 : at + 3]) if double else tables[at + 1])
        at += 1 + 64 * (2 if double else 1)
    return max(steps) / 8


def _last_coded(data: bytes, start: int) -> int:
    """Return where the data of a scan without a following marker end: most zeros there are padding."""
    end = min(len(data), len(data.rstrip(b"\0")) + _SPARE)
    return max(start, _without_fill(data, start, end))


def _without_fill(data: bytes, start: int, marker: int) -> int:
    """Return where the fill bytes before a marker start (any number from ``start`` on)."""
    while marker > start and data[marker - 1] == 0xFF:  # noqa: PLR2004 - what every marker begins with
        marker -= 1
    return marker
