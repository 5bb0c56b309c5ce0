"""How many pictures of a preset's own scenes pass: `python -m tests.bench.pass_rates DATA`, the data pack.

The pictures (`preset_scenes`) go through `mattingd process` with the preset's matte settings: threshold,
erosion, feather, specks and holes. Its frame and ground are left aside, so that alpha can be compared pixel
by pixel. A picture passes when its IoU is above `LEAST_IOU` and the mean absolute difference of alpha in the
band along the true edge is at most `MOST_MAD`. Undecided pixels of trimaps count in neither.

The limit in the band: an edge that lies d px beside its place everywhere differs by d / (2 x BAND) in it.
Three of 1024 px are allowed, which is one and a third of the 448 px at which the masks were drawn: so far
these can be trusted themselves.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from mattingd.domain.presets import BUILT_IN, REFERENCE_SIDE
from mattingd.training.metrics import iou
from tests.bench.preset_scenes import SCENES, Scene, scenes

LEAST_IOU = 0.95
BAND = 12
"""Pixels to both sides of the true edge, where the long side has 1024."""
MOST_MAD = 3 / (2 * BAND)

WIDE = 160  # characters

FRAMELESS = ("content=matte", "format=png", "canvas=null", "trim=false", "anchor=centre", "on_empty=publish")
"""What makes an output of the picture's size that holds alpha alone."""
SEEDS: dict[str, tuple[int, float, float]] = {
    "id-photo": (22, 2, 1),
    "product": (8, 0, 1),
    "avatar": (6, 0, 1),
    "complex": (26, 3, 1),
}
"""Threshold, erosion and feather that the presets began with."""
CLAIMED = {"id-photo": 19, "product": 18, "avatar": 20, "complex": 16}
"""Of 20, as those report who found these values."""


class Score(NamedTuple):
    """What one picture reached."""

    source: str
    iou: float
    mad: float
    """In the band, 0..1."""

    @property
    def passes(self) -> bool:
        """Whether it is good enough."""
        return self.iou > LEAST_IOU and self.mad <= MOST_MAD


def main() -> None:
    """Cut out, judge, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--preset", choices=SCENES, action="append")
    data, presets = (wishes := parser.parse_args()).data, wishes.preset or list(SCENES)
    scores: dict[str, list[Score]] = {}
    for preset in presets:
        shown = scenes(preset, data, "judge")
        scores[preset] = judged(shown, preset)
        if SEEDS[preset] != values_of(preset):
            scores[f"{preset}, first values"] = judged(shown, preset, SEEDS[preset])
    Console(highlight=False, width=WIDE).print(table(scores))


def values_of(preset: str) -> tuple[int, float, float]:
    """Threshold, erosion and feather of a preset."""
    now = BUILT_IN[preset]
    return now.threshold, now.erode, now.feather


def judged(
    shown: Sequence[Scene], preset: str, values: tuple[int, float, float] | None = None
) -> list[Score]:
    """What a preset reaches, with other values if these are given."""
    names = ("threshold", "erode", "feather")
    other = [f"{name}={value}" for name, value in zip(names, values or (), strict=False)]
    mattes = cut_out(shown, preset, (*FRAMELESS, *other))
    return [score(scene, alpha) for scene, alpha in zip(shown, mattes, strict=True)]


def cut_out(shown: Sequence[Scene], preset: str, changes: Sequence[str]) -> list[npt.NDArray[np.float32]]:
    """Their mattes, float32[H,W] in 0..1, as the program publishes them with a preset and changes to it."""
    with tempfile.TemporaryDirectory(prefix="pass-rates-") as folder:
        into, out = Path(folder) / "in", Path(folder) / "out"
        into.mkdir()
        for number, scene in enumerate(shown):
            cv2.imwrite(str(into / f"{number:03}.png"), cv2.cvtColor(scene.picture, cv2.COLOR_RGB2BGR))
        settings = [part for each in changes for part in ("--set", each)]
        command = [sys.executable, "-m", "mattingd", "process", str(into), "-o", str(out), "--quiet"]
        subprocess.run([*command, "--preset", preset, *settings], check=True, stdout=subprocess.DEVNULL)
        return [_alpha(out / f"{number:03}.png") for number in range(len(shown))]


def _alpha(path: Path) -> npt.NDArray[np.float32]:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise FileNotFoundError(path)
    return (found / 255).astype(np.float32)


def score(scene: Scene, alpha: npt.NDArray[np.float32]) -> Score:
    """How near ``alpha`` (float32[H,W] in 0..1) comes to what is known."""
    band = band_of(scene)
    mad = float(np.abs(alpha - scene.truth)[band].mean()) if band.any() else 0.0
    return Score(scene.source, iou(alpha, scene.truth, scene.counted), mad)


def band_of(scene: Scene) -> npt.NDArray[np.bool_]:
    """The known pixels near the true edge; in a trimap, near the undecided ones."""
    inside = (scene.truth > 0.5).astype(np.uint8)
    around = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    soft = (scene.truth > 0.02) & (scene.truth < 0.98)
    edge = ((around > 0) | soft | ~scene.counted).astype(np.uint8)
    radius = max(2, round(BAND * scene.side / REFERENCE_SIDE))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    found: npt.NDArray[np.bool_] = (cv2.dilate(edge, disk) > 0) & scene.counted
    return found


def table(scores: dict[str, list[Score]]) -> Table:
    """A row for each preset and, below it, for each source of its pictures; as the page of presets has it."""
    made = Table(box=MARKDOWN)
    for head in ("preset", "pictures", "pass", "IoU alone", "band alone", "mean IoU", "band MAD", "claimed"):
        made.add_column(head)
    for preset, each in scores.items():
        claimed = f"{CLAIMED[preset]} of 20" if preset in CLAIMED else ""
        made.add_row(preset, *summary(each, "all"), claimed)
        for source in dict.fromkeys(one.source for one in each):
            made.add_row("", *summary([one for one in each if one.source == source], source), "")
    return made


def summary(scores: Sequence[Score], name: str) -> tuple[str, ...]:
    """Pictures, how many pass, how many would by IoU and by the band alone, and the means."""
    passes, overlap, band = (
        sum(each)
        for each in zip(*((s.passes, s.iou > LEAST_IOU, s.mad <= MOST_MAD) for s in scores), strict=True)
    )
    told = f"{passes} ({passes / len(scores):.0%})"
    means = (float(np.mean([getattr(one, what) for one in scores])) for what in ("iou", "mad"))
    return (f"{len(scores)} {name}", told, str(overlap), str(band), *(f"{mean:.4f}" for mean in means))


if __name__ == "__main__":
    main()
