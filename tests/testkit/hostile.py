"""Files that nobody should drop into a hot folder, made small and fast: known ways to hurt a program."""

import io
import struct
import zlib

from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

GROUND, SUBJECT = (200, 210, 220), (30, 60, 90)


def picture(size: tuple[int, int] = (200, 150), marker: tuple[int, int, int] | None = None) -> Image.Image:
    """A disc on a plain ground, which the test engine cuts out; `marker` is an order for that engine."""
    image = Image.new("RGB", size, GROUND)
    draw = ImageDraw.Draw(image)
    draw.ellipse((size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4), fill=SUBJECT)
    if marker:
        draw.rectangle((0, 0, size[0] // 4, size[1] // 4), fill=marker)
    return image


def encoded(kind: str = "JPEG", marker: tuple[int, int, int] | None = None) -> bytes:
    """That picture as a file of this kind."""
    sink = io.BytesIO()
    picture(marker=marker).save(sink, kind)
    return sink.getvalue()


def named(name: str, marker: tuple[int, int, int] | None = None) -> bytes:
    """That picture as a PNG; of another name other bytes, as two photographs never have the same."""
    sink, text = io.BytesIO(), PngInfo()
    text.add_text("Title", name)
    picture(marker=marker).save(sink, "PNG", pnginfo=text)
    return sink.getvalue()


def blank(kind: str = "PNG") -> bytes:
    """A picture of nothing at all."""
    sink = io.BytesIO()
    Image.new("RGB", (200, 150), GROUND).save(sink, kind)
    return sink.getvalue()


def cut_off(kind: str) -> bytes:
    """The first two thirds of a picture: a copy that was broken off."""
    whole = encoded(kind)
    return whole[: len(whole) * 2 // 3]


def zero_filled(kind: str) -> bytes:
    """The same with its full size: a copy that preallocates, broken off."""
    whole, part = encoded(kind), cut_off(kind)
    return part + bytes(len(whole) - len(part) + 8192)


def bomb(side: int = 30_000) -> bytes:
    """A sound PNG of 100 kB that decodes to `side` squared pixels."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    pixels = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def endless(side: int = 4000, scans: int = 8000) -> bytes:
    """A sound progressive JPEG of 400 kB that keeps a decoder busy for most of a minute.

    Each of its scans goes over all blocks again and says, in a few bytes, that nothing changes.
    """
    blocks = (side // 8) ** 2
    frame = _segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + bytes((0, 0x11, 0)))
    tables = _segment(0xDB, bytes([0, *[1] * 64]))
    tables += _segment(0xC4, bytes([0x00, 1, 1, *[0] * 14, 1, 0]))  # DC: code 10 is "no difference"
    tables += _segment(
        0xC4, bytes([0x10, 1, *[0] * 15, 0xE0])
    )  # AC: code 0 and 14 bits, a run of empty blocks
    first = _segment(0xDA, bytes((1, 0, 0, 0, 0, 0))) + b"\xaa" * (blocks // 4)
    run = "0" + "1" * 14
    bits = run * -(-blocks // 32767)
    bits += "1" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    again = _segment(0xDA, bytes((1, 0, 0, 1, 1, 0))) + body
    return b"\xff\xd8" + tables + frame + first + again * scans + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
