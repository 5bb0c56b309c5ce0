"""What passes and what does not, on edges that are moved by a known number of pixels."""

from typing import Any

import numpy as np
import pytest

from mattingd.training.data.foreground import UNDECIDED
from tests.bench.pass_rates import MOST_MAD, band_of, score
from tests.bench.preset_scenes import Scene

SIDE = 1024


def half(edge: float) -> Any:
    """Subject on the left of a straight edge, float32[256,1024] in 0..1; parts of a pixel count."""
    return np.clip(edge - np.arange(SIDE, dtype=np.float32), 0, 1)[None, :].repeat(256, axis=0)


def scene(truth: Any, counted: Any = None) -> Scene:
    known = np.ones(truth.shape, bool) if counted is None else counted
    return Scene("drawn", np.zeros((*truth.shape, 3), np.uint8), truth, known, SIDE)


def test_the_truth_itself_passes() -> None:
    found = score(scene(half(500)), half(500))
    assert (found.iou, found.mad, found.passes) == (1.0, 0.0, True)


@pytest.mark.parametrize("moved", [2.9, -2.9, 3.8, -3.8])
def test_an_edge_may_lie_three_pixels_beside_its_place(moved: float) -> None:
    found = score(scene(half(500)), half(500 + moved))
    assert found.mad == pytest.approx(abs(moved) / 3 * MOST_MAD, rel=0.1)
    assert found.iou > 0.99
    assert found.passes is (abs(moved) <= 3)


def test_a_part_that_is_missing_fails_by_its_area_alone() -> None:
    said = half(500).copy()
    said[:100, :150] = 0
    found = score(scene(half(500)), said)
    assert found.mad < 0.01
    assert not found.passes


def test_of_a_trimap_only_what_is_stated_counts() -> None:
    mask = np.zeros((256, SIDE), np.uint8)
    mask[:, :480], mask[:, 480:520] = 255, UNDECIDED
    known = scene((mask > UNDECIDED).astype(np.float32), mask != UNDECIDED)
    assert not band_of(known)[:, 480:520].any()
    assert score(known, half(481)) == score(known, half(519))
    assert score(known, half(470)).mad > 0.3


def test_in_a_part_of_a_photograph_the_band_is_as_wide_as_in_the_whole() -> None:
    whole = scene(half(500))
    part = Scene("drawn", whole.picture[:, 400:600], whole.truth[:, 400:600], whole.counted[:, 400:600], SIDE)
    assert band_of(part).sum() == band_of(whole).sum()
