"""What a network said of a picture, as a small file, for touch-ups later: bytes in, bytes out.

What is finished is rounded to what is stored, so that a touch-up starts from the very matte that was seen.
Knows mattes. Must not know where the files are.
"""

import re
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from mattingd.imaging.formats import png
from mattingd.imaging.matting.tiles import Float32, UInt8

_STRIP = 16  # rows
_LEVELS = 4095
"""12 bits: a step is a sixteenth of a level of the finished matte. 48 kB for 416 x 416, with 16 bits 99."""

_HEAD = re.compile(rb"mattingd matte 1 ([0-9a-f]{8}) ([0-9a-f]*)((?: [0-9]+)+)\n")
"""The check sum of what follows, the weights, and the length of each matte."""


def rounded(matte: npt.NDArray[np.float32]) -> Float32:
    """Return `matte` (float32[h,w] in 0..1) as it will be read from its file."""
    return (_levels(matte) / np.float32(_LEVELS)).astype(np.float32)


def fingerprint(srgb: UInt8) -> bytes:
    """Return the fingerprint of a picture (uint8[H,W,3]): checksums of all its strips.

    They take a sixteenth of the time of SHA-256 over all pixels, and an attacker gains nothing from a
    collision.
    """
    strips = (np.ascontiguousarray(srgb[top : top + _STRIP]) for top in range(0, len(srgb), _STRIP))
    return b"%d %d " % srgb.shape[:2] + b"".join(b"%08x" % isal_zlib.crc32(strip) for strip in strips)


def encode(mattes: Sequence[Float32], model: str) -> bytes:
    """Encode a picture's mattes (float32[h,w] in 0..1), one for each pass.

    Args:
        mattes: in the order of the passes.
        model: SHA-256 of the weights in hexadecimal, or "".
    """
    pictures = [png.encode(_levels(matte)) for matte in mattes]
    lengths = b"".join(b" %d" % len(picture) for picture in pictures)
    body = b"".join(pictures)
    return b"mattingd matte 1 %08x %s%s\n" % (zlib.crc32(body), model.encode(), lengths) + body


def decode(data: bytes) -> tuple[list[Float32], str] | None:
    """Return the mattes and their weights; None when the file is damaged or of another kind."""
    head = _HEAD.match(data)
    if head is None or int(head[1], 16) != zlib.crc32(data[head.end() :]):
        return None
    mattes, at = list[Float32](), head.end()
    for length in map(int, head[3].split()):
        levels = cv2.imdecode(np.frombuffer(data, np.uint8, length, at), cv2.IMREAD_UNCHANGED)
        if levels is None:
            return None
        mattes.append((levels / np.float32(_LEVELS)).astype(np.float32))
        at += length
    return mattes, head[2].decode()


def _levels(matte: Float32) -> npt.NDArray[np.uint16]:
    return np.rint(np.clip(matte, 0, 1) * _LEVELS).astype(np.uint16)
