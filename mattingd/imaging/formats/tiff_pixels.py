"""Decode TIFFs of more than 8 bits per channel, and those with extra channels: grey, RGB, CMYK.

One reader for all depths, so that the same tags always mean the same. Knows tags and the order of samples.
Must not know limits or what happens to the picture.
"""

import io
import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.formats.errors import unsupported
from mattingd.imaging.formats.integrity import refuse_short
from mattingd.imaging.formats.pixels import Decoded, inverted, unmultiplied
from mattingd.imaging.formats.structure.tiff_tags import COMPRESSION, EXTRA, FORMAT, PHOTOMETRIC, Directory
from mattingd.imaging.matting.tiles import Levels, as_levels

_MODES = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}
_CHANNELS = {"L": 1, "RGB": 3, "CMYK": 4}
_WHITE_IS_ZERO = 0
_MULTIPLIED, _STRAIGHT, _STRAIGHT_OF_COREL = 1, 2, 999
_ALPHA = frozenset({_MULTIPLIED, _STRAIGHT, _STRAIGHT_OF_COREL})
_FLOAT = 3
_OF_PILLOW = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32946, 34676, 34677, 34925, 50000})
"""Compressions that Pillow unpacks; WebP, JPEG XL, JPEG 2000, PNG and LERC are not among them."""
_BYTE, _WORD = 8, 16
_BYTE_SCALE = 16.0
"""Numbers that reach beyond this are meant from 0 to 255, or to 65535."""

logging.getLogger("tifffile").addHandler(logging.NullHandler())
logging.getLogger("tifffile").propagate = False


def mode_of(page: Directory) -> str:
    """Return the mode of its colours; ``unknown`` for others than grey, RGB and CMYK."""
    return _MODES.get(page.one(PHOTOMETRIC, -1), "unknown")


def is_read_here(page: Directory) -> bool:
    """Whether it has more bits or channels than Pillow supports, or is compressed otherwise."""
    if page.one(COMPRESSION, 1) not in _OF_PILLOW:
        return True
    colours = _CHANNELS.get(mode_of(page), page.samples)
    return page.bits > _BYTE or page.samples > colours


def decode(raw: bytes, page: Directory) -> Decoded:
    """Decode the pixels as stored, not rotated.

    Raises:
        PictureError: ``truncated``, or ``unsupported`` for anything but grey, RGB and CMYK.
    """
    doubts = refuse_short(raw, page.pieces, coded=page.is_packed, stride=page.stride)
    _refuse_unknown(page)
    with _opened(raw) as file:
        found = file.pages[page.index]
        samples = found.asarray(maxworkers=1)
        apart = found.planarconfig == 2 and samples.ndim == 3  # noqa: PLR2004 - planes, and their axes
    count = _CHANNELS.get(mode_of(page), 0)
    planes = np.moveaxis(samples, 0, -1) if apart else samples.reshape(*samples.shape[:2], -1)
    if not count or planes.shape[2] < count:
        raise unsupported("tiff_colours")
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


def _refuse_unknown(page: Directory) -> None:
    """Raise for pixels compressed in a way that no library here unpacks."""
    from tifffile import TIFF  # noqa: PLC0415 - as in `_opened`

    code = page.one(COMPRESSION, 1)
    if code not in TIFF.DECOMPRESSORS:
        raise unsupported("tiff_compression", number=code)


def _alpha(page: Directory, colours: int) -> tuple[int | None, bool]:
    """Return which channel is transparency by the tag, and whether colours are premultiplied.

    A saved selection or a spot colour is not transparency. Without the tag, a single channel beside grey or
    RGB is.
    """
    told = page.tags.get(EXTRA)
    if told is None:
        told = (_STRAIGHT,) if page.samples == colours + 1 and colours != _CHANNELS["CMYK"] else ()
    extra = told[: page.samples - colours]
    index = next((index for index, meaning in enumerate(extra) if meaning in _ALPHA), None)
    return (None, False) if index is None else (colours + index, extra[index] == _MULTIPLIED)


def _levels(planes: npt.NDArray[Any], page: Directory) -> tuple[Levels, Reasons]:
    """Return the samples as uint8 or uint16 over their whole range, and a note on the conversion."""
    if planes.dtype.kind == "f" and page.one(FORMAT, 1) == _FLOAT:
        bits = planes.itemsize * 8
        return _of_numbers(planes), (Reason.of("reduced_to_16", bits=bits),) if bits > _WORD else ()
    if planes.dtype in (np.uint32, np.int32):
        large = int(planes.max(initial=0)) > np.iinfo(np.uint16).max
        higher = as_levels((planes.astype(np.uint32) >> np.uint32(16)).astype(np.uint16))
        return higher if large else _of_numbers(planes), (Reason.of("reduced_to_16", bits=32),)
    if planes.dtype == np.uint16 and _BYTE < page.bits < _WORD:
        high = planes << np.uint16(_WORD - page.bits)
        return as_levels(high | (high >> np.uint16(page.bits))), ()
    if planes.dtype not in (np.uint8, np.uint16):
        raise unsupported("tiff_samples", samples=planes.dtype.name)
    return as_levels(planes), ()


def _of_numbers(numbers: npt.NDArray[Any]) -> Levels:
    """Scale floating-point samples, whose white is 1 (or clearly 255 or 65535), to 16 bits."""
    sound = np.nan_to_num(numbers.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    most = float(sound.max(initial=0.0))
    white = 1.0 if most <= _BYTE_SCALE else 255.0 if most <= 255.0 else 65535.0  # noqa: PLR2004 - of a byte
    np.clip(sound, 0, white, out=sound)
    sound *= np.float32(65535 / white)
    return as_levels(np.rint(sound, out=sound).astype(np.uint16))


def _opened(raw: bytes) -> Any:
    import tifffile  # noqa: PLC0415 - takes its time to load, and few pictures need it

    return tifffile.TiffFile(io.BytesIO(raw))
