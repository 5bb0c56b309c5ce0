"""Whether a picture file is whole, by walking its container; for formats whose decoders do not tell.

Knows TIFF, BMP, GIF and WebP structures; the others have modules of their own. A decoder may be content with
30 % of a raw TIFF or a BMP: what is missing are zeros to it. Decodes only where structure does not tell.
"""

import io
import struct
import warnings
from collections.abc import Callable, Iterable

from PIL import Image

from mattingd.imaging.formats import isobmff, jpeg, png
from mattingd.imaging.formats.errors import NO_END, truncated
from mattingd.imaging.formats.sniff import trailing_zeros
from mattingd.imaging.formats.structure import gif_blocks, jp2_stream, tiff_tags
from mattingd.imaging.formats.structure.bmp_header import layout
from mattingd.imaging.formats.structure.holes import PAGE, meaning
from mattingd.imaging.formats.structure.tiff_tags import part_of

Whole = tuple[bytes, tuple[str, ...]]
"""A file as its decoder takes it, and why somebody should look at the picture."""

_STILL = frozenset({b"VP8 ", b"VP8L"})
_PIXELS = _STILL | {b"ALPH", b"ANMF"}
_SPARE = 6  # zeros at the end of a WebP that are looked into; whole bitstreams were seen to spare 3 at most


def whole(format: str, data: bytes) -> Whole:  # noqa: A002 - the field's name
    """``data`` of this format, where all of the picture is there; an end marker that is missing is added.

    Raises:
        PictureError: it is not whole (mostly ``truncated``).
    """
    return _CHECKS.get(format, _as_it_is)(data)


def _as_it_is(data: bytes) -> Whole:
    return data, ()


def refuse_short(
    data: bytes, pieces: Iterable[tuple[int, int]], *, coded: bool, stride: int = 0
) -> tuple[str, ...]:
    """Check that all (offset, length) pieces of pixel data are inside ``data`` and do not end in a hole.

    Raw pixels (not ``coded``) may be black at the end: `holes.meaning` tells. Where it cannot, the picture
    passes, with a reason to look at it. What comes after the pieces is not looked at.
    """
    places = list(pieces)
    end = max((offset + length for offset, length in places), default=0)
    if end > len(data):
        raise truncated(f"{end} bytes are needed, {len(data)} are there")
    zeros = trailing_zeros(data)
    start = len(data) - zeros
    if end - start < PAGE:
        return ()
    if coded:
        raise truncated(f"its last {end - start} bytes are zeros")
    first = min(offset for offset, _ in places)
    match meaning(start, first, end, stride, part_of(data)):
        case "hole":
            raise truncated(f"its last {(end - start) // 1024} kB are zeros")
        case "either":
            rows = (end - start) // stride
            return (f"its last {rows} rows are black: perhaps it was not copied to its end",)
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
        raise truncated("its directory is not there")
    return data, ()


def _bmp(data: bytes) -> Whole:
    found = layout(data[:64])
    if found is None:
        raise truncated("its header is not there")
    pieces = [(found.start, found.length)]
    return data, refuse_short(data, pieces, coded=not found.stride, stride=found.stride)


def _gif(data: bytes) -> Whole:
    end, pictures = gif_blocks.walk(data)
    if end is not None:
        return data, ()
    if not pictures:
        raise truncated("a part of it is missing")
    return data[: pictures[0]] + gif_blocks.TRAILER, (NO_END,)


def _webp(data: bytes) -> Whole:
    announced = struct.unpack_from("<I", data, 4)[0] + 8
    if announced > len(data):
        raise truncated(f"{announced} bytes are announced, {len(data)} are there")
    at = 12
    while at + 8 <= announced:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if not any(kind) or (end > announced and kind in _PIXELS):
            raise truncated("a part of it is missing")
        if (
            kind in _STILL
            and trailing_zeros(data[end - _SPARE : end]) == _SPARE
            and _decodes_without(data, at, end)
        ):
            raise truncated("its last bytes are zeros")
        at = end + length % 2
    return data, ()


def _decodes_without(data: bytes, at: int, end: int) -> bool:
    """Whether a WebP's bitstream does not need its last bytes.

    A flat surface at the bottom of a picture is coded as zeros, too, up to hundreds of kB of them; but then
    the decoder needs them all. Zeros in the place of other data last it too long.
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
}
