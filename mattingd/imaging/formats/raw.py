"""Camera raw files, developed by LibRaw when the extra ``raw`` is installed.

Knows how raw files are told from the TIFFs that many of them look like, and how one is developed. Must not
know limits or what becomes of the picture.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from mattingd.imaging.formats import isobmff
from mattingd.imaging.formats.errors import corrupt, truncated, unsupported
from mattingd.imaging.formats.integrity import refuse_short
from mattingd.imaging.formats.pixels import Decoded
from mattingd.imaging.formats.sniff import trailing_zeros

_DNG, _SUBFILE, _SUB_DIRECTORIES = 50706, 254, 330
_PIECES = ((273, 279), (324, 325))  # tags of offsets and lengths: strips, tiles
_NUMBERS = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}  # TIFF's types of whole numbers
_MOST_DIRECTORIES = 64
_SIDEWAYS = 4  # the bit of LibRaw's flips that says that width and height change places
_SRGB_GAMMA = (2.4, 12.92)
_PAGE = 4096
_RAF = b"FUJIFILMCCD-RAW"

MISSING = "this is a camera raw file, and the extra that reads them is not installed (mattingd[raw])"


@dataclass(frozen=True, slots=True)
class Raw:
    """A raw file as it will be when developed: upright (width, height) in pixels."""

    size: tuple[int, int]
    file: Any
    data: bytes

    def develop(self) -> Decoded:
        """16 bits a channel, sRGB, white balance as the camera saw it, upright.

        Raises:
            PictureError: ``truncated`` when a part is missing.
        """
        check(self.data)
        self.file.unpack()
        return Decoded(
            np.ascontiguousarray(self.file.postprocess(use_camera_wb=True, output_bps=16, gamma=_SRGB_GAMMA)),
            "RGB",
        )


def is_raw_tiff(data: bytes) -> bool:
    """Whether what looks like a TIFF is a camera's raw file: a DNG, or a thumbnail stands first in it."""
    tags = next(_directories(data), {})
    return _DNG in tags or any(value & 1 for value in tags.get(_SUBFILE, ()))


@contextmanager
def opened(data: bytes) -> Iterator[Raw]:
    """The file as LibRaw sees it; nothing is decoded yet.

    Raises:
        PictureError: ``unsupported``, ``truncated`` or ``corrupt``.
    """
    if find_spec("rawpy") is None:
        raise unsupported(MISSING)
    import rawpy  # noqa: PLC0415 - an extra

    with rawpy.RawPy() as file:
        try:
            file.open_buffer(io.BytesIO(data))
            size = file.sizes.width, file.sizes.height
            yield Raw(size[::-1] if file.sizes.flip & _SIDEWAYS else size, file, data)
        except rawpy.LibRawFileUnsupportedError as error:
            check(data)
            raise unsupported("this is a camera raw file of a kind that is not read") from error
        except rawpy.LibRawIOError as error:
            raise truncated("the data ends too early") from error
        except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
            check(data)
            raise corrupt("it cannot be developed") from error


def check(data: bytes) -> None:
    """Raise `PictureError` (``truncated``) when a part is missing: LibRaw would fill it up."""
    if data[4:8] == b"ftyp":
        isobmff.check(data)
        return
    if trailing_zeros(data) >= _PAGE:
        raise truncated(f"its last {trailing_zeros(data)} bytes are zeros")
    if data.startswith(_RAF):
        places = struct.unpack_from(">6I", data, 84)
        refuse_short(data, zip(places[::2], places[1::2], strict=True), coded=True)
        return
    for tags in _directories(data):
        for offsets, lengths in _PIECES:
            pieces = zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=False)
            refuse_short(data, pieces, coded=True)


def _directories(data: bytes) -> Iterator[dict[int, tuple[int, ...]]]:
    """The whole numbers of each directory of a TIFF or its like, those below others included."""
    order = "<" if data[:2] == b"II" else ">"
    waiting, seen = [_number(order + "I", data, 4)], set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        at = waiting.pop(0)
        if not 0 < at < len(data) or at in seen:
            continue
        seen.add(at)
        count = _number(order + "H", data, at)
        tags = dict(_entries(order, data[at + 2 : at + 2 + 12 * count], data))
        yield tags
        waiting += [*tags.get(_SUB_DIRECTORIES, ()), _number(order + "I", data, at + 2 + 12 * count)]


def _entries(order: str, table: bytes, data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    for at in range(0, len(table) - 11, 12):
        tag, kind, count = struct.unpack_from(order + "2HI", table, at)
        if kind not in _NUMBERS:
            continue
        code, width = _NUMBERS[kind]
        place, source = (at + 8, table) if count * width <= 4 else (_number(order + "I", table, at + 8), data)  # noqa: PLR2004
        if place + count * width <= len(source):
            yield tag, struct.unpack_from(f"{order}{count}{code}", source, place)


def _number(code: str, data: bytes, at: int) -> int:
    return int(struct.unpack_from(code, data, at)[0]) if at + struct.calcsize(code) <= len(data) else 0
