"""TIFF: encode fast, verify.

Knows the structure (TIFF 6.0, Adobe's deflate, Zstandard). Must not know what a picture is for. Writes strips
of horizontal differences, deflated by ISA-L at a fast level: about four times faster than Pillow and half as
large. Supports 16-bit RGBA, which Pillow cannot write.
"""

import io
from collections.abc import Callable, Iterator

import imagecodecs
import numpy as np
from isal import isal_zlib
from isal.isal_zlib import IsalError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from mattingd.domain.presets import TiffCompression
from mattingd.domain.reasons import Reason
from mattingd.imaging.formats import metadata
from mattingd.imaging.formats.errors import PictureError, misread
from mattingd.imaging.matting.tiles import Levels

_HEADER = b"II*\0\x08\0\0\0"  # little-endian, the directory follows at once
_STRIP = 1 << 19  # bytes compressed at a time: fits the CPU's cache
_LARGEST = (1 << 32) - (1 << 20)  # offsets have 32 bits
_DIFFERENCES = 2
_CODES: dict[TiffCompression, int] = {"deflate": 8, "zstd": 50000}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _OFFSETS, _SAMPLES = 256, 257, 258, 259, 262, 273, 277
_ROWS, _LENGTHS, _PLANES, _UNIT, _PREDICTOR, _EXTRA, _PROFILE = 278, 279, 284, 296, 317, 338, 34675
_ACROSS, _DOWN, _XMP = 282, 283, 700
_INCH = 2
_STRAIGHT_ALPHA = 2


def encode(
    pixels: Levels,
    compression: TiffCompression = "deflate",
    icc: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
    xmp: bytes | None = None,
) -> bytes:
    """Encode ``pixels`` as TIFF with profile, resolution, EXIF and XMP data.

    Args:
        pixels: uint8 or uint16; [H,W] grey, [H,W,3] RGB or [H,W,4] straight RGBA.
        compression: compression of the strips.
        icc: their profile; None for sRGB.
        dpi: dots per inch across and down.
        exif: EXIF data, from the TIFF header on.
        xmp: an XMP packet.

    Raises:
        PictureError: ``too_large`` when it does not fit into 4 GB.
    """
    height, width, channels = (*pixels.shape, 1)[:3]
    rows = max(1, _STRIP // pixels[0].nbytes)
    pack = _PACKERS[compression]
    strips = [pack(strip) for strip in _differences(pixels, rows)]
    lengths = [len(strip) for strip in strips]
    if sum(lengths) > _LARGEST:
        raise PictureError("too_large", Reason.of("too_large_for_tiff", width=width, height=height))
    tags = _directory(exif, dpi)
    tags[_WIDTH], tags[_HEIGHT], tags[_SAMPLES] = width, height, channels
    tags[_BITS] = (8 * pixels.itemsize,) * channels
    tags[_COMPRESSION], tags[_PREDICTOR], tags[_PLANES] = _CODES[compression], _DIFFERENCES, 1
    tags[_PHOTOMETRIC] = 1 if channels == 1 else 2
    if channels == 4:  # noqa: PLR2004 - RGBA
        tags[_EXTRA] = _STRAIGHT_ALPHA
    if icc:
        tags[_PROFILE] = icc
    if xmp:
        tags[_XMP] = xmp
    tags[_ROWS] = rows
    tags[_LENGTHS] = tuple(lengths)
    tags[_OFFSETS] = tuple(
        np.cumsum([0, *lengths[:-1]]).tolist()
    )  # the directory's own length is added to each
    return b"".join([_HEADER, tags.tobytes(len(_HEADER)), *strips])


def _directory(exif: bytes | None, dpi: tuple[float, float] | None) -> ImageFileDirectory_v2:
    """Return the tags that describe the pixels' metadata."""
    tags = ImageFileDirectory_v2(prefix=b"II")
    kept = metadata.load_exif(exif or b"")
    for tag, value in kept.items():
        tags[tag] = value
    for tag in metadata.DIRECTORIES & set(kept):
        tags[tag] = dict(kept.get_ifd(tag))
    tags[_UNIT] = _INCH if dpi else 1
    if dpi:
        tags[_ACROSS], tags[_DOWN] = dpi
    return tags


def _differences(pixels: Levels, rows: int) -> Iterator[Levels]:
    """Yield strips of this many rows, each pixel minus its left neighbour; valid until the next one."""
    whole = np.ascontiguousarray(pixels)
    buffer = np.empty((rows, *pixels.shape[1:]), pixels.dtype.newbyteorder("<"))
    for top in range(0, len(whole), rows):
        strip = whole[top : top + rows]
        result = buffer[: len(strip)]
        result[:, 0] = strip[:, 0]
        np.subtract(strip[:, 1:], strip[:, :-1], out=result[:, 1:])
        yield result


def _deflate(strip: Levels) -> bytes:
    return bytes(isal_zlib.compress(strip, 1))


def _zstd(strip: Levels) -> bytes:
    return bytes(imagecodecs.zstd_encode(strip.tobytes(), 1))


_PACKERS: dict[TiffCompression, Callable[[Levels], bytes]] = {"deflate": _deflate, "zstd": _zstd}
_UNPACKERS: dict[int, Callable[[bytes], bytes | bytearray]] = {
    8: isal_zlib.decompress,
    50000: imagecodecs.zstd_decode,
}


def verify(data: bytes, width: int, height: int) -> None:
    """Verify that ``data`` is a complete TIFF of this size and of a kind written here, down to the last row.

    Raises:
        PictureError: anything is missing, damaged or of another size.
    """
    if not data.startswith(_HEADER):
        raise misread("it is no TIFF of the kind that was written")
    try:
        tags = _tags(data)
        found, rows = (tags[_WIDTH], tags[_HEIGHT]), tags[_ROWS]
        stride = tags[_WIDTH] * sum(tags[_BITS]) // 8
        pieces = list(zip(tags[_OFFSETS], tags[_LENGTHS], strict=True))
        unpack = _UNPACKERS[tags[_COMPRESSION]]
    except (LookupError, TypeError, ValueError, SyntaxError, OSError) as error:
        raise misread("its directory is invalid") from error
    if found != (width, height):
        raise misread(f"it is {found[0]} x {found[1]} px instead of {width} x {height}")
    left = height
    for offset, length in pieces:
        packed = data[offset : offset + length]
        try:
            unpacked = len(unpack(packed))
        except (IsalError, imagecodecs.ZstdError) as error:  # type: ignore[misc] # isal's stub: an instance
            raise misread(f"its pixels do not unpack: {error}") from error
        if unpacked != min(rows, left) * stride:
            raise misread(f"{unpacked} bytes of pixels in a strip of {min(rows, left)} rows")
        left -= min(rows, left)
    if left or not pieces:
        raise misread(f"its last {left} rows are missing")


def _tags(data: bytes) -> ImageFileDirectory_v2:
    tags = ImageFileDirectory_v2(data[:8])
    stream = io.BytesIO(data)
    stream.seek(tags.next)
    tags.load(stream)
    return tags
