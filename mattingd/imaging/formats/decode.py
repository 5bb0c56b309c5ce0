"""From a file's bytes to a picture: limits first, then wholeness, then pixels, upright, with what goes along.

Knows formats and modes. Must not know where the bytes came from or what becomes of the picture. No decoder's
warning is lost or shown: what matters is an error or a note.
"""

import io
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from mattingd.domain.jobs import PictureLimits
from mattingd.imaging.formats import heif, integrity, isobmff, jpeg, metadata, pixels, png, psd, tiff16
from mattingd.imaging.formats import raw as raw_module
from mattingd.imaging.formats.errors import (
    Kind,
    PictureError,
    corrupt,
    is_out_of_memory,
    truncated,
    unsupported,
)
from mattingd.imaging.formats.pixels import Decoded
from mattingd.imaging.formats.sniff import HEAD, NAMES, READABLE, sniff, trailing_zeros
from mattingd.imaging.matting.tiles import Levels, UInt8

__all__ = ["Header", "Kind", "Picture", "PictureError", "probe", "read"]

_ZERO_TAIL = 64  # bytes; when decoding failed anyway, so many zeros at the end say why
_BYTES_A_PIXEL = 32  # of a file; more are not pixels but layers, or film: they take memory all the same
_DEEP = 16  # bits a channel
_SIDEWAYS = 5  # from this orientation on width and height change places
_COMPRESSION = 259  # a tag of TIFF
_TURNED = frozenset({"tiff", "heic"})  # their decoders turn by themselves
_TIFF_STARTS = (b"II\x2a\x00", b"MM\x00\x2a")
_PILLOW_FORMATS = {name: (name.upper(),) for name in READABLE} | {"jpeg": ("JPEG", "MPO"), "heic": ("HEIF",)}
_STARTS = (b"\xff\xd8\xff", png.SIGNATURE, b"RIFF", b"GIF8", b"II\x2a\x00", b"MM\x00\x2a", b"BM", b"8BPS")
_BRAND = 12  # bytes of a file made of boxes that tell what it is
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
    bits: int = 8
    """A channel, as far as more than 8 are kept: 8, 10, 12 or 16."""

    size: int = 0
    """Of the file, in bytes."""

    @property
    def room(self) -> int:
        """Pixels of the memory budget that it takes: those of more than 8 bits count twice."""
        pixels = self.width * self.height * (1 if self.bits <= 8 else 2)  # noqa: PLR2004
        return max(pixels, self.size // _BYTES_A_PIXEL)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture, upright.

    Attributes:
        rgb: [H,W,3] in the picture's own colour space; uint8, or uint16 with more than 8 bits a channel.
        alpha: [H,W] of an already transparent picture, in the same dtype, otherwise None; rgb is straight.
        srgb: uint8[H,W,3] as the network sees it; the same array as ``rgb`` when nothing is to be converted.
        icc: the profile that ``rgb`` is in, or None for sRGB.
        dpi: dots per inch across and down, when told.
        exif: EXIF data worth keeping (no orientation), from its TIFF header on.
        xmp: its XMP packet as it is.
        notes: what a person should know, such as ``first of 12 frames``.
    """

    rgb: Levels
    alpha: Levels | None
    srgb: UInt8
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A picture whose header was read: what it says, what it carries, and how its pixels are had."""

    header: Header
    decode: Callable[[], Decoded]
    exif: Image.Exif
    turn: int = 1
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: object = None
    notes: tuple[str, ...] = ()


def probe(data: bytes | memoryview, limits: PictureLimits) -> Header:
    """The header of a picture; nothing is decoded.

    Raises:
        PictureError: no picture of a format that is read, over a limit, or its header is not all there.
    """
    with _opened(bytes(data), limits) as opened:
        return opened.header


def read(data: bytes | memoryview, limits: PictureLimits) -> Picture:
    """The whole picture, or an error: a half copied, zero-filled or damaged one never comes out.

    Raises:
        PictureError: its kind and message say what is wrong.
    """
    raw = bytes(data)
    with _opened(raw, limits) as opened:
        header = opened.header
        integrity.check(header.format, raw)
        decoded = opened.decode()
        if decoded.colour.shape[:2] not in {
            (header.height, header.width),
            (header.upright_height, header.upright_width),
        }:
            raise corrupt("its size is not what its header says")
        rgb, alpha, srgb, icc, notes = pixels.finish(decoded, opened.icc, opened.turn)
    dpi = metadata.resolution(opened.dpi) or metadata.resolution_of(opened.exif)
    exif = metadata.kept_exif(opened.exif, place=True)
    return Picture(rgb, alpha, srgb, icc, dpi, exif, opened.xmp, (*opened.notes, *notes))


@contextmanager
def _opened(raw: bytes, limits: PictureLimits) -> Iterator[_Opened]:
    """The opened picture, its limits held; whatever its decoder raises comes out as a `PictureError`."""
    format = _admit(raw, limits)  # noqa: A001 - the field's name
    with _explained(raw, format), _OPENERS.get(format, _with_pillow)(raw, format) as opened:
        _refuse_large(opened.header, limits)
        yield opened


@contextmanager
def _explained(raw: bytes, format: str) -> Iterator[None]:  # noqa: A002
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (PictureError, MemoryError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError from error
            raise _explain(raw, format, error) from error


# --- one opener for each family of formats ---


@contextmanager
def _with_pillow(raw: bytes, format: str) -> Iterator[_Opened]:  # noqa: A002
    bomb_limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # our own limit stands in its place, said in our own words
    try:
        with Image.open(io.BytesIO(raw), formats=_PILLOW_FORMATS[format]) as image:
            yield _of_pillow(image, raw, format)
    finally:
        Image.MAX_IMAGE_PIXELS = bomb_limit


def _of_pillow(image: ImageFile.ImageFile, raw: bytes, format: str) -> _Opened:  # noqa: A002
    exif = _exif(image, raw, format)
    turn = 1 if format in _TURNED else metadata.orientation(exif)
    width, height = image.size
    sideways = turn >= _SIDEWAYS
    upright = (height, width) if sideways else (width, height)
    stored = (width, height)
    if isinstance(image, TiffImageFile):  # Pillow tells its size upright
        stored = (width, height) if image.tag_v2.get(metadata.ORIENTATION, 1) < _SIDEWAYS else (height, width)
    frames = 1 if format == "jpeg" else int(getattr(image, "n_frames", 1))
    bits = _bits(image, raw, format)
    header = Header(format, *stored, *upright, frames, image.mode, bits, len(raw))
    icc, notes = image.info.get("icc_profile") or None, _of_frames(header)
    if icc is None and format in ("avif", "heic"):
        icc, more = heif.named_profile(raw)
        notes += more
    return _Opened(
        header,
        lambda: _decode(image, raw, header, icc),
        exif,
        turn,
        icc,
        image.info.get("xmp"),
        image.info.get("dpi"),
        notes,
    )


def _of_frames(header: Header) -> tuple[str, ...]:
    if header.frames == 1:
        return ()
    if header.format == "heic":
        return (f"the main one of {header.frames} pictures in it",)
    return (f"first of {header.frames} frames",)


@contextmanager
def _with_photoshop(raw: bytes, format: str) -> Iterator[_Opened]:  # noqa: A002
    found = psd.walk(raw)
    size = found.width, found.height
    header = Header(format, *size, *size, 1, found.name, found.depth, len(raw))
    exif = metadata.load_exif(found.exif)
    yield _Opened(header, lambda: psd.decode(raw), exif, icc=found.icc, xmp=found.xmp, dpi=found.dpi)


@contextmanager
def _with_camera(raw: bytes, format: str) -> Iterator[_Opened]:  # noqa: A002
    with raw_module.opened(raw) as found:
        header = Header(format, *found.size, *found.size, 1, "RGB", _DEEP, len(raw))
        exif = metadata.load_exif(raw) if raw[:4] in _TIFF_STARTS else Image.Exif()
        yield _Opened(header, found.develop, exif, notes=("developed from a camera raw file",))


@contextmanager
def _with_tiff(raw: bytes, format: str) -> Iterator[_Opened]:  # noqa: A002
    found = tiff16.DeepTiff(raw)
    if found.bits > _DEEP:
        raise unsupported(f"this is a TIFF of {found.bits} bits a channel")
    if found.bits < _DEEP:
        with _with_pillow(raw, format) as opened:
            yield opened
        return
    exif = metadata.load_exif(raw) if raw[:4] in _TIFF_STARTS else Image.Exif()
    turn, size = metadata.orientation(exif), found.size
    upright = size[::-1] if turn >= _SIDEWAYS else size
    header = Header(format, *size, *upright, found.frames, found.mode, _DEEP, len(raw))
    yield _Opened(header, found.decode, exif, turn, found.icc, found.xmp, notes=_of_frames(header))


_OPENERS = {"tiff": _with_tiff, "psd": _with_photoshop, "raw": _with_camera}


def _decode(image: ImageFile.ImageFile, raw: bytes, header: Header, icc: bytes | None) -> Decoded:
    if header.format == "jpeg":
        stream = jpeg.check(raw)
        fast = None if stream.components == 1 and icc else jpeg.decode(raw, stream)
        if fast is not None:
            return Decoded(fast, "RGB")
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        integrity.refuse_short(raw, _pieces(tags), coded=tags.get(_COMPRESSION, 1) != 1)
    elif header.bits > 8:  # noqa: PLR2004
        match header.format:
            case "avif":
                return heif.decode_avif(raw, header.bits)
            case "heic":
                return heif.decode_heic(raw)
            case _:
                return pixels.decode_deep_png(raw)
    return pixels.decode_with_pillow(image)


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
    if found == "tiff" and raw_module.is_raw_tiff(raw):
        return "raw"
    if found in READABLE:
        return found
    if _is_beginning(raw):
        raise truncated("little more than its beginning is there")
    raise unsupported(f"this is {NAMES[found]}" if found in NAMES else "this is not a picture")


def _is_beginning(raw: bytes) -> bool:
    """Whether these bytes, zeros at their end aside, are the first few of a format that is read, or none."""
    start = raw[: len(raw) - trailing_zeros(raw)]
    boxed = start[:3] == bytes(3) and len(start) < _BRAND and b"ftyp".startswith(start[4:8])
    known = any(start.startswith(magic[: len(start)]) for magic in _STARTS)
    return len(start) < _SHORTEST and (boxed or known)


def _explain(raw: bytes, format: str, error: Exception) -> PictureError:  # noqa: A002
    """Whose fault a decoder's complaint is: of a copy that is not whole, or of damage inside."""
    try:
        integrity.check(format, raw)
        if format == "jpeg" and (bits := jpeg.walk(raw).bits) != 8:  # noqa: PLR2004
            return unsupported(f"this is a JPEG of {bits} bits a channel")
    except PictureError as better:
        return better
    except (struct.error, IndexError):
        return truncated("its header is not all there")
    if trailing_zeros(raw) >= _ZERO_TAIL:
        return truncated("it ends in zeros")
    if format == "tiff" and integrity.points_outside(raw):
        return truncated("the data ends too early")
    cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
    return truncated("the data ends too early") if cut else corrupt("it cannot be decoded")


def _refuse_large(header: Header, limits: PictureLimits) -> None:
    width, height = header.width, header.height
    megapixels = width * height / 1e6
    if megapixels > limits.max_megapixels:
        raise PictureError(
            "too_large",
            f"{width} x {height} px are {megapixels:.0f} megapixels, the limit is {limits.max_megapixels:g}: "
            "make it smaller or raise max_megapixels",
        )


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


def _bits(image: ImageFile.ImageFile, raw: bytes, format: str) -> int:  # noqa: A002
    """Bits a channel; 8 for everything that Pillow decodes without a loss."""
    if format == "png":
        return _DEEP if raw[24] == _DEEP else 8
    if format == "avif":
        return isobmff.depth_of_av1(raw)
    return int(image.info.get("bit_depth", 8))
