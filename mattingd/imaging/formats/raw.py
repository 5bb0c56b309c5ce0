"""Develop camera raw files with LibRaw, if the extra ``raw`` is installed.

Knows how raw files differ from the TIFFs that many of them look like. Must not know limits or what happens to
the picture.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from mattingd.domain.reasons import Reason
from mattingd.imaging.formats import isobmff
from mattingd.imaging.formats.errors import PictureError, corrupt, truncated, unsupported
from mattingd.imaging.formats.integrity import refuse_short
from mattingd.imaging.formats.pixels import Decoded
from mattingd.imaging.formats.structure.tiff_tags import PHOTOMETRIC, directories, part_of

_DNG, _FILTER_PATTERN = 50706, 33421
_FILTERS = frozenset({32803, 34892})  # photometric interpretation: colour filter array, linear raw
_SIDEWAYS = 4  # the bit of LibRaw's flip that swaps width and height
_SRGB_GAMMA = (2.4, 12.92)
_RAF = b"FUJIFILMCCD-RAW"

MISSING = Reason.of("raw_extra")


@dataclass(frozen=True, slots=True)
class Raw:
    """A raw file before developing: its upright (width, height) in pixels."""

    size: tuple[int, int]
    file: Any
    data: bytes

    def develop(self) -> Decoded:
        """Develop to 16 bits per channel, sRGB, the camera's white balance, upright.

        Raises:
            PictureError: ``truncated`` when a part is missing.
        """
        check(self.data)
        self.file.unpack()
        developed = self.file.postprocess(use_camera_wb=True, output_bps=16, gamma=_SRGB_GAMMA)
        if developed.shape[2] == 1:  # of a camera without colours
            developed = developed.repeat(3, axis=2)
        return Decoded(np.ascontiguousarray(developed), "RGB")


def is_raw_tiff(data: bytes) -> bool:
    """Whether a file in TIFF format is a camera's raw file: a DNG, or one with a colour filter array."""
    return any(
        _DNG in page.tags or _FILTER_PATTERN in page.tags or page.one(PHOTOMETRIC, 0) in _FILTERS
        for page in directories(part_of(data), below=True)
    )


@contextmanager
def opened(data: bytes) -> Iterator[Raw]:
    """Open the file with LibRaw; nothing is decoded yet.

    Raises:
        PictureError: ``unsupported``, ``truncated`` or ``corrupt``.
    """
    if find_spec("rawpy") is None:
        raise PictureError("unsupported", MISSING)
    import rawpy  # noqa: PLC0415 - an extra

    with rawpy.RawPy() as file:
        try:
            file.open_buffer(io.BytesIO(data))
            size = file.sizes.width, file.sizes.height
            yield Raw(size[::-1] if file.sizes.flip & _SIDEWAYS else size, file, data)
        except rawpy.LibRawFileUnsupportedError as error:
            check(data)
            raise unsupported("raw_kind") from error
        except rawpy.LibRawIOError as error:
            raise truncated("ends_early") from error
        except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
            check(data)
            raise corrupt("not_developed") from error


def check(data: bytes) -> None:
    """Raise `PictureError` (``truncated``) when a part is missing, which LibRaw would fill up."""
    if data[4:8] == b"ftyp":
        isobmff.check(data)
        return
    if data.startswith(_RAF):
        places = struct.unpack_from(">6I", data, 84)
        pieces = list(zip(places[::2], places[1::2], strict=True))
    else:
        pieces = [piece for page in directories(part_of(data), below=True) for piece in page.pieces]
    refuse_short(data, pieces or [(0, len(data))], coded=True)
