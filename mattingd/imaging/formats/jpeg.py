"""JPEG streams: whether one is whole, and decoding it fast without taking a half one for a picture.

Knows the marker structure (ITU-T T.81) and libjpeg's habit of filling what is missing with grey. Must not
know limits, profiles or orientation.
"""

import re
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.imaging.formats.errors import corrupt, truncated

_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)  # beginning with \xff+ it is 30 times slower
_EOI, _SOS, _SOI, _TEM = 0xD9, 0xDA, 0xD8, 0x01
_RESERVED = frozenset({*range(0x02, 0xC0), *range(0xF0, 0xFE)})
"""Markers that mean nothing in the processes that are decoded: libjpeg gives up at one."""
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HOLE = bytes(2048)  # half a page: holes in copies are made of whole ones
_LEAST_SOS = 6  # bytes of a scan's header
_PROBE = 256  # bytes of entropy-coded data that must matter to the picture
_FILLER = b"\x5a\xa7" * (_PROBE // 2)  # any data without markers will do


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
    """Where things lie in a JPEG: how many components it has, its scans, its end marker; bits a component."""

    components: int
    scans: tuple[Scan, ...]
    end: int
    bits: int = 8


def walk(data: bytes) -> Stream:
    """Follow the markers to the end of the (first) picture; what comes after it is not looked at.

    Raises:
        PictureError: ``truncated`` when the data ends before the end marker; ``corrupt`` at a marker that
            means nothing, where OpenCV would give out what it had decoded by then.
    """
    position, components, bits, header = 2, 0, 8, b""
    scans: list[Scan] = []
    while (found := _MARKER.search(data, position)) is not None:
        if header:
            scans.append(Scan(header, position, _without_fill(data, position, found.start())))
        code, position, header = found[1][0], found.end(), b""
        if code == _EOI:
            return Stream(components, tuple(scans), found.start(), bits)
        if code in _RESERVED:
            raise corrupt(f"a marker that means nothing, FF{code:02X}, stands in it")
        if code in (_SOI, _TEM) or position + 2 > len(data):
            continue
        content = data[position + 2 : position + struct.unpack_from(">H", data, position)[0]]
        if code in _START_OF_FRAME:
            bits, components = (content[0], content[5]) if len(content) > 5 else (8, 0)  # noqa: PLR2004
        if code == _SOS and len(content) >= _LEAST_SOS:
            header = content
        position += 2 + len(content)
    raise truncated("the end marker is missing")


def _without_fill(data: bytes, start: int, marker: int) -> int:
    """Where the fill bytes, any number of them from ``start`` on, before a marker begin."""
    while marker > start and data[marker - 1] == 0xFF:  # noqa: PLR2004 - what every marker begins with
        marker -= 1
    return marker


def check(data: bytes) -> Stream:
    """`walk`, and look for holes.

    Raises:
        PictureError: ``truncated`` when the end or a part within is missing.
    """
    stream = walk(data)
    _refuse_holes(data, stream)
    return stream


def decode(data: bytes, stream: Stream) -> npt.NDArray[np.uint8] | None:
    """The picture as RGB uint8[H,W,3], not turned; None for what this fast path leaves to others (CMYK).

    Raises:
        PictureError: ``corrupt`` when the decoder gives up.
    """
    if stream.components not in (1, 3):
        return None
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise corrupt("the decoder gave up")
    return pixels.astype(np.uint8, copy=False)


def _refuse_holes(data: bytes, stream: Stream) -> None:
    """A page of zeros is either a flat surface (fine) or a hole in an unfinished copy.

    A hole shows in that a scan no longer holds exactly as much data as its picture needs, or is gone.
    """
    if not stream.scans or data.find(_HOLE, stream.scans[0].start, stream.end) < 0:
        return
    # Losing step shows in a sequential picture's DC values; of a progressive one all must be looked at.
    flags = cv2.IMREAD_REDUCED_GRAYSCALE_8 if len(stream.scans) == 1 else cv2.IMREAD_COLOR_RGB
    holed = (scan for scan in stream.scans if data.find(_HOLE, scan.start, scan.end) >= 0)
    if not (_is_complete(stream) and all(_is_exact(data, scan, flags) for scan in holed)):
        raise truncated("there are holes of zeros in it")


def _is_complete(stream: Stream) -> bool:
    """Whether the scans bring all 64 coefficients of every component, step by step, to their last bits."""
    to_come: dict[int, list[int | None]] = {}
    for scan in stream.scans:
        first, last, before, after = scan.step
        for component in scan.components:
            bits = to_come.setdefault(component, [None] * 64)
            if any(found != (before or None) for found in bits[first : last + 1]):
                return False
            bits[first : last + 1] = [after] * (last + 1 - first)
    return len(to_come) == stream.components and all(bits == [0] * 64 for bits in to_come.values())


def _is_exact(data: bytes, scan: Scan, flags: int) -> bool:
    """Whether the decoder needs all of the scan's data and no more.

    Too little: what stands after the scan shows in the picture. Too much: its last bytes do not show.
    """
    end, cut = scan.end, max(scan.start, scan.end - _PROBE)
    original, longer, changed = (
        cv2.imdecode(np.frombuffer(body + b"\xff\xd9", np.uint8), flags)
        for body in (data[:end], data[:end] + _FILLER, data[:cut] + _FILLER[: end - cut])
    )
    if original is None or longer is None or changed is None:
        return False
    return np.array_equal(original, longer) and not np.array_equal(original, changed)
