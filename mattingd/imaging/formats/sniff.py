"""What the first and last bytes of a file tell: its format, and whether it looks finished.

Knows magic numbers and end markers; uses the standard library only, since the main process and
the scanners import it. Must not know how to decode: what is said here may delay a file, never fail it.
"""

import struct

HEAD = 16384
"""Bytes from the start of a file that `sniff` and `missing_end` want (fewer when the file is shorter)."""

TAIL = 65536
"""Bytes from the end of a file that `missing_end` wants."""

READABLE: frozenset[str] = frozenset(
    {"jpeg", "png", "webp", "tiff", "bmp", "gif", "avif", "heic", "psd", "raw"}
)
"""The formats, as `sniff` names them, that are read as pictures (``raw`` with the extra of this name)."""

NAMES = {
    "jp2": "a JPEG 2000 picture",
    "jxl": "a JPEG XL picture",
    "pdf": "a PDF or Illustrator document",
    "eps": "a PostScript document",
    "svg": "an SVG or XML document",
    "exr": "an OpenEXR picture",
    "xcf": "a GIMP document",
    "indd": "an InDesign document",
    "ico": "an icon",
    "video": "a video",
    "archive": "an archive",
}
"""What to call, in a message, the known formats that are not read."""

_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II\x2b\x00", "tiff"),
    (b"MM\x00\x2b", "tiff"),
    (b"MM\x00\x2a", "tiff"),
    (b"8BPS", "psd"),
    (b"%PDF", "pdf"),
    (b"%!PS", "eps"),
    (b"\xc5\xd0\xd3\xc6", "eps"),
    (b"\x00\x00\x00\x0cjP  ", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\x00\x00\x00\x0cJXL ", "jxl"),
    (b"\xff\x0a", "jxl"),
    (b"\x76\x2f\x31\x01", "exr"),
    (b"gimp xcf", "xcf"),
    (b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5", "indd"),
    (b"\x00\x00\x01\x00", "ico"),
    (b"IIRO", "raw"),
    (b"IIRS", "raw"),
    (b"MMOR", "raw"),
    (b"IIU\x00", "raw"),
    (b"FUJIFILMCCD-RAW", "raw"),
    (b"FOVb", "raw"),
    (b"PK\x03\x04", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!", "archive"),
    (b"<?xml", "svg"),
    (b"<svg", "svg"),
)
_ISO_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "heic"),
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    b"crx ": "raw",
}
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_START = 64  # bytes
_ZERO_RUN = 4096  # a page: what a preallocated, not yet written file shows at its end
_TRAILERS = (b"moov", b"mdat", b"SEFT")  # a motion photo's film, Samsung's trailer: they follow a JPEG's end


def sniff(head: bytes) -> str | None:
    """The format that ``head`` (up to `HEAD` bytes) announces, or None when nobody's magic is there.

    Names in `READABLE` are pictures we read; other names are known kinds that we do not (`NAMES`).
    """
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "video"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _of_brands(head[8:12], head[16 : _unpack(">I", head, 0)])
    if head[:2] == b"BM":
        return "bmp" if _is_bmp(head) else None
    if head[:4] == b"II\x2a\x00":
        return "raw" if head[8:10] == b"CR" else "tiff"
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def _of_brands(major: bytes, others: bytes) -> str | None:
    """What a file made of boxes says it is; who only says that it is a picture tells more in the others."""
    if len(major) < len(b"ftyp"):
        return None
    found = _ISO_BRANDS.get(major, "video")
    fits = {others[at : at + 4] for at in range(0, len(others), 4)}
    return "avif" if major in (b"mif1", b"msf1") and fits & {b"avif", b"avis"} else found


def _is_bmp(head: bytes) -> bool:
    return _unpack("<I", head, 14) in _BMP_HEADER_SIZES


def missing_end(format: str | None, head: bytes, tail: bytes, size: int) -> str | None:  # noqa: A002 - the field's name
    """Why the file looks unfinished, in a few words, or None when nothing speaks against it.

    Args:
        format: what `sniff` said about ``head``.
        head: the first `HEAD` bytes.
        tail: the last `TAIL` bytes, or the whole file when it is shorter.
        size: the file's size in bytes.

    A hint only: a picture may look unfinished for ever and yet be whole (black raw pixels at its end).
    """
    if size == 0:
        return "the file is empty"
    if not any(head[:_START]):
        return "the file begins with zeros"
    if format is None or format not in READABLE:
        return _zeros(tail, size)
    return _END_CHECKS[format](head, tail, size)


def trailing_zeros(data: bytes | memoryview) -> int:
    """How many zero bytes ``data`` ends with."""
    raw = bytes(data)
    return len(raw) - len(raw.rstrip(b"\x00"))


def _zeros(tail: bytes, size: int) -> str | None:
    count = trailing_zeros(tail)
    if count < min(_ZERO_RUN, size):
        return None
    at_least = "at least " if count == len(tail) and size > len(tail) else ""
    return f"the last {at_least}{max(1, count // 1024)} kB are zeros"


def _jpeg_end(_head: bytes, tail: bytes, size: int) -> str | None:
    if b"\xff\xd9" in tail or any(mark in tail for mark in _TRAILERS):
        return None
    return _zeros(tail, size) or "the end marker is missing"


def _png_end(_head: bytes, tail: bytes, size: int) -> str | None:
    if b"IEND\xae\x42\x60\x82" in tail:
        return None
    return _zeros(tail, size) or "the end marker is missing"


def _gif_end(_head: bytes, tail: bytes, size: int) -> str | None:
    if tail.rstrip(b"\x00").endswith(b"\x3b"):
        return None
    return _zeros(tail, size) or "the end marker is missing"


def _webp_end(head: bytes, tail: bytes, size: int) -> str | None:
    return _promised(_unpack("<I", head, 4) + 8, size) or _zeros(tail, size)


def _bmp_end(head: bytes, tail: bytes, size: int) -> str | None:
    return _promised(_unpack("<I", head, 2), size) or _zeros(tail, size)


def _tiff_end(head: bytes, tail: bytes, size: int) -> str | None:
    order = "<" if head[:2] == b"II" else ">"
    big = b"\x2b" in head[2:4]
    directory = _unpack(order + "Q", head, 8) if big else _unpack(order + "I", head, 4)
    return _promised(directory + 2, size) or _zeros(tail, size)


def _boxes_end(head: bytes, tail: bytes, size: int) -> str | None:
    """The boxes of AVIF, HEIC and CR3, as far as their beginnings are in ``head``."""
    at = 0
    while at + 16 <= len(head):
        length, kind = struct.unpack_from(">I4s", head, at)
        if not any(kind):
            return "a part of it is still zeros"
        if length == 1:
            length = _unpack(">Q", head, at + 8)
        if length == 0:  # up to the end
            break
        at += max(8, length)
    return _promised(at, size) or _zeros(tail, size)


def _psd_end(head: bytes, tail: bytes, size: int) -> str | None:
    """Palette, resources, layers, the merged picture: as far as their lengths are in ``head``."""
    at, large = 26, head[4:6] == b"\0\2"
    for code in (">I", ">I", ">Q" if large else ">I"):
        if at + struct.calcsize(code) > len(head):
            return _promised(at + 4, size) or _zeros(tail, size)
        at += struct.calcsize(code) + _unpack(code, head, at)
    channels, height, width, depth = struct.unpack_from(">H2IH", head, 12)
    rows, coding = channels * height, head[at : at + 2]
    lengths = head[at + 2 : at + 2 + rows * (4 if large else 2)]
    if coding == b"\0\0":
        at += rows * ((width * depth + 7) // 8)
    elif coding == b"\0\1" and len(lengths) == rows * (4 if large else 2):
        at += len(lengths) + sum(struct.unpack(f">{rows}{'I' if large else 'H'}", lengths))
    return _promised(at + 2, size) or _zeros(tail, size)


def _raw_end(head: bytes, tail: bytes, size: int) -> str | None:
    return _boxes_end(head, tail, size) if head[4:8] == b"ftyp" else _zeros(tail, size)


def _promised(promise: int, size: int) -> str | None:
    return f"{promise} bytes are announced, {size} are there" if promise > size else None


def _unpack(code: str, data: bytes, at: int) -> int:
    """The number at ``at``, or a very large one when the data ends before it."""
    if len(data) < at + struct.calcsize(code):
        return 1 << 40
    return int(struct.unpack_from(code, data, at)[0])


_END_CHECKS = {
    "jpeg": _jpeg_end,
    "png": _png_end,
    "gif": _gif_end,
    "webp": _webp_end,
    "bmp": _bmp_end,
    "tiff": _tiff_end,
    "avif": _boxes_end,
    "heic": _boxes_end,
    "psd": _psd_end,
    "raw": _raw_end,
}
