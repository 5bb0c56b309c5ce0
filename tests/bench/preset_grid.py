"""What thresholds, erosions and feathers do to pictures to tune on: `python -m tests.bench.preset_grid DATA`.

Each picture of `preset_scenes` goes through the model; then every combination of the grid goes over its
matte. Judged as in `pass_rates`, on training pictures only. Specks and holes stay the preset's.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from mattingd.domain.presets import BUILT_IN, Preset
from mattingd.imaging.matting.alpha import finish
from mattingd.imaging.matting.second_pass import all_passes
from mattingd.inference import registry
from tests.bench.pass_rates import SEEDS, WIDE, Score, score, values_of
from tests.bench.preset_scenes import SCENES, Scene, scenes

THRESHOLDS = (0, 4, 6, 8, 16, 22, 26, 40, 64)
ERODES = (0.0, 0.5, 1.0, 2.0, 3.0)
FEATHERS = (0.0, 0.5, 1.0, 2.0)
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
    """Try all, print the best beside the first values and the shipped ones."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    made = Table(box=MARKDOWN)
    for head in ("preset", "values", "threshold, erode, feather", "pass", "mean IoU", "band MAD"):
        made.add_column(head)
    for preset in SCENES:
        for row in rows(preset, mattes(scenes(preset, data, "tune"))):
            made.add_row(*row)
    Console(highlight=False, width=WIDE).print(made)


def mattes(shown: list[Scene]) -> Known:
    """Each scene with its matte uint8[H,W] before any preset."""
    engine = registry.load()
    found = []
    for scene in shown:
        seen = all_passes(scene.picture, engine.matte, engine.spec.net)
        found.append((scene, seen.matte()))
    engine.close()
    return found


def tried(known: Known, preset: Preset, combination: tuple[int, float, float]) -> Tried:
    """The preset with other values, over all scenes."""
    threshold, erode, feather = combination
    other = replace(preset, threshold=threshold, erode=erode, feather=feather)
    scores = [_score(scene, finish(alpha, other)) for scene, alpha in known]
    iou, mad = (float(np.mean(each)) for each in zip(*((one.iou, one.mad) for one in scores), strict=True))
    return Tried(*combination, sum(one.passes for one in scores), iou, mad)


def _score(scene: Scene, alpha: npt.NDArray[np.uint8]) -> Score:
    return score(scene, (alpha / 255).astype(np.float32))


def rows(name: str, known: Known) -> Iterator[tuple[str, ...]]:
    """The first values, the shipped ones, none, and the best by passes, then by the band."""
    every = [tried(known, BUILT_IN[name], each) for each in product(THRESHOLDS, ERODES, FEATHERS)]
    shown = {
        "first": tried(known, BUILT_IN[name], SEEDS[name]),
        "shipped": tried(known, BUILT_IN[name], values_of(name)),
        "none": tried(known, BUILT_IN[name], (0, 0, 0)),
        "most passes": min(every, key=lambda one: (-one.passes, one.mad)),
        "least band MAD": min(every, key=lambda one: one.mad),
    }
    for title, one in shown.items():
        values = f"{one.threshold}, {one.erode:g}, {one.feather:g}"
        told = (f"{one.passes} of {len(known)}", f"{one.iou:.4f}", f"{one.mad:.4f}")
        yield (name if title == "first" else "", title, values, *told)


if __name__ == "__main__":
    main()
