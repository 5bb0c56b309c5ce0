"""What thresholds, erosions and feathers do to pictures to tune on: `python -m tests.bench.preset_grid DATA`.

The network sees each picture of `preset_scenes` once; then every combination of the grid goes over its matte.
Judged as in `pass_rates`, on training pictures only. Specks and holes stay the preset's.
"""

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from mattingd.engine import catalog
from mattingd.imaging import fitting, matte, refining
from mattingd.presets import BUILT_IN
from mattingd.values import Preset
from tests.bench.pass_rates import SEEDS, Score, score
from tests.bench.preset_scenes import SCENES, Scene, scenes

THRESHOLDS = (0, 4, 6, 8, 16, 22, 26, 40, 64)
ERODES = (0.0, 0.5, 1.0, 2.0, 3.0)
FEATHERS = (0.0, 0.5, 1.0, 2.0)
BEST = 5
"""So many of the best are shown."""

Known = list[tuple[Scene, npt.NDArray[np.uint8]]]


class Tried(NamedTuple):
    """A combination and what it reached."""

    threshold: int
    erode: float
    feather: float
    passes: int
    iou: float
    mad: float


def main() -> None:
    """Try all, print the best beside the seeds and what is shipped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    console = Console(highlight=False)
    for preset in SCENES:
        known = mattes(scenes(preset, data, "tune"))
        console.print(table(preset, known))


def mattes(shown: list[Scene]) -> Known:
    """Each scene with its matte uint8[H,W] before any preset."""
    engine = catalog.load()
    found = []
    for scene in shown:
        height, width = scene.picture.shape[:2]
        fit = fitting.fit(width, height, side=engine.spec.side, multiple=engine.spec.multiple)
        small = engine.matte(fitting.to_net(scene.picture, fit)[None])[0]
        found.append((scene, refining.to_full_size(small, scene.picture)))
    engine.close()
    return found


def tried(known: Known, preset: Preset, combination: tuple[int, float, float]) -> Tried:
    """The preset with other values, over all scenes."""
    threshold, erode, feather = combination
    other = replace(preset, threshold=threshold, erode=erode, feather=feather)
    scores = [_score(scene, matte.finish(alpha, other)) for scene, alpha in known]
    iou, mad = (float(np.mean(each)) for each in zip(*((one.iou, one.mad) for one in scores), strict=True))
    return Tried(*combination, sum(one.passes for one in scores), iou, mad)


def _score(scene: Scene, alpha: npt.NDArray[np.uint8]) -> Score:
    return score(scene, (alpha / 255).astype(np.float32))


def table(name: str, known: Known) -> Table:
    """The seeds, the shipped values, and the best by passes, then by the band."""
    preset = BUILT_IN[name]
    made = Table(title=f"{name}, {len(known)} pictures", box=None, pad_edge=False, title_justify="left")
    for head in ("", "threshold", "erode", "feather", "pass", "mean IoU", "mean MAD"):
        made.add_column(head, justify="right" if head else "left")
    shipped = preset.threshold, float(preset.erode), float(preset.feather)
    every = [tried(known, preset, each) for each in product(THRESHOLDS, ERODES, FEATHERS)]
    best = sorted(every, key=lambda one: (-one.passes, one.mad))[:BEST]
    for title, one in (
        ("seeds", tried(known, preset, SEEDS[name])),
        ("shipped", tried(known, preset, shipped)),
        ("matte as it is", tried(known, preset, (0, 0.0, 0.0))),
        *(("best", one) for one in best),
        ("least MAD", min(every, key=lambda one: one.mad)),
    ):
        numbers = (f"{one.threshold}", f"{one.erode:g}", f"{one.feather:g}", f"{one.passes}")
        made.add_row(title, *numbers, f"{one.iou:.4f}", f"{one.mad:.4f}")
    return made


if __name__ == "__main__":
    main()
