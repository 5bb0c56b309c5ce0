"""Encode a finished cut-out to the bytes of a file, and verify such bytes.

Knows output formats and their limits. Must not know disks: publishing is done by the workers.
"""

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from mattingd.domain.presets import DEEP_FORMATS, OutputFormat, Preset
from mattingd.domain.reasons import NO_REASON, Reason, Reasons
from mattingd.imaging.finishing.compose import Composed
from mattingd.imaging.formats import integrity, metadata, png, size_limit, tiff
from mattingd.imaging.formats.errors import PictureError, misread
from mattingd.imaging.formats.structure import jpeg_stream
from mattingd.imaging.matting.tiles import Levels, UInt8, deepened, eight_bits

MAX_SIDE: dict[OutputFormat, int] = {"webp": 16383, "jpeg": 65500, "avif": 65535}
"""The longest side in pixels that a format can hold, where pictures may be larger."""

_LOSSLESS = 100
_ALPHA = 4  # channels of what is transparent


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A file to publish: its bytes and their contents. Sizes in pixels."""

    data: bytes
    format: OutputFormat
    width: int
    height: int
    remark: Reason = NO_REASON
    """Remarks on it for the user."""


def files(composed: Composed, preset: Preset) -> tuple[File, ...]:
    """Return all files that the preset asks for, in the order of `domain.presets.endings_of`.

    Raises:
        PictureError: ``too_large`` for the format, ``unsupported`` for a JPEG without background.
    """
    height, width = composed.pixels.shape[:2]
    made = _file(composed, preset)
    if not preset.matte_file:
        return (made,)
    return made, File(png.encode(eight_bits(composed.matte), None, composed.dpi), "png", width, height)


def _file(composed: Composed, preset: Preset) -> File:
    """Return the cut-out's file.

    With `max_kb` it has lower quality or, if that is not enough, fewer pixels.

    Raises:
        PictureError: see `files`.
    """
    height, width = composed.pixels.shape[:2]
    try:
        return File(encode(composed, preset), preset.format, width, height)
    except PictureError:
        for small in size_limit.smaller(composed, preset):
            with contextlib.suppress(PictureError):
                down, across = small.pixels.shape[:2]
                remark = Reason.of("smaller_for_kb", width=across, height=down, kb=preset.max_kb or 0)
                return File(encode(small, preset), preset.format, across, down, remark)
        raise


def remarks(pixels: Levels, preset: Preset) -> Reasons:
    """Return remarks for the user on the file that the preset makes of ``pixels``."""
    if pixels.itemsize == 1 or preset.bits != "auto" or preset.format in DEEP_FORMATS:
        return ()
    return (Reason.of("reduced_to_8", format=preset.format),)


def encode(composed: Composed, preset: Preset) -> bytes:
    """Return the file's bytes in the preset's format and depth, with profile, resolution, EXIF and XMP data.

    Raises:
        PictureError: ``too_large`` for the format, ``unsupported`` for a JPEG without background.
    """
    height, width = composed.pixels.shape[:2]
    limit = MAX_SIDE.get(preset.format)
    if limit is not None and max(height, width) > limit:
        told = {"width": width, "height": height, "format": preset.format, "limit": limit}
        raise PictureError("too_large", Reason.of("too_large_for_format", **told))
    if preset.format == "jpeg" and composed.pixels.shape[2:] == (_ALPHA,):
        raise PictureError("unsupported", Reason.of("jpeg_transparent"))
    pixels = _at_depth(composed.pixels, preset)
    carried = composed.icc, composed.dpi, composed.exif, composed.xmp
    if preset.format == "png":
        return png.encode(pixels, *carried)
    if preset.format == "tiff":
        return tiff.encode(pixels, preset.compression, *carried)
    return size_limit.small_enough(
        lambda quality: _encode_with_pillow(eight_bits(pixels), composed, quality), preset
    )


def _at_depth(pixels: Levels, preset: Preset) -> Levels:
    """Convert ``pixels`` to the required bits per channel."""
    if preset.bits == 16 and pixels.itemsize == 1:  # noqa: PLR2004 - bits
        return deepened(pixels)
    return eight_bits(pixels) if preset.bits == 8 or preset.format not in DEEP_FORMATS else pixels  # noqa: PLR2004


def _encode_with_pillow(pixels: UInt8, composed: Composed, preset: Preset) -> bytes:
    options = _options(preset)
    exif = composed.exif
    if composed.dpi and preset.format == "jpeg":
        options["dpi"] = composed.dpi
    elif composed.dpi:
        exif = metadata.with_resolution(exif, composed.dpi)
    if exif:
        options["exif"] = b"Exif\x00\x00" + exif
    if composed.icc:
        options["icc_profile"] = composed.icc
    if composed.xmp:
        options["xmp"] = composed.xmp
    sink = io.BytesIO()
    with _silence(preset.format):
        Image.fromarray(pixels).save(sink, preset.format.upper(), **options)
    return sink.getvalue()


def _options(preset: Preset) -> dict[str, object]:
    """Return encoder options: effort where it pays, one thread, colours kept under alpha 0."""
    lossless, quality = preset.quality == _LOSSLESS, preset.quality
    match preset.format:
        case "webp" if lossless:
            return {
                "lossless": True,
                "exact": True,
                "method": 0,
                "quality": 20,
            }  # smaller than PNG in a second
        case "webp":
            return {"quality": quality, "exact": True, "method": 2}
        case "avif":
            return {"quality": quality, "speed": 9, "subsampling": "4:4:4", "max_threads": 1}
        case "jxl" if lossless:
            return {
                "lossless": True,
                "effort": 1,
                "num_threads": 1,
            }  # the size of more effort in a tenth of the time
        case "jxl":
            return {"quality": quality, "effort": 3, "num_threads": 1}
        case _:
            return {"quality": quality, "subsampling": 0}  # coloured edges stay sharp


def verify(file: File, data: bytes) -> None:
    """Verify that ``data`` is a complete file with the format and size of ``file``, by decoding all of it.

    Raises:
        PictureError: something is missing, damaged or of another size.
    """
    if file.format == "png":
        png.verify(data, file.width, file.height)
    elif file.format == "tiff":
        tiff.verify(data, file.width, file.height)
    else:
        _verify_with_pillow(file, data)


def _verify_with_pillow(file: File, data: bytes) -> None:
    size = _decoded_size(data, file.format)
    if file.format == "jpeg":
        jpeg_stream.walk(data)
    elif file.format == "webp":
        integrity.whole(file.format, data)
    if size != (file.width, file.height):
        raise misread(f"it is {size[0]} x {size[1]} px instead of {file.width} x {file.height}")


def _decoded_size(data: bytes, format: OutputFormat) -> tuple[int, int]:  # noqa: A002
    """(width, height) after decoding every pixel."""
    with _silence(format):
        try:
            with Image.open(io.BytesIO(data), formats=(format.upper(),)) as image:
                image.load()
                return image.size
        except Exception as error:
            raise misread(f"it does not decode: {error}") from error


@contextmanager
def _silence(format: OutputFormat) -> Iterator[None]:  # noqa: A002
    """Silence Pillow's warnings; register JPEG XL if needed."""
    if format == "jxl":
        importlib.import_module("pillow_jxl")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
