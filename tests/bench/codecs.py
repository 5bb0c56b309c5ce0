"""What each way of writing or reading a picture costs: CPU milliseconds and bytes, by format and library.

    python -m tests.bench.codecs [MEGAPIXELS ...]

Cut-outs of three photographs, made as the daemon makes them, go through every writer in the same process;
ours are the functions that the daemon calls. With `--json` it prints what it measured, for `make bench`.
"""

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import cv2
import numpy as np
import pillow_jxl  # noqa: F401 - for Pillow to know JPEG XL
from PIL import Image
from rich.console import Console
from rich.table import Table
from tifffile import imwrite

from mattingd.domain.commands import EngineConfig
from mattingd.domain.jobs import PictureLimits
from mattingd.domain.presets import Preset
from mattingd.imaging.finishing import compose
from mattingd.imaging.finishing.compose import Composed
from mattingd.imaging.formats import decode, encode
from mattingd.imaging.matting.alpha import finish
from mattingd.imaging.matting.second_pass import all_passes
from mattingd.imaging.matting.tiles import DEEP, as_levels
from mattingd.inference.registry import DEFAULT, entry
from mattingd.system import clock
from mattingd.workers.entrypoint import make_engine
from tests.bench import photographs
from tests.bench.inline_worker import as_a_child

SIZES = (12.0, 24.0)
"""Megapixels."""
SLOW_MS = 1000
"""What takes longer than this is measured once; the rest twice, and the better one counts."""
WANTED = "PNG, as by default"
RIVALS = {"PNG, Pillow as by default": 10.0, "PNG, Pillow at level 1": 3.0}
"""How many times faster than these our default PNG is to be."""
WANTED_BYTES = 1.2
"""Times the bytes of Pillow's default, at most."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to write or read, over all photographs of one size."""

    megapixels: float
    way: str
    milliseconds: float
    """Of CPU, per picture."""
    megabytes: float
    """Of the file, per picture."""


def measure(megapixels: Sequence[float]) -> list[Measured]:
    """All ways at these sizes, in a process of its own with a worker's memory settings."""
    told = as_a_child("tests.bench.codecs", "--json", *megapixels)
    return [Measured(**each) for each in json.loads(told)]


def _measured(megapixels: float) -> Iterator[Measured]:
    height = round(sqrt(megapixels * 3e6 / 4))
    costs: dict[str, list[tuple[float, int]]] = {}
    for name in photographs.SCENES:
        scene = photographs.scene(name, round(megapixels * 1e6 / height), height)
        source = photographs.as_jpeg(scene)
        composed = _cut_out(source)
        for way, work in {**_writers(composed), **_readers(source)}.items():
            costs.setdefault(way, []).append(_cost(work))
    for way, found in costs.items():
        milliseconds, sizes = zip(*found, strict=True)
        yield Measured(megapixels, way, float(np.mean(milliseconds)), float(np.mean(sizes)) / 1e6)


def _cut_out(source: bytes) -> Composed:
    """By the shipped model and the default preset."""
    spec, picture = entry(DEFAULT).spec, decode.read(source, PictureLimits())
    passes = all_passes(picture.srgb, _ENGINE[0].matte, spec.net)
    alpha = finish(passes.matte(), Preset())
    return compose.compose(picture, alpha, Preset())


_ENGINE: list[Any] = []
"""The model, once it is loaded."""


def _cost(work: Callable[[], bytes]) -> tuple[float, int]:
    """(CPU milliseconds, bytes)."""
    best = float("inf")
    for _ in range(2):
        began = clock.cpu_ns()
        size = len(work())
        best = min(best, (clock.cpu_ns() - began) / clock.MILLISECOND)
        if best > SLOW_MS:
            break
    return best, size


def _writers(composed: Composed) -> dict[str, Callable[[], bytes]]:
    """Every way to write a cut-out; what begins with a format alone is ours."""
    pixels = composed.pixels
    bgra, image = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA), Image.fromarray(pixels)
    opaque = Composed(as_levels(np.ascontiguousarray(pixels[..., :3])), composed.matte)
    deep = Composed(pixels.astype(np.uint16) * DEEP, composed.matte)

    def ours(made: Composed = composed, **preset: Any) -> Callable[[], bytes]:
        return lambda: encode.encode(made, Preset(**preset))

    def pillow(kind: str, **options: Any) -> Callable[[], bytes]:
        def work() -> bytes:
            sink = io.BytesIO()
            image.save(sink, kind, **options)
            return sink.getvalue()

        return work

    def opencv(suffix: str, picture: Any, *options: int) -> Callable[[], bytes]:
        return lambda: bytes(cv2.imencode(suffix, picture, options)[1])

    def tifffile(**options: Any) -> Callable[[], bytes]:
        def work() -> bytes:
            sink = io.BytesIO()
            kinds: dict[str, Any] = {"photometric": "rgb", "extrasamples": "unassalpha", "maxworkers": 1}
            imwrite(sink, pixels, predictor=True, **kinds, **options)
            return sink.getvalue()

        return work

    bgr = np.ascontiguousarray(bgra[..., :3])
    return {
        WANTED: ours(),
        "PNG, Pillow as by default": pillow("PNG"),
        "PNG, Pillow at level 1": pillow("PNG", compress_level=1),
        "PNG, OpenCV": opencv(".png", bgra),
        "PNG of 16 bits": ours(deep),
        "PNG of 16 bits, OpenCV": opencv(".png", bgra.astype(np.uint16) * DEEP),
        "TIFF": ours(format="tiff"),
        "TIFF, Pillow": pillow("TIFF", compression="tiff_adobe_deflate"),
        "TIFF, zstd": ours(format="tiff", compression="zstd"),
        "TIFF, zstd, Pillow": pillow("TIFF", compression="zstd"),
        "TIFF, zstd, tifffile": tifffile(compression="zstd", compressionargs={"level": 1}),
        "WebP, lossless": ours(format="webp", quality=100),
        "WebP, quality 92": ours(format="webp"),
        "WebP, quality 92, Pillow": pillow("WEBP", quality=92),
        "AVIF, quality 92": ours(format="avif"),
        "JPEG XL, lossless": ours(format="jxl", quality=100),
        "JPEG, quality 92, 4:4:4": ours(opaque, format="jpeg", background="#ffffff"),
        "JPEG, quality 92, 4:2:0, OpenCV": opencv(".jpg", bgr, cv2.IMWRITE_JPEG_QUALITY, 92),
    }


def _readers(source: bytes) -> dict[str, Callable[[], bytes]]:
    """Every way to read the photograph; the bytes are those of the file."""

    def done(_pixels: object) -> bytes:
        return source

    return {
        "read JPEG": lambda: done(decode.read(source, PictureLimits())),
        "read JPEG, Pillow": lambda: done(Image.open(io.BytesIO(source)).load()),
        "read JPEG, OpenCV": lambda: done(cv2.imdecode(np.frombuffer(source, np.uint8), cv2.IMREAD_COLOR)),
    }


def table(found: Sequence[Measured]) -> Table:
    """Every way with its milliseconds and megabytes at each size."""
    sizes = sorted({each.megapixels for each in found})
    shown = Table(title="Codecs, one core, mean of three photographs", title_justify="left", show_edge=False)
    shown.add_column(no_wrap=True)
    for size in sizes:
        for unit in ("CPU ms", "MB"):
            shown.add_column(f"{unit} at {size:g} MP", justify="right")
    cells = {(each.way, each.megapixels): each for each in found}
    for way in dict.fromkeys(each.way for each in found):
        row = [cells[way, size] for size in sizes]
        shown.add_row(way, *(text for each in row for text in _texts(each)))
    return shown


def _texts(each: Measured) -> tuple[str, str]:
    return f"{each.milliseconds:.0f}", f"{each.megabytes:.1f}"


def ratios(found: Sequence[Measured]) -> str:
    """How our default PNG stands beside its rivals, and what was wanted."""
    cells = {(each.way, each.megapixels): each for each in found}
    lines = []
    for size in sorted({each.megapixels for each in found}):
        ours = cells[WANTED, size]
        faster = [
            f"{cells[rival, size].milliseconds / ours.milliseconds:.1f} x as fast as {rival} (wanted {aim:g})"
            for rival, aim in RIVALS.items()
        ]
        bytes_ = ours.megabytes / cells[next(iter(RIVALS)), size].megabytes
        lines.append(
            f"{size:g} MP: {', '.join(faster)}; {bytes_:.2f} x its bytes (wanted {WANTED_BYTES:g} at most)"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    arguments = [each for each in sys.argv[1:] if each != "--json"]
    cv2.setNumThreads(1)
    if "--json" in sys.argv:
        _ENGINE.append(make_engine(EngineConfig(1, DEFAULT, "cpu", "fp32", 1)))
        everything = [asdict(each) for size in arguments for each in _measured(float(size))]
        print(json.dumps(everything))  # noqa: T201
    else:
        results = measure([float(each) for each in arguments] or SIZES)
        Console(highlight=False).print(table(results), ratios(results), sep="\n", soft_wrap=True)
