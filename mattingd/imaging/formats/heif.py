"""Decode AVIF and HEIC pictures of more than 8 bits per channel.

Knows the decoders that give all bits. Must not know limits, turns or what happens to the picture.
"""

from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import AvifImagePlugin

from mattingd.imaging.formats.errors import unsupported
from mattingd.imaging.formats.pixels import Decoded, unmultiplied
from mattingd.imaging.matting.tiles import Levels, as_levels

_GREY, _GREY_ALPHA, _RGBA = 1, 2, 4
_SIXTEEN = 16

pillow_heif.options.DECODE_THREADS = AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # one core per worker
pillow_heif.register_heif_opener()


def decode_avif(raw: bytes, bits: int) -> Decoded:
    """Decode the first frame of an AVIF of 10 or 12 bits per channel, not rotated."""
    found = imagecodecs.avif_decode(raw, index=0, numthreads=1)
    return _decoded(_stretched(found << np.uint16(_SIXTEEN - bits), bits))


def decode_heic(raw: bytes) -> Decoded:
    """Decode the primary picture of an HEIC of more than 8 bits per channel, upright."""
    found = pillow_heif.open_heif(raw, convert_hdr_to_8bit=False)
    bits = int(found.info["bit_depth"])
    decoded = _decoded(_stretched(np.asarray(found), bits))
    if not found.premultiplied_alpha or decoded.alpha is None:
        return decoded
    return Decoded(unmultiplied(decoded.colour, decoded.alpha), decoded.mode, decoded.alpha)


def _stretched(high: npt.NDArray[np.uint16], bits: int) -> Levels:
    """Stretch levels in the uppermost ``bits`` of 16 to the whole range: white becomes 65535."""
    if high.dtype != np.uint16:
        raise unsupported("depth", bits=bits)
    return as_levels(high | (high >> np.uint16(bits)))


def _decoded(found: Levels) -> Decoded:
    """Split grey or RGB from an alpha in the last channel."""
    channels = 1 if found.ndim == 2 else found.shape[2]  # noqa: PLR2004 - rows and columns only
    if channels == _GREY:
        return Decoded(found.reshape(found.shape[:2]), "L")
    if channels == _GREY_ALPHA:
        return Decoded(_piece(found[:, :, 0]), "L", _piece(found[:, :, 1]))
    alpha = _piece(found[:, :, 3]) if channels == _RGBA else None
    return Decoded(_piece(found[:, :, :3]), "RGB", alpha)


def _piece(channels: npt.NDArray[Any]) -> Levels:
    return as_levels(np.ascontiguousarray(channels))
