"""What a picture takes in a worker at its peak, in bytes a pixel: where `sizing.BYTES_A_PIXEL` comes from.

    python -m tests.bench.worker_memory

Pixels of more than 8 bits a channel count twice, as in the memory budget. Each measurement is a process of
its own, started with a worker's memory settings.
"""

import sys
import tempfile
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
from rich.console import Console

from mattingd.domain.presets import OutputFormat
from mattingd.workers import resources
from tests.bench import photographs
from tests.bench.inline_worker import InlineWorker, as_a_child
from tests.bench.photographs import UInt8
from tests.imaging import documents
from tests.imaging.pictures import heic

CASES: tuple[tuple[str, float, OutputFormat], ...] = (
    *(("jpeg", megapixels, "png") for megapixels in (12, 24, 48)),
    *((kind, 24, "png") for kind in ("transparent", "deep")),
    *((kind, 24, "webp") for kind in ("jpeg", "transparent", "deep")),
    *((kind, 24, "tiff") for kind in ("deep", "deep tiff")),
    *(
        (kind, 12, "png")
        for kind in ("heic", "deep heic", "avif", "deep avif", "psd", "deep psd", "clear psd", "raw")
    ),
    *(("transparent", 12, output) for output in ("avif", "jxl")),
)
PASSES = 2
"""The first one leaves the allocator as it is in a worker that has been at work."""


def measure(kind: str, megapixels: float, output: OutputFormat) -> float:
    """Bytes a pixel over what the process takes without a picture."""
    width, height = round(sqrt(megapixels * 4e6 / 3)), round(sqrt(megapixels * 3e6 / 4))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(_KINDS[kind](photographs.scene("astronaut", width, height)))
        return float(as_a_child("tests.bench.worker_memory", path, output))


def _by_opencv(suffix: str, pixels: npt.NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1])


def _transparent(rgb: UInt8) -> UInt8:
    """BGRA, more or less transparent everywhere."""
    return np.dstack([rgb[:, :, ::-1], np.maximum(rgb[:, :, 0], 1)])


def _on_white(rgb: UInt8) -> UInt8:
    """Planes of a picture that is transparent at the left, as Photoshop merges it."""
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[:, : rgb.shape[1] // 4] = 0
    planes = np.dstack([np.where(alpha[:, :, None] == 0, np.uint8(255), rgb), alpha])
    return np.ascontiguousarray(planes.transpose(2, 0, 1))


def _deep(pixels: UInt8) -> npt.NDArray[np.uint16]:
    return pixels.astype(np.uint16) * 257


_KINDS: dict[str, Callable[[UInt8], bytes]] = {
    "jpeg": lambda rgb: _by_opencv(".jpg", rgb[:, :, ::-1]),
    "transparent": lambda rgb: _by_opencv(".png", _transparent(rgb)),
    "deep": lambda rgb: _by_opencv(".png", _deep(_transparent(rgb))),
    "deep tiff": lambda rgb: _by_opencv(".tiff", _deep(_transparent(rgb))),
    "heic": heic,
    "deep heic": lambda rgb: heic(_deep(rgb)),
    "avif": lambda rgb: bytes(imagecodecs.avif_encode(rgb, speed=10)),
    "deep avif": lambda rgb: bytes(imagecodecs.avif_encode(_deep(rgb) >> 6, bitspersample=10, speed=10)),
    "psd": lambda rgb: documents.psd(rgb.transpose(2, 0, 1)),
    "deep psd": lambda rgb: documents.psd(_deep(rgb).transpose(2, 0, 1)),
    "clear psd": lambda rgb: documents.psd(_on_white(rgb), layers=-1),
    "raw": lambda rgb: documents.dng(rgb.shape[1], rgb.shape[0]),
}
"""What is read: 8 bits, 8 bits with alpha, more bits with alpha and without."""


def _growth(path: Path, output: OutputFormat) -> float:
    """Bytes a pixel of the memory budget by which this process grew while it cut out a picture."""
    worker = InlineWorker(path.parent, path.parent)
    before = _memory("VmRSS")
    room = 0
    for number in range(PASSES):
        fact, _ = worker.read(number, path)
        room = fact.room
        worker.finish(number, _oval(fact.fit.shape).tobytes(), output)
    return (_memory("VmHWM") - before) / room


def _oval(shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """A matte with a soft edge."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    matte: npt.NDArray[np.float32] = np.clip((0.8 - np.hypot(x, y)) * 10 + 0.5, 0, 1).astype(np.float32)
    return matte


def _memory(name: str) -> int:
    """VmRSS (now) or VmHWM (the most so far) of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Measure and print."""
    console = Console(highlight=False)
    for kind, megapixels, output in CASES:
        found = measure(kind, megapixels, output)
        console.print(f"{kind:>11} {megapixels:2.0f} MP to {output:4} {found:5.1f} bytes a pixel")
    console.print(f"reckoned with: {resources.BYTES_A_PIXEL}")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(_growth(Path(sys.argv[1]), sys.argv[2]))  # type: ignore[arg-type] # noqa: T201
    else:
        main()
