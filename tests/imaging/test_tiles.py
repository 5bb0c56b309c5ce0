"""Pictures that several steps need smaller: what is made once is what each would have made."""

import numpy as np
import pytest

from mattingd.domain.presets import Preset
from mattingd.imaging.finishing.compose import compose
from mattingd.imaging.formats.decode import Picture
from mattingd.imaging.matting.foreground import estimate
from mattingd.imaging.matting.preprocess import fit, to_net
from mattingd.imaging.matting.tiles import Halving, shrink
from mattingd.imaging.matting.upsample import to_full_size
from tests.imaging.pictures import photo

SIZES = [(900, 600), (901, 603), (833, 833), (64, 600), (1, 7)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_shared_half_changes_no_pixel(width: int, height: int) -> None:
    picture = photo(max(2, width), max(2, height))[:height, :width]
    halved = Halving(picture)
    for wide, high in ((width // 2, height // 2), (width // 3, height // 5), (100, 40), (width, height)):
        for _ in range(2):
            size = max(1, wide), max(1, high)
            assert np.array_equal(shrink(halved, *size), shrink(picture, *size))
        halved.forget()


def test_every_step_makes_the_same_with_it() -> None:
    picture, halved = photo(900, 600), Halving(photo(900, 600))
    place = fit(900, 600)
    seen = to_net(picture, place)
    assert np.array_equal(to_net(halved, place), seen)
    small = (seen[..., 0] / np.float32(255)).astype(np.float32)
    alpha = to_full_size(small, picture)
    assert np.array_equal(to_full_size(small, picture, halved), alpha)
    assert np.array_equal(estimate(picture, alpha, halved), estimate(picture, alpha))


def test_the_half_of_another_picture_is_not_used() -> None:
    """Colours that are not sRGB: the network sees other ones."""
    rgb, srgb = photo(300, 200, 1), photo(300, 200, 2)
    alpha = np.tile(np.linspace(0, 255, 300).astype(np.uint8), (200, 1))
    picture = Picture(rgb, None, srgb)
    plain = compose(picture, alpha, Preset()).pixels
    assert np.array_equal(compose(picture, alpha, Preset(), None, Halving(srgb)).pixels, plain)
