"""A second pass at a small subject: when it is due, what is made of it, and that nobody sees where it ends.

The network here sees colour: how red a pixel is, as sharp as its own pixels are.
"""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd.domain.jobs import Geometry
from mattingd.domain.presets import SecondPass
from mattingd.imaging.matting import second_pass
from mattingd.imaging.matting.confidence import confidence, of_two_passes
from mattingd.imaging.matting.second_pass import Passes, all_passes, compared
from tests.bench.soft_scenes import KINDS

NET = Geometry(416, 32)
WIDTH, HEIGHT = 2400, 1800


def network(batch: Any) -> Any:
    """How red each picture [1,H,W,3] is, a little blurred and never quite sure."""
    red = batch[0].astype(np.float32)
    alpha = np.clip((red[..., 0] - red[..., 1]) / 200, 0, 1)
    return (cv2.GaussianBlur(alpha, (0, 0), 0.8) * 0.998 + 0.001).astype(np.float32)[None]


def painted(alpha: Any) -> Any:
    """A red subject on green ground that is darker on its left border, and so not flat: uint8[H,W,3]."""
    share = alpha[..., None].astype(np.float32) / 255
    ground = np.full((*alpha.shape, 3), (30, 120, 60), np.float32)
    ground[:, : alpha.shape[1] // 30] *= 0.5
    return np.rint((230, 30, 40) * share + ground * (1 - share)).astype(np.uint8)


def small(kind: str = "spokes", side: int = 500, at: tuple[int, int] = (700, 900)) -> Any:
    """The matte of a scene's subject, so large and there in the frame: uint8[HEIGHT,WIDTH]."""
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[at[0] : at[0] + side, at[1] : at[1] + side] = KINDS[kind](side, side, np.random.default_rng(3))
    return alpha


def said(alpha: Any, wish: SecondPass = "auto") -> Passes:
    return all_passes(painted(alpha), network, NET, wish)


def error(matte: Any, alpha: Any) -> float:
    return float(np.abs(matte.astype(int) - alpha).sum() / alpha.sum())


# --- when ---


@pytest.mark.parametrize("kind", ["spokes", "hair", "lace"])
def test_a_small_subject_is_seen_better(kind: str) -> None:
    alpha = small(kind)
    once, twice = said(alpha, "never").matte(), said(alpha).matte()
    assert error(twice, alpha) < 0.85 * error(once, alpha)


@pytest.mark.parametrize(
    ("alpha", "wish"),
    [
        (small(), "never"),
        (small(side=1700, at=(50, 350)), "auto"),
        (np.zeros((HEIGHT, WIDTH), np.uint8), "always"),
        (cv2.resize(small(), (440, 330), interpolation=cv2.INTER_AREA), "always"),
    ],
    ids=["not wished for", "it fills the frame", "no subject", "a small picture was seen as it is"],
)
def test_no_second_pass_where_it_promises_nothing(alpha: Any, wish: SecondPass) -> None:
    assert said(alpha, wish).crop is None


def test_always_is_wherever_there_is_more_to_see() -> None:
    alpha = small("fur", side=1600, at=(100, 300))
    assert said(alpha).crop is None
    assert said(alpha, "always").crop is not None


def test_where_much_is_undecided_a_little_more_to_see_is_enough() -> None:
    passes = said(small("fur", side=1600, at=(100, 300)), "never")
    assert passes.first is not None
    unsure = np.where(passes.first > 0.5, 0.8 * passes.first, passes.first)
    assert second_pass.worthwhile(passes.first, passes.fit, "auto", NET) is None
    assert second_pass.worthwhile(unsure, passes.fit, "auto", NET) is not None


def test_crumbs_far_away_do_not_widen_the_crop() -> None:
    alpha = small("fur")
    alpha[50:74, 50:74] = 255
    passes = said(alpha)
    assert passes.crop is not None
    assert passes.crop.tile[0].start > 500
    assert passes.matte()[62, 62] > 200, "outside the crop, the first pass counts"


# --- what ---


@pytest.mark.parametrize(
    "second",
    [lambda first: first * 0, lambda first: np.where(first > 0.5, 0.5 * first, 0.9), lambda first: 1 - first],
    ids=["the subject is lost", "it saw the ground", "the other way round"],
)
def test_a_second_pass_at_something_else_is_not_used(second: Any) -> None:
    alpha = small("fur")
    passes = Passes(painted(alpha), NET)
    assert passes.take(network(passes.net()[None])[0])
    wrong = second(network(passes.net()[None])[0]).astype(np.float32)
    assert not passes.take(wrong)
    assert passes.seen is not None
    assert not passes.seen.better
    assert np.array_equal(passes.matte(), said(alpha, "never").matte())


def test_hair_that_the_first_pass_did_not_see_is_no_contradiction() -> None:
    passes = said(small("hair"))
    assert passes.seen is not None
    assert passes.seen.better


def test_passes_that_do_not_agree_make_the_matte_doubtful() -> None:
    alpha = small("fur")
    passes = said(alpha)
    assert passes.first is not None
    assert passes.crop is not None
    assert passes.seen is not None
    sure = passes.confidence()
    assert sure is not None
    assert sure > 0.9 * confidence(passes.seen.matte, passes.net())
    half = passes.seen.matte.copy()
    half[: len(half) // 2] = 0
    passes.seen = compared(passes.first, passes.fit, passes.crop, half)
    doubtful = passes.confidence()
    assert doubtful is not None
    assert doubtful < 0.8 * sure
    assert of_two_passes(passes.seen.matte, passes.net(), 0.0) == 0


def test_one_pass_leaves_the_confidence_to_the_engine() -> None:
    assert said(small(), "never").confidence() is None


# --- no seam ---


def test_nothing_shows_where_the_crop_ends() -> None:
    """Even if the second pass sees a haze everywhere, which the first did not."""
    passes = said(small("fur"))
    assert passes.crop is not None
    assert passes.seen is not None
    before = said(small("fur"), "never").matte()
    passes.seen = replace(passes.seen, matte=np.maximum(passes.seen.matte, 0.4))
    matte = passes.matte().astype(int)
    rows, columns = passes.crop.tile
    outside = np.ones_like(matte, bool)
    outside[rows, columns] = False
    assert np.array_equal(matte[outside], before[outside])
    haze = matte[rows.start : rows.start + 10, (columns.start + columns.stop) // 2]
    assert haze[0] == before[rows.start, (columns.start + columns.stop) // 2]
    ring = cv2.dilate(outside.astype(np.uint8), np.ones((21, 21), np.uint8)).astype(bool)
    steps = [np.abs(np.diff(matte, axis=axis)) for axis in (0, 1)]
    assert max(steps[0][ring[1:]].max(), steps[1][ring[:, 1:]].max()) <= 20
    assert matte[rows, columns][60, 60] > 60, "the haze is there"


def test_a_subject_that_leaves_the_frame_is_not_faded_there() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[HEIGHT - 300 :, 900:1200] = 255
    passes = said(alpha)
    assert passes.crop is not None
    assert passes.crop.tile[0].stop == HEIGHT
    assert passes.matte()[HEIGHT - 1, 950:1150].min() == 255


def test_an_arm_that_the_first_pass_did_not_see_goes_over_into_what_it_saw() -> None:
    """The second pass may show what leaves the crop; it fades, and is not cut off."""
    alpha = small("fur")
    passes = said(alpha)
    assert passes.crop is not None
    assert passes.seen is not None
    arm = passes.seen.matte.copy()
    middle = len(arm) // 2
    arm[middle - 15 : middle + 15, middle:] = 1
    passes.seen = replace(passes.seen, matte=arm)
    rows, columns = passes.crop.tile
    end = passes.matte()[(rows.start + rows.stop) // 2, columns.stop - passes.crop.margin :].astype(int)
    assert end[0] > 200
    assert end[-1] == 0
    assert np.abs(np.diff(end)).max() < 40


@given(
    width=st.integers(40, 900),
    height=st.integers(40, 900),
    left=st.floats(0, 0.8),
    top=st.floats(0, 0.8),
    size=st.floats(0.05, 0.9),
)
def test_any_picture_gets_a_matte_of_its_size(
    width: int, height: int, left: float, top: float, size: float
) -> None:
    alpha = np.zeros((height, width), np.uint8)
    x, y = int(left * width), int(top * height)
    alpha[y : y + max(2, int(size * height)), x : x + max(2, int(size * width))] = 255
    matte = all_passes(painted(alpha), network, Geometry(96, 32), "always").matte()
    assert matte.shape == alpha.shape
    assert matte.dtype == np.uint8
