"""One subject on one background: placing, shadow, compositing. All randomness comes from a generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from mattingd.training.data.degrade import colour_jitter
from mattingd.training.data.rng import happens
from mattingd.training.data.strands import with_strands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mattingd.training.data.datasets import Cutout
    from mattingd.training.data.geometry import Array, Plane

Shape = tuple[int, int]

ALIASES_BELOW = 0.6
HALF = 0.5
SIZES = (0.15, 0.77, 0.08)
"""Shares of subjects that are small in the frame, that fill it, and that are seen close."""


class Layer(NamedTuple):
    """A subject at network size: colours uint8 [H,W,3] (defined everywhere) and alpha float32 [H,W]."""

    colour: Array
    alpha: Plane


def placement(size: Shape, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Affine [2,3] that puts a cut-out of `size` into `shape`: scale, turn, mirror, partly out of frame."""
    fill = float(
        rng.choice((rng.uniform(0.12, 0.3), rng.uniform(0.3, 1.15), rng.uniform(1.15, 1.8)), p=SIZES)
    )
    scale = min(fill * min(shape[0] / size[0], shape[1] / size[1]), 3.0)
    angle = np.radians(rng.normal(0, 12))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if happens(rng, 0.5):
        turn[:, 0] *= -1
    free = np.maximum(np.array([shape[1], shape[0]]) - scale * np.array([size[1], size[0]]), 0)
    centre = np.array([shape[1], shape[0]]) / 2 + rng.uniform(-0.6, 0.6, 2) * free + rng.normal(0, 6, 2)
    offset = centre - turn @ (np.array([size[1], size[0]]) / 2)
    return np.concatenate([turn, offset[:, None]], 1)


def place(cutout: Cutout, shape: Shape, rng: np.random.Generator) -> Layer:
    """A cut-out somewhere in a frame of `shape` (height, width)."""
    matrix = placement(cutout.alpha.shape[:2], shape, rng)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    colour, alpha = cutout.colour, cutout.alpha
    if scale < ALIASES_BELOW:
        # Bilinear sampling alone would alias: shrink by area first.
        small = (max(2, round(alpha.shape[1] * scale)), max(2, round(alpha.shape[0] * scale)))
        matrix[:, 0] *= alpha.shape[1] / small[0]
        matrix[:, 1] *= alpha.shape[0] / small[1]
        colour = cv2.resize(colour, small, interpolation=cv2.INTER_AREA).astype(np.uint8)
        alpha = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA).astype(np.uint8)
    target = (shape[1], shape[0])
    painted = cv2.warpAffine(colour, matrix, target, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.warpAffine(alpha, matrix, target, flags=cv2.INTER_LINEAR)
    return Layer(painted.astype(np.uint8), unit(soft))


def unit(plane: NDArray[np.generic]) -> Plane:
    """0..255 as float32 in [0,1]."""
    scaled: Plane = np.clip(plane.astype(np.float32) / 255, 0, 1)
    return scaled


def mean_colour(layer: Layer) -> np.ndarray:
    """The subject's mean colour [3]; mid grey when there is none."""
    weight = layer.alpha[..., None]
    total = float(weight.sum())
    return (layer.colour * weight).sum((0, 1)) / total if total > 1 else np.full(3, 128.0)


def shadow(alpha: Plane, rng: np.random.Generator) -> Plane:
    """How much light [H,W] in (0,1] a shadow of the subject leaves: a cast one, or one where it stands."""
    height, width = alpha.shape
    contact = happens(rng, 0.35)
    squash = rng.uniform(0.03, 0.15) if contact else rng.uniform(0.2, 1.0)
    ys = np.nonzero(alpha.max(1) > HALF)[0]
    foot = float(ys[-1]) if len(ys) else height - 1.0
    shear = 0.0 if contact else rng.normal(0, 0.4)
    shift = rng.normal(0, 0.01 if contact else 0.04, 2) * (width, height)
    matrix = np.array([[1, shear, shift[0] - shear * foot], [0, squash, foot * (1 - squash) + shift[1]]])
    cast = cv2.warpAffine(alpha, matrix, (width, height), flags=cv2.INTER_LINEAR)
    cast = cv2.GaussianBlur(cast, (0, 0), rng.uniform(1.5, (0.02 if contact else 0.06) * width + 1.5))
    return (1 - rng.uniform(0.15, 0.75) * cast).astype(np.float32)


def tuned(layer: Layer, rng: np.random.Generator) -> Layer:
    """The subject with its own colour jitter, now and then bleached, sometimes with strands."""
    colour, alpha = colour_jitter(layer.colour, rng, 0.5), layer.alpha
    if happens(rng, 0.06):
        colour = cv2.addWeighted(colour, 0.35, np.full_like(colour, 250), 0.65, 0).astype(np.uint8)
    if happens(rng, 0.3):
        colour, alpha = with_strands(colour, alpha, rng)
    return Layer(colour, alpha)


def over(layer: Layer, behind: Array) -> Array:
    """Composite a layer over a picture: alpha F + (1 - alpha) B."""
    a = layer.alpha[..., None]
    return (layer.colour * a + behind * (1 - a) + 0.5).astype(np.uint8)


def composite(layer: Layer, behind: Array, rng: np.random.Generator, *, bare: bool) -> Array:
    """The finished picture, with a shadow often on bare and sometimes on real backgrounds."""
    if happens(rng, 0.6 if bare else 0.2):
        behind = (behind * shadow(layer.alpha, rng)[..., None]).astype(np.uint8)
    return over(layer, behind)
