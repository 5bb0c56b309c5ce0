"""Decode the merged picture that Photoshop documents (PSD, PSB) store beside the layers.

Knows Adobe's *Photoshop File Formats Specification*. Must not know profiles, limits or what happens to the
picture. Layers are not composited: a document saved without the merged picture is refused with advice.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.formats.errors import PictureError, corrupt, truncated, unsupported
from mattingd.imaging.formats.integrity import refuse_short
from mattingd.imaging.formats.pixels import Decoded
from mattingd.imaging.formats.sniff import trailing_zeros
from mattingd.imaging.matting.tiles import Float32, Levels, UInt8, as_float32, as_levels, as_uint8, whole_of

_BITMAP, _GREY, _INDEXED, _RGB, _CMYK, _DUOTONE, _LAB = 0, 1, 2, 3, 4, 8, 9
_MODES = {_BITMAP: "L", _GREY: "L", _INDEXED: "RGB", _RGB: "RGB", _CMYK: "CMYK", _DUOTONE: "L", _LAB: "LAB"}
_PLANES = {_BITMAP: 1, _GREY: 1, _INDEXED: 1, _RGB: 3, _CMYK: 4, _DUOTONE: 1, _LAB: 3}
_SAME_LEVELS, _PACKBITS = 0, 1
_LARGE = 2  # the version of a PSB
_HEADER = 26
_HOLE = bytes(128)  # packed data never contain a longer run of equal bytes
_SLACK = 2 / 255  # of rounding
_STRIP = 1 << 18  # pixels at a time: floats need much memory
_LAB_MIDDLE = 128  # the zero of a and b
_RESOLUTION, _ICC, _TRANSPARENT_INDEX, _VERSION, _EXIF, _XMP = 1005, 1039, 1047, 1057, 1058, 1060
Piece = TypeVar("Piece", bytes, memoryview)
_LAYERS = frozenset({b"Layr", b"Lr16"})
_MERGED_ALPHA = frozenset({b"Mtrn", b"Mt16"})
_LONG_BLOCKS = frozenset(b"LMsk Lr16 Lr32 Layr Mt16 Mt32 Mtrn Alph FMsk lnk2 FEid FXid PxSD".split())


@dataclass(frozen=True, slots=True)
class Document:
    """The offsets in a document."""

    width: int
    height: int
    channels: int
    depth: int
    mode: int
    palette: bytes
    resources: dict[int, bytes]
    transparent: bool
    """Whether the first channel after the colours is the merged picture's transparency."""
    start: int
    """Offset of the merged picture's data."""
    large: bool

    @property
    def name(self) -> str:
        """The mode of its decoded pixels."""
        return _MODES[self.mode]

    @property
    def icc(self) -> bytes | None:
        """The colour profile."""
        return self.resources.get(_ICC)

    @property
    def exif(self) -> bytes:
        """From the TIFF header on; empty when there is none."""
        return self.resources.get(_EXIF, b"")

    @property
    def xmp(self) -> bytes | None:
        """The XMP packet."""
        return self.resources.get(_XMP)

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Dots per inch across and down."""
        found = self.resources.get(_RESOLUTION, b"")
        if len(found) < 12:  # noqa: PLR2004 - both numbers with their units
            return None
        across, down = struct.unpack_from(">I4xI", found)
        return across / 65536, down / 65536


def walk(data: bytes) -> Document:
    """Walk the sections up to the merged picture.

    Raises:
        PictureError: ``truncated`` when a section is incomplete, ``unsupported`` for documents that are not
            supported.
    """
    if len(data) < _HEADER + 4:
        raise truncated("header_missing")
    version, channels, height, width, depth, mode = struct.unpack_from(">4xH6xH2I2H", data)
    if not (channels and height and width and depth):
        raise truncated("header_zeros")
    large = version == _LARGE
    palette, at = _section(data, _HEADER, 4)
    block, at = _section(data, at, 4)
    resources = dict(_resources(block))
    layers, at = _section(memoryview(data), at, 8 if large else 4)  # may be most of the file: no copy
    has_alpha = channels > _PLANES.get(mode, channels) and _is_transparent(layers, large=large)
    document = Document(
        width, height, channels, depth, mode, palette, resources, has_alpha, at, large
    )  # fmt: skip
    if mode not in _MODES or depth not in (1, 8, 16) or (depth == 1) != (mode == _BITMAP):
        raise unsupported("psd_pixels")
    if resources.get(_VERSION, b"\0\0\0\0\1")[4:5] == b"\0":
        raise PictureError("unsupported", Reason.of("psd_flat"))
    if channels < _PLANES[mode]:
        raise corrupt("channel_missing")
    return document


def decode(data: bytes) -> Decoded:
    """Decode the merged picture, with straight colours.

    Raises:
        PictureError: ``truncated`` or ``corrupt``.
    """
    document = walk(data)
    doubts = _doubts(data, document)
    planes = [_plane(row_data, document) for row_data in _planes(data, document)]
    if document.mode == _INDEXED:
        return replace(_from_palette(planes[0].astype(np.uint8, copy=False), document), doubts=doubts)
    count = _PLANES[document.mode]
    colours = planes[:count]
    if document.mode == _CMYK:
        colours = [as_levels(cv2.bitwise_not(plane)) for plane in colours]  # stored as paper, not as ink
    if document.mode == _LAB:
        middle = _LAB_MIDDLE << (document.depth - 8)
        colours[1:] = [as_levels(plane ^ plane.dtype.type(middle)) for plane in colours[1:]]
    merged = colours[0] if count == 1 else as_levels(cv2.merge(colours))
    if not document.transparent:
        return Decoded(merged, _MODES[document.mode], doubts=doubts)
    if document.mode in (_RGB, _GREY):
        merged = _without_white(merged, planes[count])
    return Decoded(merged, _MODES[document.mode], planes[count], doubts=doubts)


def _doubts(data: bytes, document: Document) -> Reasons:
    """Return why a picture with uncompressed pixels needs checking."""
    if int.from_bytes(data[document.start : document.start + 2], "big") != _SAME_LEVELS:
        return ()
    stride = (document.width * document.depth + 7) // 8
    pieces = [(document.start + 2, stride * document.height * document.channels)]
    return refuse_short(data, pieces, coded=False, stride=stride)


def _section(data: Piece, at: int, width: int) -> tuple[Piece, int]:
    """Return the content of a section with a length prefix of ``width`` bytes, and its end."""
    length = int.from_bytes(data[at : at + width], "big")
    end = at + width + length
    if end > len(data):
        raise truncated("bytes_missing", needed=end, there=len(data))
    return data[at + width : end], end


def _resources(block: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 12 <= len(block) and block[at : at + 4] in (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"):
        (kind,) = struct.unpack_from(">H", block, at + 4)
        name = block[at + 6] + 1
        at += 6 + name + name % 2
        length = int.from_bytes(block[at : at + 4], "big")
        yield kind, block[at + 4 : at + 4 + length]
        at += 4 + length + length % 2


def _is_transparent(layers: memoryview, *, large: bool) -> bool:
    """Whether the merged picture has transparency: the count of layers is negative, or a block says so."""
    width = 8 if large else 4
    length = int.from_bytes(layers[:width], "big")
    if length and _count(layers, width) < 0:
        return True
    at = width + length
    at += 4 + int.from_bytes(layers[at : at + 4], "big")
    while bytes(layers[at : at + 4]) in (b"8BIM", b"8B64"):
        kind = bytes(layers[at + 4 : at + 8])
        wide = 8 if large and kind in _LONG_BLOCKS else 4
        length = int.from_bytes(layers[at + 8 : at + 8 + wide], "big")
        at += 8 + wide
        if kind in _MERGED_ALPHA or (kind in _LAYERS and _count(layers, at) < 0):
            return True
        at += length + -length % 4
    return False


def _count(layers: memoryview, at: int) -> int:
    return int.from_bytes(layers[at : at + 2], "big", signed=True)


def _planes(data: bytes, document: Document) -> Iterator[bytes]:
    """Yield the uncompressed bytes of each required channel, in order."""
    if trailing_zeros(data) >= len(data) - document.start:
        raise truncated("pixels_zeros")
    stride = (document.width * document.depth + 7) // 8
    wanted = _PLANES[document.mode] + document.transparent
    coding = int.from_bytes(data[document.start : document.start + 2], "big")
    at = document.start + 2
    if coding not in (_SAME_LEVELS, _PACKBITS):
        raise unsupported("psd_packing")
    if coding == _SAME_LEVELS:
        size = stride * document.height
        for index in range(wanted):
            yield data[at + index * size : at + (index + 1) * size]
        return
    code = ">u4" if document.large else ">u2"
    rows = document.height * document.channels
    refuse_short(data, [(at, rows * int(code[2]))], coded=True)
    lengths = np.frombuffer(data, code, rows, at).reshape(document.channels, document.height)
    at += rows * int(code[2])
    end = at + int(lengths.sum())
    refuse_short(data, [(at, end - at)], coded=True)
    if data.find(_HOLE, at, end) >= 0:
        raise truncated("holes")
    for length in lengths.sum(axis=1)[:wanted].tolist():
        yield _unpacked(data[at : at + length], stride, document.height)
        at += length


def _unpacked(packed: bytes, stride: int, height: int) -> bytes:
    """Unpack PackBits rows; Pillow reports a row of the wrong length."""
    try:
        return Image.frombytes("L", (stride, height), packed, "packbits", "L").tobytes()
    except ValueError as error:
        raise corrupt("rows_packed_wrong") from error


def _plane(found: bytes, document: Document) -> Levels:
    """Return one channel as uint8 or uint16[H,W]."""
    shape = document.height, document.width
    if document.depth == 1:
        bits = np.unpackbits(np.frombuffer(found, np.uint8).reshape(document.height, -1), axis=1)
        return as_uint8((1 - bits[:, : document.width]) * np.uint8(255))
    code: npt.DTypeLike = np.uint8 if document.depth == 8 else ">u2"  # noqa: PLR2004 - bits
    native = np.uint8 if document.depth == 8 else np.uint16  # noqa: PLR2004
    return as_levels(np.frombuffer(found, code).reshape(shape).astype(native))


def _from_palette(indices: UInt8, document: Document) -> Decoded:
    """Return the colours of a palette, and of its one transparent entry."""
    table = np.frombuffer(document.palette[:768].ljust(768, b"\0"), np.uint8).reshape(3, 256).T
    hole = document.resources.get(_TRANSPARENT_INDEX)
    alpha = None
    if hole is not None and len(hole) >= 2:  # noqa: PLR2004 - bytes of the number
        alpha = as_uint8((indices != int.from_bytes(hole[:2], "big")) * np.uint8(255))
    return Decoded(np.ascontiguousarray(table[indices]), "RGB", alpha)


def _without_white(colours: Levels, alpha: Levels) -> Levels:
    """Return straight colours: Photoshop composites the merged picture on white where it is transparent.

    Some other programs do not; then some pixels are darker than any colour on white could be.
    """
    step = max(1, _STRIP // alpha.shape[1])
    strips = [slice(top, top + step) for top in range(0, len(alpha), step)]
    if any(_is_darker_than_on_white(colours[strip], alpha[strip]) for strip in strips):
        return colours
    result = np.empty_like(colours)
    for strip in strips:
        whole = whole_of(colours)
        straight = whole - _missing(colours[strip]) / _cover(colours[strip], alpha[strip])
        result[strip] = np.rint(np.clip(straight, 0, whole)).astype(colours.dtype)
    return result


def _is_darker_than_on_white(colours: Levels, alpha: Levels) -> bool:
    limit = whole_of(colours) * (_cover(colours, alpha) + _SLACK)
    return bool((_missing(colours) > limit).any())


def _missing(colours: Levels) -> Float32:
    """Return the difference to white."""
    missing: Float32 = np.float32(whole_of(colours)) - colours
    return missing


def _cover(colours: Levels, alpha: Levels) -> Float32:
    """Return ``alpha`` as a share above 0, in the shape of ``colours``."""
    cover = np.maximum(alpha, 1).astype(np.float32) / np.float32(whole_of(alpha))
    return as_float32(cv2.cvtColor(cover, cv2.COLOR_GRAY2RGB)) if colours.ndim > alpha.ndim else cover
