"""Batches: which pictures, in which shape, how they are made. All randomness comes from one generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from mattingd.training.data.backgrounds import background
from mattingd.training.data.compose import HALF, Layer, composite, mean_colour, over, place, tuned, unit
from mattingd.training.data.degrade import degrade
from mattingd.training.data.geometry import ASPECTS, Array, Plane, bucket, random_window
from mattingd.training.data.rng import happens
from mattingd.training.data.synthetic import draw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mattingd.training.data.datasets import Cutout, Library, Photo

Shape = tuple[int, int]

PHOTO_WEIGHTS = {"people": 0.32, "pets": 0.34, "davis": 0.26, "cats": 0.08}
"""How often a photograph is drawn from which of the first pack's groups."""
WORLD_SHARE = 0.62
"""How often it is drawn from a pack of many sources instead, where there is one..."""
EVEN = 0.7
"""...and from which of them: by the number of photographs to this power, so that small ones count more."""
CUTOUT_WEIGHTS = {
    "stamps": 0.42, "trellis": 0.16, "grocery": 0.14, "wonder3d": 0.1, "objects3d": 0.08, "people": 0.1,
}  # fmt: skip
DRAWN_SHARE = 0.35
"""Of the subjects that no photograph gave. More of them teaches that whatever has an outline is a subject."""
DOUBT = {"people": (3, 0.8), "cats": (9, 0.2)}
"""Groups whose outlines are imprecise: width in pixels of the band that weighs less, and its weight."""

MASKED = (3, 0.6)
"""The same for the world's masks that were made by hand."""


class Sample(NamedTuple):
    """A training picture: RGB uint8 [H,W,3], alpha float32 [H,W], per-pixel weight float32 [H,W]."""

    image: Array
    alpha: Plane
    weight: Plane


class Batch(NamedTuple):
    """Samples stacked: RGB uint8 [N,H,W,3], alpha and weight float32 [N,H,W]."""

    images: Array
    alphas: Plane
    weights: Plane


def choose(
    groups: Mapping[str, Sequence[object]], weights: Mapping[str, float], rng: np.random.Generator
) -> str:
    """A group's name, by the stated weights (unknown groups weigh 0.1)."""
    names = sorted(groups)
    share = np.array([weights.get(name, 0.1) for name in names])
    return names[int(rng.choice(len(names), p=share / share.sum()))]


def shares_of(pack: Library) -> dict[str, float]:
    """How often a photograph is drawn from which group; the sum is 1."""
    own = {name: PHOTO_WEIGHTS.get(name, 0.1) for name in pack.photos if name not in pack.world}
    world = {name: len(pack.photos[name]) ** EVEN for name in pack.world}
    share = (WORLD_SHARE if own else 1.0) if world else 0.0
    parts = ((own, 1 - share), (world, share))
    return {name: total * w / sum(part.values()) for part, total in parts for name, w in part.items()}


@dataclass
class Sampler:
    """Draws batches from a data pack; `rng` is its whole state."""

    pack: Library
    rng: np.random.Generator
    photo_share: float = 0.62
    empty_share: float = 0.08

    def __post_init__(self) -> None:
        self.shares = shares_of(self.pack)

    def photo(self, aspect: float | None = None, tries: int = 6) -> Photo:
        """A random photograph, preferably of about the given aspect; doubtful mattes come less often."""
        for _ in range(tries):
            group = self.pack.photos[choose(self.pack.photos, self.shares, self.rng)]
            found = group[int(self.rng.integers(len(group)))]
            if found.trust < 1 and self.rng.random() > found.trust:
                continue
            if aspect is None or 0.8 < found.aspect / aspect < 1.25:  # noqa: PLR2004
                break
        return found.opened()

    def batch(self, count: int, side: int) -> Batch:
        """`count` samples of one shape: about `side` squared pixels, the aspect of a random photograph."""
        shape = bucket(self.photo().aspect if self.pack.photos else self.rng.choice(ASPECTS), side)
        samples = [self.sample(shape) for _ in range(count)]
        images, alphas, weights = (np.stack(part) for part in zip(*samples, strict=True))
        return Batch(images, alphas, weights)

    def sample(self, shape: Shape) -> Sample:
        """One finished sample of the given shape."""
        draw = self.rng.random()
        if self.pack.photos and draw < self.photo_share:
            made = self.photograph(shape)
        elif draw < 1 - self.empty_share:
            made = self.composed(shape)
        else:
            made = self.empty(shape)
        return made._replace(image=degrade(made.image, self.rng))

    def photograph(self, shape: Shape) -> Sample:
        """A window of a real photograph; unknown pixels weigh nothing, doubtful outlines little."""
        photo = self.photo(shape[1] / shape[0])
        window = random_window(photo.mask.shape[:2], shape[1] / shape[0], self.rng)
        known, alpha = unit(window.cut(photo.known, shape)), unit(window.cut(photo.matte, shape))
        weight = np.where((known == 1) | (photo.solved is not None), known, np.float32(0))
        doubt = MASKED if photo.group in self.pack.world and not photo.soft else DOUBT.get(photo.group)
        if doubt is not None:
            width, trust = doubt
            kernel = np.ones((width, width), np.uint8)
            band = cv2.morphologyEx((alpha > HALF).astype(np.uint8), cv2.MORPH_GRADIENT, kernel)
            weight = weight * np.where(band > 0, np.float32(trust), np.float32(1))
        return Sample(window.cut(photo.image, shape), alpha, weight)

    def lifted(self, shape: Shape) -> Layer:
        """The subject of a photograph in its own frame, so that cut-off limbs stay at the border."""
        photo = self.photo(shape[1] / shape[0])
        while photo.group == "cats" or not photo.liftable:
            photo = self.photo(None)
        window = random_window(photo.mask.shape[:2], shape[1] / shape[0], self.rng)
        cutout = photo.cutout
        return Layer(window.cut(cutout.colour, shape), unit(window.cut(cutout.alpha, shape)))

    def cutout(self) -> Cutout:
        """A random cut-out file's content."""
        group = self.pack.cutouts[choose(self.pack.cutouts, CUTOUT_WEIGHTS, self.rng)]
        return group[int(self.rng.integers(len(group)))].cutout

    def foreign(self) -> Cutout:
        """A subject that comes with its own alpha: a cut-out file, or one drawn now."""
        return draw(self.rng) if not self.pack.cutouts or happens(self.rng, DRAWN_SHARE) else self.cutout()

    def composed(self, shape: Shape) -> Sample:
        """A subject (sometimes two) on another background; alpha is known everywhere."""
        foreign = not self.pack.photos or happens(self.rng, 0.6)
        layer = place(self.foreign(), shape, self.rng) if foreign else self.lifted(shape)
        layer = tuned(layer, self.rng)
        behind, bare = background(self.pack, shape, mean_colour(layer), self.rng)
        image, alpha = composite(layer, behind, self.rng, bare=bare), layer.alpha
        if happens(self.rng, 0.15):
            second = tuned(place(self.foreign(), shape, self.rng), self.rng)
            image, alpha = over(second, image), alpha + second.alpha * (1 - alpha)
        return Sample(image, alpha.astype(np.float32), np.ones(shape, np.float32))

    def empty(self, shape: Shape) -> Sample:
        """A picture without a subject, or the network learns to invent one (crowds are no good example)."""
        avoid = {"people"} | self.pack.world
        image, _ = background(self.pack, shape, self.rng.uniform(0, 256, 3), self.rng, avoid)
        return Sample(image, np.zeros(shape, np.float32), np.ones(shape, np.float32))
