"""Training on a team's own pictures, and whether the result may be offered.

The shipped weights go on with the pictures of one folder, mixed with drawn subjects so that nothing is
forgotten. A quarter is held out; the result is offered only when it is better there and not worse on a fixed
set of drawn composites. Knows folders and weights; knows nothing of the daemon.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from mattingd.inference import registry
from mattingd.inference.backends.torch_backend import TorchEngine
from mattingd.training.data.backgrounds import camouflage, studio
from mattingd.training.data.compose import mean_colour, over, place
from mattingd.training.data.datasets import Cutout, CutoutFile, Library, Photo, read_rgb
from mattingd.training.data.rng import happens
from mattingd.training.data.synthetic import KINDS
from mattingd.training.export import averaged, blend, packed
from mattingd.training.metrics import Measures, mean, measure
from mattingd.training.scoring import matte_of, pairs_in
from mattingd.training.train import Recipe, train

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mattingd.inference.backend import Engine
    from mattingd.training.data.geometry import Array, Plane

FEWEST = 8
"""With fewer pictures there is nothing to hold out and nothing to learn."""
HELD_SHARE = 4
"""One of so many pictures is held out."""
BETTER = 0.95
"""The held-out mean difference must fall to this share of what it was."""
SLACK_MAD = 0.002
SLACK_IOU = 0.005
"""How much the fixed set may seem to lose: less than two runs of one training differ by."""
OWN_SHARE = 0.35
"""Of pictures that are the team's own as they are; composites and drawn subjects keep the model from
forgetting."""
KEPT_SHARE = 0.5
"""Of the training's end in its mean with where it began, which keeps most of both.

Source: Wortsman et al. 2022, robust fine-tuning.
"""
SEED = 7
FRAME = (416, 416)
SMALLEST, TRIES = 0.01, 20
"""A composite with less subject says little; so often it is tried again."""


class Known(NamedTuple):
    """A picture uint8 [H,W,3] and its matte float32 [H,W] in [0,1]."""

    image: Array
    truth: Plane


@dataclass(frozen=True, slots=True)
class Own:
    """A team's pictures: photographs with masks, and cut-outs."""

    photos: tuple[Photo, ...]
    cutouts: tuple[CutoutFile, ...]

    def paths(self) -> list[Path]:
        """The files of all of them."""
        return [photo.path for photo in self.photos] + [cutout.path for cutout in self.cutouts]

    def __len__(self) -> int:
        return len(self.photos) + len(self.cutouts)


class Comparison(NamedTuple):
    """Mean measures before and after the training."""

    held_before: Measures
    held_after: Measures
    fixed_before: Measures
    fixed_after: Measures


def own_in(folder: Path) -> Own:
    """The pictures with masks under `folder`, and the cut-outs that lie there alone."""
    pairs = pairs_in(folder)
    taken = {path for pair in pairs for path in (pair.picture, pair.truth)}
    alone = sorted(path for ending in ("png", "webp", "tif", "tiff") for path in folder.rglob(f"*.{ending}"))
    return Own(
        tuple(Photo(pair.picture, "own", truth=pair.truth) for pair in pairs),
        tuple(CutoutFile(path) for path in alone if path not in taken and _transparent(path)),
    )


def _transparent(path: Path) -> bool:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:  # noqa: PLR2004 - RGBA
        return False
    return int(pixels[..., 3].min()) < (255 if pixels.dtype == np.uint8 else 65535)


def divided(own: Own) -> tuple[Own, Own]:
    """What is trained on, and the quarter that is held out: always the same, by the hash of their names."""
    ranked = sorted(own.paths(), key=lambda path: hashlib.sha256(path.name.encode()).digest())
    held = set(ranked[: max(2, len(ranked) // HELD_SHARE)])
    return tuple(
        Own(
            tuple(photo for photo in own.photos if (photo.path in held) == wanted),
            tuple(cutout for cutout in own.cutouts if (cutout.path in held) == wanted),
        )
        for wanted in (False, True)
    )  # type: ignore[return-value]


def composed(cutout: Cutout, rng: np.random.Generator) -> Known:
    """A cut-out, mostly in the frame, on a studio backdrop or on one near its own colour."""
    layer = place(cutout, FRAME, rng)
    for _ in range(TRIES):
        if layer.alpha.mean() > SMALLEST:
            break
        layer = place(cutout, FRAME, rng)
    bare = happens(rng, 0.7)
    return Known(
        over(layer, studio(FRAME, rng) if bare else camouflage(FRAME, mean_colour(layer), rng)), layer.alpha
    )


def fixed_set(count: int = 4) -> list[Known]:
    """Drawn subjects of every kind, always the same: what a tuned model must not have forgotten."""
    rng = np.random.default_rng(SEED)
    return [composed(kind(rng), rng) for kind in KINDS for _ in range(count)]


def known(own: Own) -> list[Known]:
    """Held-out pictures, ready to be judged."""
    rng = np.random.default_rng(SEED)
    photos = [Known(read_rgb(photo.path), photo.mask.astype(np.float32) / 255) for photo in own.photos]
    return photos + [composed(file.cutout, rng) for file in own.cutouts]


def judged(engine: Engine, pictures: Iterable[Known]) -> Measures:
    """An engine's mean measures, of the mattes as they are.

    Of so few pictures one that does not pass for a subject would outweigh all others.
    """
    return mean(measure(matte_of(engine, picture.image), picture.truth) for picture in pictures)


def refusal(seen: Comparison) -> str | None:
    """Why a tuned model is not offered; None when it is."""
    if seen.fixed_after.mad > seen.fixed_before.mad + SLACK_MAD or (
        seen.fixed_after.iou < seen.fixed_before.iou - SLACK_IOU
    ):
        return "it has become worse on the fixed set: it would spoil other pictures"
    if seen.held_after.mad > BETTER * seen.held_before.mad or seen.held_after.iou < seen.held_before.iou:
        return "it is not clearly better on the pictures held out"
    return None


@dataclass(frozen=True, slots=True)
class Tuning:
    """What `tune` is asked for."""

    own: Own
    out: Path
    weights: bytes
    """What to start from."""
    steps: int = 400
    minutes: float = 30.0
    sides: Sequence[int] = (320, 384, 416)
    pixels: int = Recipe.pixels
    rate: float = 0.03


def tune(order: Tuning) -> tuple[bytes, Comparison]:
    """Train, judge before and after; the new weights and the comparison.

    Raises:
        ValueError: too few pictures, or one that cannot be read.
    """
    if len(order.own) < FEWEST:
        raise ValueError(f"{len(order.own)} pictures with known mattes are too few; {FEWEST} are needed")
    learnt, held = divided(order.own)
    pictures, fixed = known(held), fixed_set()
    order.out.mkdir(parents=True, exist_ok=True)
    start = order.out / "start.safetensors"
    start.write_bytes(order.weights)
    recipe = Recipe(
        order.out,
        None,
        order.out,
        minutes=order.minutes,
        steps=order.steps,
        pixels=order.pixels,
        sides=((1.0, tuple(order.sides)),),
        weights=start,
        grow=False,
        photo_share=OWN_SHARE,
        rate=order.rate,
        steady=True,
        decay=0.98,
        warm_up=20,
    )
    train(recipe, library_of(learnt))
    content = packed(blend(averaged(order.out / "checkpoint.pt"), start, KEPT_SHARE))
    before, after = engine_for(order.weights), engine_for(content)
    return content, Comparison(
        judged(before, pictures), judged(after, pictures), judged(before, fixed), judged(after, fixed)
    )


def library_of(own: Own) -> Library:
    """What the sampler draws from; empty groups are left out."""
    return Library({"own": own.photos} if own.photos else {}, {"own": own.cutouts} if own.cutouts else {}, ())


def engine_for(content: bytes) -> Engine:
    """An engine with these weights of the shipped network, in full precision."""
    return TorchEngine(registry.entry(), content, precision="fp32")
