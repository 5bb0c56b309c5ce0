"""WebP files: whether one is whole.

Knows the RIFF structure and how libwebp reads: what is missing are zeros to it, and zeros decode. Must not
know what a picture is for.
"""

import io
import struct
import warnings

from PIL import Image

from mattingd.imaging.formats.errors import truncated
from mattingd.imaging.formats.sniff import trailing_zeros

_STILL = frozenset({b"VP8 ", b"VP8L"})
_PIXELS = _STILL | {b"ALPH", b"ANMF"}
_SPARE = 6  # zeros at the end that are looked into; whole bitstreams were seen to spare 3 bytes at most


def check(data: bytes) -> None:
    """Raise `PictureError` (``truncated``) when a part of the file is missing or still zeros."""
    announced = struct.unpack_from("<I", data, 4)[0] + 8
    if announced > len(data):
        raise truncated(f"{announced} bytes are announced, {len(data)} are there")
    at = 12
    while at + 8 <= announced:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if not any(kind) or (end > announced and kind in _PIXELS):
            raise truncated("a part of it is missing")
        if (
            kind in _STILL
            and trailing_zeros(data[end - _SPARE : end]) == _SPARE
            and _decodes_without(data, at, end)
        ):
            raise truncated("its last bytes are zeros")
        at = end + length % 2


def _decodes_without(data: bytes, at: int, end: int) -> bool:
    """Whether the bitstream's last bytes are not needed.

    A flat surface at the bottom of a picture is coded as zeros, too, up to hundreds of kB of them; but then
    the decoder needs them all. Zeros in the place of other data last it too long.
    """
    kind, length = data[at : at + 4], end - at - 8 - _SPARE
    body = data[12:at] + kind + struct.pack("<I", length) + data[at + 8 : at + 8 + length] + bytes(length % 2)
    shorter = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(shorter), formats=("WEBP",)) as image:
                image.load()
        except Exception:  # noqa: BLE001 - whatever the decoder says, it needed them
            return False
    return True
