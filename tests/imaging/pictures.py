"""Pictures and encoders that the imaging tests share: real arrays through real encoders, all seeded."""

import io
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

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
}
