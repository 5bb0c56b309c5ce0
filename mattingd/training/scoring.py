"""A model against pictures whose mattes are known: found on disk, cut out at full size, measured.

The way is the daemon's own (reading, fitting, the engine, full-size edges) without its processes. Knows
folders, engines and measures; knows nothing of training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mattingd.domain.jobs import PictureLimits
from mattingd.imaging.formats import decode
from mattingd.imaging.matting.second_pass import Passes, all_passes
from mattingd.training.data.datasets import read_plane
from mattingd.training.metrics import Measures, mean, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mattingd.imaging.formats.decode import Picture
    from mattingd.inference.backend import Engine
    from mattingd.training.data.geometry import Array, Plane

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
MASKS = (".mask.png", "_mask.png", ".alpha.png", "_alpha.png")
ENDINGS = (*MASKS, ".png")
"""What may follow a picture's stem in the name of its mask or matte."""
UNDECIDED = (8, 247)
"""Between these values a mask of a set of trimaps (0, 128, 255) states nothing."""


class Pair(NamedTuple):
    """A picture, the file that holds its matte, and the set it belongs to."""

    group: str
    picture: Path
    truth: Path


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one picture."""

    pair: Pair
    measures: Measures
    found: bool
    """Whether the model found a subject; where not, its matte counts as empty."""
    image: Array
    said: Plane
    truth: Plane


def pairs_in(folder: Path) -> tuple[Pair, ...]:
    """All pictures under `folder` that have a mask or matte beside them, in name order.

    The matte of `NAME.jpg` is `NAME.png`, or `NAME` with one of `MASKS`; a picture's set is its folder.
    """
    found = []
    for picture in sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES):
        truth = truth_of(picture)
        if truth is not None and not picture.name.startswith("."):
            found.append(Pair(picture.parent.name, picture, truth))
    return tuple(found)


def truth_of(picture: Path) -> Path | None:
    """The mask or matte of a picture, or None; a mask has none itself."""
    if picture.name.endswith(MASKS):
        return None
    places = (picture.with_name(picture.stem + ending) for ending in ENDINGS)
    return next((place for place in places if place != picture and place.exists()), None)


def opened(path: Path) -> Picture:
    """A picture as the daemon reads it.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return decode.read(path.read_bytes(), PictureLimits())
    except decode.PictureError as error:
        raise ValueError(f"{path}: {error}") from error


def seen(engine: Engine, srgb: Array) -> Passes:
    """All passes at a picture."""
    return all_passes(srgb, engine.matte, engine.spec.net)


def matte_of(engine: Engine, srgb: Array) -> Plane:
    """The matte float32 [H,W] in [0,1] of a picture at full size, whether there is a subject or not."""
    return seen(engine, srgb).matte().astype(np.float32) / 255


def cut(engine: Engine, srgb: Array) -> tuple[Plane, bool]:
    """What comes out: the matte float32 [H,W] in [0,1], all 0 without a subject, and whether there is one."""
    passes = seen(engine, srgb)
    if passes.is_empty:
        return np.zeros(srgb.shape[:2], np.float32), False
    return passes.matte().astype(np.float32) / 255, True


def judge(engine: Engine, pairs: Iterable[Pair], trimaps: Sequence[str] = ()) -> Iterator[Verdict]:
    """The verdict on every pair; in the sets named in `trimaps` undecided pixels are left out.

    Raises:
        ValueError: a file cannot be read, or a matte is of another size than its picture.
    """
    for pair in pairs:
        image, values = opened(pair.picture).srgb, read_plane(pair.truth)
        if image.shape[:2] != values.shape:
            raise ValueError(
                f"{pair.truth}: {values.shape[1]} x {values.shape[0]} pixels, but {pair.picture.name} has"
                f" {image.shape[1]} x {image.shape[0]}"
            )
        said, found = cut(engine, image)
        low, high = UNDECIDED
        counted = (values <= low) | (values >= high) if pair.group in trimaps else None
        truth = values.astype(np.float32) / 255
        yield Verdict(pair, measure(said, truth, counted), found, image, said, truth)


def table(verdicts: Iterable[Verdict]) -> dict[str, tuple[int, Measures]]:
    """Per set, in name order, the pictures and their mean measures; last `overall`, over all pictures."""
    groups: dict[str, list[Measures]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.pair.group, []).append(verdict.measures)
    rows = {name: (len(each), mean(each)) for name, each in sorted(groups.items())}
    everything = [measures for each in groups.values() for measures in each]
    return rows | {"overall": (len(everything), mean(everything))}


def worst(verdicts: Iterable[Verdict], count: int) -> list[Verdict]:
    """The pictures with the largest mean difference, the worst first."""
    return sorted(verdicts, key=lambda verdict: -verdict.measures.mad)[:count]
