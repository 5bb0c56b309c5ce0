"""Few shapes, exact places."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd.domain.jobs import Geometry
from mattingd.imaging.matting.preprocess import buckets, fit, to_net
from tests.imaging.pictures import photo

sides = st.integers(1, 30000)


def test_the_documented_shapes() -> None:
    assert buckets()[:5] == ((416, 416), (480, 352), (512, 352), (576, 320), (640, 256))
    assert len(buckets()) == 9


@given(sides, sides, st.sampled_from([(256, 32), (416, 32), (512, 32), (768, 64)]))
def test_every_picture_gets_a_shape_of_about_the_same_area(
    width: int, height: int, size: tuple[int, int]
) -> None:
    side, multiple = size
    found = fit(width, height, Geometry(side, multiple))
    assert (found.net_width, found.net_height) in buckets(side, multiple)
    assert found.net_width % multiple == found.net_height % multiple == 0
    assert 0.84 < found.net_width * found.net_height / side**2 < 1.19
    assert (found.width, found.height) == (width, height)


@given(st.floats(1 / 2.5, 2.5))
def test_ordinary_pictures_are_hardly_stretched(aspect: float) -> None:
    found = fit(round(10000 * aspect), 10000)
    assert 1 / 1.2 < found.net_width / found.net_height / aspect < 1.2


@pytest.mark.parametrize(
    ("size", "shape"), [((6000, 4000), (352, 512)), ((3000, 4000), (480, 352)), ((1920, 1080), (320, 576))]
)
def test_camera_aspects_fit_within_three_per_cent(size: tuple[int, int], shape: tuple[int, int]) -> None:
    found = fit(*size)
    assert found.shape == shape
    assert abs(shape[1] / shape[0] / (size[0] / size[1]) - 1) < 0.035


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (20000, 1), (417, 415), (2047, 1361), (3000, 2000)])
def test_the_networks_input_has_its_shape(size: tuple[int, int]) -> None:
    found = fit(*size)
    net = to_net(np.full((size[1], size[0], 3), (10, 120, 250), np.uint8), found)
    assert net.shape == (*found.shape, 3)
    assert net.flags.c_contiguous
    assert (net == (10, 120, 250)).all()


@pytest.mark.parametrize("size", [(2047, 1361), (2999, 1999), (640, 480), (300, 200)])
def test_resizing_moves_nothing(size: tuple[int, int]) -> None:
    """A horizontal and a vertical ramp come out as the same ramps: a pixel's shift would be half a level."""
    width, height = size
    across = np.tile((np.arange(width) + 0.5) / width * 255, (height, 1))
    down = np.tile(((np.arange(height) + 0.5) / height * 255)[:, None], (1, width))
    found = fit(width, height)
    dither = np.random.default_rng(0).random((height, width, 3))
    net = to_net(np.floor(np.dstack([across, down, across]) + dither).astype(np.uint8), found).astype(float)
    for ramp, count in (
        (net[:, :, 0].mean(axis=0), found.net_width),
        (net[:, :, 1].mean(axis=1), found.net_height),
    ):
        error = ramp - (np.arange(count) + 0.5) / count * 255
        assert abs(error[8:-8]).max() < 0.75
        assert np.ptp([part.mean() for part in np.array_split(error[8:-8], 4)]) < 0.1
        assert abs(error[8:-8].mean()) < 0.4  # rounding half up, a few times over


def test_fine_patterns_average_out_instead_of_aliasing() -> None:
    checks = (np.indices((2000, 3000)).sum(axis=0) % 2 * 255).astype(np.uint8)
    net = to_net(np.dstack([checks] * 3), fit(3000, 2000))
    assert abs(net.astype(int) - 127).max() <= 2


def test_as_good_as_one_exact_area_resize() -> None:
    picture = photo(3000, 2000)
    found = fit(3000, 2000)
    exact = cv2.resize(picture, (found.net_width, found.net_height), interpolation=cv2.INTER_AREA)
    assert np.abs(to_net(picture, found).astype(int) - exact).mean() < 1.5
