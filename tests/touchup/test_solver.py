"""Strokes worked into mattes: what is wrong goes, what is far stays, what is soft stays soft."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage import data

from mattingd.imaging.matting import upsample
from mattingd.touchup import solver
from tests.bench import soft_scenes, touchups

UInt8 = npt.NDArray[np.uint8]


def spoilt(kind: str, *, lost: bool) -> touchups.Case:
    """A rendered subject whose matte has lost a quarter of it, or taken a piece of the background."""
    scene = soft_scenes.scene(kind, 640, 480)
    whole = upsample.to_full_size(soft_scenes.network_view(scene.alpha), scene.picture)
    picture, matte, truth = scene.picture.copy(), whole.copy(), scene.alpha
    if lost:
        matte[: 480 * 6 // 10, 320:] = 0
        truth = np.where(whole > 127, whole, truth).astype(np.uint8)
    else:
        cv2.ellipse(picture, (90, 380), (60, 80), 20, 0, 360, (40, 90, 160), -1)
        cv2.ellipse(matte, (90, 380), (60, 80), 20, 0, 360, 255, -1)
    found = touchups.case(kind, picture, matte, truth)
    assert found is not None
    return found


def photographed(name: str, box: tuple[int, int, int, int]) -> touchups.Case:
    """A photograph with a drawn subject in front of it, half of which the matte has not found."""
    picture = np.ascontiguousarray(getattr(data, name)()[:, :, :3])
    truth = np.zeros(picture.shape[:2], np.uint8)
    left, top, width, height = box
    cv2.ellipse(truth, (left + width // 2, top + height // 2), (width // 2, height // 2), 0, 0, 360, 255, -1)
    noise = np.random.default_rng(1).normal(0, 6, picture.shape)
    picture[truth > 0] = np.clip(np.array([20, 140, 90]) + noise, 0, 255).astype(np.uint8)[truth > 0]
    matte = truth.copy()
    matte[:, left + width // 2 :] = 0
    found = touchups.case(name, picture, matte, truth)
    assert found is not None
    return found


def enlarged(plane: UInt8) -> UInt8:
    """Five times as wide and high."""
    size = plane.shape[1] * 5, plane.shape[0] * 5
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST), np.uint8)


CASES = [
    pytest.param(lambda: spoilt("fur", lost=False), id="fur and a foreign body"),
    pytest.param(lambda: spoilt("hair", lost=False), id="hair and a foreign body"),
    pytest.param(lambda: photographed("astronaut", (150, 200, 220, 160)), id="astronaut"),
    pytest.param(lambda: photographed("chelsea", (120, 60, 200, 180)), id="chelsea"),
    pytest.param(lambda: photographed("coffee", (200, 100, 240, 200)), id="coffee"),
]


@pytest.mark.parametrize("made", CASES)
def test_two_strokes_mend_a_wrong_region_and_nothing_far_away(made: Callable[[], touchups.Case]) -> None:
    outcome = touchups.touched(made())
    assert outcome.cut >= 0.8
    assert outcome.beyond == 0
    assert outcome.elsewhere <= 0.05


def test_what_is_soft_stays_soft() -> None:
    """A foreign body beside hair is dropped; the hair has the alpha it had."""
    case = spoilt("hair", lost=False)
    after = solver.touch_up(case.matte, case.picture, case.marks)
    hair = (case.truth > 20) & (case.truth < 235)
    change = np.abs(after.astype(np.int16) - case.matte)[hair]
    assert hair.sum() > 1_000
    assert (change > 8).mean() < 0.01


def test_a_stroke_finds_the_edge_it_was_not_painted_at() -> None:
    case = photographed("coffee", (200, 100, 240, 200))
    after = solver.touch_up(case.matte, case.picture, case.marks)
    assert np.count_nonzero(case.marks) < 0.15 * np.count_nonzero(case.region)
    wrong = (after > 127) != (case.truth > 127)
    assert wrong.sum() < 0.02 * np.count_nonzero(case.truth)


def test_strokes_that_agree_with_the_matte_change_next_to_nothing() -> None:
    case = photographed("coffee", (200, 100, 240, 200))
    marks = np.zeros_like(case.marks)
    marks[190:210, 250:290] = solver.KEEP
    marks[20:30, 20:80] = solver.DROP
    change = np.abs(solver.touch_up(case.truth, case.picture, marks).astype(np.int16) - case.truth)
    assert (change > 2).mean() < 0.001


def test_a_keep_stroke_only_adds_and_a_drop_stroke_only_takes_away() -> None:
    case = photographed("astronaut", (150, 200, 220, 160))
    for kind in (solver.KEEP, solver.DROP):
        marks = np.where(case.marks > 0, kind, 0).astype(np.uint8)
        after = solver.touch_up(case.matte, case.picture, marks).astype(np.int16)
        wrong_way = (after - case.matte) * (1 if kind == solver.KEEP else -1)
        assert wrong_way.min() >= -2


def test_without_strokes_nothing_changes() -> None:
    case = photographed("chelsea", (120, 60, 200, 180))
    marks = np.zeros_like(case.marks)
    assert np.array_equal(solver.touch_up(case.matte, case.picture, marks), case.matte)
    assert np.isinf(solver.nearness(marks)).all()


def test_the_reach_is_that_of_the_page() -> None:
    """Three quarters of a stroke's extent, at least 8 % of the picture's long side, at most 20 %."""
    marks = np.zeros((300, 500), np.uint8)
    marks[150, 200:300] = solver.KEEP
    near = solver.nearness(marks)
    assert near[150, 300 + 74] < 1 < near[150, 300 + 77]
    marks[150, 210:300] = 0
    near = solver.nearness(marks)
    assert near[150, 210 + 38] < 1 < near[150, 210 + 42]
    marks[150, 20:300] = solver.KEEP
    near = solver.nearness(marks)
    assert near[150, 300 + 98] < 1 < near[150, 300 + 102]


@pytest.mark.parametrize("scale", [1, 4])
def test_a_thin_stroke_however_long_changes_nothing_beyond_the_limit(scale: int) -> None:
    """On an even ground, where no edge stops it: 20 % of the long side, in the picture's own pixels."""
    side, end = 600 * scale, 590 * scale
    matte, marks = np.full((side, side), 255, np.uint8), np.zeros((side, side), np.uint8)
    cv2.line(marks, (10 * scale, 10 * scale), (end, end), solver.DROP, 3)
    away = cv2.distanceTransform((marks == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    changed = solver.touch_up(matte, np.full((side, side, 3), 120, np.uint8), marks) != matte
    assert 0.18 * side < away[changed].max() <= 0.2 * side


@pytest.mark.parametrize("page", ["README.md", "README.zh.md", "docs/TOUCHUP.md"])
def test_every_page_states_the_same_limit(page: str) -> None:
    text = " ".join((Path(__file__).parents[2] / page).read_text(encoding="utf-8").split())
    share = f"{solver.REACH_AT_MOST:.0%}".replace("%", " %")
    assert f"{share} of the picture's long side" in text or f"图片长边的 {share}" in text


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (700, 2), (40, 40)])
def test_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 255, (*shape, 3), np.uint8)
    matte, marks = rng.integers(0, 255, shape, np.uint8), rng.integers(0, 3, shape, np.uint8)
    assert solver.touch_up(matte, picture, marks).shape == shape


def test_strokes_reach_the_last_row_and_column() -> None:
    """A size whose reduction and back falls a pixel short when it is cut off."""
    shape = 1241, 2158
    marks = np.full(shape, solver.DROP, np.uint8)
    dropped = solver.touch_up(np.full(shape, 255, np.uint8), np.full((*shape, 3), 200, np.uint8), marks)
    assert not dropped.any()


def test_a_large_picture_is_touched_up_as_a_small_one_is() -> None:
    small = photographed("coffee", (200, 100, 240, 200))
    picture, matte, truth, marks = map(enlarged, (small.picture, small.matte, small.truth, small.marks))
    region = enlarged(small.region.astype(np.uint8)) > 0
    large = touchups.Case("large", picture, matte, truth, region, marks)
    outcome = touchups.touched(large)
    assert outcome.cut >= 0.8
    assert outcome.beyond == 0
