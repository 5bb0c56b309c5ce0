"""`make bench-second-pass`: small subjects in large frames with known mattes, after one pass and after two.

    python -m tests.bench.second_pass --cutouts DATA/train/cutouts --backgrounds DATA/train/backgrounds

Subjects are the drawn hair, fur, lace and spokes of `soft_scenes` (8 megapixels) and, where folders are
given, cut-outs with alpha (3 megapixels), at random places before random backgrounds, one in five partly out
of the frame. Errors are at full size; CPU milliseconds are those of one thread, without the network's.
"""

import argparse
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from skimage import data

from mattingd.imaging.matting.second_pass import Passes
from mattingd.imaging.matting.upsample import to_full_size
from mattingd.inference import registry
from mattingd.system import clock
from mattingd.training import metrics
from mattingd.training.data.datasets import read_rgb
from tests.bench import soft_scenes
from tests.bench.photographs import _grain

UInt8 = npt.NDArray[np.uint8]
Shape = tuple[int, int]

SETS = {"people": 11, "objects3d": 12, "trellis": 8, "wonder3d": 6, "grocery": 6, "stamps": 12}
"""Folders of cut-outs, and how many are taken of each: the first by the hash of their names."""
SIZES = (0.15, 0.2, 0.27, 0.35, 0.45, 0.6)
"""Of the subject's long side, in widths of the frame; of each cut-out every other one, ..."""
FILLING = 0.9
"""... and this, where no second pass should be needed."""
FRAMES = {"cut-outs": (2048, 1536), "drawn": (3264, 2448)}
GROUNDS = ("coffee", "rocket", "chelsea", "astronaut")
"""Photographs of scikit-image that stand behind where no folder is given."""
WIDTH = 120
"""Characters of the table, into a file too."""
BANDS = ((0.1, 0.25), (0.25, 0.4), (0.4, 0.7), (0.7, 1.0))
"""Subjects of like size are told together."""


@dataclass(frozen=True, slots=True)
class Row:
    """One scene, after one pass and after all that were made: IoU, MAD in the band, gradient, CPU ms."""

    name: str
    size: float
    again: bool
    used: bool
    once: tuple[float, float, float, float]
    twice: tuple[float, float, float, float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the second pass.")
    parser.add_argument("--cutouts", type=Path)
    parser.add_argument("--backgrounds", type=Path)
    wishes = parser.parse_args()
    cv2.setNumThreads(1)
    engine = registry.load(threads=1)
    console = Console(highlight=False, width=WIDTH)
    rows = []
    for name, size, picture, alpha in scenes(wishes.cutouts, wishes.backgrounds):
        rows.append(measured(engine, name, size, picture, alpha))
        console.print(f"{len(rows):4} {name} {size:g}", end="\r")
    console.print(table(rows))


# --- scenes ---


def scenes(cutouts: Path | None, backgrounds: Path | None) -> Iterator[tuple[str, float, UInt8, UInt8]]:
    """Name, size, picture uint8[H,W,3] and its true matte uint8[H,W]."""
    grounds: Sequence[Path | str] = _by_hash(backgrounds / "land") if backgrounds else GROUNDS
    numbers = count()
    for index, (name, path) in enumerate(_subjects(cutouts)):
        front, alpha = _cut_out(path)
        for size in (*SIZES[index % 2 :: 2], FILLING):
            rng = np.random.default_rng([7, next(numbers)])
            yield name, size, *_placed(front, alpha, size, FRAMES["cut-outs"], grounds, rng)
    for kind in soft_scenes.KINDS:
        for index, size in enumerate(SIZES):
            rng = np.random.default_rng([8, next(numbers)])
            side = round(size * FRAMES["drawn"][0] / 0.75)
            scene = soft_scenes.scene(kind, side, side, index)
            tight = _tight(scene.alpha, 1)
            yield (
                kind,
                size,
                *_placed(scene.front[tight], scene.alpha[tight], size, FRAMES["drawn"], grounds, rng),
            )


def _subjects(cutouts: Path | None) -> Iterator[tuple[str, Path]]:
    for name, number in SETS.items() if cutouts else ():
        for path in _by_hash((cutouts or Path()) / name)[:number]:
            yield name, path


def _by_hash(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.webp"), key=lambda path: hashlib.sha256(path.name.encode()).hexdigest())


def _cut_out(path: Path) -> tuple[UInt8, UInt8]:
    pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
    pixels = pixels[_tight(pixels[..., 3], 9)]
    return np.asarray(cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2RGB), np.uint8), pixels[..., 3]


def _tight(alpha: UInt8, least: int) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero((alpha >= least).any(axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _ground(grounds: Sequence[Path | str], frame: Shape, rng: np.random.Generator) -> UInt8:
    """One of them, covering the frame, with a camera's grain."""
    ground = grounds[int(rng.integers(len(grounds)))]
    picture = read_rgb(ground) if isinstance(ground, Path) else np.asarray(getattr(data, ground)(), np.uint8)
    height, width = picture.shape[:2]
    scale = max(frame[0] / width, frame[1] / height)
    size = max(frame[0], round(width * scale)), max(frame[1], round(height * scale))
    large = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)[: frame[1], : frame[0]]
    grained: UInt8 = np.clip(large + _grain(rng, *frame)[..., None] * 0.4, 0, 255).astype(np.uint8)
    return grained


def _placed(
    front: UInt8,
    alpha: UInt8,
    share: float,
    frame: Shape,
    grounds: Sequence[Path | str],
    rng: np.random.Generator,
) -> tuple[UInt8, UInt8]:
    """A subject somewhere in a frame (width, height): the picture and its matte."""
    width, height = frame
    scale = min(share * width / max(alpha.shape), 0.96 * height / alpha.shape[0])
    wide, high = (max(2, round(side * scale)) for side in alpha.shape[::-1])
    by = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    colours = cv2.resize(front.astype(np.float32), (wide, high), interpolation=by)
    cover = np.clip(cv2.resize(alpha.astype(np.float32), (wide, high), interpolation=by), 0, 255) / 255
    mixed = _ground(grounds, frame, rng).astype(np.float32)
    left, top = int(rng.integers(0, width - wide + 1)), int(rng.integers(0, height - high + 1))
    if rng.random() < 0.2:
        top = height - int(high * 0.85)
    seen = min(height - top, high)
    place = slice(top, top + seen), slice(left, left + wide)
    truth = np.zeros((height, width), np.float32)
    truth[place] = cover[:seen]
    part = cover[:seen, :, None]
    mixed[place] = colours[:seen] * part + mixed[place] * (1 - part)
    return np.clip(mixed, 0, 255).astype(np.uint8), (truth * 255 + 0.5).astype(np.uint8)


# --- measures ---


def measured(engine: Any, name: str, size: float, picture: UInt8, alpha: UInt8) -> Row:
    """One scene through the network, once and as often as it is thought to help."""
    passes = Passes(picture, engine.spec.net)
    first = engine.matte(passes.net()[None])[0]
    plain, once_ms = _timed(lambda: to_full_size(first, picture))
    again, decide_ms = _timed(lambda: passes.take(first))
    once = *_errors(plain, alpha), once_ms
    if not again:
        return Row(name, size, again, used=False, once=once, twice=(*once[:3], once_ms + decide_ms))
    net, net_ms = _timed(passes.net)
    second = engine.matte(net[None])[0]
    _, compare_ms = _timed(lambda: (passes.take(second), passes.confidence()))
    both, both_ms = _timed(passes.matte)
    twice = *_errors(both, alpha), decide_ms + net_ms + compare_ms + both_ms
    return Row(name, size, again, bool(passes.seen and passes.seen.better), once, twice)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = clock.cpu_ns()
    result = work()
    return result, (clock.cpu_ns() - started) / 1e6


def _errors(matte: UInt8, alpha: UInt8) -> tuple[float, float, float]:
    """IoU; mean absolute difference within 7 px of the true edge; gradient error about the subject."""
    said, truth = matte / np.float32(255), alpha / np.float32(255)
    steep = cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 30
    edge = (((alpha > 8) & (alpha < 247)) | steep).astype(np.uint8)
    band = cv2.dilate(edge, np.ones((15, 15), np.uint8)) > 0
    rows, columns = _tight(alpha, 9)
    about = (
        slice(max(0, rows.start - 40), rows.stop + 39),
        slice(max(0, columns.start - 40), columns.stop + 39),
    )
    return (
        metrics.iou(said, truth, np.ones_like(truth, bool)),
        float(np.abs(said - truth)[band].mean()),
        metrics.grad_scipy(said[about], truth[about], np.ones(truth[about].shape, bool)),
    )


def table(rows: list[Row]) -> Table:
    """By the subject's size, and by what it is (without those that fill the frame)."""
    shown = Table(title="after one pass -> after all", title_justify="left", show_edge=False)
    for name in ("", "scenes", "again", "used", "IoU", "MAD, band", "gradient", "CPU ms", "lost > .05"):
        shown.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for low, high in BANDS:
        _add(shown, f"{low:.0%} to {high:.0%}", [row for row in rows if low <= row.size < high])
    for name in dict.fromkeys(row.name for row in rows):
        _add(shown, name, [row for row in rows if row.name == name and row.size < FILLING])
    return shown


def _add(shown: Table, name: str, rows: list[Row]) -> None:
    if not rows:
        return
    once, twice = (np.mean([getattr(row, which) for row in rows], 0) for which in ("once", "twice"))
    lost = sum(row.twice[0] < row.once[0] - 0.05 for row in rows)
    shares = (np.mean([getattr(row, which) for row in rows]) for which in ("again", "used"))
    figures = (
        f"{a:{form}} -> {b:{form}}"
        for a, b, form in zip(once, twice, (".3f", ".3f", ".1f", ".0f"), strict=True)
    )
    shown.add_row(name, str(len(rows)), *(f"{share:.0%}" for share in shares), *figures, str(lost))


if __name__ == "__main__":
    main()
