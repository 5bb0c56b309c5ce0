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

from mattingd.imaging.errors import corrupt, truncated

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_EOI, _SOS, _SOI, _TEM = 0xD9, 0xDA, 0xD8, 0x01
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HOLE = bytes(2048)  # half a page: holes in copies are made of whole ones
_PROBE = 256  # bytes of entropy-coded data that must matter to the picture
_FILLER = b"\x5a\xa7" * (_PROBE // 2)  # any data without markers will do


@dataclass(frozen=True, slots=True)
class Stream:
    """Where things lie in a JPEG: its components, its scans as (start, end) of entropy-coded data."""

    components: int
    scans: tuple[tuple[int, int], ...]
    end: int


def walk(data: bytes) -> Stream:
    """Follow the markers to the end of the (first) picture; what comes after it is not looked at.

    Raises:
        PictureError: ``truncated`` when the data ends before the end marker.
    """
    position, components, scan = 2, 0, 0
    scans: list[tuple[int, int]] = []
    while (found := _MARKER.search(data, position)) is not None:
        code, start, position = found[1][0], found.start(), found.end()
        if scan:
            scans.append((scan, start))
            scan = 0
        if code == _EOI:
            return Stream(components, tuple(scans), start)
        if code in (_SOI, _TEM) or position + 2 > len(data):
            continue
        if code in _START_OF_FRAME and position + 8 <= len(data):
            components = data[position + 7]
        position += struct.unpack_from(">H", data, position)[0]
        if code == _SOS:
            scan = position
    raise truncated("the end marker is missing")


def decode(data: bytes, stream: Stream) -> npt.NDArray[np.uint8] | None:
    """The picture as RGB uint8[H,W,3], not turned; None for what this fast path leaves to others (CMYK).

    Raises:
        PictureError: ``corrupt`` when the decoder gives up or a hole in the copy shows.
    """
    if stream.components not in (1, 3):
        return None
    _refuse_holes(data, stream)
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise corrupt("the decoder gave up")
    return pixels.astype(np.uint8, copy=False)


def _refuse_holes(data: bytes, stream: Stream) -> None:
    """A page of zeros in a scan is either a flat surface (fine) or a hole in an unfinished copy.

    A hole shows in that the scan no longer holds exactly as much data as its picture needs.
    """
    # Losing step shows in a sequential picture's DC values; of a progressive one all must be looked at.
    flags = cv2.IMREAD_REDUCED_GRAYSCALE_8 if len(stream.scans) == 1 else cv2.IMREAD_COLOR_RGB
    for start, end in stream.scans:
        if data.find(_HOLE, start, end) >= 0 and not _is_exact(data, start, end, flags):
            raise truncated("there are holes of zeros in it")


def _is_exact(data: bytes, start: int, end: int, flags: int) -> bool:
    """Whether the decoder needs all of the scan's data and no more.

    Too little: what stands after the scan shows in the picture. Too much: its last bytes do not show.
    """
    cut = max(start, end - _PROBE)
    original, longer, changed = (
        cv2.imdecode(np.frombuffer(body + b"\xff\xd9", np.uint8), flags)
        for body in (data[:end], data[:end] + _FILLER, data[:cut] + _FILLER[: end - cut])
    )
    if original is None or longer is None or changed is None:
        return False
    return np.array_equal(original, longer) and not np.array_equal(original, changed)
