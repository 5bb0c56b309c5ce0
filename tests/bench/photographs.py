"""Pictures to measure with: photographs that come with scikit-image, as large and as rough as a camera's.

Nothing is downloaded. A few distinct ones are made; the others are copies that differ in a comment.
"""

import struct
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

UInt8 = npt.NDArray[np.uint8]

QUALITY = 92
SCENES = ("astronaut", "chelsea", "coffee")
"""Each has a subject that is found; a cut-out of 40 to 80 per cent of the picture is hard work."""

_TEXTURE = 5.0  # grey levels of detail finer than the small originals hold
_GRAIN = 5.5  # grey levels of sensor noise, a pixel and a half wide after a camera's processing


def make(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """Write `count` JPEGs of width x height px into a folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    scenes = [as_jpeg(scene(name, width, height)) for name in SCENES[:count]]
    paths = [folder / f"{number:04}-{SCENES[number % len(scenes)]}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(with_comment(scenes[number % len(scenes)], f"picture {number}"))
    return paths


def scene(name: str, width: int, height: int) -> UInt8:
    """One of the photographs, `camera_like`."""
    return camera_like(np.asarray(getattr(data, name)(), np.uint8), width, height)


def camera_like(picture: UInt8, width: int, height: int, seed: int = 0) -> UInt8:
    """The middle of `picture` at width x height, with texture on several scales and grain: uint8[H,W,3]."""
    rng = np.random.default_rng(seed)
    large = cv2.resize(_cropped(picture, width / height), (width, height), interpolation=cv2.INTER_CUBIC)
    detail = _grain(rng, width, height)
    for shrunk in (2, 4, 8):
        noise = rng.standard_normal((height // shrunk, width // shrunk), np.float32)
        detail += cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR) * (_TEXTURE / 3)
    rough: UInt8 = np.clip(large + detail[:, :, np.newaxis], 0, 255).astype(np.uint8)
    return rough


def _grain(rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    noise = rng.standard_normal((height, width), np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 0.6).astype(np.float32, copy=False) * (2 * _GRAIN)


def _cropped(picture: UInt8, aspect: float) -> UInt8:
    """The largest part of this aspect, from the top and the middle: where photographs have their subject."""
    height, width = picture.shape[:2]
    wide, high = min(width, round(height * aspect)), min(height, round(width / aspect))
    left = (width - wide) // 2
    return picture[:high, left : left + wide]


def as_jpeg(picture: UInt8) -> bytes:
    """The file that a camera would make of it."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def with_comment(jpeg: bytes, text: str) -> bytes:
    """The same picture in other bytes: a comment segment after the start marker."""
    comment = text.encode()
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg[2:]
