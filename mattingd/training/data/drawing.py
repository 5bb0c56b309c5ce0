"""What drawn subjects are made of: noise, materials, light, lines and areas with their coverage.

Everything is drawn on a finer grid and averaged down, so that the coverage is the alpha.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mattingd.training.data.datasets import Cutout

if TYPE_CHECKING:
    from mattingd.training.data.geometry import Array, Plane

SIDE = 288
"""Height and width of a drawn subject."""
FINE = 3
GRID = SIDE * FINE


def noise(rng: np.random.Generator, cells: int, octaves: int = 4, side: int = SIDE) -> Plane:
    """Fractal noise [side,side] in [0,1]; `cells` blobs across at its coarsest."""
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        count = min(side, cells * 2**octave)
        field = rng.random((count, count), np.float32)
        total += cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / (high - low + 1e-6)


def shade(rng: np.random.Generator) -> Array:
    """A colour [3]; often a sober one, now and then nearly white or black."""
    draw = rng.random()
    if draw < 0.2:  # noqa: PLR2004
        return rng.integers(225, 256, 3).astype(np.uint8)
    if draw < 0.35:  # noqa: PLR2004
        return rng.integers(0, 40, 3).astype(np.uint8)
    grey = rng.uniform(30, 225)
    colour: Array = np.clip(grey + rng.normal(0, 60, 3) * rng.random(), 0, 255).astype(np.uint8)
    return colour


def material(rng: np.random.Generator) -> Array:
    """A surface [SIDE,SIDE,3]: plain, graded, striped, checked, veined or speckled."""
    one, two = shade(rng).astype(np.float32), shade(rng).astype(np.float32)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    turn = rng.uniform(0, np.pi)
    along = x * np.cos(turn) + y * np.sin(turn)
    across = y * np.cos(turn) - x * np.sin(turn)
    kind = int(rng.integers(6))
    if kind == 0:
        mix = np.zeros_like(x)
    elif kind == 1:
        mix = np.clip(along, 0, 1)
    elif kind == 2:  # noqa: PLR2004
        mix = (np.sin(along * rng.uniform(20, 120)) > 0).astype(np.float32)
    elif kind == 3:  # noqa: PLR2004
        size = rng.uniform(10, 40)
        mix = ((np.floor(along * size) + np.floor(across * size)) % 2).astype(np.float32)
    elif kind == 4:  # noqa: PLR2004
        mix = 0.5 + 0.5 * np.sin(along * rng.uniform(10, 60) + 6 * noise(rng, 4))
    else:
        mix = noise(rng, int(rng.integers(8, 80)), 2)
    surface = one + (two - one) * mix[..., None] * rng.uniform(0.3, 1)
    bounded: Array = np.clip(surface, 0, 255).astype(np.uint8)
    return bounded


def lit(surface: Array, light: Plane) -> Array:
    """A surface under `light` [H,W]; what is above 1 goes towards white: a highlight."""
    glow = np.clip(light - 1, 0, 1)[..., None]
    base = surface * np.minimum(light, 1)[..., None]
    return np.clip(base + (255 - base) * glow, 0, 255).astype(np.uint8)


def blank() -> Array:
    """An empty fine grid to draw coverage on."""
    return np.zeros((GRID, GRID), np.uint8)


def coverage(grid: Array) -> Plane:
    """The alpha [SIDE,SIDE] in [0,1] of what was drawn on the fine grid."""
    return cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def polygon(grid: Array, points: np.ndarray, value: int = 255) -> None:
    """Fill the polygon of `points` [K,2], in [0,1] of the side."""
    cv2.fillPoly(grid, [np.round(points * GRID).astype(np.int32)], value)


def line(grid: Array, points: np.ndarray, width: float, value: int = 255) -> None:
    """A stroke through `points` [K,2]; `width` in pixels of the result, which may be less than one."""
    thick = max(1, round(width * FINE))
    cv2.polylines(grid, [np.round(points * GRID).astype(np.int32)], False, value, thick)  # noqa: FBT003


def bent(rng: np.random.Generator, start: np.ndarray, end: np.ndarray, bend: float = 0.15) -> np.ndarray:
    """A curve [24,2] from `start` to `end` over two control points off the straight way."""
    t = np.linspace(0, 1, 24)[:, None]
    one, two = (start + (end - start) * f + rng.normal(0, bend, 2) for f in (0.33, 0.67))
    curve: np.ndarray = (
        (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * one + 3 * (1 - t) * t**2 * two + t**3 * end
    )
    return curve


def ring(centre: np.ndarray, radius: float, flat: float = 1.0, count: int = 90) -> np.ndarray:
    """An ellipse's points [count,2]; `flat` is its height over its width."""
    angle = np.linspace(0, 2 * np.pi, count)
    points: np.ndarray = centre + radius * np.stack([np.cos(angle), flat * np.sin(angle)], 1)
    return points


def subject(colour: Array, alpha: Plane) -> Cutout:
    """Colours and alpha in [0,1] as a cut-out."""
    return Cutout(colour, np.clip(alpha * 255 + 0.5, 0, 255).astype(np.uint8))
