"""From a file's bytes to a picture: limits first, then wholeness, then pixels, upright, with what goes along.

Knows formats and modes. Must not know where the bytes came from or what becomes of the picture. No decoder's
warning is lost or shown: what matters is an error or a note.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mattingd.domain.jobs import PictureLimits
from mattingd.imaging.formats import further, integrity, metadata, pixels, png
from mattingd.imaging.formats import raw as raw_module
from mattingd.imaging.formats.errors import (
    Kind,
    PictureError,
    corrupt,
    is_out_of_memory,
    truncated,
    unsupported,
)
from mattingd.imaging.formats.openers import Header, Opened, opened
from mattingd.imaging.formats.sniff import HEAD, NAMES, READABLE, sniff, trailing_zeros
from mattingd.imaging.formats.structure import jpeg_stream
from mattingd.imaging.formats.structure.tiff_tags import directories, part_of
from mattingd.imaging.matting.tiles import Levels, UInt8

__all__ = ["Header", "Kind", "Picture", "PictureError", "probe", "read"]

_UNUSED_ALPHA = frozenset({"bmp", "tga"})
"""Formats in which a fourth channel of zeros holds nothing; other programs take such pictures as opaque."""
_ZERO_TAIL = 64  # bytes; when decoding failed anyway, so many zeros at the end say why
_STARTS = (
    b"\xff\xd8\xff",
    png.SIGNATURE,
    b"RIFF",
    b"GIF8",
    b"II\x2a\x00",
    b"MM\x00\x2a",
    b"BM",
    b"8BPS",
    b"P5",
    b"P6",
)
_BRAND = 12  # bytes of a file made of boxes that tell what it is
_SHORTEST = 18  # bytes that tell any format from any other


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
        doubts: why somebody should look at it, such as an end marker that is missing; not among the notes.
    """

    rgb: Levels
    alpha: Levels | None
    srgb: UInt8
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def is_cut_out(self) -> bool:
        """Whether it came cut out already."""
        return pixels.is_cut_out(self.alpha)


def probe(data: bytes | memoryview, limits: PictureLimits) -> Header:
    """The header of a picture; nothing is decoded.

    Raises:
        PictureError: no picture of a format that is read, over a limit, or its header is not all there.
    """
    with _opened(bytes(data), limits) as found:
        return found.header


def read(data: bytes | memoryview, limits: PictureLimits) -> Picture:
    """The whole picture, or an error: a half copied, zero-filled or damaged one never comes out.

    Raises:
        PictureError: its kind and message say what is wrong.
    """
    raw = bytes(data)
    with _opened(raw, limits) as found:
        whole, doubts = integrity.whole(found.header.format, raw)
        if whole is raw:
            return _picture(found, doubts)
    with _opened(whole, limits) as found:
        return _picture(found, doubts)


def _picture(found: Opened, doubts: tuple[str, ...]) -> Picture:
    """What was opened, decoded, with what goes along."""
    header, decoded = found.header, found.decode()
    if decoded.colour.shape[:2] not in {
        (header.height, header.width),
        (header.upright_height, header.upright_width),
    }:
        raise corrupt("its size is not what its header says")
    if header.format in _UNUSED_ALPHA and decoded.alpha is not None and not decoded.alpha.any():
        decoded = replace(decoded, alpha=None)
    rgb, alpha, srgb, icc, notes = pixels.finish(decoded, found.icc, found.turn)
    if rgb.shape[2:] != (3,) or srgb.shape != rgb.shape:
        raise corrupt("its colours cannot be told")
    dpi = metadata.resolution(found.dpi) or metadata.resolution_of(found.exif)
    exif = metadata.kept_exif(found.exif, place=True)
    return Picture(
        rgb, alpha, srgb, icc, dpi, exif, found.xmp, (*found.notes, *notes), (*doubts, *decoded.doubts)
    )


@contextmanager
def _opened(raw: bytes, limits: PictureLimits) -> Iterator[Opened]:
    """The opened picture, its limits held; whatever its decoder raises comes out as a `PictureError`."""
    format = _admit(raw, limits)  # noqa: A001 - the field's name
    with _explained(raw, format), opened(raw, format) as found:
        _refuse_large(found.header, limits)
        yield found


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
        integrity.whole(format, raw)
        if format == "jpeg" and (bits := jpeg_stream.follow(raw).bits) != 8:  # noqa: PLR2004
            return unsupported(f"this is a JPEG of {bits} bits a channel")
        if format == "jxl":
            further.check_jxl(raw)
    except PictureError as better:
        return better
    except (struct.error, IndexError):
        return truncated("its header is not all there")
    if trailing_zeros(raw) >= _ZERO_TAIL:
        return truncated("it ends in zeros")
    if format == "tiff" and any(page.reach > len(raw) for page in directories(part_of(raw))):
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
