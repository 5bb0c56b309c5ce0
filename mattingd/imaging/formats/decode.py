"""Decode a file's bytes to an upright picture: check limits and completeness, then decode.

Knows formats and modes. Must not know where the bytes came from or what happens to the picture. Warnings of
decoders are neither lost nor shown: they become an error or a note.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mattingd.domain.jobs import PictureLimits
from mattingd.domain.reasons import Reason, Reasons
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
from mattingd.imaging.formats.sniff import HEAD, NOT_READ, READABLE, sniff, trailing_zeros
from mattingd.imaging.formats.structure import jpeg_stream
from mattingd.imaging.formats.structure.tiff_tags import directories, part_of
from mattingd.imaging.matting.tiles import Levels, UInt8

__all__ = ["Header", "Kind", "Picture", "PictureError", "probe", "read"]

_UNUSED_ALPHA = frozenset({"bmp", "tga"})
"""Formats in which a fourth channel of zeros holds nothing; other programs take such pictures as opaque."""
_ZERO_TAIL = 64  # bytes; if decoding failed, this many zeros at the end explain why
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
_BRAND = 12  # bytes at the start of a file made of boxes that identify it
_SHORTEST = 18  # bytes that identify any format


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture, upright.

    Attributes: rgb: [H,W,3] in the picture's own colour space; uint8, or uint16 with more than 8 bits a
    channel. alpha: [H,W] of an already transparent picture, in the same dtype, otherwise None; rgb is
    straight. srgb: uint8[H,W,3] the network's view; the same array as ``rgb`` if no conversion is needed.
    icc: the profile of ``rgb``, or None for sRGB. dpi: dots per inch across and down, if known. exif: EXIF
    data worth keeping (no orientation), from its TIFF header on. xmp: its unchanged XMP packet. notes:
    remarks for the user, such as ``first of 12 frames``. doubts: why it needs checking, such as a missing end
    marker; not among the notes.
    """

    rgb: Levels
    alpha: Levels | None
    srgb: UInt8
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: Reasons = ()
    doubts: Reasons = ()

    @property
    def is_cut_out(self) -> bool:
        """Whether it was already cut out when it arrived."""
        return pixels.is_cut_out(self.alpha)


def probe(data: bytes | memoryview, limits: PictureLimits) -> Header:
    """Read the header of a picture; nothing is decoded.

    Raises:
        PictureError: no picture of a supported format, over a limit, or its header is incomplete.
    """
    with _opened(bytes(data), limits) as found:
        return found.header


def read(data: bytes | memoryview, limits: PictureLimits) -> Picture:
    """Decode a complete picture.

    A half-copied, zero-filled or damaged one raises an error.

    Raises:
        PictureError: its kind and message describe the problem.
    """
    raw = bytes(data)
    with _opened(raw, limits) as found:
        narrow = found.header.format == "png" and png.is_narrow(raw)
        whole, doubts = integrity.whole(found.header.format, raw)
        if whole is raw:
            return _picture(found, doubts, narrow=narrow)
    with _opened(whole, limits) as found:
        return _picture(found, doubts, narrow=narrow)


def _picture(found: Opened, doubts: Reasons, *, narrow: bool) -> Picture:
    """Decode an opened picture with its metadata; levels of a ``narrow`` range are stretched."""
    header, decoded = found.header, found.decode()
    if narrow:
        decoded = pixels.widened(decoded)
    if decoded.colour.shape[:2] not in {
        (header.height, header.width),
        (header.upright_height, header.upright_width),
    }:
        raise corrupt("size_differs")
    if header.format in _UNUSED_ALPHA and decoded.alpha is not None and not decoded.alpha.any():
        decoded = replace(decoded, alpha=None)
    rgb, alpha, srgb, icc, notes = pixels.finish(decoded, found.icc, found.turn)
    if rgb.shape[2:] != (3,) or srgb.shape != rgb.shape:
        raise corrupt("colours_unknown")
    dpi = metadata.resolution(found.dpi) or metadata.resolution_of(found.exif)
    exif = metadata.kept_exif(found.exif, place=True)
    return Picture(
        rgb, alpha, srgb, icc, dpi, exif, found.xmp, (*found.notes, *notes), (*doubts, *decoded.doubts)
    )


@contextmanager
def _opened(raw: bytes, limits: PictureLimits) -> Iterator[Opened]:
    """Return the opened picture within its limits; any error of its decoder becomes a `PictureError`."""
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
    """Return the format of bytes that may be opened at all."""
    if not raw:
        raise PictureError("empty", Reason.of("empty_file"))
    if len(raw) > limits.max_megabytes * 1e6:
        raise PictureError(
            "too_large",
            Reason.of("too_heavy", mb=round(len(raw) / 1e6), limit=limits.max_megabytes),
        )
    found = sniff(raw[:HEAD])
    if found == "tiff" and raw_module.is_raw_tiff(raw):
        return "raw"
    if found in READABLE:
        return found
    if _is_beginning(raw):
        raise truncated("only_beginning")
    raise unsupported(f"is_{found}" if found in NOT_READ else "no_picture")


def _is_beginning(raw: bytes) -> bool:
    """Whether these bytes, without zeros at the end, are empty or the start of a supported format."""
    start = raw[: len(raw) - trailing_zeros(raw)]
    boxed = start[:3] == bytes(3) and len(start) < _BRAND and b"ftyp".startswith(start[4:8])
    known = any(start.startswith(magic[: len(start)]) for magic in _STARTS)
    return len(start) < _SHORTEST and (boxed or known)


def _explain(raw: bytes, format: str, error: Exception) -> PictureError:  # noqa: A002
    """Decide whether a decoder's error means an incomplete copy or damage inside."""
    try:
        integrity.whole(format, raw)
        if format == "jpeg" and (bits := jpeg_stream.follow(raw).bits) != 8:  # noqa: PLR2004
            return unsupported("jpeg_bits", bits=bits)
        if format == "jxl":
            further.check_jxl(raw)
    except PictureError as better:
        return better
    except (struct.error, IndexError):
        return truncated("header_cut")
    if trailing_zeros(raw) >= _ZERO_TAIL:
        return truncated("ends_in_zeros")
    if format == "tiff" and any(page.reach > len(raw) for page in directories(part_of(raw))):
        return truncated("ends_early")
    cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
    return truncated("ends_early") if cut else corrupt("not_decoded")


def _refuse_large(header: Header, limits: PictureLimits) -> None:
    width, height = header.width, header.height
    megapixels = width * height / 1e6
    if megapixels > limits.max_megapixels:
        raise PictureError(
            "too_large",
            Reason.of(
                "too_many_pixels",
                width=width,
                height=height,
                megapixels=round(megapixels),
                limit=limits.max_megapixels,
            ),
        )
