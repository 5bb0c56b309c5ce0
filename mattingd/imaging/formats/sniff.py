"""Recognise a file's format by its first bytes.

Knows magic numbers; uses the standard library only, since the main process and the scanners import it. Must
not know how to decode.
"""

import struct

from mattingd.imaging.formats.structure.plain_headers import is_netpbm, is_targa

HEAD = 16384
"""Bytes from the start of a file that `sniff` wants (fewer when the file is shorter)."""

READABLE: frozenset[str] = frozenset(
    {"jpeg", "png", "webp", "tiff", "bmp", "gif", "avif", "heic", "psd", "raw", "jp2", "jxl", "pnm", "tga"}
)
"""The formats, as `sniff` names them, that are read as pictures (``raw`` and ``jxl`` with their extras)."""

NOT_READ: frozenset[str] = frozenset(
    {"pdf", "eps", "svg", "exr", "xcf", "indd", "ico", "video", "archive", "html"}
)
"""The known formats that are not read; `words` has an `is_...` for each."""

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
_START = 64  # bytes
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def sniff(head: bytes) -> str | None:
    """Return the format of ``head`` (up to `HEAD` bytes), or None when no magic number matches.

    Names in `READABLE` are supported pictures; other names are known but unsupported kinds (`NAMES`).
    """
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "video"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _of_brands(head[8:12], head[16 : _unpack(">I", head, 0)])
    if head[:2] == b"BM" and _is_bmp(head):
        return "bmp"
    if head[:4] == b"II\x2a\x00":
        return "raw" if head[8:10] == b"CR" else "tiff"
    by_magic = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    return by_magic or _by_header(head)


def _by_header(head: bytes) -> str | None:
    """Recognise formats without a magic number, or with one that might be text, by their header."""
    if head[:_START].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "html"
    return "pnm" if is_netpbm(head) else "tga" if is_targa(head) else None


def _of_brands(major: bytes, others: bytes) -> str | None:
    """Return the format of a file made of boxes; a generic brand is refined by the other brands."""
    if len(major) < len(b"ftyp"):
        return None
    found = _ISO_BRANDS.get(major, "video")
    fits = {others[at : at + 4] for at in range(0, len(others), 4)}
    return "avif" if major in (b"mif1", b"msf1") and fits & {b"avif", b"avis"} else found


def _is_bmp(head: bytes) -> bool:
    return _unpack("<I", head, 14) in _BMP_HEADER_SIZES


def trailing_zeros(data: bytes | memoryview) -> int:
    """Return how many zero bytes ``data`` ends with."""
    raw = bytes(data)
    return len(raw) - len(raw.rstrip(b"\x00"))


def _unpack(code: str, data: bytes, at: int) -> int:
    """Return the number at ``at``, or a very large one when the data end before it."""
    if len(data) < at + struct.calcsize(code):
        return 1 << 40
    return int(struct.unpack_from(code, data, at)[0])
