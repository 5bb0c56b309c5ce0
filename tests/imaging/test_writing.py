"""From picture and matte to files that others read back as they were meant."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mattingd.imaging import png, writing
from mattingd.imaging.composing import Composed, compose, over
from mattingd.imaging.reading import Picture, PictureError, read
from mattingd.values import PictureLimits, Preset
from tests.imaging.pictures import UInt8, encode, photo
from tests.imaging.test_reading import SRGB, swapped_profile

PRESETS = [
    Preset(format="png"),
    Preset(format="webp", quality=100),
    Preset(format="webp", quality=85),
    Preset(format="tiff"),
    Preset(format="jpeg", background="#ffffff"),
    Preset(format="png", background="#102030"),
]


def picture_of(rgb: UInt8, **more: object) -> Picture:
    return Picture(rgb, more.pop("alpha", None), rgb, **more)  # type: ignore[arg-type]


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def half_matte(height: int, width: int) -> UInt8:
    return np.tile(np.clip(np.linspace(-60, 315, width), 0, 255).astype(np.uint8), (height, 1))


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([3, 4]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_png_is_read_back_identically_by_pillow_and_opencv(
    width: int, height: int, channels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
    pixels[: height // 2] //= 64
    data = png.encode(pixels)
    np.testing.assert_array_equal(np.asarray(opened(data)), pixels)
    by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert by_opencv is not None
    code = cv2.COLOR_BGRA2RGBA if channels == 4 else cv2.COLOR_BGR2RGB
    np.testing.assert_array_equal(cv2.cvtColor(by_opencv, code), pixels)
    writing.verify(data, width, height)


def test_large_png_is_written_in_strips_without_a_trace() -> None:
    pixels = np.dstack([photo(1700, 1300), half_matte(1300, 1700)])
    data = png.encode(pixels)
    np.testing.assert_array_equal(np.asarray(opened(data)), pixels)
    assert data.count(b"IDAT") > 1


def test_png_chunks_are_in_order_with_right_checksums() -> None:
    data = png.encode(np.zeros((5, 7, 4), np.uint8), SRGB, (300, 300), b"II\x2a\x00\x08\x00\x00\x00\x00\x00")
    at, kinds = 8, []
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        kinds.append(kind)
        assert (
            zlib.crc32(data[at + 4 : at + 8 + length]) == struct.unpack_from(">I", data, at + 8 + length)[0]
        )
        at += length + 12
    assert kinds == [b"IHDR", b"iCCP", b"pHYs", b"eXIf", b"IDAT", b"IEND"]
    image = opened(data)
    assert image.info["icc_profile"] == SRGB
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_alpha_is_straight() -> None:
    rgb = np.full((80, 80, 3), (200, 100, 50), np.uint8)
    alpha = np.full((80, 80), 128, np.uint8)
    composed = compose(picture_of(rgb), alpha, Preset())
    assert abs(composed.pixels[40, 40].astype(int) - (200, 100, 50, 128)).max() <= 1
    again = np.asarray(opened(writing.encode(composed, Preset())))
    np.testing.assert_array_equal(again, composed.pixels)


@pytest.mark.parametrize("preset", [Preset(), Preset(format="tiff"), Preset(format="webp", quality=100)])
def test_opaque_pixels_are_bit_exact_through_the_file(preset: Preset) -> None:
    rgb, alpha = photo(300, 200), half_matte(200, 300)
    data = writing.encode(compose(picture_of(rgb), alpha, preset), preset)
    again = np.asarray(opened(data))
    np.testing.assert_array_equal(again[:, :, 3], alpha)
    np.testing.assert_array_equal(again[alpha == 255][:, :3], rgb[alpha == 255])


@pytest.mark.parametrize("preset", PRESETS)
def test_what_goes_along_arrives(preset: Preset) -> None:
    exif = Image.Exif()
    exif[0x8298] = "the photographer"
    source = read(
        encode(photo(90, 60), "JPEG", dpi=(240, 240), icc_profile=SRGB, exif=exif.tobytes()), PictureLimits()
    )
    data = writing.encode(compose(source, half_matte(60, 90), preset), preset)
    writing.verify(data, 90, 60)
    image = opened(data)
    assert image.format == preset.format.upper()
    assert image.mode == ("RGB" if preset.background else "RGBA")
    assert image.info["icc_profile"] == SRGB
    assert image.getexif()[0x8298] == "the photographer"
    if preset.format != "webp":
        assert image.info["dpi"] == pytest.approx((240, 240), abs=0.1)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_damaged_file_does_not_pass(preset: Preset) -> None:
    data = writing.encode(compose(picture_of(photo(120, 90)), half_matte(90, 120), preset), preset)
    writing.verify(data, 120, 90)
    middle = len(data) // 2
    for bad in (b"", data[:middle], data[:-5], data[:middle] + bytes(len(data) - middle), data[9:]):
        with pytest.raises(PictureError):
            writing.verify(bad, 120, 90)
    with pytest.raises(PictureError, match="instead of"):
        writing.verify(data, 90, 120)


@given(st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_every_flipped_bit_of_a_png_is_found(place: int, change: int) -> None:
    data = bytearray(png.encode(np.dstack([photo(60, 40), half_matte(40, 60)])))
    data[place % len(data)] ^= change
    with pytest.raises(PictureError):
        png.verify(bytes(data), 60, 40)


def test_formats_have_their_limits() -> None:
    wide = Composed(np.zeros((1, 16384, 4), np.uint8))
    with pytest.raises(PictureError, match="16384 x 1 px are too large for webp") as refused:
        writing.encode(wide, Preset(format="webp"))
    assert refused.value.kind == "too_large"
    with pytest.raises(PictureError, match="too large for jpeg"):
        writing.encode(Composed(np.zeros((65501, 1, 3), np.uint8)), Preset(format="jpeg", background="#fff"))
    with pytest.raises(PictureError, match="background"):
        writing.encode(wide, Preset(format="jpeg"))
    assert [writing.extension(kind) for kind in ("png", "webp", "tiff", "jpeg")] == [
        ".png",
        ".webp",
        ".tif",
        ".jpg",
    ]


@given(st.integers(0, 255), st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_on_a_background_each_level_is_the_plain_mixture(level: int, background: int) -> None:
    colours = np.full((3, 5, 3), 180, np.uint8)
    result = over(colours, np.full((3, 5), level, np.uint8), (background, 0, 255))
    expected = np.array([180 * level + other * (255 - level) for other in (background, 0, 255)]) / 255
    assert np.abs(result - expected).max() <= 0.5001


def test_a_background_is_told_in_srgb_and_painted_in_the_pictures_colours() -> None:
    rgb, nothing = photo(40, 30), np.zeros((30, 40), np.uint8)
    preset = Preset(background="#ff0000", format="png")
    assert (compose(picture_of(rgb), nothing, preset).pixels == (255, 0, 0)).all()
    assert (compose(picture_of(rgb, icc=SRGB), nothing, preset).pixels == (255, 0, 0)).all()
    swapped = compose(picture_of(rgb, icc=swapped_profile()), nothing, preset)
    assert swapped.icc == swapped_profile()
    assert abs(swapped.pixels[0, 0].astype(int) - (0, 0, 255)).max() <= 2


def test_transparent_before_is_transparent_after_and_its_colours_stay() -> None:
    rgb = photo(200, 100)
    before = np.full((100, 200), 255, np.uint8)
    before[:, :50], before[:, 50:100] = 0, 90
    matte = np.full((100, 200), 255, np.uint8)
    matte[50:] = 0
    pixels = compose(picture_of(rgb, alpha=before), matte, Preset()).pixels
    np.testing.assert_array_equal(pixels[:, :, 3], np.minimum(before, matte))
    np.testing.assert_array_equal(pixels[:50, 50:, :3], rgb[:50, 50:])
    assert (pixels[:, :40, :3] == 0).all()


def deep(rgb: UInt8, seed: int = 0) -> Any:
    """``rgb`` with sixteen bits a channel, all of them in use."""
    return rgb.astype(np.uint16) * 257 + np.random.default_rng(seed).integers(0, 257, rgb.shape, np.uint16)


def test_a_picture_of_sixteen_bits_keeps_them_all_where_it_is_opaque() -> None:
    rgb, alpha = deep(np.clip(photo(300, 200), 1, 254)), half_matte(200, 300)
    picture = Picture(rgb, None, (rgb // 257).astype(np.uint8))
    pixels = compose(picture, alpha, Preset()).pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels[:, :, 3], alpha.astype(np.uint16) * 257)
    np.testing.assert_array_equal(pixels[alpha == 255][:, :3], rgb[alpha == 255])
    eight = compose(picture_of(np.rint(rgb / 257).astype(np.uint8)), alpha, Preset()).pixels
    assert np.abs(pixels[alpha > 0] / 257 - eight[alpha > 0]).max() <= 0.5
    assert (pixels[:, :40, :3] == 0).all()


def test_of_two_alphas_of_sixteen_bits_the_lesser_counts() -> None:
    rgb, before = deep(photo(100, 60)), np.tile(np.linspace(0, 65535, 100).astype(np.uint16), (60, 1))
    matte = np.full((60, 100), 128, np.uint8)
    pixels = compose(Picture(rgb, before, np.zeros((60, 100, 3), np.uint8)), matte, Preset()).pixels
    np.testing.assert_array_equal(pixels[:, :, 3], np.minimum(before, 128 * 257))
    np.testing.assert_array_equal(pixels[:, 1:50, :3], rgb[:, 1:50])


def test_a_background_under_sixteen_bits() -> None:
    colours, alpha = (
        np.full((2, 4, 3), 50_000, np.uint16),
        np.array([[0, 257, 30_000, 65_535]] * 2, np.uint16),
    )
    result = over(colours, alpha, (255, 0, 16))[0]
    cover = alpha[0, :, None] / 65535
    assert np.abs(result - (50_000 * cover + np.array([65535, 0, 4112]) * (1 - cover))).max() <= 0.51
