"""Threshold, erode, feather, and whether anything was found."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mattingd.domain.presets import Preset
from mattingd.imaging.matting.alpha import coverage, erode, feather, finish, is_empty

mattes = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(mattes)
@settings(max_examples=50, deadline=None)
def test_the_plain_preset_changes_nothing(alpha: np.ndarray) -> None:
    np.testing.assert_array_equal(finish(alpha, Preset()), alpha)


@given(mattes, st.integers(0, 254), st.sampled_from(["soft", "hard"]))
@settings(max_examples=80, deadline=None)
def test_threshold(alpha: np.ndarray, limit: int, mode: Literal["soft", "hard"]) -> None:
    result = finish(alpha, Preset(threshold=limit, threshold_mode=mode))
    assert (result[alpha < limit] == 0).all()
    assert (result[alpha == 255] == 255).all()
    kept = alpha >= limit
    expected = alpha[kept] if mode == "hard" else (alpha[kept] - float(limit)) * 255 / (255 - limit)
    assert np.abs(result[kept] - expected).max(initial=0) <= 0.5


@given(mattes, st.floats(0, 5))
@settings(max_examples=50, deadline=None)
def test_erosion_only_takes_away(alpha: np.ndarray, radius: float) -> None:
    assert (erode(alpha, radius) <= alpha).all()


@pytest.mark.parametrize("radius", [0.5, 1, 2, 3.25, 7, 20])
def test_erosion_takes_its_radius_off(radius: float) -> None:
    yy, xx = np.indices((301, 301)) - 150
    disk = (np.hypot(xx, yy) <= 100).astype(np.uint8) * 255
    area = erode(disk, radius).sum() / 255
    assert abs(np.sqrt(area / np.pi) - (100 - radius)) < 0.25 + 0.05 * radius


def test_erosion_scales_with_the_picture_and_leaves_the_frame_alone() -> None:
    for side in (512, 1024, 2048):
        alpha = np.zeros((side, side), np.uint8)
        alpha[side // 4 :, : side // 2] = 255
        result = finish(alpha, Preset(erode=4))
        columns = np.flatnonzero(result[side // 2] == 255)
        assert columns[0] == 0
        assert columns[-1] + 1 == side // 2 - 4 * side // 1024


@pytest.mark.parametrize("radius", [0.5, 2, 6, 30])
def test_feather_softens_an_edge_evenly_and_keeps_the_inside(radius: float) -> None:
    alpha = np.zeros((40, 400), np.uint8)
    alpha[:, 200:] = 255
    row = feather(alpha, radius)[20].astype(int)
    assert (np.diff(row) >= 0).all()
    assert abs((row[199] + row[200]) / 2 - 127.5) <= 1
    assert row[int(200 - 2.2 * radius - 2)] == 0
    assert row[int(200 + 2.2 * radius + 2)] == 255


def test_the_order_is_threshold_erode_feather() -> None:
    alpha = np.zeros((64, 1024), np.uint8)
    alpha[:, :500], alpha[:, 500:600] = 255, 20
    result = finish(alpha, Preset(threshold=30, erode=2, feather=2))
    assert result[32, 492] == 255
    assert 0 < result[32, 498] < 255
    assert result[32, 504:].max() == 0


def test_no_subject() -> None:
    nothing = np.full((416, 416), 0.02, np.float32)
    assert is_empty(nothing)
    assert coverage(nothing) == 0
    unsure = nothing.copy()
    unsure[100:300, 100:300] = 0.55
    assert is_empty(unsure)
    speck = nothing.copy()
    speck[:5, :5] = 1
    assert is_empty(speck)
    small = nothing.copy()
    small[100:110, 100:110] = 0.97
    assert not is_empty(small)
    assert coverage(small) == pytest.approx(100 / 416**2)
    assert is_empty(np.full((32, 32), np.nan, np.float32))
