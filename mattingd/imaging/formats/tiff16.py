"""TIFFs of 16 bits a channel, which Pillow cuts down or does not open: grey, RGB, CMYK.

Knows tags and the order of samples. Must not know limits or what becomes of the picture.
"""

import io
import logging
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from mattingd.imaging.formats.errors import unsupported
from mattingd.imaging.formats.integrity import refuse_short
from mattingd.imaging.formats.pixels import Decoded, inverted, unmultiplied
from mattingd.imaging.matting.tiles import Levels, as_levels

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _EXTRA, _XMP, _ICC = (
    256,
    257,
    258,
    259,
    262,
    338,
    700,
    34675,
)
_STRIPS, _TILES = (273, 279), (324, 325)
_UNPACKED = 1
_MODES = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}
_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4}
_WHITE_IS_ZERO, _MULTIPLIED = 0, 1
_BIG = 43  # the number after the byte order in a file of 64-bit offsets

logging.getLogger("tifffile").addHandler(logging.NullHandler())
logging.getLogger("tifffile").propagate = False


class DeepTiff:
    """The first picture of a file, by its tags."""

    def __init__(self, raw: bytes) -> None:
        """Read the first directory.

        Raises:
            SyntaxError, OSError, struct.error: it is not all there.
        """
        large = struct.unpack_from("<H" if raw[:2] == b"II" else ">H", raw, 2)[0] == _BIG
        self._raw = raw
        self._tags = ImageFileDirectory_v2(raw[: 16 if large else 8])
        with io.BytesIO(raw) as file:
            file.seek(self._tags.next)
            self._tags.load(file)

    @property
    def bits(self) -> int:
        """Bits a channel."""
        return int(max(_numbers(self._tags.get(_BITS, 1)), default=1))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as stored."""
        return int(self._tags[_WIDTH]), int(self._tags[_HEIGHT])

    @property
    def mode(self) -> str:
        """Of its colours."""
        return _MODES.get(self._tags.get(_PHOTOMETRIC, -1), "unknown")

    @property
    def icc(self) -> bytes | None:
        """The colour profile."""
        return self._tags.get(_ICC) or None

    @property
    def xmp(self) -> bytes | None:
        """The XMP packet."""
        found = self._tags.get(_XMP)
        return bytes(found) if found else None

    @property
    def frames(self) -> int:
        """How many pictures are in the file."""
        with _opened(self._raw) as file:
            return len(file.pages)

    def decode(self) -> Decoded:
        """The pixels as they are stored, not turned.

        Raises:
            PictureError: ``truncated``, or ``unsupported`` for anything but grey, RGB and CMYK.
        """
        pieces = [
            piece
            for offsets, lengths in (_STRIPS, _TILES)
            for piece in zip(
                _numbers(self._tags.get(offsets, ())), _numbers(self._tags.get(lengths, ())), strict=False
            )
        ]
        refuse_short(self._raw, pieces, coded=self._tags.get(_COMPRESSION, _UNPACKED) != _UNPACKED)
        with _opened(self._raw) as file:
            page = file.pages[0]
            found = page.asarray(maxworkers=1)
            apart = page.planarconfig == 2 and found.ndim == 3  # noqa: PLR2004 - planes, and their axes
        count = _CHANNELS.get(self.mode, 0)
        planes = np.moveaxis(found, 0, -1) if apart else found.reshape(*found.shape[:2], -1)
        if not count or found.dtype != np.uint16 or planes.shape[2] < count:
            raise unsupported("this is a TIFF of 16 bits a channel that is neither grey nor RGB nor CMYK")
        return self._decoded(planes, count)

    def _decoded(self, planes: npt.NDArray[Any], count: int) -> Decoded:
        colours: Levels = as_levels(np.ascontiguousarray(planes[:, :, :count]))
        colours = colours.reshape(colours.shape[:2]) if count == 1 else colours
        if self._tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            colours = inverted(colours)
        if planes.shape[2] == count:
            return Decoded(colours, self.mode)
        alpha = as_levels(np.ascontiguousarray(planes[:, :, count]))
        if _numbers(self._tags.get(_EXTRA, 0))[0] == _MULTIPLIED and self.mode != "CMYK":
            colours = unmultiplied(colours, alpha)
        return Decoded(colours, self.mode, alpha)


def _opened(raw: bytes) -> Any:
    import tifffile  # noqa: PLC0415 - takes its time to load, and few pictures need it

    return tifffile.TiffFile(io.BytesIO(raw))


def _numbers(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)
