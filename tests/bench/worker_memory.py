"""What a picture takes in a worker at its peak, in bytes a pixel: where `sizing.BYTES_A_PIXEL` comes from.

    python -m tests.bench.worker_memory

Each measurement is a process of its own, started with a worker's memory settings.
"""

import sys
import tempfile
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console

from mattingd import sizing
from mattingd.values import OutputFormat
from tests.bench import photographs
from tests.bench.hand import Hand, as_a_child
from tests.bench.photographs import UInt8

CASES: tuple[tuple[str, float, OutputFormat], ...] = (
    *(("jpeg", megapixels, "png") for megapixels in (12, 24, 48)),
    *((kind, 24, "png") for kind in ("transparent", "deep")),
    *((kind, 24, "webp") for kind in ("jpeg", "transparent", "deep")),
)
PASSES = 2
"""The first one leaves the allocator as it is in a worker that has been at work."""


def measure(kind: str, megapixels: float, output: OutputFormat) -> float:
    """Bytes a pixel over what the process takes without a picture."""
    width, height = round(sqrt(megapixels * 4e6 / 3)), round(sqrt(megapixels * 3e6 / 4))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(_file(kind, photographs.scene("astronaut", width, height)))
        grown = int(as_a_child("tests.bench.worker_memory", path, output))
    return grown / (width * height)


def _file(kind: str, rgb: UInt8) -> bytes:
    suffix, pixels = _KINDS[kind]
    return bytes(cv2.imencode(suffix, pixels(rgb))[1])


def _transparent(rgb: UInt8) -> UInt8:
    """BGRA, more or less transparent everywhere."""
    return np.dstack([rgb[:, :, ::-1], np.maximum(rgb[:, :, 0], 1)])


_KINDS: dict[str, tuple[str, Callable[[UInt8], npt.NDArray[Any]]]] = {
    "jpeg": (".jpg", lambda rgb: rgb[:, :, ::-1]),
    "transparent": (".png", _transparent),
    "deep": (".png", lambda rgb: _transparent(rgb).astype(np.uint16) * 257),
}
"""What is read: 8 bits, 8 bits with alpha, 16 bits with alpha."""


def _growth(path: Path, output: OutputFormat) -> int:
    """Bytes by which this process grew while it cut out a picture."""
    hand = Hand(path.parent, path.parent)
    before = _memory("VmRSS")
    for number in range(PASSES):
        fact, _ = hand.read(number, path)
        hand.finish(number, _oval(fact.fit.shape).tobytes(), output)
    return _memory("VmHWM") - before


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
    console.print(f"reckoned with: {sizing.BYTES_A_PIXEL}")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(_growth(Path(sys.argv[1]), sys.argv[2]))  # type: ignore[arg-type] # noqa: T201
    else:
        main()
