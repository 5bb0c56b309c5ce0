"""Open a file: read its header and prepare decoding, with one opener per family of formats.

Knows the decoders. Must not know limits or what happens to the picture.
"""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.formats import (
    further,
    heif,
    integrity,
    isobmff,
    jpeg,
    metadata,
    pixels,
    png,
    psd,
    tiff_pixels,
)
from mattingd.imaging.formats import raw as raw_module
from mattingd.imaging.formats.colour.tags import colours_of
from mattingd.imaging.formats.errors import truncated
from mattingd.imaging.formats.pixels import Decoded
from mattingd.imaging.formats.sniff import HEAD, READABLE
from mattingd.imaging.formats.structure import tiff_tags
from mattingd.imaging.formats.structure.plain_headers import netpbm
from mattingd.imaging.formats.structure.tiff_tags import Directory, part_of

_BYTES_A_PIXEL = 32  # of a file; a larger rest is layers or film, which need memory all the same
_DEEP = 16  # bits per channel
_SIDEWAYS = 5  # from this orientation on, width and height are swapped
_TURNED = frozenset({"tiff", "heic"})  # their decoders rotate by themselves
_TIFF_STARTS = (b"II\x2a\x00", b"MM\x00\x2a")
_PROFILE, _XMP = 34675, 700  # tags of TIFF
_PILLOW_FORMATS = {name: (name.upper(),) for name in READABLE} | {
    "jpeg": ("JPEG", "MPO"),
    "heic": ("HEIF",),
    "jp2": ("JPEG2000",),
    "pnm": ("PPM",),
}


@dataclass(frozen=True, slots=True)
class Header:
    """A picture's header. Sizes in pixels, as stored and upright."""

    format: str
    width: int
    height: int
    upright_width: int
    upright_height: int
    frames: int
    mode: str
    bits: int = 8
    """Bits per channel, as far as more than 8 are kept: 8, 10, 12 or 16."""

    size: int = 0
    """Size of the file in bytes."""

    @property
    def room(self) -> int:
        """Pixels of the memory budget that it needs: those of more than 8 bits count twice."""
        pixels = self.width * self.height * (1 if self.bits <= 8 else 2)  # noqa: PLR2004
        return max(pixels, self.size // _BYTES_A_PIXEL)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A picture with its header read: the header, its metadata, and how to decode it."""

    header: Header
    decode: Callable[[], Decoded]
    exif: Image.Exif
    turn: int = 1
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: object = None
    notes: Reasons = ()


@contextmanager
def opened(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002 - the field's name
    """Open the picture in ``raw``; raises whatever its decoder raises."""
    with _OPENERS.get(format, _with_pillow)(raw, format) as found:
        yield found


@contextmanager
def _with_pillow(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002
    with _pillow(raw, format) as image:
        yield _of_pillow(image, raw, format)


@contextmanager
def _pillow(raw: bytes, format: str) -> Iterator[ImageFile.ImageFile]:  # noqa: A002
    bomb_limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # our own limit and message replace Pillow's
    try:
        with Image.open(io.BytesIO(raw), formats=_PILLOW_FORMATS[format]) as image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = bomb_limit


def _of_pillow(image: ImageFile.ImageFile, raw: bytes, format: str) -> Opened:  # noqa: A002
    exif = _exif(image, raw, format)
    turn = 1 if format in _TURNED else metadata.orientation(exif)
    width, height = image.size
    upright = (height, width) if turn >= _SIDEWAYS else (width, height)
    stored = (width, height)
    if isinstance(image, TiffImageFile):  # Pillow reports its size upright
        stored = (width, height) if image.tag_v2.get(metadata.ORIENTATION, 1) < _SIDEWAYS else (height, width)
    frames = 1 if format == "jpeg" else int(getattr(image, "n_frames", 1))
    header = Header(format, *stored, *upright, frames, image.mode, _bits(image, raw, format), len(raw))
    colours = colours_of(format, image.mode, raw, image.info.get("icc_profile") or None, exif)
    return Opened(
        header,
        lambda: _decode(image, raw, header, colours.icc),
        exif,
        turn,
        colours.icc,
        image.info.get("xmp"),
        image.info.get("dpi"),
        _of_frames(header) + colours.notes,
    )


def _of_frames(header: Header) -> Reasons:
    if header.frames == 1:
        return ()
    if header.format == "heic":
        return (Reason.of("main_of", frames=header.frames),)
    return (Reason.of("first_of", frames=header.frames),)


@contextmanager
def _with_photoshop(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002
    found = psd.walk(raw)
    size = found.width, found.height
    header = Header(format, *size, *size, 1, found.name, found.depth, len(raw))
    exif = metadata.load_exif(found.exif)
    icc = colours_of(format, found.name, raw, found.icc, exif).icc
    yield Opened(header, lambda: psd.decode(raw), exif, icc=icc, xmp=found.xmp, dpi=found.dpi)


@contextmanager
def _with_camera(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002
    with raw_module.opened(raw) as found:
        header = Header(format, *found.size, *found.size, 1, "RGB", _DEEP, len(raw))
        exif = metadata.load_exif(raw) if raw[:4] in _TIFF_STARTS else Image.Exif()
        yield Opened(header, found.develop, exif, notes=(Reason.of("from_raw"),))


@contextmanager
def _with_tiff(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002
    pages = list(tiff_tags.directories(part_of(raw)))
    if not pages:
        raise truncated("directory_missing")
    page = tiff_tags.largest(pages)
    notes = _of_pages(page, pages)
    if tiff_pixels.is_read_here(page):
        yield _of_tiff(raw, page, len(pages), notes)
        return
    with _pillow(raw, format) as image:
        image.seek(page.index)
        found = _of_pillow(image, raw, format)
        notes += found.notes[1:] if found.header.frames > 1 else found.notes
        yield replace(found, decode=lambda: _whole_page(raw, page, image), notes=notes)


def _whole_page(raw: bytes, page: Directory, image: ImageFile.ImageFile) -> Decoded:
    doubts = integrity.refuse_short(raw, page.pieces, coded=page.is_packed, stride=page.stride)
    return replace(pixels.decode_with_pillow(image), doubts=doubts)


def _of_tiff(raw: bytes, page: Directory, frames: int, notes: Reasons) -> Opened:
    """Open a page that Pillow cannot decode; Pillow still reads its texts and profiles."""
    classic = raw[:4] in _TIFF_STARTS
    exif = metadata.load_exif(_beginning_with(raw, page) if classic else b"")
    turn, size = metadata.orientation(exif), page.size
    upright = size[::-1] if turn >= _SIDEWAYS else size
    bits = 8 if page.bits <= 8 else _DEEP  # noqa: PLR2004
    header = Header("tiff", *size, *upright, frames, tiff_pixels.mode_of(page), bits, len(raw))
    tags = ImageFileDirectory_v2(raw[:8] if classic else raw[:16])
    with io.BytesIO(raw) as file:
        file.seek(page.offset)
        tags.load(file)
    xmp = bytes(tags.get(_XMP) or b"") or None
    colours = colours_of("tiff", header.mode, raw, tags.get(_PROFILE) or None, exif)
    notes += colours.notes
    return Opened(header, lambda: tiff_pixels.decode(raw, page), exif, turn, colours.icc, xmp, notes=notes)


def _beginning_with(raw: bytes, page: Directory) -> bytes:
    """Return the file with this page as its first."""
    if not page.index:
        return raw
    return raw[:4] + struct.pack("<I" if raw[:2] == b"II" else ">I", page.offset) + raw[8:]


def _of_pages(page: Directory, pages: list[Directory]) -> Reasons:
    """Describe a file with several pages; reduced copies of the picture do not count."""
    pictures = [each for each in pages if not each.is_small_copy] or pages
    if len(pictures) == 1:
        return ()
    if page is pictures[0]:
        return (Reason.of("first_of", frames=len(pictures)),)
    return (Reason.of("largest_of", number=page.index + 1, frames=len(pictures)),)


@contextmanager
def _with_jp2(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002
    with _pillow(raw, format) as image:
        found = _of_pillow(image, raw, format)
        header = replace(found.header, bits=_DEEP if further.bits_of_jp2(raw) > 8 else 8)  # noqa: PLR2004
        profile = found.icc or further.profile_of_jp2(raw)
        yield replace(found, header=header, icc=profile, decode=lambda: further.decode_jp2(raw, image))


@contextmanager
def _with_jxl(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002
    further.jxl_is_there()
    with _pillow(raw, format) as image:
        found = _of_pillow(image, raw, format)
        header = replace(found.header, bits=_DEEP)
        yield replace(found, header=header, turn=1, decode=lambda: further.decode_jxl(raw, image))


@contextmanager
def _with_targa(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002
    with _pillow(raw, format) as image:
        yield replace(_of_pillow(image, raw, format), decode=lambda: further.decode_targa(raw, image))


@contextmanager
def _with_netpbm(raw: bytes, format: str) -> Iterator[Opened]:  # noqa: A002
    found = netpbm(raw[:HEAD])
    if found is None:  # plain text, or bits
        with _with_pillow(raw, format) as opened:
            yield opened
        return
    size, mode = (found.width, found.height), "L" if found.channels <= 2 else "RGB"  # noqa: PLR2004
    header = Header(format, *size, *size, 1, mode, 8 if 0 < found.most <= 255 else _DEEP, len(raw))  # noqa: PLR2004
    linear = further.LINEAR_GREY if mode == "L" else further.LINEAR
    profile = None if found.most else linear
    yield Opened(header, lambda: further.decode_netpbm(raw, found), Image.Exif(), icc=profile)


_OPENERS = {
    "tiff": _with_tiff,
    "psd": _with_photoshop,
    "raw": _with_camera,
    "jp2": _with_jp2,
    "jxl": _with_jxl,
    "tga": _with_targa,
    "pnm": _with_netpbm,
}


def _decode(image: ImageFile.ImageFile, raw: bytes, header: Header, icc: bytes | None) -> Decoded:
    if header.format == "jpeg":
        fast = jpeg.decode(raw, icc)
        return replace(pixels.decode_with_pillow(image), doubts=jpeg.doubts(raw)) if fast is None else fast
    if header.bits > 8:  # noqa: PLR2004
        match header.format:
            case "avif":
                return heif.decode_avif(raw, header.bits)
            case "heic":
                return heif.decode_heic(raw)
            case _:
                return pixels.decode_deep_png(raw)
    return pixels.decode_with_pillow(image)


def _exif(image: ImageFile.ImageFile, raw: bytes, format: str) -> Image.Exif:  # noqa: A002
    if format == "png":  # Pillow would decode all pixels to search for it behind them
        return metadata.load_exif(png.content(raw, b"eXIf").get(b"eXIf", b""))
    try:
        return image.getexif()
    except Exception:  # noqa: BLE001 - damaged metadata is no metadata
        return Image.Exif()


def _bits(image: ImageFile.ImageFile, raw: bytes, format: str) -> int:  # noqa: A002
    """Return the bits per channel; 8 for everything that Pillow decodes without loss."""
    if format == "png":
        return _DEEP if raw[24] == _DEEP else 8
    if format == "avif":
        return isobmff.depth_of_av1(raw)
    return int(image.info.get("bit_depth", 8))
