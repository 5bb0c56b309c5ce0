"""Hair and fur drawn with exactly known alpha along a subject's outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from mattingd.training.data.geometry import Array, Plane


FINE = 4
"""Strands are drawn on a grid this much finer and averaged down: the coverage is the exact alpha."""


HALF = 0.5
SHORTEST = 40
"""Subjects with fewer outline points than this grow nothing."""


def outline(alpha: Plane) -> np.ndarray:
    """Points [K,2] (x, y) of the longest contour of alpha > 0.5; K may be 0."""
    found, _ = cv2.findContours((alpha > HALF).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max((c[:, 0] for c in found), key=len, default=np.zeros((0, 2), np.int32))


def outward(points: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Unit normals [S,2] of an outline at `index`, pointing out (OpenCV walks outlines anticlockwise)."""
    ahead, behind = points[(index + 4) % len(points)], points[index - 4]
    tangent = (ahead - behind).astype(np.float32)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    unit: np.ndarray = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6)
    return unit


def curves(points: np.ndarray, length: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` bent strands [count,9,2] (x, y) growing outward from a random stretch of the outline."""
    start = int(rng.integers(len(points)))
    span = max(2, int(len(points) * rng.uniform(0.15, 1.0)))
    index = (start + rng.integers(0, span, count)) % len(points)
    lean = rng.normal(0, 0.5, 2) + rng.normal(0, 0.35, (count, 2))
    direction = outward(points, index) + lean
    bend = rng.normal(0, 0.4, 2) + rng.normal(0, 0.3, (count, 2))
    back = -rng.uniform(0, 1.2) * bend + rng.normal(0, 0.25, (count, 2))
    reach = length * rng.uniform(0.3, 1.0, (count, 1, 1))
    t = np.linspace(0, 1, 9)[None, :, None]
    way = t * direction[:, None] + t**2 * bend[:, None] + t**3 * back[:, None]
    grown: np.ndarray = points[index][:, None] + reach * way - direction[:, None] * 2
    return grown


def with_strands(colour: Array, alpha: Plane, rng: np.random.Generator) -> tuple[Array, Plane]:
    """Colours [H,W,3] and alpha [H,W] of a subject with strands grown on it; unchanged without an outline."""
    points = outline(alpha)
    if len(points) < SHORTEST:
        return colour, alpha
    height, width = alpha.shape
    length = np.sqrt(alpha.size) * rng.uniform(0.03, 0.16)
    lines = curves(points, length, int(60 * 12 ** rng.random()), rng)
    cover = np.zeros((height * FINE, width * FINE), np.uint8)
    thick = int(rng.integers(1, 4))
    cv2.polylines(cover, list(np.round(lines * FINE).astype(np.int32)), False, 255, thick)  # noqa: FBT003
    drawn = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    painted = colour.copy()
    roots = np.clip(np.round(lines[:, 0]).astype(int), 0, (width - 1, height - 1))
    shades = np.clip(colour[roots[:, 1], roots[:, 0]] * rng.uniform(0.7, 1.3, (len(lines), 1)), 0, 255)
    for line, shade in zip(np.round(lines).astype(np.int32), shades, strict=True):
        cv2.polylines(painted, [line], False, shade.tolist(), 3)  # noqa: FBT003
    extra = drawn * (1 - alpha)
    total = alpha + extra
    mixed = (colour * alpha[..., None] + painted * extra[..., None]) / np.maximum(total, 1e-3)[..., None]
    return np.where(total[..., None] > 0, mixed, painted).astype(np.uint8), total
