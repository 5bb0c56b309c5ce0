"""TIFFs of more than 8 bits a channel, and those with channels beside their colours: grey, RGB, CMYK.

One reader for all depths, so that the same tags always mean the same. Knows tags and the order of samples.
Must not know limits or what becomes of the picture.
"""

import io
import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from mattingd.imaging.formats.errors import unsupported
from mattingd.imaging.formats.integrity import refuse_short
from mattingd.imaging.formats.pixels import Decoded, inverted, unmultiplied
from mattingd.imaging.formats.structure.tiff_tags import EXTRA, FORMAT, PHOTOMETRIC, Directory
from mattingd.imaging.matting.tiles import Levels, as_levels

_MODES = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}
_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4}
_WHITE_IS_ZERO = 0
_MULTIPLIED, _STRAIGHT, _STRAIGHT_OF_COREL = 1, 2, 999
_ALPHA = frozenset({_MULTIPLIED, _STRAIGHT, _STRAIGHT_OF_COREL})
_FLOAT = 3
_BYTE, _WORD = 8, 16
_BYTE_SCALE = 16.0
"""Numbers that reach beyond this are meant from 0 to 255, or to 65535."""

logging.getLogger("tifffile").addHandler(logging.NullHandler())
logging.getLogger("tifffile").propagate = False


def mode_of(page: Directory) -> str:
    """The mode of its colours, ``unknown`` for others than grey, RGB and CMYK."""
    return _MODES.get(page.one(PHOTOMETRIC, -1), "unknown")


def is_read_here(page: Directory) -> bool:
    """Whether it has more bits, or more channels, than Pillow can tell."""
    colours = _CHANNELS.get(mode_of(page), page.samples)
    return page.bits > _BYTE or page.samples > colours


def decode(raw: bytes, page: Directory) -> Decoded:
    """The pixels as they are stored, not turned.

    Raises:
        PictureError: ``truncated``, or ``unsupported`` for anything but grey, RGB and CMYK.
    """
    doubts = refuse_short(raw, page.pieces, coded=page.is_packed, stride=page.stride)
    with _opened(raw) as file:
        found = file.pages[page.index]
        samples = found.asarray(maxworkers=1)
        apart = found.planarconfig == 2 and samples.ndim == 3  # noqa: PLR2004 - planes, and their axes
    count = _CHANNELS.get(mode_of(page), 0)
    planes = np.moveaxis(samples, 0, -1) if apart else samples.reshape(*samples.shape[:2], -1)
    if not count or planes.shape[2] < count:
        raise unsupported("this is a TIFF whose colours are neither grey nor RGB nor CMYK")
    levels, notes = _levels(planes, page)
    colours: Levels = as_levels(np.ascontiguousarray(levels[:, :, :count]))
    colours = colours.reshape(colours.shape[:2]) if count == 1 else colours
    if page.one(PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        colours = inverted(colours)
    index, multiplied = _alpha(page, count)
    if index is None:
        return Decoded(colours, mode_of(page), notes=notes, doubts=doubts)
    alpha = as_levels(np.ascontiguousarray(levels[:, :, index]))
    if multiplied and mode_of(page) != "CMYK":
        colours = unmultiplied(colours, alpha)
    return Decoded(colours, mode_of(page), alpha, notes, doubts)


def _alpha(page: Directory, colours: int) -> tuple[int | None, bool]:
    """Which channel is transparency by the tag, and whether colours were multiplied by it.

    A saved selection or a spot colour is none. Without the tag a single channel beside grey or RGB is.
    """
    told = page.tags.get(EXTRA)
    if told is None:
        told = (_STRAIGHT,) if page.samples == colours + 1 and colours != _CHANNELS["CMYK"] else ()
    extra = told[: page.samples - colours]
    index = next((index for index, meaning in enumerate(extra) if meaning in _ALPHA), None)
    return (None, False) if index is None else (colours + index, extra[index] == _MULTIPLIED)


def _levels(planes: npt.NDArray[Any], page: Directory) -> tuple[Levels, tuple[str, ...]]:
    """The samples as uint8 or uint16 over their whole range, and what was done for that."""
    if planes.dtype.kind == "f" and page.one(FORMAT, 1) == _FLOAT:
        return _of_numbers(planes), (f"{planes.itemsize * 8} bits a channel were reduced to 16",)
    if planes.dtype in (np.uint32, np.int32):
        large = int(planes.max(initial=0)) > np.iinfo(np.uint16).max
        higher = as_levels((planes.astype(np.uint32) >> np.uint32(16)).astype(np.uint16))
        return higher if large else _of_numbers(planes), ("32 bits a channel were reduced to 16",)
    if planes.dtype == np.uint16 and _BYTE < page.bits < _WORD:
        high = planes << np.uint16(_WORD - page.bits)
        return as_levels(high | (high >> np.uint16(page.bits))), ()
    if planes.dtype not in (np.uint8, np.uint16):
        raise unsupported(f"this is a TIFF of {planes.dtype.name} samples")
    return as_levels(planes), ()


def _of_numbers(numbers: npt.NDArray[Any]) -> Levels:
    """Floating-point samples, whose white is 1 (or plainly 255 or 65535), over the range of 16 bits."""
    sound = np.nan_to_num(numbers.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    most = float(sound.max(initial=0.0))
    white = 1.0 if most <= _BYTE_SCALE else 255.0 if most <= 255.0 else 65535.0  # noqa: PLR2004 - of a byte
    np.clip(sound, 0, white, out=sound)
    sound *= np.float32(65535 / white)
    return as_levels(np.rint(sound, out=sound).astype(np.uint16))


def _opened(raw: bytes) -> Any:
    import tifffile  # noqa: PLC0415 - takes its time to load, and few pictures need it

    return tifffile.TiffFile(io.BytesIO(raw))
