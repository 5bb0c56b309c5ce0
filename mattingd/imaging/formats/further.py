"""JPEG 2000, JPEG XL, Netpbm's formats and Targa: decoders used by no other format.

Knows these decoders. Must not know limits, turns or what happens to the picture.
"""

import struct
from importlib.util import find_spec

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import ImageFile

from mattingd.domain.reasons import Reason
from mattingd.imaging.formats.colour import icc
from mattingd.imaging.formats.errors import PictureError, truncated, unsupported
from mattingd.imaging.formats.integrity import refuse_short
from mattingd.imaging.formats.pixels import Decoded, decode_with_pillow, unmultiplied
from mattingd.imaging.formats.structure.plain_headers import Plain, targa, targa_alpha
from mattingd.imaging.matting.tiles import Levels, as_levels

NO_JXL = Reason.of("jxl_extra")
LINEAR = icc.matrix_profile("linear sRGB", (0.64, 0.33), (0.3, 0.6), (0.15, 0.06), 1.0)
LINEAR_GREY = icc.grey_profile("linear grey", 1.0)
"""What the numbers of a PFM are: light."""

_SIZ = b"\xff\x51"  # the JPEG 2000 segment with the sizes
_DEPTH = 40  # offset in the segment
_WORD = 16
_BYTE = 255


def jxl_is_there() -> None:
    """Register JPEG XL with Pillow.

    Raises:
        PictureError: ``unsupported``, the extra is not installed.
    """
    if find_spec("pillow_jxl") is None:
        raise PictureError("unsupported", NO_JXL)
    import pillow_jxl  # noqa: F401, PLC0415 - an extra


def check_jxl(raw: bytes) -> None:
    """Raise `PictureError` (``truncated``) when the decoder needs more data."""
    try:
        imagecodecs.jpegxl_decode(raw, index=0)
    except imagecodecs.JpegxlError as error:
        if "NEED_MORE_INPUT" in str(error):
            raise truncated("ends_early") from error


def decode_jxl(raw: bytes, image: ImageFile.ImageFile) -> Decoded:
    """Decode all bits of a JPEG XL."""
    found = imagecodecs.jpegxl_decode(raw, index=0)
    return _split(found) if found.dtype == np.uint16 else decode_with_pillow(image)


def bits_of_jp2(raw: bytes) -> int:
    """Return the bits per channel of a JPEG 2000."""
    at = raw.find(_SIZ) + _DEPTH
    return (raw[at] & 0x7F) + 1 if _DEPTH <= at < len(raw) else 8


def profile_of_jp2(raw: bytes) -> bytes | None:
    """Return the ICC profile of a JPEG 2000."""
    at = raw.find(b"colr")
    if at < 4 or raw[at + 4 : at + 5] != b"\2":  # noqa: PLR2004 - bytes of the length before it
        return None
    (length,) = struct.unpack_from(">I", raw, at - 4)
    return raw[at + 7 : at - 4 + length] or None


def decode_jp2(raw: bytes, image: ImageFile.ImageFile) -> Decoded:
    """Decode a JPEG 2000 of any depth; more than 16 bits are reduced to 16."""
    bits = bits_of_jp2(raw)
    if bits <= 8:  # noqa: PLR2004
        return decode_with_pillow(image)
    found = imagecodecs.jpeg2k_decode(raw)
    if found.dtype != np.uint16 or bits > _WORD:
        raise unsupported("jp2_bits", bits=bits)
    high = found << np.uint16(_WORD - bits)
    return _split(high | (high >> np.uint16(bits)) if bits < _WORD else high)


def decode_targa(raw: bytes, image: ImageFile.ImageFile) -> Decoded:
    """Decode a Targa, with alpha if its header says so."""
    found = targa(raw)
    pieces = [(found.start, found.end - found.start)]
    doubts = refuse_short(raw, pieces, coded=False, stride=found.stride) if found.stride else ()
    decoded = decode_with_pillow(image)
    has_alpha, multiplied = targa_alpha(raw)
    colours = decoded.colour
    if multiplied and decoded.alpha is not None:
        colours = unmultiplied(colours, decoded.alpha)
    return Decoded(colours, decoded.mode, decoded.alpha if has_alpha else None, doubts=doubts)


def decode_netpbm(raw: bytes, found: Plain) -> Decoded:
    """Decode Netpbm rows of bytes, words or floats."""
    length = found.stride * found.height
    doubts = refuse_short(raw, [(found.start, length)], coded=False, stride=found.stride)
    code = "f4" if not found.most else "u1" if found.most <= _BYTE else "u2"
    order = ">" if found.big_endian else "<"
    samples = np.frombuffer(raw, order + code, length // int(code[1]), found.start)
    rows = samples.reshape(found.height, found.width, found.channels)
    if not found.most:
        light = np.clip(np.nan_to_num(rows[::-1].astype(np.float32)), 0, 1)
        levels = as_levels(np.rint(light * np.float32(65535)).astype(np.uint16))
        return Decoded(_split(levels).colour, "L" if found.channels == 1 else "RGB", None, _NUMBERS, doubts)
    whole = _BYTE if found.most <= _BYTE else 65535
    if found.most != whole:
        rows = np.rint(np.minimum(rows, found.most).astype(np.float32) * np.float32(whole / found.most))
    decoded = _split(as_levels(rows.astype(np.uint8 if whole == _BYTE else np.uint16)))
    return Decoded(decoded.colour, decoded.mode, decoded.alpha, doubts=doubts)


_NUMBERS = (Reason.of("reduced_to_16", bits=32),)


def _split(found: Levels | npt.NDArray[np.uint16]) -> Decoded:
    """Split grey or RGB from an alpha in the last channel."""
    planes = found.reshape(*found.shape[:2], -1)
    channels = planes.shape[2]
    alpha = as_levels(np.ascontiguousarray(planes[:, :, -1])) if channels in (2, 4) else None
    if channels <= 2:  # noqa: PLR2004 - grey, and alpha
        return Decoded(as_levels(np.ascontiguousarray(planes[:, :, 0])), "L", alpha)
    return Decoded(as_levels(np.ascontiguousarray(planes[:, :, :3])), "RGB", alpha)
