"""Backgrounds for composites: real, studio, plain and deliberately hard; uint8 RGB [H,W,3]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mattingd.training.data.geometry import Array, random_window
from mattingd.training.data.rng import happens

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from mattingd.training.data.datasets import Library, Photo

Shape = tuple[int, int]

KINDS = ("real", "studio", "plain", "camouflage", "twin")
SHARES = (0.52, 0.16, 0.1, 0.15, 0.07)


def plain(shape: Shape, colour: np.ndarray) -> Array:
    """One colour everywhere."""
    return np.broadcast_to(np.clip(colour, 0, 255).astype(np.uint8), (*shape, 3)).copy()


def lit_evenly(shape: Shape, colour: np.ndarray, rng: np.random.Generator) -> Array:
    """A backdrop of nearly one colour, as white on white or black on black is."""
    field = colour + rng.normal(0, 6, (3, 3, 1)) * np.ones(3)
    picture = cv2.resize(field.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def studio(shape: Shape, rng: np.random.Generator) -> Array:
    """A lit backdrop: a smooth field between light tones, often with a floor line."""
    white = happens(rng, 0.5)
    base = rng.uniform(225, 256, 3) if white else rng.uniform(20, 240, 3)
    tint = np.mean(base) + (base - np.mean(base)) * rng.uniform(0, 1)
    field = rng.uniform(0.75, 1.05, (3, 3, 1)).astype(np.float32) * tint.astype(np.float32)
    picture = cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    if happens(rng, 0.4):
        line = int(shape[0] * rng.uniform(0.5, 0.9))
        below = (np.arange(shape[0]) - line) / rng.uniform(1, 12)
        floor = 1 + rng.uniform(-0.25, 0.15) / (1 + np.exp(-np.clip(below, -30, 30)))
        picture = picture * floor[:, None, None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def camouflage(shape: Shape, near: np.ndarray, rng: np.random.Generator) -> Array:
    """A blotchy field around the subject's own mean colour: the hard case for any colour cue."""
    cells = int(rng.integers(2, 24))
    field = near + rng.normal(0, rng.uniform(3, 30), (cells, cells, 3)) + rng.normal(0, 12, 3)
    how = cv2.INTER_CUBIC if happens(rng, 0.7) else cv2.INTER_NEAREST
    picture = cv2.resize(field.astype(np.float32), (shape[1], shape[0]), interpolation=how)
    return np.clip(picture, 0, 255).astype(np.uint8)


def scenery(photo: Photo, shape: Shape, rng: np.random.Generator) -> Array:
    """A window of a picture without a subject."""
    window = random_window(photo.image.shape[:2], shape[1] / shape[0], rng, 0.4)
    return window.cut(photo.image, shape)


def beside_the_subject(photo: Photo, shape: Shape, rng: np.random.Generator, tries: int = 8) -> Array | None:
    """A window of a photograph that its subject does not touch, or None when none was found."""
    for _ in range(tries):
        window = random_window(photo.image.shape[:2], shape[1] / shape[0], rng, 0.25)
        inside = photo.mask[window.y : window.y + window.height, window.x : window.x + window.width]
        if not inside.any():
            return window.cut(photo.image, shape)
    return None


def real(
    library: Library, shape: Shape, rng: np.random.Generator, avoid: AbstractSet[str] = frozenset()
) -> Array:
    """Scenery, or what stands beside the subject of a photograph (not of groups `avoid`); often blurred."""
    picture: Array | None = None
    if library.photos and (not library.backgrounds or happens(rng, 0.6)):
        groups = sorted(name for name in library.photos if name not in avoid) or sorted(library.photos)
        group = library.photos[groups[int(rng.integers(len(groups)))]]
        picture = beside_the_subject(group[int(rng.integers(len(group)))].opened(), shape, rng)
    if picture is None and library.backgrounds:
        picture = scenery(library.backgrounds[int(rng.integers(len(library.backgrounds)))], shape, rng)
    if picture is None:
        return studio(shape, rng)
    if happens(rng, 0.35):
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1, 7)).astype(np.uint8)
    return picture


def background(
    library: Library,
    shape: Shape,
    near: np.ndarray,
    rng: np.random.Generator,
    avoid: AbstractSet[str] = frozenset(),
) -> tuple[Array, bool]:
    """A random background for a subject of mean colour `near`, and whether it is a bare (studio-like) one."""
    kind = rng.choice(KINDS, p=SHARES)
    if kind == "real":
        return real(library, shape, rng, avoid), False
    if kind == "studio":
        return studio(shape, rng), True
    if kind == "plain":
        return plain(shape, rng.uniform(0 if happens(rng, 0.6) else 240, 256, 3)), True
    if kind == "twin":
        return lit_evenly(shape, near + rng.normal(0, 9, 3), rng), True
    return camouflage(shape, near, rng), happens(rng, 0.5)
