"""The matte at full size follows the picture's edges; no halo, no seam, no haze."""

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.imaging.matting import tiles
from mattingd.imaging.matting.preprocess import fit
from mattingd.imaging.matting.upsample import to_full_size
from tests.imaging.pictures import UInt8, photo

Truth = np.ndarray


def scene(width: int, height: int, seed: int = 0) -> tuple[UInt8, Truth]:
    """A star-shaped subject with known alpha before an unlike background, both with grain."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    radius = min(width, height) * (0.3 + 0.08 * np.sin(7 * angle) + 0.03 * np.sin(23 * angle + 1))
    points = np.stack([width / 2 + radius * np.cos(angle), height / 2 + radius * np.sin(angle)], axis=1)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    alpha = mask.astype(np.float32) / 255
    front = np.array((190, 90, 60), np.float32) + rng.normal(0, 12, (height, width, 3))
    back = np.array((70, 110, 150), np.float32) + rng.normal(0, 12, (height, width, 3))
    mixed = front * alpha[:, :, None] + back * (1 - alpha[:, :, None])
    return np.clip(mixed, 0, 255).astype(np.uint8), alpha


def network_view(alpha: Truth) -> np.ndarray:
    """What a good network would say: the truth at its size, blurred, never quite sure."""
    found = fit(alpha.shape[1], alpha.shape[0])
    small = cv2.resize(alpha, (found.net_width, found.net_height), interpolation=cv2.INTER_AREA)
    return (cv2.GaussianBlur(small, (0, 0), 0.9) * 0.98 + 0.01).astype(np.float32)


def edge_error(matte: np.ndarray, alpha: Truth) -> float:
    band = cv2.dilate(((alpha > 0) & (alpha < 1)).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    return float(np.abs(matte - alpha)[band].mean())


@pytest.mark.parametrize("size", [(1600, 1200), (900, 1300), (2000, 1000)])
def test_far_better_than_a_plain_resize_at_the_edges(size: tuple[int, int]) -> None:
    picture, alpha = scene(*size)
    net = network_view(alpha)
    plain = cv2.resize(net, size, interpolation=cv2.INTER_LINEAR)
    ours = to_full_size(net, picture) / 255
    assert edge_error(ours, alpha) < 0.4 * edge_error(plain, alpha)


def test_no_haze_around_and_no_holes_within() -> None:
    picture, alpha = scene(1600, 1200)
    matte = to_full_size(network_view(alpha), picture)
    reach = 30  # px: about six of the network's
    outside = cv2.dilate(alpha, np.ones((2 * reach, 2 * reach), np.uint8)) == 0
    inside = cv2.erode(alpha, np.ones((2 * reach, 2 * reach), np.uint8)) == 1
    assert (matte[outside] == 0).all()
    assert (matte[inside] == 255).all()


def test_without_contrast_in_the_picture_the_network_is_believed() -> None:
    _, alpha = scene(1200, 900)
    net = network_view(alpha)
    matte = to_full_size(net, np.full((900, 1200, 3), 130, np.uint8)) / 255
    assert edge_error(matte, alpha) < 1.3 * edge_error(cv2.resize(net, (1200, 900)), alpha)


def test_tiles_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, alpha = scene(1100, 700)
    net = network_view(alpha)
    results = []
    for size in (64, 128, 5000):
        monkeypatch.setattr(
            "mattingd.imaging.matting.upsample.tiles_of",
            lambda mask, full=None, n=size: tiles.tiles_of(mask, n, full),
        )
        results.append(to_full_size(net, picture).astype(int))
    assert abs(results[0] - results[1]).max() <= 1
    assert abs(results[0] - results[2]).max() <= 1


def test_half_transparent_surfaces_stay_half_transparent() -> None:
    picture = photo(800, 800)
    alpha = np.zeros((800, 800), np.float32)
    alpha[200:600, 200:600] = 0.5
    matte = to_full_size(network_view(alpha), picture)
    assert abs(matte[300:500, 300:500].mean() / 255 - 0.5) < 0.05
    assert matte[300:500, 300:500].std() < 12


@pytest.mark.parametrize("value", [0.0, 0.001, 0.999, 1.0])
def test_a_sure_network_gives_exact_zeros_and_wholes(value: float) -> None:
    matte = to_full_size(np.full((352, 512), value, np.float32), photo(900, 600))
    assert (matte == round(value) * 255).all()


@given(st.integers(1, 1500), st.integers(1, 300), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_any_size_with_any_matte(width: int, height: int, seed: int) -> None:
    found = fit(width, height)
    net = np.random.default_rng(seed).random(found.shape, np.float32)
    matte = to_full_size(net, photo(max(2, width), max(2, height), seed)[:height, :width])
    assert matte.shape == (height, width)
    assert matte.dtype == np.uint8


def test_values_outside_their_range_do_no_harm() -> None:
    net = np.full((416, 416), 1.5, np.float32)
    net[:200] = -0.5
    matte = to_full_size(net, photo(600, 600))
    assert matte[:250].max() == 0
    assert matte[350:].min() == 255


def test_memory_grows_by_little_more_than_the_matte_itself() -> None:
    peaks = []
    for width, height in ((1500, 1000), (3000, 2000)):
        picture, alpha = scene(width, height)
        net = network_view(alpha)
        tracemalloc.start()
        to_full_size(net, picture)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 4 * (3000 * 2000 - 1500 * 1000)
