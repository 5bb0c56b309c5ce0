"""A finished cut-out to bytes of a file, and the proof that such bytes are one.

Knows output formats and their limits. Must not know disks: publishing is the stages' business.
"""

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from mattingd.domain.presets import DEEP_FORMATS, OutputFormat, Preset
from mattingd.domain.units import canvas_of
from mattingd.imaging.finishing.compose import Composed
from mattingd.imaging.finishing.frame import scaled
from mattingd.imaging.formats import integrity, metadata, png, tiff
from mattingd.imaging.formats.errors import PictureError, corrupt
from mattingd.imaging.formats.structure import jpeg_stream
from mattingd.imaging.matting.tiles import Levels, UInt8, as_levels, deepened, eight_bits

MAX_SIDE: dict[OutputFormat, int] = {"webp": 16383, "jpeg": 65500, "avif": 65535}
"""The longest side in pixels that a format can hold, where pictures may be larger."""

_SMALLER, _LEAST_SIDE = 0.85, 64  # pixels
_LOSSLESS = 100
_ALPHA = 4  # channels of what is transparent


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A file to be published: its bytes and what is in them. Sizes in pixels."""

    data: bytes
    format: OutputFormat
    width: int
    height: int
    remark: str = ""
    """What a person should know of it."""


def files(composed: Composed, preset: Preset) -> tuple[File, ...]:
    """All files that the preset asks for, in the order of `values.endings_of`.

    Raises:
        PictureError: ``too_large`` for the format, ``unsupported`` for a JPEG without background.
    """
    height, width = composed.pixels.shape[:2]
    made = _file(composed, preset)
    if not preset.matte_file:
        return (made,)
    return made, File(png.encode(eight_bits(composed.matte), None, composed.dpi), "png", width, height)


def _file(composed: Composed, preset: Preset) -> File:
    """The cut-out's file: with `max_kb` at less quality or, where that is not enough, with fewer pixels.

    Raises:
        PictureError: see `files`.
    """
    height, width = composed.pixels.shape[:2]
    try:
        return File(encode(composed, preset), preset.format, width, height)
    except PictureError:
        if preset.max_kb is None or _has_a_size(preset):
            raise
        long = max(width, height)
        while (long := round(long * _SMALLER)) >= max(preset.min_side, _LEAST_SIDE):
            small = _reduced(composed, long / max(width, height))
            with contextlib.suppress(PictureError):
                down, across = small.pixels.shape[:2]
                remark = f"it has {across} x {down} px to stay within {preset.max_kb} kB"
                return File(encode(small, preset), preset.format, across, down, remark)
        raise


def _has_a_size(preset: Preset) -> bool:
    """Whether the preset wants a canvas of so many pixels, and no fewer."""
    canvas = canvas_of(preset.canvas, preset.dpi) if preset.canvas else None
    return canvas is not None and canvas[2]


def _reduced(composed: Composed, scale: float) -> Composed:
    pixels = composed.pixels
    if pixels.shape[2:] == (_ALPHA,):
        colours, alpha = scaled(pixels[:, :, :3], pixels[:, :, 3], scale)
        return replace(composed, pixels=as_levels(np.dstack([colours, alpha])))
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return replace(composed, pixels=as_levels(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)))


def remarks(pixels: Levels, preset: Preset) -> tuple[str, ...]:
    """What a person should know of the file that the preset makes of ``pixels``."""
    if pixels.itemsize == 1 or preset.bits != "auto" or preset.format in DEEP_FORMATS:
        return ()
    return (f"16 bits a channel were reduced to the 8 that {preset.format} holds",)


def encode(composed: Composed, preset: Preset) -> bytes:
    """The file's bytes in the preset's format and depth, with profile, resolution, EXIF and XMP data.

    Raises:
        PictureError: ``too_large`` for the format, ``unsupported`` for a JPEG without background.
    """
    height, width = composed.pixels.shape[:2]
    limit = MAX_SIDE.get(preset.format)
    if limit is not None and max(height, width) > limit:
        what = f"{width} x {height} px are too large for {preset.format} (at most {limit} px a side)"
        raise PictureError("too_large", f"{what}: choose png or tiff")
    if preset.format == "jpeg" and composed.pixels.shape[2:] == (_ALPHA,):
        raise PictureError("unsupported", "JPEG cannot be transparent: give the preset a background")
    pixels = _at_depth(composed.pixels, preset)
    carried = composed.icc, composed.dpi, composed.exif, composed.xmp
    if preset.format == "png":
        return png.encode(pixels, *carried)
    if preset.format == "tiff":
        return tiff.encode(pixels, preset.compression, *carried)
    return _small_enough(lambda quality: _encode_with_pillow(eight_bits(pixels), composed, quality), preset)


def _small_enough(encode: Callable[[Preset], bytes], preset: Preset) -> bytes:
    """The best quality, up to the preset's, whose file is no larger than it allows.

    Raises:
        PictureError: ``too_large`` even at the lowest quality.
    """
    data = encode(preset)
    if preset.max_kb is None or len(data) <= preset.max_kb * 1000:
        return data
    fits, low, high = None, 1, preset.quality - 1
    while low <= high:
        middle = (low + high) // 2
        data = encode(replace(preset, quality=middle))
        if len(data) <= preset.max_kb * 1000:
            fits, low = data, middle + 1
        else:
            high = middle - 1
    if fits is None:
        what = f"it is larger than {preset.max_kb} kB at any quality"
        raise PictureError("too_large", f"{what}: raise `max_kb`, or give the preset a smaller canvas")
    return fits


def _at_depth(pixels: Levels, preset: Preset) -> Levels:
    """``pixels`` with the bits a channel that are wanted."""
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
    """What an encoder is told: effort where it pays, one thread, colours kept under alpha 0."""
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
    """Prove that ``data`` is a whole picture file, of the format and size of ``file``, by decoding all of it.

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
        raise corrupt(f"it is {size[0]} x {size[1]} px instead of {file.width} x {file.height}")


def _decoded_size(data: bytes, format: OutputFormat) -> tuple[int, int]:  # noqa: A002
    """(width, height) after decoding every pixel."""
    with _silence(format):
        try:
            with Image.open(io.BytesIO(data), formats=(format.upper(),)) as image:
                image.load()
                return image.size
        except Exception as error:
            raise corrupt(f"it does not decode: {error}") from error


@contextmanager
def _silence(format: OutputFormat) -> Iterator[None]:  # noqa: A002
    """No warnings of Pillow's; with JPEG XL among the formats that it knows, where that is asked for."""
    if format == "jxl":
        importlib.import_module("pillow_jxl")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
