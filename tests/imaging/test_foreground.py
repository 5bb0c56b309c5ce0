"""No tint of the old background goes along, and what is opaque is left alone."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.imaging.matting import foreground
from mattingd.imaging.matting.foreground import estimate
from tests.bench import soft_scenes
from tests.imaging.pictures import photo


def soft_disk(side: int, softness: float) -> Any:
    yy, xx = np.indices((side, side)) - side / 2
    return np.clip((side / 3 - np.hypot(xx, yy)) / softness + 0.5, 0, 1).astype(np.float32)


def mixed(front: Any, back: Any, alpha: Any) -> Any:
    cover = alpha[:, :, None]
    return np.rint(front * cover + back * (1 - cover)).astype(np.uint8)


def on_another(colours: Any, alpha: Any, background: float) -> Any:
    return colours * alpha[:, :, None] + background * (1 - alpha[:, :, None])


def test_known_composites_lose_their_old_background() -> None:
    alpha = soft_disk(700, 30)
    levels = np.rint(alpha * 255).astype(np.uint8)
    front = cv2.GaussianBlur(photo(700, 700, 1), (0, 0), 9).astype(np.float32)
    soft = (levels > 0) & (levels < 255)
    for back in ((0, 200, 0), (255, 255, 255), (0, 0, 0), (30, 60, 200)):
        picture = mixed(front, np.full_like(front, back), alpha)
        ours = estimate(picture, levels)
        for background in (0, 255):
            truth = on_another(front, alpha, background)[soft]
            naive_error = np.abs(on_another(picture, alpha, background)[soft] - truth).mean()
            our_error = np.abs(on_another(ours, alpha, background)[soft] - truth).mean()
            assert our_error < 0.3 * naive_error
            assert our_error < 5


@pytest.mark.parametrize("kind", soft_scenes.KINDS)
@pytest.mark.parametrize(("width", "height"), [(800, 600), (2400, 1800)])
def test_single_hairs_threads_and_spokes_get_their_own_colour(kind: str, width: int, height: int) -> None:
    scene = soft_scenes.scene(kind, width, height)
    ours = estimate(scene.picture, scene.alpha)
    assert soft_scenes.colour_error(ours, scene) < 0.25 * soft_scenes.colour_error(scene.picture, scene)


@given(st.integers(1, 160), st.integers(1, 160), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_opaque_pixels_are_bit_exact_and_distant_ones_zero(width: int, height: int, seed: int) -> None:
    picture = photo(max(2, width), max(2, height), seed)[:height, :width]
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 2, (4, 4), np.uint8) * 255
    alpha = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    ours = estimate(picture, alpha)
    np.testing.assert_array_equal(ours[alpha == 255], picture[alpha == 255])
    far = cv2.dilate(alpha, np.ones((9, 9), np.uint8)) == 0
    assert (ours[far] == 0).all()


def test_the_colour_goes_on_a_little_beyond_the_edge() -> None:
    picture = np.full((300, 300, 3), (10, 200, 10), np.uint8)
    picture[:, :150] = (220, 40, 60)
    alpha = np.zeros((300, 300), np.uint8)
    alpha[:, :150] = 255
    row = estimate(picture, alpha)[150].astype(int)
    assert abs(row[150:154] - (220, 40, 60)).max() <= 3
    assert (row[155:] == 0).all()


def test_a_cut_out_reduced_later_shows_no_rim() -> None:
    """Scaled down as straight RGBA by a program that ignores alpha, then put on white: no dark line."""
    picture = np.full((512, 512, 3), (5, 60, 5), np.uint8)
    alpha = soft_disk(512, 3)
    picture = mixed(np.full((512, 512, 3), 230, np.float32), picture.astype(np.float32), alpha)
    levels = np.rint(alpha * 255).astype(np.uint8)
    small = cv2.resize(
        np.dstack([estimate(picture, levels), levels]), (128, 128), interpolation=cv2.INTER_AREA
    )
    shown = on_another(small[:, :, :3], small[:, :, 3] / 255, 255)
    assert shown.min() > 222


def test_nothing_and_everything() -> None:
    picture = photo(64, 64)
    assert (estimate(picture, np.zeros((64, 64), np.uint8)) == 0).all()
    np.testing.assert_array_equal(estimate(picture, np.full((64, 64), 255, np.uint8)), picture)


def test_the_input_is_left_alone() -> None:
    picture = photo(100, 100)
    before = picture.copy()
    estimate(picture, np.full((100, 100), 100, np.uint8))
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((3024, 4032), (2016, 1512)),
        ((6048, 8064), (2016, 1512)),
        ((1500, 2000), (1155, 866)),
        ((80, 90), (90, 80)),
    ],
)
def test_the_pass_in_the_band_works_at_a_halved_size_where_that_is_near(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    assert foreground._fine_size(shape) == size
