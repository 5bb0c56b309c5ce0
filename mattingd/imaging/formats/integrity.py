"""Check that a picture file is complete by walking its container, where its decoder does not.

Knows TIFF, BMP, GIF and WebP structures; the others have modules of their own. A decoder may accept 30 % of a
raw TIFF or a BMP and take the rest for zeros. Decodes only where the structure is not enough.
"""

import io
import re
import struct
import warnings
from collections.abc import Callable, Iterable

from PIL import Image

from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.formats import isobmff, jpeg, png
from mattingd.imaging.formats.errors import NO_END, truncated
from mattingd.imaging.formats.sniff import trailing_zeros
from mattingd.imaging.formats.structure import gif_blocks, jp2_stream, tiff_tags
from mattingd.imaging.formats.structure.bmp_header import layout
from mattingd.imaging.formats.structure.holes import PAGE, meaning
from mattingd.imaging.formats.structure.tiff_tags import part_of

Whole = tuple[bytes, Reasons]
"""A file as its decoder takes it, and why somebody should look at the picture."""

_NUMBERS = re.compile(rb"(?:[\s\d]++|#[^\n]*+(?:\n|$))*+")
_STILL = frozenset({b"VP8 ", b"VP8L"})
_PIXELS = _STILL | {b"ALPH", b"ANMF"}
_SPARE = 6  # zeros at the end of a WebP to examine; complete bitstreams could spare at most 3


def whole(format: str, data: bytes) -> Whole:  # noqa: A002 - the field's name
    """Return ``data`` if the picture is complete; a missing end marker is added.

    Raises:
        PictureError: it is incomplete (mostly ``truncated``).
    """
    return _CHECKS.get(format, _as_it_is)(data)


def _as_it_is(data: bytes) -> Whole:
    return data, ()


def refuse_short(data: bytes, pieces: Iterable[tuple[int, int]], *, coded: bool, stride: int = 0) -> Reasons:
    """Check that all (offset, length) pieces of pixel data are inside ``data`` and do not end in a hole.

    Raw pixels (not ``coded``) may be black at the end: `holes.meaning` decides. If it cannot, the picture
    passes with a reason to check it. Data after the pieces is not examined.
    """
    places = list(pieces)
    end = max((offset + length for offset, length in places), default=0)
    if end > len(data):
        raise truncated("bytes_missing", needed=end, there=len(data))
    zeros = trailing_zeros(data)
    start = len(data) - zeros
    if end - start < PAGE:
        return ()
    if coded:
        raise truncated("last_bytes_zeros", bytes=end - start)
    first = min(offset for offset, _ in places)
    match meaning(start, first, end, stride, part_of(data)):
        case "hole":
            raise truncated("last_kb_zeros", kb=(end - start) // 1024)
        case "either":
            rows = (end - start) // stride
            return (Reason.of("rows_black", rows=rows),)
        case _:
            return ()


def _jpeg(data: bytes) -> Whole:
    return jpeg.whole(data)


def _boxes(data: bytes) -> Whole:
    isobmff.check(data)
    return data, ()


def _jp2(data: bytes) -> Whole:
    end = jp2_stream.end_of(data)
    return (data if end >= len(data) else data[:end]), ()


def _tiff(data: bytes) -> Whole:
    if next(tiff_tags.directories(part_of(data)), None) is None:
        raise truncated("directory_missing")
    return data, ()


def _bmp(data: bytes) -> Whole:
    found = layout(data[:64])
    if found is None:
        raise truncated("header_missing")
    pieces = [(found.start, found.length)]
    return data, refuse_short(data, pieces, coded=not found.stride, stride=found.stride)


def _netpbm(data: bytes) -> Whole:
    """Plain text ends where something else than numbers and comments begins: others take that for numbers."""
    if data[1:2] not in b"123":
        return data, ()
    numbers = _NUMBERS.match(data, 2)
    return (
        (data, ()) if numbers is None or numbers.end() == len(data) else (data[: numbers.end()] + b"\n", ())
    )


def _gif(data: bytes) -> Whole:
    end, pictures = gif_blocks.walk(data)
    if end is not None:
        return data, ()
    if not pictures:
        raise truncated("part_missing")
    return data[: pictures[0]] + gif_blocks.TRAILER, (NO_END,)


def _webp(data: bytes) -> Whole:
    announced = struct.unpack_from("<I", data, 4)[0] + 8
    if announced > len(data):
        raise truncated("bytes_announced", needed=announced, there=len(data))
    at = 12
    while at + 8 <= announced:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if not any(kind) or (end > announced and kind in _PIXELS):
            raise truncated("part_missing")
        if (
            kind in _STILL
            and trailing_zeros(data[end - _SPARE : end]) == _SPARE
            and _decodes_without(data, at, end)
        ):
            raise truncated("some_last_bytes_zeros")
        at = end + length % 2
    return data, ()


def _decodes_without(data: bytes, at: int, end: int) -> bool:
    """Whether a WebP's bitstream does not need its last bytes.

    A flat surface at the bottom of a picture is coded as zeros, too, up to hundreds of kB of them; but then
    the decoder needs them all. Zeros in place of other data are more than it needs.
    """
    kind, length = data[at : at + 4], end - at - 8 - _SPARE
    body = data[12:at] + kind + struct.pack("<I", length) + data[at + 8 : at + 8 + length] + bytes(length % 2)
    shorter = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(shorter), formats=("WEBP",)) as image:
                image.load()
        except Exception:  # noqa: BLE001 - whatever the decoder says, it needed them
            return False
    return True


_CHECKS: dict[str, Callable[[bytes], Whole]] = {
    "jpeg": _jpeg,
    "png": png.whole,
    "webp": _webp,
    "tiff": _tiff,
    "bmp": _bmp,
    "gif": _gif,
    "avif": _boxes,
    "heic": _boxes,
    "jp2": _jp2,
    "pnm": _netpbm,
}
