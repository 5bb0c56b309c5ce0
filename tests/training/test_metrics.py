"""The measures of mattes, each against a case worked out by hand (one also against scipy, its namesake)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mattingd.training.metrics import Measures, connectivity, grad_mat, grad_scipy, mean, measure


def plane(*rows: tuple[float, ...]) -> Any:
    return np.array(rows, np.float32)


def test_the_plain_sums_of_four_pixels() -> None:
    said, truth = plane((1, 0.6), (0.2, 0)), plane((1, 1), (0, 0.5))
    got = measure(said, truth)
    assert got.iou == 1.0, "subject is above a half: two pixels in both"
    assert got.mad == pytest.approx((0 + 0.4 + 0.2 + 0.5) / 4)
    assert got.mse == pytest.approx((0.16 + 0.04 + 0.25) / 4)
    assert got.sad == pytest.approx(1.1 / 1000)
    assert measure(plane((1, 1), (0, 0)), plane((1, 0), (1, 0))).iou == pytest.approx(1 / 3)


def test_two_empty_mattes_agree() -> None:
    empty = np.zeros((5, 7), np.float32)
    assert measure(empty, empty) == Measures(1, 0, 0, 0, 0, 0, 0)


def test_the_matte_itself_is_perfect_and_pixels_left_out_do_not_count() -> None:
    truth = np.random.default_rng(1).random((24, 30)).astype(np.float32)
    assert measure(truth, truth) == Measures(1, 0, 0, 0, 0, 0, 0)
    wrong = truth.copy()
    wrong[20:, 25:] = 1 - wrong[20:, 25:]
    counted = np.ones(truth.shape, bool)
    counted[10:, 15:] = False
    got = measure(wrong, truth, counted)
    assert (got.iou, got.mad, got.mse, got.sad) == (1, 0, 0, 0)
    assert got.grad_scipy < measure(wrong, truth).grad_scipy / 100


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        measure(np.zeros((4, 4), np.float32), np.zeros((4, 5), np.float32))


def test_the_gradient_of_a_ramp_in_scipys_form_is_its_slope() -> None:
    # A ramp of 1/40 a pixel has that gradient everywhere but near the border; a flat matte has none.
    ramp = np.repeat(np.arange(41, dtype=np.float32)[None] / 40, 30, 0)
    flat = np.full_like(ramp, 0.5)
    inner = np.zeros(ramp.shape, bool)
    inner[:, 10:30] = True
    assert grad_scipy(ramp, flat, inner) == pytest.approx(inner.sum() / 40**2 / 10, rel=1e-3)


def test_the_gradient_in_scipys_form_is_scipys() -> None:
    scipy = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(2)
    said, truth = (rng.random((33, 21)).astype(np.float32) for _ in range(2))

    def magnitude(one: Any) -> Any:
        x, y = (scipy.gaussian_filter(one.astype(float), 1.4, order=order) for order in ((1, 0), (0, 1)))
        return np.hypot(x, y)

    expected = ((magnitude(said) - magnitude(truth)) ** 2).sum() / 10
    assert grad_scipy(said, truth, np.ones(truth.shape, bool)) == pytest.approx(expected, rel=1e-6)


def test_the_gradient_in_matlabs_form_at_a_step() -> None:
    # Beside a step from 0 to 1 the kernel sums up its half: sum_{x>0} -x b(x)/s^2 (with b the bell), times
    # sum b, over the kernel's length sqrt(sum b^2 sum (x b/s^2)^2).
    step = np.zeros((40, 40), np.float32)
    step[:, 20:] = 1
    flat = np.zeros_like(step)
    x = np.arange(-4, 5)
    bell = np.exp(-(x**2) / (2 * 1.4**2))
    slope = x * bell
    length = math.sqrt((bell**2).sum() * (slope**2).sum())
    columns = [bell.sum() * slope[x > reach].sum() / length for reach in range(-5, 5)]
    expected = 40 * sum(c**2 for c in columns) / 1000
    assert grad_mat(step, flat, np.ones(step.shape, bool)) == pytest.approx(expected, rel=1e-5)
    # Stretched to 0..1 first, half the step is the same step.
    assert grad_mat(step / 2, flat, np.ones(step.shape, bool)) == pytest.approx(expected, rel=1e-5)


def test_connectivity_counts_what_hangs_apart() -> None:
    # Truth: one block of ten pixels. Said: the same, and three more that touch it nowhere. Those three hang
    # on nothing common at any level, so they keep 0 and lie 1 beyond it: 3 x 1 / 1000. The block agrees.
    truth = np.zeros((5, 9), np.float32)
    truth[1:3, 0:5] = 1
    said = truth.copy()
    said[4, 6:9] = 1
    everything = np.ones(truth.shape, bool)
    assert connectivity(said, truth, everything) == pytest.approx(0.003)
    # A block that is thinner than the truth by 0.3 hangs together to 0.7: beyond that lie 0.3 of ten pixels.
    thin = truth * np.float32(0.7)
    assert connectivity(thin, truth, everything) == pytest.approx(10 * 0.3 / 1000)
    # Differences below 0.15 do not count.
    assert connectivity(truth * np.float32(0.9), truth, everything) == pytest.approx(0)


def test_a_mean_is_of_every_measure() -> None:
    one, two = Measures(1, 0, 0, 0, 0, 2, 4), Measures(0, 1, 1, 1, 1, 1, 1)
    assert mean([one, two]) == Measures(0.5, 0.5, 0.5, 0.5, 0.5, 1.5, 2.5)
