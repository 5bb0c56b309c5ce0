"""Background pictures: covering every canvas, in the output's colours and depth, and refused when useless."""

import io
from functools import partial
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from mattingd.domain.presets import Preset
from mattingd.domain.reasons import told
from mattingd.imaging.finishing.background import Backdrop, Backdrops, covering, opened, remarks
from mattingd.imaging.finishing.compose import compose
from mattingd.imaging.formats.colour import profiles
from mattingd.imaging.formats.colour.icc import DISPLAY_P3
from mattingd.imaging.formats.decode import Picture
from mattingd.imaging.formats.errors import PictureError
from tests.imaging.pictures import encode, photo

Anchor = Literal["centre", "top", "bottom", "left", "right"]

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
BEHIND = Preset(background="/studio.jpg#sha256=00")
NOTHING = np.zeros((90, 120), np.uint8)


def canvas(height: int, width: int, dtype: Any = np.uint8) -> Any:
    return np.zeros((height, width), dtype)


def picture(width: int = 120, height: int = 90, icc: bytes | None = None) -> Picture:
    rgb = photo(width, height, seed=5)
    return Picture(rgb, None, rgb if icc is None else profiles.to_srgb(rgb, icc, "RGB"), icc)


def deep_png(pixels: npt.NDArray[np.uint16]) -> bytes:
    return bytes(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1])


def fields() -> npt.NDArray[np.uint8]:
    """A wide background in nine flat fields of 100 x 100 px, each of its own grey."""
    return np.kron(np.arange(10, 100, 10, dtype=np.uint8).reshape(3, 3), np.ones((100, 100), np.uint8))[
        :, :, None
    ].repeat(3, axis=2)


def test_one_of_the_canvas_size_stands_there_bit_for_bit() -> None:
    pixels = photo(300, 280)
    shown = covering(Backdrop(pixels), canvas(280, 300), None, "centre")
    np.testing.assert_array_equal(shown, pixels)
    shown[:] = 0
    assert pixels.any(), "what is kept for the next picture was not painted on"


@pytest.mark.parametrize(
    ("anchor", "first", "last"),
    [("left", 10, 20), ("right", 20, 30), ("centre", 10, 30), ("top", 10, 30), ("bottom", 10, 30)],
)
def test_a_tall_canvas_shows_the_side_that_the_anchor_names(anchor: Anchor, first: int, last: int) -> None:
    shown = covering(Backdrop(fields()), canvas(600, 400), None, anchor)
    assert (int(shown[0, 2, 0]), int(shown[0, -3, 0])) == (first, last)
    assert (int(shown[2, 2, 0]) < 40, int(shown[-3, 2, 0]) > 60) == (True, True), "all rows are there"


@pytest.mark.parametrize(("anchor", "first", "last"), [("top", 10, 40), ("bottom", 40, 70), ("left", 10, 70)])
def test_so_does_a_wide_one(anchor: Anchor, first: int, last: int) -> None:
    shown = covering(Backdrop(fields()), canvas(100, 150), None, anchor)
    assert (int(shown[2, 0, 0]), int(shown[-3, 0, 0])) == (first, last)
    assert int(shown[2, -1, 0]) == first + 20, "all columns are there"


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (97, 1501), (3000, 20)])
def test_every_shape_of_canvas_is_covered(size: tuple[int, int]) -> None:
    shown = covering(Backdrop(np.full((257, 311, 3), 90, np.uint8)), canvas(*size), None, "bottom")
    assert shown.shape == (*size, 3)
    assert (shown == 90).all()


def test_its_colours_become_those_of_the_output() -> None:
    """Once through sRGB, once through the picture's own profile: people see the same."""
    ground = Backdrop(photo(300, 300, seed=3), DISPLAY_P3)
    plain = covering(ground, canvas(300, 300), None, "centre")
    np.testing.assert_allclose(
        plain, profiles.to_srgb(ground.pixels.astype(np.uint8), DISPLAY_P3, "RGB"), atol=1
    )
    kept = compose(picture(icc=DISPLAY_P3), NOTHING, BEHIND, ground)
    assert kept.icc == DISPLAY_P3
    np.testing.assert_array_equal(kept.pixels, covering(ground, NOTHING, DISPLAY_P3, "centre"))
    back = covering(Backdrop(plain), canvas(300, 300), DISPLAY_P3, "centre")
    inside = (plain.min(axis=2) > 4) & (plain.max(axis=2) < 251)  # what sRGB can hold
    assert np.abs(back[inside].astype(int) - ground.pixels[inside]).max() <= 3


def test_a_picture_that_is_converted_gets_a_converted_background() -> None:
    ground = Backdrop(photo(300, 300, seed=3), DISPLAY_P3)
    preset = Preset(background=BEHIND.background, colour="srgb")
    made = compose(picture(icc=DISPLAY_P3), NOTHING, preset, ground)
    assert made.icc is None
    np.testing.assert_array_equal(made.pixels, covering(ground, NOTHING, None, "centre"))


def test_a_profile_that_cannot_be_written_to_is_taken_for_srgb() -> None:
    grounds = Backdrop(photo(300, 300))
    np.testing.assert_array_equal(
        covering(grounds, NOTHING, b"broken", "centre"), covering(grounds, NOTHING, None, "centre")
    )


def test_sixteen_bits_stay_sixteen_and_eight_become_them() -> None:
    fine = np.arange(300, dtype=np.uint16)[None, :, None].repeat(300, axis=0).repeat(3, axis=2) * 200 + 7
    np.testing.assert_array_equal(covering(Backdrop(fine), canvas(300, 300, np.uint16), None, "centre"), fine)
    coarse = photo(300, 300)
    deep = covering(Backdrop(coarse), canvas(300, 300, np.uint16), None, "centre")
    np.testing.assert_array_equal(deep, coarse.astype(np.uint16) * 257)
    eight = covering(Backdrop(fine), canvas(300, 300), None, "centre")
    assert np.abs(eight - fine / 257).max() <= 0.5


def test_an_output_of_sixteen_bits_shows_all_of_a_fine_background_behind_a_picture_of_eight() -> None:
    fine = np.arange(90 * 120, dtype=np.uint16).reshape(90, 120, 1).repeat(3, axis=2) + 20_000
    source, alpha = picture(), NOTHING.copy()
    alpha[20:60, 20:60] = 255
    made = compose(source, alpha, Preset(background=BEHIND.background, bits=16), Backdrop(fine))
    assert made.pixels.dtype == made.matte.dtype == np.uint16
    np.testing.assert_array_equal(made.pixels[alpha == 0], fine[alpha == 0])
    np.testing.assert_array_equal(made.pixels[alpha == 255], source.rgb[alpha == 255].astype(np.uint16) * 257)


def test_the_shadow_falls_onto_it() -> None:
    alpha = NOTHING.copy()
    alpha[30:60, 40:80] = 255
    preset = Preset(background=BEHIND.background, shadow=0.6, shadow_blur=4, shadow_y=0, shadow_x=200)
    ground = Backdrop(np.full((300, 300, 3), 200, np.uint8))
    made = compose(picture(), alpha, preset, ground).pixels
    assert made[45, 90].tolist() == [80] * 3
    assert made[45, 20].tolist() == [200] * 3


def test_soft_edges_mix_with_what_stands_there() -> None:
    alpha = np.full((90, 120), 128, np.uint8)
    flat = np.full((90, 120, 3), 200, np.uint8)
    ground = covering(Backdrop(photo(300, 300)), alpha, None, "centre")
    made = compose(Picture(flat, None, flat), alpha, BEHIND, Backdrop(photo(300, 300))).pixels
    expected = 200 * (128 / 255) + ground.astype(float) * (127 / 255)
    assert np.abs(made - expected).max() <= 1


def test_a_person_is_told_when_it_is_enlarged_so_far_that_it_shows() -> None:
    ground = Backdrop(photo(400, 300))
    assert remarks(ground, 800, 100) == ()
    assert told(remarks(ground, 801, 1200)) == ("the background of 400 x 300 px was enlarged 4.0 times")


def transparent() -> bytes:
    return encode(np.dstack([photo(300, 300), np.full((300, 300), 254, np.uint8)]), "PNG")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (encode(photo(255, 900), "PNG"), "its 255 x 900 px are too few: 256 a side at least"),
        (transparent(), "it is transparent in places: save it flattened, without alpha"),
        (encode(photo(300, 300), "JPEG")[:-900], "cut off"),
        (b"no picture at all, whatever it is called", "this is not a picture"),
        (b"", "the file is empty"),
    ],
)
def test_what_makes_no_background_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(PictureError, match=why.replace("(", r"\(")):
        opened(data)


def test_one_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    sink = io.BytesIO()
    Image.new("1", (8000, 8000)).save(sink, "PNG")
    with pytest.raises(PictureError, match="its 8000 x 8000 px are too many: make it 40 megapixels at most"):
        opened(sink.getvalue())


def test_a_turned_photograph_stands_upright() -> None:
    exif = Image.Exif()
    exif[274] = 6
    found = opened(encode(photo(400, 300), "JPEG", exif=exif, icc_profile=DISPLAY_P3))
    assert (found.pixels.shape, found.icc) == ((400, 300, 3), DISPLAY_P3)
    assert opened(deep_png(photo(300, 300).astype(np.uint16) * 200)).pixels.dtype == np.uint16


def test_each_is_decoded_once_and_the_oldest_make_room() -> None:
    reads: list[str] = []
    files = {name: encode(photo(300, 300, seed), "PNG") for seed, name in enumerate("abc")}

    def reading(name: str) -> bytes:
        reads.append(name)
        return files[name]

    kept = Backdrops(most=2 * 300 * 300 * 3)
    for name in "ababcba":
        kept.of(name, partial(reading, name))
    assert reads == ["a", "b", "c", "a"], "a was used before b, and had to go for c"
