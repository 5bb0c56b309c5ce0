"""Settled by measurement when an engine warms up: the number format, and how many pictures go at once.

Knows an engine only by what it calculates and how long that takes; must not import torch.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mattingd.inference import self_test
from mattingd.inference.backend import BadBatch, OutOfMemory, Timing, Warmup
from mattingd.system.clock import SECOND, monotonic_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mattingd.inference.backend import Mattes, Pictures, Precision, Shape

WITHIN = 1.05
"""`batch_size: auto` is the smallest size whose rate is within 5 % of the best."""
WORTH_IT = 0.9
"""A lower precision must take less than this share of fp32's time..."""
HARMLESS = 0.004
"""...and differ from it by no more than this in mean alpha (one step of 8 bits)."""


def smallest_good_batch(timings: Sequence[Timing]) -> int:
    """The smallest batch whose rate is within 5 % of the best.

    Raises:
        ValueError: there is no measurement.
    """
    best = max(timing.rate for timing in timings)
    return min(timing.batch for timing in timings if timing.rate * WITHIN >= best)


def fastest_precision(
    matte_in: Callable[[Precision, Pictures], Mattes], candidates: Sequence[Precision]
) -> Precision:
    """The fp32 format, unless a lower one is clearly faster and says the same of the self-test's picture.

    Args:
        matte_in: the engine's mattes, calculated in a precision.
        candidates: lower precisions to try.
    """
    picture = self_test.picture()
    best: Precision = "fp32"
    limit = WORTH_IT * _time(partial(matte_in, "fp32"), picture)
    reference = matte_in("fp32", picture)
    for candidate in candidates:
        try:
            same = abs(matte_in(candidate, picture) - reference).mean() <= HARMLESS
            seconds = _time(partial(matte_in, candidate), picture)
        except BadBatch:
            continue
        if same and seconds < limit:
            best, limit = candidate, seconds
    return best


def measure(matte: Callable[[Pictures], Mattes], shapes: Sequence[Shape], sizes: Sequence[int]) -> Warmup:
    """Compare batch sizes on the first shape, and run the other shapes once with the best.

    Raises:
        OutOfMemory: there is no room for a single picture.
        ValueError: there is no shape.
    """
    if not shapes:
        raise ValueError("warming up needs at least one shape")
    timings = _compare(matte, shapes[0], sizes)
    size = smallest_good_batch(timings)
    others: list[Timing] = []
    while len(others) < len(shapes) - 1:
        shape = shapes[1 + len(others)]
        try:
            others.append(Timing(shape, size, _seconds(matte, noise(shape, size))))
        except OutOfMemory:
            if size == 1:
                raise
            size //= 2
    return Warmup(size, (*timings, *others))


def noise(shape: Shape, size: int) -> Pictures:
    """A batch to measure with: values do not matter, but constant ones could be optimised for."""
    return np.random.default_rng(0).integers(0, 256, (size, *shape, 3), np.uint8)


def _compare(matte: Callable[[Pictures], Mattes], shape: Shape, sizes: Sequence[int]) -> list[Timing]:
    timings: list[Timing] = []
    for size in sizes:
        try:
            timings.append(Timing(shape, size, _time(matte, noise(shape, size))))
        except OutOfMemory:
            if not timings:
                raise
            break
    return timings


def _time(matte: Callable[[Pictures], Mattes], batch: Pictures) -> float:
    """The better of two runs in seconds, after one that is not counted: the first prepares much."""
    matte(batch)
    return min(_seconds(matte, batch) for _ in range(2))


def _seconds(matte: Callable[[Pictures], Mattes], batch: Pictures) -> float:
    started = monotonic_ns()
    matte(batch)
    return (monotonic_ns() - started) / SECOND
