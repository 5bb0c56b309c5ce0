"""Sound files of every format that is read, and ways to spoil them."""

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import imagecodecs
import numpy as np
from PIL import Image

from tests.imaging import documents
from tests.imaging.pictures import ENCODERS, encode, heic, photo

WIDTH, HEIGHT = 96, 64
HEADER = 512
"""Bytes at the beginning where damage does the oddest things: half of all damage goes there."""
ODD = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
LONGEST = 1 << 16
"""Bytes that one change may add."""


@lru_cache
def seeds() -> dict[str, bytes]:
    """A small sound file of every kind, by its name; with a profile, EXIF data, frames where they can be."""
    picture = photo(WIDTH, HEIGHT)
    found = {name: make(picture) for name, make in ENCODERS.items()}
    image = Image.fromarray(picture)
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x8298: "somebody"})
    profiled = {"exif": exif.tobytes(), "icc_profile": documents.cmyk_profile()}
    found["jpeg with all"] = encode(image, "JPEG", xmp=b"<x/>", **profiled)
    found["png with all"] = encode(image, "PNG", **profiled)
    found["png palette"] = encode(image.quantize(16), "PNG", transparency=3)
    found["png 16 bits"] = encode(image.convert("I;16"), "PNG")
    for kind in ("PNG", "GIF", "WEBP", "AVIF"):
        frames = {"save_all": True, "append_images": [image.rotate(90, expand=False)]}
        found[f"{kind.lower()} of frames"] = encode(image, kind, **frames)
    found["dng"] = documents.dng(WIDTH, HEIGHT)
    deep = picture.astype(np.uint16) * 257
    found["tiff 16 bits"] = bytes(cv2.imencode(".tiff", deep)[1])
    found["heic 10 bits"] = heic(deep)
    found["avif 10 bits"] = bytes(imagecodecs.avif_encode(deep >> 6, bitspersample=10))
    found["psd 16 bits"] = documents.psd(
        deep.transpose(2, 0, 1), packed=True, resources={1058: exif.tobytes()}
    )
    return found


@dataclass(frozen=True)
class Change:
    """One kind of damage, `where` (0 to 1) in the file, and a number that means what the kind makes of it."""

    kind: str
    where: float
    number: int


def spoilt(data: bytes, changes: list[Change]) -> bytes:
    """``data`` after all changes; a PNG has its checksums put right again, or nothing would get past them."""
    result = data
    for change in changes:
        at = (
            int(change.where * len(result))
            if change.number % 2
            else int(change.where * min(HEADER, len(result)))
        )
        result = KINDS[change.kind](result, at, change.number)
    return _mended(result) if data.startswith(b"\x89PNG") else result


def _flip(data: bytes, at: int, number: int) -> bytes:
    return _put(data, at, bytes([(data[at] if at < len(data) else 0) ^ 1 << number % 8]))


def _odd(data: bytes, at: int, number: int) -> bytes:
    return _put(data, at, bytes([ODD[number % len(ODD)]]))


def _length(data: bytes, at: int, number: int) -> bytes:
    """A number of two or four bytes, small, huge or negative, in either order."""
    value = (0, 1, 255, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, number)[number % 8] & 0xFFFFFFFF
    form = ("<I", ">I", "<H", ">H")[number // 8 % 4]
    return _put(data, at, struct.pack(form, value & (0xFFFF if form[1] == "H" else 0xFFFFFFFF)))


def _cut(data: bytes, at: int, _number: int) -> bytes:
    return data[:at]


def _zeros(data: bytes, at: int, number: int) -> bytes:
    return _put(data, at, bytes(number % LONGEST))


def _remove(data: bytes, at: int, number: int) -> bytes:
    return data[:at] + data[at + number % 64 :]


def _repeat(data: bytes, at: int, number: int) -> bytes:
    piece = data[at : at + number % 256]
    return data[:at] + piece * (1 + number % 16) + data[at:]


def _noise(data: bytes, at: int, number: int) -> bytes:
    return _put(data, at, random.Random(number).randbytes(number % 64))


def _graft(data: bytes, at: int, number: int) -> bytes:
    """The rest of another file."""
    other = list(seeds().values())[number % len(seeds())]
    return data[:at] + other[at:]


def _put(data: bytes, at: int, piece: bytes) -> bytes:
    """``piece`` over what stands there, no further than the end."""
    return data[:at] + piece[: len(data) - at] + data[at + len(piece) :]


KINDS: dict[str, Callable[[bytes, int, int], bytes]] = {
    "flip": _flip,
    "odd": _odd,
    "length": _length,
    "cut": _cut,
    "zeros": _zeros,
    "remove": _remove,
    "repeat": _repeat,
    "noise": _noise,
    "graft": _graft,
}


def _mended(png: bytes) -> bytes:
    """With the right checksum behind every chunk."""
    at, parts = 8, [png[:8]]
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        end = at + 8 + length
        if end + 4 > len(png):
            break
        parts += [png[at:end], struct.pack(">I", zlib.crc32(png[at + 4 : end]))]
        at = end + 4
    return b"".join([*parts, png[at:]])


def drawn(rng: random.Random) -> tuple[str, bytes]:
    """A kind and a spoilt file of it."""
    kind = rng.choice(sorted(seeds()))
    changes = [
        Change(rng.choice(sorted(KINDS)), rng.random(), rng.getrandbits(32)) for _ in range(rng.randint(1, 4))
    ]
    return kind, spoilt(seeds()[kind], changes)
