"""A finished cut-out to bytes of a file, and the proof that such bytes are one.

Knows output formats and their limits. Must not know disks: publishing is the stages' business.
"""

import io
import warnings
from dataclasses import replace

from PIL import Image

from mattingd.imaging import containers, jpeg, metadata, png
from mattingd.imaging.composing import Composed
from mattingd.imaging.errors import PictureError, corrupt
from mattingd.imaging.sampling import eight_bits
from mattingd.imaging.structure import sniff
from mattingd.values import OutputFormat, Preset

EXTENSIONS: dict[OutputFormat, str] = {"png": ".png", "webp": ".webp", "tiff": ".tif", "jpeg": ".jpg"}

MAX_SIDE: dict[OutputFormat, int] = {"png": 2**31 - 1, "webp": 16383, "tiff": 2**31 - 1, "jpeg": 65500}
"""The longest side in pixels that a format can hold."""

_LOSSLESS_WEBP: dict[str, object] = {
    "lossless": True,
    "method": 1,
    "quality": 20,
}  # effort: smaller than PNG in a second or two
_LOSSY_WEBP: dict[str, object] = {"lossless": False, "method": 2}
_PREDICTOR, _DIFFERENCES = 317, 2  # TIFF: horizontal differences halve what LZW leaves
_LOSSLESS = 100


def extension(format: OutputFormat) -> str:  # noqa: A002 - the field's name
    """The file name's ending for an output format, with its dot."""
    return EXTENSIONS[format]


def encode(composed: Composed, preset: Preset) -> bytes:
    """The file's bytes in the preset's format, with profile, resolution and EXIF data.

    Raises:
        PictureError: ``too_large`` for the format, ``unsupported`` for a JPEG without background.
    """
    pixels = eight_bits(composed.pixels)
    composed = replace(composed, pixels=pixels)
    height, width = composed.pixels.shape[:2]
    limit = MAX_SIDE[preset.format]
    if max(height, width) > limit:
        what = f"{width} x {height} px are too large for {preset.format} (at most {limit} px a side)"
        raise PictureError("too_large", f"{what}: choose png or tiff")
    if preset.format == "jpeg" and composed.pixels.shape[2] != 3:  # noqa: PLR2004 - channels
        raise PictureError("unsupported", "JPEG cannot be transparent: give the preset a background")
    if preset.format == "png":
        return png.encode(pixels, composed.icc, composed.dpi, composed.exif)
    return _encode_with_pillow(composed, preset)


def _encode_with_pillow(composed: Composed, preset: Preset) -> bytes:
    options: dict[str, object] = {}
    if preset.format == "webp":
        options = _LOSSLESS_WEBP if preset.quality == _LOSSLESS else _LOSSY_WEBP | {"quality": preset.quality}
    elif preset.format == "jpeg":
        options = {"quality": preset.quality, "subsampling": 0}  # coloured edges stay sharp
    else:
        tags = metadata.load_exif(composed.exif or b"")
        tags[_PREDICTOR] = _DIFFERENCES
        options = {"compression": "tiff_lzw", "tiffinfo": tags}
    if composed.dpi and preset.format != "webp":
        options["dpi"] = composed.dpi
    if composed.exif and preset.format != "tiff":
        options["exif"] = b"Exif\x00\x00" + composed.exif
    if composed.icc:
        options["icc_profile"] = composed.icc
    sink = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.fromarray(composed.pixels).save(sink, preset.format.upper(), **options)
    return sink.getvalue()


def verify(data: bytes, width: int, height: int) -> None:
    """Prove that ``data`` is a whole picture file of width x height px by decoding all of it.

    Raises:
        PictureError: something is missing, damaged or of another size.
    """
    found = sniff(data[:64])
    if found == "png":
        png.verify(data, width, height)
        return
    if found not in EXTENSIONS:
        raise corrupt("it is no picture")
    containers.check(found, data)
    if found == "jpeg":
        jpeg.walk(data)
    size = _decoded_size(data, found)
    if size != (width, height):
        raise corrupt(f"it is {size[0]} x {size[1]} px instead of {width} x {height}")


def _decoded_size(data: bytes, format: str) -> tuple[int, int]:  # noqa: A002
    """(width, height) after decoding every pixel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=(format.upper(),)) as image:
                image.load()
                return image.size
        except Exception as error:
            raise corrupt(f"it does not decode: {error}") from error
