"""The measures by which mattes are compared in print. Pure functions on arrays; knows no files and no model.

In all of them `said` and `truth` are mattes float32 [H,W] in [0,1], and `counted` is a bool [H,W] of the
pixels that count. Sums are of pixels at the picture's own size.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mattingd.training.data.geometry import Plane

Mask = NDArray[np.bool_]

SIGMA = 1.4
"""Of both gradients, in pixels."""
HALF = 0.5
LOOSE = 0.15
"""Connectivity starts to count from this difference."""


class Measures(NamedTuple):
    """One picture's measures, or the means over pictures."""

    iou: float
    """Intersection over union of alpha > 0.5; 1 where neither has a subject."""
    mad: float
    """Mean absolute difference in [0,1]; for binary masks the same number is called MAE."""
    mse: float
    """Mean squared difference in [0,1]."""
    sad: float
    """Sum of absolute differences / 1000."""
    grad_mat: float
    grad_scipy: float
    conn: float


def measure(said: Plane, truth: Plane, counted: Mask | None = None) -> Measures:
    """All measures of a matte against the truth.

    Raises:
        ValueError: the sizes differ.
    """
    if said.shape != truth.shape:
        raise ValueError(f"a matte of {said.shape} cannot be compared with one of {truth.shape}")
    where = np.ones(truth.shape, bool) if counted is None else counted
    apart = np.abs(said - truth)[where].astype(np.float64)
    return Measures(
        iou(said, truth, where),
        float(apart.mean()) if apart.size else 0.0,
        float((apart**2).mean()) if apart.size else 0.0,
        float(apart.sum()) / 1000,
        grad_mat(said, truth, where),
        grad_scipy(said, truth, where),
        connectivity(said, truth, where),
    )


def mean(measures: Iterable[Measures]) -> Measures:
    """The mean over pictures."""
    return Measures(*(float(value) for value in np.mean(list(measures), 0)))


def iou(said: Plane, truth: Plane, counted: Mask) -> float:
    """Intersection over union of alpha > 0.5."""
    ours, theirs = (said > HALF) & counted, (truth > HALF) & counted
    union = int((ours | theirs).sum())
    return float((ours & theirs).sum()) / union if union else 1.0


def grad_mat(said: Plane, truth: Plane, counted: Mask) -> float:
    """Gradient error as the matting benchmark's MATLAB code has it.

    A 9 x 9 derivative of a Gaussian whose kernel has length 1, both mattes stretched to 0..1, the border
    repeated; squared differences of the magnitudes, summed / 1000.
    """
    half = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * 1e-2)))
    x = np.arange(-half, half + 1)
    bell = np.exp(-(x**2) / (2 * SIGMA**2)) / (SIGMA * math.sqrt(2 * math.pi))
    kernel = np.outer(bell, -x * bell / SIGMA**2)
    kernel /= np.sqrt((kernel**2).sum())

    def magnitude(plane: Plane) -> Plane:
        low, high = float(plane.min()), float(plane.max())
        whole = ((plane - low) / (high - low) if high > low else np.zeros_like(plane)).astype(np.float64)
        across, down = (
            cv2.filter2D(whole, -1, k, borderType=cv2.BORDER_REPLICATE) for k in (kernel, kernel.T)
        )
        return np.hypot(across, down)

    return float(((magnitude(said) - magnitude(truth)) ** 2)[counted].sum()) / 1000


def grad_scipy(said: Plane, truth: Plane, counted: Mask) -> float:
    """Gradient error by scipy's `gaussian_filter(order=1)`, as many papers' code has it; summed / 10."""
    reach = int(4 * SIGMA + 0.5)
    x = np.arange(-reach, reach + 1)
    bell = np.exp(-0.5 * (x / SIGMA) ** 2)
    bell /= bell.sum()
    slope = -x / SIGMA**2 * bell

    def magnitude(plane: Plane) -> Plane:
        plane = plane.astype(np.float64)
        across = cv2.sepFilter2D(plane, -1, slope, bell, borderType=cv2.BORDER_REFLECT)
        down = cv2.sepFilter2D(plane, -1, bell, slope, borderType=cv2.BORDER_REFLECT)
        return np.hypot(across, down)

    return float(((magnitude(said) - magnitude(truth)) ** 2)[counted].sum()) / 10


def connectivity(said: Plane, truth: Plane, counted: Mask) -> float:
    """Connectivity error (Rhemann 2009): how differently pixels hang together with the largest common region.

    Thresholds 0.1 to 1 in steps of 0.1, regions joined by their sides; summed / 1000.
    """
    steps = np.linspace(0, 1, 11)
    held = np.full(truth.shape, -1.0)
    for before, level in pairwise(steps):
        both = ((said >= level - 1e-6) & (truth >= level - 1e-6)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 1 else -1
        held = np.where((held < 0) & (labels != largest), before, held)
    held = np.where(held < 0, 1.0, held)

    def phi(plane: Plane) -> Plane:
        beyond: Plane = plane - held
        hanging: Plane = 1 - beyond * (beyond >= LOOSE)
        return hanging

    return float(np.abs(phi(said) - phi(truth))[counted].sum()) / 1000
