"""Pictures without a subject, for judging: backdrops drawn from a fixed seed, and windows of landscapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mattingd.imaging.matting.second_pass import all_passes
from mattingd.training.data.backgrounds import camouflage, lit_evenly, plain, scenery, studio
from mattingd.training.data.degrade import degrade
from mattingd.training.data.drawing import shade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mattingd.inference.backend import Engine
    from mattingd.training.data.datasets import Photo
    from mattingd.training.data.geometry import Array

SEED = 20261121
DRAWN, LANDS = 40, 60
SHAPES = ((416, 416), (352, 480), (480, 352))


class Reported(NamedTuple):
    """How many of how many pictures without a subject were reported as such."""

    drawn: int
    lands: int


def backdrop(index: int, rng: np.random.Generator) -> Array:
    """A backdrop with nothing before it, uint8 RGB [H,W,3]."""
    shape, colour = SHAPES[index % len(SHAPES)], shade(rng).astype(np.float64)
    kinds: tuple[Callable[[], Array], ...] = (
        lambda: plain(shape, colour),
        lambda: studio(shape, rng),
        lambda: lit_evenly(shape, colour, rng),
        lambda: camouflage(shape, colour, rng),
    )
    return kinds[index % len(kinds)]()


def pictures(
    lands: tuple[Photo, ...],
) -> Iterator[tuple[str, Array]]:
    """`drawn` or `lands`, and a picture uint8 RGB [H,W,3], as a camera or a file would have it."""
    rng = np.random.default_rng(SEED)
    for index in range(DRAWN):
        yield "drawn", degrade(backdrop(index, rng), rng)
    for index in range(LANDS if lands else 0):
        land = lands[int(rng.integers(len(lands)))]
        yield "lands", degrade(scenery(land, SHAPES[index % len(SHAPES)], rng), rng)


def reported(engine: Engine, lands: tuple[Photo, ...]) -> Reported:
    """Judge an engine, with as many passes at a picture as the daemon makes."""
    found = {"drawn": 0, "lands": 0}
    for group, picture in pictures(lands):
        passes = all_passes(picture, engine.matte, engine.spec.net)
        found[group] += passes.is_empty
    return Reported(**found)
