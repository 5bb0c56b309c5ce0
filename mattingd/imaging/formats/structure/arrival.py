"""Decide by its structure whether a file in a hot folder looks unfinished.

Reads as little as possible: ends, headers, and the rest only if needed. The answer delays a file but never
fails one. Standard library only: the main process's scanners import it.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from mattingd.domain.reasons import Reason
from mattingd.imaging.formats import isobmff
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.formats.sniff import HEAD, READABLE, sniff, trailing_zeros
from mattingd.imaging.formats.structure import gif_blocks, jp2_stream, jpeg_stream, tiff_tags
from mattingd.imaging.formats.structure.bmp_header import layout
from mattingd.imaging.formats.structure.holes import PAGE, meaning
from mattingd.imaging.formats.structure.plain_headers import netpbm, targa
from mattingd.imaging.formats.structure.tiff_tags import Part

TAIL = 65536
"""Bytes from the end of a file that are looked at first."""

_START = 64  # bytes
_STEP = 1 << 20
_WALKED = 1 << 27  # bytes of a file that is read whole to find its end; larger: decoding decides
_MOST_META = 1 << 24
_PNG_END = b"IEND\xae\x42\x60\x82"
_NO_END = Reason.of("no_end")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Why a file looks unfinished, as a code of `words`."""

    why: Reason
    decoder_knows: bool = False
    """Whether only decoding can tell if anything of the picture is missing."""


class _File:
    """A file of this size, read in parts."""

    def __init__(self, size: int, part: Part) -> None:
        self.size = size
        self.part = part

    @cached_property
    def head(self) -> bytes:
        return self.part(0, HEAD)

    @cached_property
    def tail(self) -> bytes:
        return self.part(max(0, self.size - TAIL), TAIL)

    @cached_property
    def zeros_from(self) -> int:
        """Return where the zeros at the end of the file start; its size when there are none."""
        end = self.size
        while end > 0:
            start = max(0, end - _STEP)
            zeros = trailing_zeros(self.part(start, end - start))
            end -= zeros
            if end > start:
                break
        return end

    def number(self, code: str, at: int) -> int:
        """Return the number at ``at``; a very large one when the file ends before it."""
        length = struct.calcsize(code)
        found = self.part(at, length)
        return int(struct.unpack(code, found)[0]) if len(found) == length else 1 << 40

    def hole(self, first: int, end: int, stride: int = 0) -> Unfinished | None:
        """Whether the data from ``first`` to ``end`` end in a hole, or are incomplete."""
        if end > self.size:
            return _short(end, self.size, decoder_knows=False)
        kind = meaning(self.zeros_from, first, end, stride, self.part)
        if kind == "data":
            return None
        kilobytes = max(1, (end - self.zeros_from) // 1024)
        return Unfinished(Reason.of("last_kb_zeros", kb=kilobytes), decoder_knows=kind == "either")


def _short(end: int, size: int, *, decoder_knows: bool = True) -> Unfinished:
    return Unfinished(Reason.of("bytes_announced", needed=end, there=size), decoder_knows)


def unfinished(size: int, part: Part) -> Unfinished | None:
    """Return why a file of ``size`` bytes looks unfinished; None when it looks complete."""
    if size == 0:
        return Unfinished(Reason.of("empty_file"))
    file = _File(size, part)
    if not any(file.head[:_START]):
        return Unfinished(Reason.of("begins_with_zeros"))
    found = sniff(file.head)
    return _CHECKS[found](file) if found in READABLE and found in _CHECKS else file.hole(0, size)


def _marked(file: _File, whole: Callable[[bytes], bool], *, shows: bool) -> Unfinished | None:
    """Check a format with an end marker, by its tail or by walking the whole file."""
    preallocated = file.size - file.zeros_from >= PAGE
    if shows and not preallocated:
        return None
    if file.size > _WALKED or whole(file.part(0, file.size)):
        return None
    return file.hole(0, file.size) if preallocated else Unfinished(_NO_END, decoder_knows=True)


def _jpeg(file: _File) -> Unfinished | None:
    def has_an_end(data: bytes) -> bool:
        stream = jpeg_stream.follow(data)
        return stream.trouble is None or stream.trouble.kind == "corrupt"

    return _marked(file, has_an_end, shows=b"\xff\xd9" in file.tail)


def _png(file: _File) -> Unfinished | None:
    if _PNG_END in file.tail:
        return None
    at = 8
    while at + 12 <= file.size:
        length, kind = struct.unpack(">I4s", file.part(at, 8))
        if kind == b"IEND":
            return None
        at += 12 + length
    return file.hole(0, file.size) or Unfinished(_NO_END, decoder_knows=True)


def _gif(file: _File) -> Unfinished | None:
    return _marked(file, lambda data: gif_blocks.walk(data)[0] is not None, shows=file.tail.endswith(b"\x3b"))


def _webp(file: _File) -> Unfinished | None:
    """Check a WebP. Flat surfaces may be coded as zeros; only the decoder can tell."""
    found = file.hole(0, file.number("<I", 4) + 8)
    return found and replace(found, decoder_knows=found.why.code == "last_kb_zeros")


def _bmp(file: _File) -> Unfinished | None:
    found = layout(file.head)
    if found is None:
        return Unfinished(Reason.of("header_cut"))
    return file.hole(found.start, found.start + found.length, found.stride)


def _tiff(file: _File) -> Unfinished | None:
    found = list(tiff_tags.directories(file.part, below=True))
    if not found:
        return Unfinished(Reason.of("directory_missing"))
    pieces = [(piece, each.stride) for each in found for piece in each.pieces]
    reach = max(each.reach for each in found)
    if not pieces:
        return _short(reach, file.size) if reach > file.size else file.hole(0, file.size)
    end = max(offset + length for (offset, length), _ in pieces)
    last, stride = max(pieces, key=lambda piece: sum(piece[0]))
    first = min(offset for (offset, _), of in pieces if of == stride)
    hole = file.hole(min(first, last[0]), end, stride)
    return hole or (_short(reach, file.size) if reach > file.size else None)


def _boxes(file: _File) -> Unfinished | None:
    """Check consecutive boxes; if a picture's data are located, what follows them is not examined."""
    at, needed = 0, 0
    while at + 16 <= file.size:
        size, kind, large = struct.unpack(">I4sQ", file.part(at, 16))
        head = 16 if size == 1 else 8
        end = file.size if size == 0 else at + max(head, large if size == 1 else size)
        if kind == b"meta" and end <= min(file.size, _MOST_META):
            needed = isobmff.data_end(file.part(0, end), isobmff.Box(kind, at + head, end))
        if kind == b"jp2c":
            needed = end
        if needed and needed <= at:
            break
        if not any(kind):
            return Unfinished(Reason.of("part_zeros"))
        at = end
    return file.hole(0, needed or at)


def _psd(file: _File) -> Unfinished | None:
    """Check palette, resources, layers and merged picture."""
    at, large = 26, file.head[4:6] == b"\0\2"
    for code in (">I", ">I", ">Q" if large else ">I"):
        at += struct.calcsize(code) + file.number(code, at)
        if at + 2 > file.size:
            return file.hole(0, at + 2)
    channels, height, width, depth = struct.unpack_from(">H2IH", file.head, 12)
    rows, width_of_length = channels * height, 4 if large else 2
    coding, start, stride = file.part(at, 2), at + 2, (width * depth + 7) // 8
    if coding == b"\0\0":
        return file.hole(start, start + rows * stride, stride)
    lengths = file.part(start, rows * width_of_length) if coding == b"\0\1" else b""
    if len(lengths) < rows * width_of_length:
        return file.hole(0, start + rows * width_of_length if coding == b"\0\1" else file.size)
    packed = sum(struct.unpack(f">{rows}{'I' if large else 'H'}", lengths))
    return file.hole(start, start + len(lengths) + packed)


def _netpbm(file: _File) -> Unfinished | None:
    found = netpbm(file.head)
    return file.hole(found.start, found.end, found.stride) if found else None


def _targa(file: _File) -> Unfinished | None:
    found = targa(file.head)
    return file.hole(found.start, found.end, found.stride) if found.stride else file.hole(0, file.size)


def _jp2(file: _File) -> Unfinished | None:
    if file.head[4:8] == b"jP  ":
        return _boxes(file)
    return _marked(file, lambda data: jp2_stream.end_of(data) > 0, shows=b"\xff\xd9" in file.tail)


def _raw(file: _File) -> Unfinished | None:
    if file.head[4:8] == b"ftyp":
        return _boxes(file)
    return _tiff(file) if file.head[:2] in (b"II", b"MM") else file.hole(0, file.size)


def _carefully(check: Callable[[_File], Unfinished | None]) -> Callable[[_File], Unfinished | None]:
    """Ignore nonsense in a file: the decoder will report it."""

    def found(file: _File) -> Unfinished | None:
        try:
            return check(file)
        except (PictureError, struct.error, IndexError, OverflowError, MemoryError):
            return file.hole(0, file.size)

    return found


_CHECKS = {
    name: _carefully(check)
    for name, check in {
        "jpeg": _jpeg,
        "png": _png,
        "gif": _gif,
        "webp": _webp,
        "bmp": _bmp,
        "tiff": _tiff,
        "avif": _boxes,
        "heic": _boxes,
        "psd": _psd,
        "raw": _raw,
        "jp2": _jp2,
        "pnm": _netpbm,
        "tga": _targa,
    }.items()
}
