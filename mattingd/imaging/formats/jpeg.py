"""Check that a JPEG stream is complete, and decode it fast without accepting half a picture.

Knows the marker structure (ITU-T T.81) and libjpeg's habit of filling what is missing with grey. Must not
know limits, profiles or orientation.
"""

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

import cv2
import numpy as np

from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.formats.errors import NO_END, corrupt, truncated
from mattingd.imaging.formats.pixels import Decoded
from mattingd.imaging.formats.structure.jpeg_break import is_broken
from mattingd.imaging.formats.structure.jpeg_stream import Scan, Stream, follow
from mattingd.imaging.matting.tiles import UInt8, as_uint8

_HOLE = bytes(2048)  # half a page: holes in copies are made of whole ones
_PROBE = 256  # bytes of entropy-coded data that must affect the picture
_FILLER = b"\x5a\xa7" * (_PROBE // 2)  # any data without markers
_END = b"\xff\xd9"
_LIBJPEG = (b"Corrupt JPEG data", b"Premature end of JPEG", b"Inconsistent progression", b"Invalid SOS")
_EXTRANEOUS = "extraneous bytes"
_ONE_AT_A_TIME = threading.Lock()


def whole(data: bytes) -> tuple[bytes, Reasons]:
    """Return the decodable stream, and why its picture needs checking; holes are detected.

    If only the end marker is missing and every block exists, the marker is added.

    Raises:
        PictureError: ``truncated`` when the end or a part within is missing, ``corrupt`` at an invalid
            marker.
    """
    stream = follow(data)
    doubts: Reasons = ()
    if stream.trouble is not None:
        ended = data[: stream.end] + _END
        if not (stream.scans and _is_complete(stream) and _has_all_blocks(ended)):
            raise stream.trouble
        data, doubts = ended, (NO_END,)
    _refuse_holes(data, stream)
    return data, doubts


def _has_all_blocks(data: bytes) -> bool:
    """Whether the decoder finds every block of the picture before the end marker."""
    pixels, complaint = _decoded(data, cv2.IMREAD_COLOR_RGB)
    return pixels is not None and (not complaint or _EXTRANEOUS in complaint)


def decode(data: bytes, icc: bytes | None) -> Decoded | None:
    """The picture as RGB, not turned; None for what this fast path leaves to others.

    That is CMYK, and grey with a profile.

    Raises:
        PictureError: ``corrupt`` when the decoder gives up.
    """
    stream = follow(data)
    if stream.components not in (1, 3) or (stream.components == 1 and icc):
        return None
    pixels, complaint = _decoded(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise corrupt("decoder_gave_up")
    found = _doubts(data, stream, complaint)
    if not found and is_broken(pixels, stream.unit, stream.step):
        found = (Reason.of("colours_break"),)
    return Decoded(pixels, "RGB", doubts=found)


def doubts(data: bytes) -> Reasons:
    """Return the damage found by decoding a stream that `decode` does not handle."""
    _, complaint = _decoded(data, cv2.IMREAD_REDUCED_GRAYSCALE_8)
    return _doubts(data, follow(data), complaint)


def _doubts(data: bytes, stream: Stream, complaint: str) -> Reasons:
    """Interpret libjpeg's warning. Some cameras pad the last scan with equal bytes."""
    extraneous = re.search(rf"(\d+) {_EXTRANEOUS} before marker 0xd9", complaint)
    filled = extraneous and len(set(data[stream.end - int(extraneous[1]) : stream.end])) == 1
    if not complaint or filled:
        return ()
    return (Reason.of("damaged_inside", said=complaint.removeprefix("Corrupt JPEG data: ")),)


def _decoded(data: bytes, flags: int) -> tuple[UInt8 | None, str]:
    """Return the pixels, None if the decoder fails, and libjpeg's warning; empty without one."""
    with _complaints() as lines:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return None if pixels is None else as_uint8(pixels), " ".join(lines)


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """Capture the lines that libjpeg writes to standard error, its only way to warn.

    What other threads write there at the same moment is passed on.
    """
    lines: list[str] = []
    sys.stderr.flush()
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as caught:
        error_output = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(error_output, 2)
            caught.seek(0)
            for line in caught.read().splitlines(keepends=True):
                if line.startswith(_LIBJPEG):
                    lines.append(line.decode("ascii", "replace").strip())
                else:
                    os.write(error_output, line)
            os.close(error_output)


def _refuse_holes(data: bytes, stream: Stream) -> None:
    """Reject a page of zeros that is a hole in an unfinished copy, not a flat surface.

    With a hole, a scan does not have exactly the data that its picture needs, or is missing.
    """
    if not stream.scans or data.find(_HOLE, stream.scans[0].start, stream.end) < 0:
        return
    # Lost synchronisation shows in a sequential picture's DC values; in a progressive one, all values count.
    flags = cv2.IMREAD_REDUCED_GRAYSCALE_8 if len(stream.scans) == 1 else cv2.IMREAD_COLOR_RGB
    holed = (scan for scan in stream.scans if data.find(_HOLE, scan.start, scan.end) >= 0)
    if not (_is_complete(stream) and all(_is_exact(data, scan, flags) for scan in holed)):
        raise truncated("holes")


def _is_complete(stream: Stream) -> bool:
    """Whether the scans provide all 64 coefficients of every component, down to the last bit."""
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

    With too little, the data after the scan affect the picture. With too much, its last bytes do not.
    """
    end, cut = scan.end, max(scan.start, scan.end - _PROBE)
    return _same(data[:end], data[:end] + _FILLER, flags) and not _same(
        data[:end], data[:cut] + _FILLER[: end - cut], flags
    )


def _same(one: bytes, other: bytes, flags: int) -> bool:
    """Whether both streams, ended here, decode to the same picture."""
    (first, _), (second, _) = (_decoded(body + _END, flags) for body in (one, other))
    return first is not None and second is not None and np.array_equal(first, second)
