"""From a file's bytes to a picture: limits first, then wholeness, then pixels, upright, with what goes along.

Knows formats and modes. Must not know where the bytes came from or what becomes of the picture. No decoder's
warning is lost or shown: what matters is an error or a note.
"""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from mattingd.imaging import containers, jpeg, metadata, pixels, png
from mattingd.imaging.errors import Kind, PictureError, corrupt, truncated, unsupported
from mattingd.imaging.sampling import Levels, UInt8
from mattingd.imaging.structure import HEAD, NAMES, READABLE, sniff, trailing_zeros
from mattingd.values import PictureLimits

__all__ = ["Header", "Kind", "Picture", "PictureError", "probe", "read"]

_ZERO_TAIL = 64  # bytes; when decoding failed anyway, so many zeros at the end say why
_DEEP = 16  # bits a channel
_SIDEWAYS = 5  # from this orientation on width and height change places
_DNG, _SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _EXTRA = 50706, 254, 258, 259, 262, 338  # TIFF tags
_PILLOW_FORMATS = {name: (name.upper(),) for name in READABLE} | {"jpeg": ("JPEG", "MPO")}
_STARTS = (b"\xff\xd8\xff", png.SIGNATURE, b"RIFF", b"GIF8", b"II\x2a\x00", b"MM\x00\x2a", b"BM")
_SHORTEST = 18  # bytes that tell any format from any other


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture says of itself before it is decoded. Sizes in pixels, as stored and as seen upright."""

    format: str
    width: int
    height: int
    upright_width: int
    upright_height: int
    frames: int
    mode: str


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture, upright.

    Attributes:
        rgb: [H,W,3] in the picture's own colour space; uint8, or uint16 with more than 8 bits a channel.
        alpha: [H,W] of an already transparent picture, in the same dtype, otherwise None; rgb is straight.
        srgb: uint8[H,W,3] as the network sees it; the same array as ``rgb`` when nothing is to be converted.
        icc: the profile that ``rgb`` is in, or None for sRGB.
        dpi: dots per inch across and down, when told.
        exif: EXIF data to keep (no orientation, no place), from its TIFF header on.
        notes: what a person should know, such as ``first of 12 frames``.
    """

    rgb: Levels
    alpha: Levels | None
    srgb: UInt8
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()


def probe(data: bytes | memoryview, limits: PictureLimits) -> Header:
    """The header of a picture; nothing is decoded.

    Raises:
        PictureError: no picture of a format that is read, over a limit, or its header is not all there.
    """
    raw = bytes(data)
    with _decoding(raw, limits) as image:
        return _header(image, raw, limits)


def read(data: bytes | memoryview, limits: PictureLimits) -> Picture:
    """The whole picture, or an error: a half copied, zero-filled or damaged one never comes out.

    Raises:
        PictureError: its kind and message say what is wrong.
    """
    raw = bytes(data)
    with _decoding(raw, limits) as image:
        header = _header(image, raw, limits)
        containers.check(header.format, raw)
        exif = _exif(image, raw, header.format)
        icc = image.info.get("icc_profile") or None
        decoded = _decode(image, raw, header.format, icc)
        if decoded.colour.shape[:2] not in {
            (header.height, header.width),
            (header.upright_height, header.upright_width),
        }:
            raise corrupt("its size is not what its header says")
        turn = (
            1 if header.format == "tiff" else metadata.orientation(exif)
        )  # TIFF decoders turn by themselves
        rgb, alpha, srgb, icc, notes = pixels.finish(decoded, icc, turn)
    if header.frames > 1:
        notes = (f"first of {header.frames} frames", *notes)
    return Picture(
        rgb, alpha, srgb, icc, metadata.resolution(image.info.get("dpi")), metadata.kept_exif(exif), notes
    )


def _decode(image: ImageFile.ImageFile, raw: bytes, format: str, icc: bytes | None) -> pixels.Decoded:  # noqa: A002
    if format == "jpeg":
        stream = jpeg.check(raw)
        fast = None if stream.components == 1 and icc else jpeg.decode(raw, stream)
        if fast is not None:
            return pixels.Decoded(fast, "RGB")
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        containers.refuse_short(raw, _pieces(tags), coded=tags.get(_COMPRESSION, 1) != 1)
        if _is_deep(image, raw):
            return pixels.decode_deep(
                raw, photometric=tags.get(_PHOTOMETRIC, 0), extra=tags.get(_EXTRA, (0,))[0]
            )
    elif _is_deep(image, raw):
        return pixels.decode_deep(raw)
    return pixels.decode_with_pillow(image)


@contextmanager
def _decoding(raw: bytes, limits: PictureLimits) -> Iterator[ImageFile.ImageFile]:
    """The opened picture; whatever its decoder raises meanwhile comes out as a `PictureError`."""
    format = _admit(raw, limits)  # noqa: A001 - the field's name
    bomb_limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = None  # our own limit stands in its place, said in our own words
        try:
            with Image.open(io.BytesIO(raw), formats=_PILLOW_FORMATS[format]) as image:
                yield image
        except (PictureError, MemoryError):
            raise
        except Exception as error:
            raise _explain(raw, format, error) from error
        finally:
            Image.MAX_IMAGE_PIXELS = bomb_limit


def _admit(raw: bytes, limits: PictureLimits) -> str:
    """The format of bytes that may be opened at all."""
    if not raw:
        raise PictureError("empty", "the file is empty: copy it again")
    if len(raw) > limits.max_megabytes * 1e6:
        raise PictureError(
            "too_large",
            f"the file has {len(raw) / 1e6:.0f} MB, the limit is {limits.max_megabytes:g}: "
            "make it smaller or raise max_megabytes",
        )
    found = sniff(raw[:HEAD])
    if found in READABLE:
        return found
    if _is_beginning(raw):
        raise truncated("little more than its beginning is there")
    raise unsupported(f"this is {NAMES[found]}" if found in NAMES else "this is not a picture")


def _is_beginning(raw: bytes) -> bool:
    """Whether these bytes, zeros at their end aside, are the first few of a format that is read, or none."""
    start = raw[: len(raw) - trailing_zeros(raw)]
    return len(start) < _SHORTEST and any(start.startswith(magic[: len(start)]) for magic in _STARTS)


def _explain(raw: bytes, format: str, error: Exception) -> PictureError:  # noqa: A002
    """Whose fault a decoder's complaint is: of a copy that is not whole, or of damage inside."""
    try:
        containers.check(format, raw)
        if format == "jpeg":
            jpeg.walk(raw)
    except PictureError as better:
        return better
    except (struct.error, IndexError):
        return truncated("its header is not all there")
    if trailing_zeros(raw) >= _ZERO_TAIL:
        return truncated("it ends in zeros")
    if format == "tiff" and containers.points_outside(raw):
        return truncated("the data ends too early")
    cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
    return truncated("the data ends too early") if cut else corrupt("it cannot be decoded")


def _header(image: ImageFile.ImageFile, raw: bytes, limits: PictureLimits) -> Header:
    format = sniff(raw[:HEAD]) or ""  # noqa: A001
    width, height = image.size
    megapixels = width * height / 1e6
    if megapixels > limits.max_megapixels:
        raise PictureError(
            "too_large",
            f"{width} x {height} px are {megapixels:.0f} megapixels, the limit is {limits.max_megapixels:g}: "
            "make it smaller or raise max_megapixels",
        )
    if isinstance(image, TiffImageFile):
        _refuse_raw(image)
        stored = (width, height) if image.tag_v2.get(metadata.ORIENTATION, 1) < _SIDEWAYS else (height, width)
        upright = (width, height)
    else:
        stored = (width, height)
        sideways = metadata.orientation(_exif(image, raw, format)) >= _SIDEWAYS
        upright = (height, width) if sideways else stored
    frames = 1 if format == "jpeg" else int(getattr(image, "n_frames", 1))
    return Header(format, *stored, *upright, frames, image.mode)


def _refuse_raw(image: TiffImageFile) -> None:
    """A camera's raw file looks like a TIFF; what stands first in it is a thumbnail."""
    if _DNG in image.tag_v2 or image.tag_v2.get(_SUBFILE, 0) & 1:
        raise unsupported("this is a camera raw file")


def _exif(image: ImageFile.ImageFile, raw: bytes, format: str) -> Image.Exif:  # noqa: A002
    if format == "png":  # Pillow would decode all pixels to look for it behind them
        return metadata.load_exif(png.exif(raw) or b"")
    try:
        return image.getexif()
    except Exception:  # noqa: BLE001 - damaged metadata is no metadata
        return Image.Exif()


def _pieces(tags: ImageFileDirectory_v2) -> list[tuple[int, int]]:
    """Where a TIFF's pixel data lie: (offset, length) of each strip or tile."""
    offsets, lengths = (tags.get(strip, tags.get(tile, ())) for strip, tile in ((273, 324), (279, 325)))
    return list(zip(_numbers(offsets), _numbers(lengths), strict=False))


def _numbers(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _is_deep(image: ImageFile.ImageFile, raw: bytes) -> bool:
    """Whether the picture holds 16 bits a channel."""
    if isinstance(image, TiffImageFile):
        return max(_numbers(image.tag_v2.get(_BITS, 1))) == _DEEP
    return raw.startswith(png.SIGNATURE) and raw[24] == _DEEP
