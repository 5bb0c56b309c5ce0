"""Composites with exactly known soft mattes, for judging only: held-out stamps, curly hair, doilies.

Made from a fixed seed. The stamps are those that no training ever sees; the hair is curled and the lace is
round, which those in `strands` and `drawn` are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mattingd.training.data.backgrounds import lit_evenly, scenery, studio
from mattingd.training.data.compose import Layer, mean_colour, over, place
from mattingd.training.data.datasets import Cutout, CutoutFile, held_out
from mattingd.training.data.degrade import add_noise
from mattingd.training.data.drawing import (
    GRID,
    SIDE,
    blank,
    coverage,
    lit,
    material,
    noise,
    polygon,
    ring,
    shade,
    subject,
)
from mattingd.training.data.strands import outline, outward

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mattingd.training.data.datasets import Photo
    from mattingd.training.data.geometry import Array, Plane

SEED = 20261120
SHAPES = ((512, 512), (448, 576), (576, 448))
COUNTS = {"stamps": 36, "hair": 24, "lace": 12}
SAMPLES = 32


def curls(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Curled strands [count,SAMPLES,2] (x, y) that grow from an outline's points [K,2]."""
    index = rng.integers(0, len(points), count)
    along = outward(points, index)
    side = np.stack([-along[:, 1], along[:, 0]], 1)
    t = np.linspace(0, 1, SAMPLES)[None, :, None]
    reach = rng.uniform(15, 70) * rng.uniform(0.4, 1, (count, 1, 1))
    wave = rng.uniform(2, 9) * rng.uniform(0.3, 1, (count, 1, 1))
    turns = rng.uniform(1, 4) * rng.uniform(0.7, 1.3, (count, 1, 1))
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 1))
    sag = np.array([0.0, 1.0]) * rng.uniform(0, 30) * t**2
    swing = wave * np.sqrt(t) * np.sin(2 * np.pi * turns * t + phase)
    return points[index][:, None] + along[:, None] * (reach * t - 3) + side[:, None] * swing + sag


def curly(rng: np.random.Generator) -> Cutout:
    """A head with curly hair: tapering strands over an oval."""
    grid, centre = blank(), np.array([0.5, 0.5])
    polygon(grid, ring(centre, rng.uniform(0.16, 0.2), rng.uniform(1.1, 1.35)))
    head = coverage(grid)
    polygon(grid, np.array([[0.44, 0.6], [0.56, 0.6], [0.58, 0.86], [0.85, 1.0], [0.15, 1.0], [0.42, 0.86]]))
    scale = GRID // SIDE
    for line in curls(outline(head), int(rng.integers(120, 420)), rng) * scale:
        whole = np.round(line).astype(np.int32)
        cv2.polylines(grid, [whole[: SAMPLES // 2]], False, 255, 2)  # noqa: FBT003
        cv2.polylines(grid, [whole], False, 255, 1)  # noqa: FBT003
    hair = lit(np.full((SIDE, SIDE, 3), shade(rng)), 0.5 + 0.7 * noise(rng, 90, 2))
    skin = np.array([110, 75, 55]) + rng.random() * np.array([130, 125, 125])
    face = coverage_of_face(centre)[..., None]
    return subject((hair * (1 - face) + skin * face).astype(np.uint8), coverage(grid))


def coverage_of_face(centre: np.ndarray) -> Plane:
    """Where the face of a head at `centre` is."""
    grid = blank()
    polygon(grid, ring(centre + np.array([0, 0.04]), 0.12, 1.25))
    return coverage(grid)


def doily(rng: np.random.Generator) -> Cutout:
    """Round lace: petals, rings of holes, a scalloped border, and gauze between."""
    y, x = np.mgrid[0:GRID, 0:GRID] / GRID - 0.5
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    petals = int(rng.integers(7, 17))
    border = 0.43 + 0.03 * np.abs(np.sin(petals * angle))
    rings = np.sin(radius * rng.uniform(60, 130)) * np.cos(petals * angle * rng.integers(1, 3))
    cloth = (rings > rng.uniform(-0.3, 0.3)) | (np.abs(radius - border) < 0.02)  # noqa: PLR2004
    woven = np.where(cloth, rng.uniform(0.8, 1), rng.uniform(0, 0.35)) * (radius < border)
    return subject(lit(material(rng), 0.7 + 0.4 * noise(rng, 4, 2)), coverage((woven * 255).astype(np.uint8)))


def subjects(data: Path, rng: np.random.Generator) -> Iterator[tuple[str, Cutout]]:
    """Set and cut-out of everything that is judged."""
    stamps = [
        path for path in sorted((data / "train" / "cutouts" / "stamps").glob("*.webp")) if held_out(path.name)
    ]
    for path in stamps[: COUNTS["stamps"]]:
        yield "stamps", CutoutFile(path).cutout
    for _ in range(COUNTS["hair"]):
        yield "hair", curly(rng)
    for _ in range(COUNTS["lace"]):
        yield "lace", doily(rng)


def behind(lands: tuple[Photo, ...], layer: Layer, rng: np.random.Generator) -> Array:
    """A landscape, a studio, or a backdrop not far from the subject's own colour."""
    shape, draw = layer.alpha.shape, rng.random()
    if lands and draw < 0.45:  # noqa: PLR2004
        return scenery(lands[int(rng.integers(len(lands)))], shape, rng)
    if draw < 0.8:  # noqa: PLR2004
        return studio(shape, rng)
    return lit_evenly(shape, np.clip(mean_colour(layer) + rng.choice((-60, 60), 3), 0, 255), rng)


def write(data: Path, lands: tuple[Photo, ...], folder: Path) -> int:
    """Write all composites as `folder/SET/NN.png` beside `NN.mask.png`; how many there are."""
    rng = np.random.default_rng(SEED)
    count = 0
    for count, (group, cutout) in enumerate(subjects(data, rng), 1):
        shape = SHAPES[count % len(SHAPES)]
        layer = place(cutout, shape, rng)
        while layer.alpha.max() < 0.5:  # noqa: PLR2004 - it fell out of the frame
            layer = place(cutout, shape, rng)
        picture = add_noise(over(layer, behind(lands, layer, rng)), 2, rng)
        home = folder / group
        home.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(home / f"{count:02}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(home / f"{count:02}.mask.png"), (layer.alpha * 255 + 0.5).astype(np.uint8))
    return count
