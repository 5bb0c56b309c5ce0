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
    from mattingd.inference.kept_choices import KeptChoices

WITHIN = 1.05
"""`batch_size: auto` is the smallest size whose rate is within 5 % of the best."""
WORTH_IT = 0.9
"""A lower precision must take less than this share of fp32's time..."""
HARMLESS = 0.004
"""...and differ from it by no more than this in mean alpha (one step of 8 bits)."""


def smallest_good_batch(timings: Sequence[Timing]) -> int:
    """Return the smallest batch whose rate is within 5 % of the best.

    Raises:
        ValueError: there is no measurement.
    """
    best = max(timing.rate for timing in timings)
    return min(timing.batch for timing in timings if timing.rate * WITHIN >= best)


def fastest_precision(
    matte_in: Callable[[Precision, Pictures], Mattes], candidates: Sequence[Precision]
) -> Precision:
    """Return fp32, unless a lower precision is clearly faster and passes the self-test.

    Args:
        matte_in: returns the engine's mattes in a precision.
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


def settled_precision(
    matte_in: Callable[[Precision, Pictures], Mattes],
    candidates: Sequence[Precision],
    measured_for: str,
    kept: KeptChoices,
) -> Precision:
    """Return the kept number format, or measure and keep it.

    Args:
        matte_in: returns the engine's mattes in a precision.
        candidates: lower precisions to try.
        measured_for: weights, device and library: everything that the choice depends on.
        kept: the choices of earlier starts.
    """
    before = kept.of(measured_for)
    for choice in ("fp32", *candidates):
        if choice == before:
            return choice
    chosen = fastest_precision(matte_in, candidates)
    kept.keep(measured_for, chosen)
    return chosen


def measure(matte: Callable[[Pictures], Mattes], shapes: Sequence[Shape], sizes: Sequence[int]) -> Warmup:
    """Compare batch sizes on the first shape, and run the other shapes once with the best.

    Without shapes nothing runs, and the first size it is.

    Raises:
        OutOfMemory: a single picture does not fit into memory.
    """
    if not shapes:
        return Warmup(sizes[0], ())
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
    """Return a batch for measuring: its values do not matter, but constant ones could be optimised away."""
    return np.random.default_rng(0).integers(0, 256, (size, *shape, 3), np.uint8)


def _compare(matte: Callable[[Pictures], Mattes], shape: Shape, sizes: Sequence[int]) -> list[Timing]:
    timings: list[Timing] = []
    time = _time if len(sizes) > 1 else _seconds  # with nothing to compare, the time need not be exact
    for size in sizes:
        try:
            timings.append(Timing(shape, size, time(matte, noise(shape, size))))
        except OutOfMemory:
            if not timings:
                raise
            break
    return timings


def _time(matte: Callable[[Pictures], Mattes], batch: Pictures) -> float:
    """Return the better time of two runs in seconds, after one warm-up run."""
    matte(batch)
    return min(_seconds(matte, batch) for _ in range(2))


def _seconds(matte: Callable[[Pictures], Mattes], batch: Pictures) -> float:
    started = monotonic_ns()
    matte(batch)
    return (monotonic_ns() - started) / SECOND
