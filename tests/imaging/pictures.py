"""Pictures and encoders that the imaging tests share: real arrays through real encoders, all seeded."""

import io
from collections.abc import Callable
from typing import Any

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import Image

from tests.imaging import documents

UInt8 = npt.NDArray[np.uint8]


def photo(width: int, height: int, seed: int = 0) -> UInt8:
    """A smooth picture with fine grain, as a camera gives it: nothing in it is exactly zero or flat."""
    rng = np.random.default_rng(seed)
    base = rng.integers(40, 216, (max(2, height // 16), max(2, width // 16), 3), np.uint8)
    smooth = cv2.resize(base, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.add(smooth, rng.integers(0, 12, (height, width, 3), np.uint8)).astype(np.uint8)


def encode(array: UInt8 | Image.Image, kind: str, **options: object) -> bytes:
    sink = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(sink, kind, **options)
    return sink.getvalue()


def heic(array: npt.NDArray[Any] | Image.Image, **options: object) -> bytes:
    """An HEIC; uint16[H,W,3 or 4] gives one of 10 bits a channel."""
    sink = io.BytesIO()
    if isinstance(array, np.ndarray) and array.dtype == np.uint16:
        mode = "RGBA;16" if array.shape[2] == 4 else "RGB;16"
        file = pillow_heif.from_bytes(mode, array.shape[1::-1], array.tobytes())
    else:
        file = pillow_heif.from_pillow(array if isinstance(array, Image.Image) else Image.fromarray(array))
    file.save(sink, **options)
    return sink.getvalue()


def tailed(data: bytes, tail: str) -> bytes:
    """A whole file, and behind it what other programs put there."""
    rng = np.random.default_rng(7)
    film = b"\x00\x00\x00\x18ftypmp42" + rng.integers(0, 256, 200_000, np.uint8).tobytes()
    return (
        data
        + {
            "zeros": bytes(100_000),
            "page of zeros": bytes(-len(data) % 4096 + 98_304),
            "film": film,
            "leftovers": rng.integers(32, 127, 150_000, np.uint8).tobytes(),
        }[tail]
    )


ENCODERS: dict[str, Callable[[UInt8], bytes]] = {
    "jpeg baseline": lambda a: encode(a, "JPEG", quality=90),
    "jpeg progressive": lambda a: encode(a, "JPEG", quality=90, progressive=True),
    "jpeg optimised": lambda a: encode(a, "JPEG", quality=75, optimize=True),
    "jpeg grey": lambda a: encode(Image.fromarray(a).convert("L"), "JPEG"),
    "jpeg cmyk": lambda a: encode(Image.fromarray(a).convert("CMYK"), "JPEG"),
    "png": lambda a: encode(a, "PNG", compress_level=1),
    "webp lossy": lambda a: encode(a, "WEBP", quality=85, method=0),
    "webp lossless": lambda a: encode(a, "WEBP", lossless=True, method=0),
    "tiff raw": lambda a: encode(a, "TIFF"),
    "tiff lzw": lambda a: encode(a, "TIFF", compression="tiff_lzw"),
    "tiff deflate": lambda a: encode(a, "TIFF", compression="tiff_adobe_deflate"),
    "bmp": lambda a: encode(a, "BMP"),
    "gif": lambda a: encode(Image.fromarray(a).quantize(64), "GIF"),
    "avif": lambda a: encode(a, "AVIF", quality=90, subsampling="4:4:4", speed=9),
    "heic": lambda a: heic(a, quality=90),
    "psd": lambda a: documents.psd(a.transpose(2, 0, 1)),
    "jp2": lambda a: encode(a, "JPEG2000"),
    "jp2 bare": lambda a: bytes(imagecodecs.jpeg2k_encode(a, level=0)),
    "jxl": lambda a: bytes(imagecodecs.jpegxl_encode(a, lossless=True)),
    "pnm": lambda a: encode(a, "PPM"),
    "tga": lambda a: encode(a, "TGA"),
    "tga packed": lambda a: encode(a, "TGA", compression="tga_rle"),
    "psd packed": lambda a: documents.psd(a.transpose(2, 0, 1), packed=True),
}
