"""From picture and matte to files that others read back as they were meant."""

import io
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_jxl  # noqa: F401 - for Pillow to know the format
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tifffile import TiffFile

from mattingd.domain.jobs import PictureLimits
from mattingd.domain.presets import Preset
from mattingd.imaging.finishing.compose import Composed, compose, over
from mattingd.imaging.formats import encode as encode_module
from mattingd.imaging.formats import png, tiff
from mattingd.imaging.formats.colour.profiles import is_srgb
from mattingd.imaging.formats.decode import Picture, PictureError, read
from mattingd.imaging.formats.encode import File
from tests.imaging.pictures import UInt8, encode, photo
from tests.imaging.test_reading import SRGB, swapped_profile

EXIF = b"II\x2a\x00\x08\x00\x00\x00\x00\x00"
XMP = b'<x xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>a shoe</dc:title></x>'
PRESETS = [
    Preset(format="png"),
    Preset(format="webp", quality=100),
    Preset(format="webp", quality=85),
    Preset(format="tiff"),
    Preset(format="tiff", compression="zstd"),
    Preset(format="jpeg", background="#ffffff"),
    Preset(format="png", background="#102030"),
    Preset(format="avif", quality=80),
    Preset(format="jxl", quality=100),
    Preset(format="jxl", quality=90),
]
LOSSLESS = [preset for preset in PRESETS if preset.format in {"png", "tiff"} or preset.quality == 100]
DEEP = [Preset(), Preset(format="tiff"), Preset(format="tiff", compression="zstd")]
SHAPES = [(), (3,), (4,)]


def file_of(composed: Composed, preset: Preset) -> File:
    return encode_module.files(composed, preset)[0]


def composed_of(pixels: Any) -> Composed:
    return Composed(pixels, pixels[..., -1])


def levels(rng: np.random.Generator, height: int, width: int, shape: tuple[int, ...], dtype: str) -> Any:
    """Noise below, little of it above."""
    pixels = rng.integers(0, np.iinfo(dtype).max, (height, width, *shape), dtype, endpoint=True)
    pixels[: height // 2] //= 64
    return pixels


def by_opencv(data: bytes) -> Any:
    """What OpenCV reads, in our order of channels."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    codes = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return found if found.ndim == 2 else cv2.cvtColor(found, codes[found.shape[2]])


def picture_of(rgb: UInt8, **more: object) -> Picture:
    return Picture(rgb, more.pop("alpha", None), rgb, **more)  # type: ignore[arg-type]


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def half_matte(height: int, width: int) -> UInt8:
    return np.tile(np.clip(np.linspace(-60, 315, width), 0, 255).astype(np.uint8), (height, 1))


kinds = st.tuples(st.sampled_from(SHAPES), st.sampled_from(["uint8", "uint16"]))


@given(st.integers(1, 200), st.integers(1, 200), kinds, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_png_is_read_back_identically(
    width: int, height: int, kind: tuple[tuple[int, ...], str], seed: int
) -> None:
    pixels = levels(np.random.default_rng(seed), height, width, *kind)
    data = png.encode(pixels)
    np.testing.assert_array_equal(by_opencv(data), pixels)
    if pixels.dtype == np.uint8:
        np.testing.assert_array_equal(np.asarray(opened(data)), pixels)
    png.verify(data, width, height)


@given(
    st.integers(1, 200), st.integers(1, 200), kinds, st.sampled_from(["deflate", "zstd"]), st.integers(0, 99)
)
@settings(max_examples=40, deadline=None)
def test_tiff_is_read_back_identically(
    width: int, height: int, kind: tuple[tuple[int, ...], str], compression: Any, seed: int
) -> None:
    pixels = levels(np.random.default_rng(seed), height, width, *kind)
    data = tiff.encode(pixels, compression)
    with TiffFile(io.BytesIO(data)) as file:
        np.testing.assert_array_equal(file.asarray(), pixels)
    if pixels.dtype == np.uint8:
        np.testing.assert_array_equal(np.asarray(opened(data)), pixels)
    elif compression == "deflate":
        np.testing.assert_array_equal(by_opencv(data), pixels)
    tiff.verify(data, width, height)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_pngcheck_finds_no_fault(tmp_path: Path, shape: tuple[int, ...], depth: str) -> None:
    path = tmp_path / "made.png"
    path.write_bytes(
        png.encode(levels(np.random.default_rng(0), 700, 500, shape, depth), SRGB, (300, 300), EXIF)
    )
    if (pngcheck := shutil.which("pngcheck")) is None:
        pytest.skip("pngcheck is not installed")
    said = subprocess.run([pngcheck, "-v", path], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")
    assert "No errors detected" in said.stdout


def test_large_png_is_written_in_strips_without_a_trace() -> None:
    pixels = np.dstack([photo(1700, 1300), half_matte(1300, 1700)])
    data = png.encode(pixels)
    np.testing.assert_array_equal(np.asarray(opened(data)), pixels)
    assert data.count(b"IDAT") > 1


def test_png_chunks_are_in_order_with_right_checksums() -> None:
    data = png.encode(np.zeros((5, 7, 4), np.uint8), SRGB, (300, 300), EXIF)
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
    again = np.asarray(opened(encode_module.encode(composed, Preset())))
    np.testing.assert_array_equal(again, composed.pixels)


@pytest.mark.parametrize("preset", LOSSLESS)
def test_opaque_pixels_are_bit_exact_through_the_file(preset: Preset) -> None:
    rgb, alpha = photo(300, 200), half_matte(200, 300)
    composed = compose(picture_of(rgb), alpha, preset)
    again = np.asarray(opened(encode_module.encode(composed, preset)))
    np.testing.assert_array_equal(again, composed.pixels)
    np.testing.assert_array_equal(again[alpha == 255][:, :3], rgb[alpha == 255])


@pytest.mark.parametrize("preset", PRESETS)
def test_what_goes_along_arrives(preset: Preset) -> None:
    exif = Image.Exif()
    exif[0x8298] = "the photographer"
    source = read(
        encode(photo(90, 60), "JPEG", dpi=(240, 240), icc_profile=SRGB, exif=exif.tobytes(), xmp=XMP),
        PictureLimits(),
    )
    file = file_of(compose(source, half_matte(60, 90), preset), preset)
    encode_module.verify(file, file.data)
    image = opened(file.data)
    assert image.format == preset.format.upper()
    assert image.mode == ("RGB" if preset.background else "RGBA")
    icc = image.info["icc_profile"]
    assert is_srgb(icc) if preset.format == "jxl" else icc == SRGB  # JPEG XL tells it in its own words
    assert image.getexif()[0x8298] == "the photographer"
    assert b"a shoe" in file.data
    if preset.format in {"png", "tiff", "jpeg"}:
        assert image.info["dpi"] == pytest.approx((240, 240), abs=0.1)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_damaged_file_does_not_pass(preset: Preset) -> None:
    file = file_of(compose(picture_of(photo(120, 90)), half_matte(90, 120), preset), preset)
    data, middle = file.data, len(file.data) // 2
    encode_module.verify(file, data)
    half_zeros = data[:middle] + bytes(len(data) - middle)
    for bad in (
        b"",
        data[:middle],
        data[:-5],
        data[9:],
        *([] if preset.format in {"avif", "jxl"} else [half_zeros]),
    ):
        with pytest.raises(PictureError):
            encode_module.verify(file, bad)
    with pytest.raises(PictureError, match="instead of"):
        encode_module.verify(replace(file, width=90, height=120), data)


@given(st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_every_flipped_bit_of_a_png_is_found(place: int, change: int) -> None:
    data = bytearray(png.encode(np.dstack([photo(60, 40), half_matte(40, 60)])))
    data[place % len(data)] ^= change
    with pytest.raises(PictureError):
        png.verify(bytes(data), 60, 40)


def test_formats_have_their_limits() -> None:
    wide = composed_of(np.zeros((1, 16384, 4), np.uint8))
    with pytest.raises(PictureError, match="16384 x 1 px are too large for webp") as refused:
        encode_module.encode(wide, Preset(format="webp"))
    assert refused.value.kind == "too_large"
    with pytest.raises(PictureError, match="too large for jpeg"):
        encode_module.encode(
            composed_of(np.zeros((65501, 1, 3), np.uint8)), Preset(format="jpeg", background="#fff")
        )
    with pytest.raises(PictureError, match="background"):
        encode_module.encode(wide, Preset(format="jpeg"))


def test_a_tiff_beyond_its_offsets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "_LARGEST", 1000)
    with pytest.raises(PictureError, match="choose png") as refused:
        tiff.encode(photo(100, 100))
    assert refused.value.kind == "too_large"


@pytest.mark.parametrize("preset", DEEP)
def test_bits_are_kept_or_as_they_are_wished(preset: Preset) -> None:
    eight = np.dstack([photo(90, 60), half_matte(60, 90)])
    sixteen = eight.astype(np.uint16) * 257 + np.where(eight == 255, 0, 100).astype(np.uint16)
    for pixels, bits, expected in (
        (eight, "auto", eight),
        (sixteen, "auto", sixteen),
        (sixteen, 8, eight),
        (eight, 16, eight.astype(np.uint16) * 257),
    ):
        data = encode_module.encode(composed_of(pixels), replace(preset, bits=bits))  # type: ignore[arg-type]
        found = by_opencv(data) if preset.format == "png" else TiffFile(io.BytesIO(data)).asarray()
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("format", ["webp", "avif", "jxl"])
def test_formats_of_eight_bits_are_given_eight(format: Any) -> None:  # noqa: A002
    sixteen = np.full((20, 30, 4), (51400, 0, 25700, 65535), np.uint16)
    sixteen[0, 0, 3] = 0
    found = np.asarray(opened(encode_module.encode(composed_of(sixteen), Preset(format=format, quality=100))))
    assert np.abs(found[1:].astype(int) - (200, 0, 100, 255)).max() <= 2
    assert found[0, 0, 3] == 0


@pytest.mark.parametrize(
    "preset", [Preset(matte_file=True), Preset(matte_file=True, format="jpeg", background="#fff")]
)
def test_the_matte_in_a_file_of_its_own(preset: Preset) -> None:
    alpha, before = half_matte(60, 90), np.full((60, 90), 200, np.uint8)
    composed = compose(picture_of(photo(90, 60), alpha=before, dpi=(240.0, 240.0)), alpha, preset)
    cut_out, matte = encode_module.files(composed, preset)
    assert (cut_out.format, matte.format) == (preset.format, "png")
    encode_module.verify(matte, matte.data)
    image = opened(matte.data)
    assert image.mode == "L"
    assert image.info["dpi"] == pytest.approx((240, 240), abs=0.1)
    np.testing.assert_array_equal(np.asarray(image), np.minimum(alpha, 200))


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
