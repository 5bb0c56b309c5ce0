"""On a flat background ink is what its colours say; photographs, products and shadows are the network's."""

import io

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mattingd.domain.jobs import Geometry
from mattingd.imaging.matting import flat_background
from mattingd.imaging.matting.second_pass import all_passes

UInt8 = npt.NDArray[np.uint8]
SIZE = (900, 400)
INK = (20, 30, 60)
NET = 96
"""Side of a network that sees next to nothing of letters."""


def wordmark(
    scale: int = 1, quality: int | None = None, ground: tuple[int, int, int] = (255, 255, 255)
) -> UInt8:
    image = Image.new("RGB", (SIZE[0] * scale, SIZE[1] * scale), ground)
    pen = ImageDraw.Draw(image)
    pen.ellipse([each * scale for each in (40, 80, 280, 320)], fill=(220, 40, 60))
    pen.text((320 * scale, 120 * scale), "Northwind", font=ImageFont.load_default(110 * scale), fill=INK)
    if quality is not None:
        image.save(sink := io.BytesIO(), "JPEG", quality=quality)
        image = Image.open(sink)
    return np.asarray(image.convert("RGB"))


def ink_of(picture: UInt8) -> npt.NDArray[np.bool_]:
    ink = np.asarray(np.abs(picture.astype(int) - INK).max(2) < 40, bool)
    ink[:, : picture.shape[1] // 3] = False
    return ink


def coarse(mask: npt.NDArray[np.bool_]) -> UInt8:
    """What a network of few pixels sees of a mask, which loses thin parts and has a halo."""
    plane = mask.astype(np.uint8) * 255
    small = cv2.resize(plane, (NET, NET), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


@pytest.mark.parametrize(("scale", "quality"), [(1, None), (1, 85), (4, 90)])
def test_lettering_keeps_all_its_ink_and_gets_no_halo(scale: int, quality: int | None) -> None:
    picture = wordmark(scale, quality)
    subject = np.abs(picture.astype(int) - 255).max(2) > 60
    before = coarse(subject)
    before[:, picture.shape[1] // 2 :] //= 3
    assert (before[ink_of(picture)] < 128).mean() > 0.3
    after = flat_background.completed(before, picture)
    assert (after.alpha[ink_of(picture)] < 128).mean() < 0.001
    ground = cv2.dilate(subject.astype(np.uint8), np.ones((9 * scale, 9 * scale), np.uint8)) == 0
    assert after.alpha[ground].max() <= 8
    assert after.lost > 0.15


def test_other_colours_of_the_background_too() -> None:
    picture = wordmark(ground=(240, 200, 40))
    after = flat_background.completed(np.zeros(picture.shape[:2], np.uint8), picture)
    assert (after.alpha[ink_of(picture)] < 128).mean() < 0.001
    assert after.lost == 1


def test_letters_have_soft_edges() -> None:
    picture = wordmark()
    after = flat_background.completed(np.zeros(picture.shape[:2], np.uint8), picture).alpha[:, 310:]
    grey = picture[:, 310:, 0].astype(float)
    cover = 255 * (255 - grey) / (255 - INK[0])
    soft = (cover > 60) & (cover < 200)
    assert soft.sum() > 500
    assert np.abs(after[soft] - cover[soft]).mean() < 25


def product(*, hard: bool) -> tuple[UInt8, UInt8]:
    """A white product with a dark label and a shadow on white, and a matte of it without the shadow."""
    image, shadow = Image.new("RGB", (900, 700), "white"), Image.new("L", (900, 700))
    ImageDraw.Draw(shadow).ellipse((250, 520, 720, 600), fill=110)
    image.paste((60, 60, 70), mask=shadow if hard else shadow.filter(ImageFilter.GaussianBlur(18)))
    pixels = np.array(image)
    rows, columns = np.mgrid[:700, :900]
    body = ((columns - 450) / 190) ** 2 + ((rows - 350) / 220) ** 2 < 1
    pixels[body] = (252 - 40 * np.clip((columns - 300) / 400, 0, 1))[body][:, np.newaxis]
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).text((370, 300), "BRAND", font=ImageFont.load_default(50), fill=(20, 20, 90))
    return np.asarray(image), cv2.GaussianBlur(body.astype(np.uint8) * 255, (0, 0), 3).astype(np.uint8)


@pytest.mark.parametrize("hard", [False, True])
def test_a_white_product_with_its_shadow_on_white_is_left_to_the_network(*, hard: bool) -> None:
    picture, matte = product(hard=hard)
    assert flat_background.background_of(picture) is not None
    after = flat_background.completed(matte, picture)
    np.testing.assert_array_equal(after.alpha, matte)
    assert after.lost == 0


def test_what_the_network_is_sure_of_beside_a_subject_stays_out() -> None:
    """The line of a frame and a caption around a photograph."""
    photo = np.random.default_rng(3).integers(60, 200, (40, 60, 3), np.uint8)
    picture = np.zeros((400, 600, 3), np.uint8)
    picture[80:320, 120:480] = cv2.resize(photo, (360, 240))
    picture[60:64, 100:500] = picture[336:340, 100:500] = 255
    matte = np.zeros((400, 600), np.uint8)
    matte[120:300, 200:400] = 255
    np.testing.assert_array_equal(flat_background.completed(matte, picture).alpha, matte)


def test_a_background_that_is_not_flat_is_none() -> None:
    chance = np.random.default_rng(1)
    grain = (200 + chance.normal(0, 9, (300, 300, 3))).clip(0, 255).astype(np.uint8)
    ramp = np.broadcast_to(np.linspace(150, 250, 300)[:, np.newaxis, np.newaxis], (300, 300, 3)).astype(
        np.uint8
    )
    assert flat_background.background_of(grain) is None
    assert flat_background.background_of(ramp) is None


def test_every_matte_goes_that_way() -> None:
    """The network sees the red disc only, and next to nothing of the letters."""
    picture = wordmark()

    def network(batch: UInt8) -> npt.NDArray[np.float32]:
        red = batch[..., 0].astype(int) - batch[..., 1] > 60
        return np.where(red, 0.999, 0.001).astype(np.float32)

    passes = all_passes(picture, network, Geometry(416, 32), "never")
    assert passes.unseen == 0
    matte = passes.matte()
    assert (matte[ink_of(picture)] < 128).mean() < 0.001
    assert passes.unseen > 0.15
