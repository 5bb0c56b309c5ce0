"""Every mode comes out right, upright, at 8 bits, with what goes along; limits hold before decoding."""

import io
import struct
import warnings
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from mattingd.domain.jobs import PictureLimits
from mattingd.domain.reasons import Reason, told
from mattingd.imaging.formats.decode import PictureError, probe, read
from mattingd.imaging.matting.tiles import Levels, eight_bits
from tests.fuzz.mutations import Change, seeds, spoilt
from tests.imaging import documents, faithful
from tests.imaging.pictures import ENCODERS, UInt8, encode, photo

LIMITS = PictureLimits()
SMALL = photo(120, 80)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue primaries changed places: colours must visibly move."""
    red, blue = SRGB.index(b"rXYZ"), SRGB.index(b"bXYZ")
    content = bytearray(SRGB)
    content[red : red + 4], content[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(content)


def apart(one: Levels, other: Levels) -> float:
    """The mean difference of pictures of the same depth."""
    assert one.dtype == other.dtype
    return float(np.abs(one.astype(np.int32) - other).mean())


@pytest.mark.parametrize("name", ENCODERS)
def test_pixels_agree_with_pillow(name: str) -> None:
    data = ENCODERS[name](SMALL)
    picture, header = read(data, LIMITS), probe(data, LIMITS)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert picture.rgb.shape == (80, 120, 3)
    assert (header.width, header.height, header.frames) == (120, 80, 1)
    assert apart(picture.rgb, expected) < 1.0
    assert picture.alpha is None
    assert picture.srgb is picture.rgb


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_transparent_input_keeps_straight_colours_and_its_alpha(mode: str) -> None:
    alpha = np.tile(np.linspace(0, 255, 120).astype(np.uint8), (80, 1))
    image = Image.fromarray(np.dstack([SMALL, alpha]))
    if mode == "P":
        image = Image.fromarray(SMALL).quantize(16)
        data = encode(image, "PNG", transparency=3)
        alpha = np.where(np.asarray(image) == 3, 0, 255).astype(np.uint8)
    elif mode == "PA":
        data = encode(image, "WEBP", lossless=True, exact=True)
    else:
        image = image.convert(mode)
        data = encode(image, "PNG")
    picture = read(data, LIMITS)
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, alpha)
    np.testing.assert_array_equal(picture.rgb, np.asarray(image.convert("RGB")))
    assert (picture.srgb[alpha == 0] == 128).all()
    assert apart(picture.srgb[alpha > 250], picture.rgb[alpha > 250]) < 3


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_cut_out_already(deep: bool) -> None:  # noqa: FBT001
    def cut_out(alpha: UInt8) -> bool:
        pixels = np.dstack([SMALL, alpha]).astype(np.uint16 if deep else np.uint8) * (257 if deep else 1)
        return read(faithful.png(pixels), LIMITS).is_cut_out

    alpha = np.full((80, 120), 255, np.uint8)
    assert not cut_out(alpha)
    alpha[20:60, 20:60] = 0
    assert not cut_out(alpha), "a hole within is not the background"
    alpha[:, 0] = 0
    assert cut_out(alpha)
    alpha[:] = 255
    alpha[:4, :100] = 0
    assert not cut_out(alpha), "4 % of the frame"
    assert not cut_out(np.full((80, 120), 1, np.uint8)), "nothing of it is at 0"


def test_a_fourth_channel_of_zeros_in_a_bmp_holds_nothing() -> None:
    """Windows leaves the byte unused, even under an alpha mask."""
    bgra = np.dstack([SMALL[::-1, :, ::-1], np.zeros((80, 120), np.uint8)]).tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, 120, 80, 1, 32, 3, len(bgra), 2835, 2835, 0, 0)
    head += struct.pack("<5I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, 0x73524742) + bytes(48)
    head += struct.pack("<4I", 4, 0, 0, 0)
    start = 14 + len(head)
    picture = read(struct.pack("<2sIHHI", b"BM", start + len(bgra), 0, 0, start) + head + bgra, LIMITS)
    assert picture.alpha is None
    np.testing.assert_array_equal(picture.rgb, SMALL)


def test_opaque_alpha_is_no_alpha() -> None:
    assert read(encode(np.dstack([SMALL, np.full((80, 120), 255, np.uint8)]), "PNG"), LIMITS).alpha is None


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_all_kept(extension: str, channels: int) -> None:
    fine = np.random.default_rng(5).integers(0, 257, SMALL.shape, np.uint16)
    deep = (SMALL.astype(np.uint16) * 257 + fine)[:, :, [2, 1, 0]]
    alpha = np.tile(np.linspace(0, 65535, 120).astype(np.uint16), (80, 1))
    array = {1: deep[:, :, 1], 3: deep, 4: np.dstack([deep, alpha])}[channels]
    picture = read(cv2.imencode(extension, array)[1].tobytes(), LIMITS)
    expected = deep[:, :, ::-1] if channels > 1 else np.repeat(deep[:, :, 1:2], 3, axis=2)
    np.testing.assert_array_equal(picture.rgb, expected)
    assert picture.srgb.dtype == np.uint8
    if channels == 4:
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, alpha)
    else:
        assert np.abs(picture.srgb - expected / 257).max() <= 0.5


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pictures_of_32_bits_are_reduced_to_16_and_it_is_said(mode: str) -> None:
    grey = Image.fromarray(SMALL).convert("L")
    picture = read(encode(grey.convert(mode), "TIFF"), LIMITS)
    np.testing.assert_array_equal(picture.rgb[:, :, 0], np.asarray(grey).astype(np.uint16) * 257)
    assert told(picture.notes) == "32 bits a channel were reduced to 16"


def test_floating_point_of_16_bits_is_not_said_to_be_reduced() -> None:
    light = (SMALL / 255).astype(np.float16)
    picture = read(documents.tiff(light, "rgb", []), LIMITS)
    assert np.abs(picture.rgb / 257 - SMALL).max() < 0.2
    assert picture.notes == ()


def test_a_jpeg_of_12_bits_is_refused_by_name() -> None:
    data = bytes(imagecodecs.jpeg8_encode(SMALL.astype(np.uint16) * 16, bitspersample=12))
    with pytest.raises(PictureError, match="this is a JPEG of 12 bits a channel") as refused:
        read(data, LIMITS)
    assert refused.value.kind == "unsupported"


def test_adobe_cmyk_is_not_inverted() -> None:
    white_and_red = np.zeros((32, 64, 3), np.uint8)
    white_and_red[:, :32], white_and_red[:, 32:] = 255, (255, 0, 0)
    for kind in ("JPEG", "TIFF"):
        picture = read(encode(Image.fromarray(white_and_red).convert("CMYK"), kind), LIMITS)
        assert apart(picture.rgb, white_and_red) < 3
        assert "CMYK" in str(picture.notes[0])


def turned(array: UInt8, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(array, "JPEG", quality=95, subsampling=0, exif=exif.tobytes())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "PNG16"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_turns(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    data = encode(SMALL, "PNG" if kind == "PNG16" else kind, exif=exif.tobytes(), **options)
    expected: Levels = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    if kind == "PNG16":
        deep = cv2.imencode(".png", SMALL[:, :, ::-1].astype(np.uint16) * 257)[1].tobytes()
        at = data.index(b"eXIf") - 4
        length = int.from_bytes(data[at : at + 4], "big") + 12
        data, expected = deep[:33] + data[at : at + length] + deep[33:], expected.astype(np.uint16) * 257
    picture, header = read(data, LIMITS), probe(data, LIMITS)
    assert picture.rgb.shape == expected.shape
    assert apart(picture.rgb, expected) < 2
    assert (header.width, header.height) == (120, 80)
    assert (header.upright_height, header.upright_width) == expected.shape[:2]
    assert picture.rgb.flags.c_contiguous


def test_a_nonsense_turn_is_no_turn() -> None:
    assert read(turned(SMALL, 99), LIMITS).rgb.shape == (80, 120, 3)


def test_srgb_profile_costs_nothing_and_is_kept() -> None:
    picture = read(encode(SMALL, "PNG", icc_profile=SRGB), LIMITS)
    assert picture.srgb is picture.rgb
    assert picture.icc == SRGB


def test_other_profiles_keep_the_pixels_and_show_the_network_srgb() -> None:
    picture = read(encode(SMALL, "PNG", icc_profile=swapped_profile()), LIMITS)
    np.testing.assert_array_equal(picture.rgb, SMALL)
    assert picture.icc == swapped_profile()
    assert apart(picture.srgb, SMALL) > 10


@pytest.mark.parametrize("profile", [b"no profile at all", SRGB[:200], SRGB])
def test_profiles_that_do_not_fit_are_ignored_and_said_so(profile: bytes) -> None:
    image = Image.fromarray(SMALL).convert("CMYK" if profile == SRGB else "RGB")
    picture = read(encode(image, "TIFF", icc_profile=profile), LIMITS)
    assert picture.icc is None
    assert "profile" in str(picture.notes[0])


def test_resolution_and_exif_go_along_without_turn() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x8298], exif[0x010F] = 6, "the photographer", "a camera"
    exif[0x8769] = {0x829A: 0.01, 0x927C: b"maker's secrets"}
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    picture = read(encode(SMALL, "JPEG", dpi=(300, 300), exif=exif.tobytes()), LIMITS)
    assert picture.dpi == (300, 300)
    assert picture.exif is not None
    kept = Image.Exif()
    kept.load(picture.exif)
    assert (kept[0x8298], kept[0x010F]) == ("the photographer", "a camera")
    assert 0x0112 not in kept
    assert kept.get_ifd(0x8825)[1] == "N"  # whether it goes along is the preset's choice
    assert set(kept.get_ifd(0x8769)) == {0x829A}


def test_damaged_exif_is_no_exif() -> None:
    data = encode(SMALL, "JPEG", exif=b"Exif\x00\x00II\x2a\x00\xff\xff\xff\x7f\x01")
    assert read(data, LIMITS).rgb.shape == (80, 120, 3)


def test_the_first_of_several_frames_is_taken_and_said_so() -> None:
    frames = [Image.fromarray(photo(60, 40, seed)) for seed in range(3)]
    for kind in ("GIF", "WEBP", "TIFF", "PNG"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert str(read(data, LIMITS).notes[0]) == "first of 3 frames", kind
        assert probe(data, LIMITS).frames == 3


def test_a_phone_picture_with_a_second_one_inside_is_one_picture() -> None:
    second = Image.fromarray(photo(60, 40, 2))
    data = encode(Image.fromarray(SMALL), "MPO", save_all=True, append_images=[second])
    picture = read(data, LIMITS)
    assert picture.rgb.shape == (80, 120, 3)
    assert picture.notes == ()
    assert probe(data, LIMITS).frames == 1


def bomb(width: int, height: int) -> bytes:
    data = bytearray(encode(SMALL, "PNG"))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def test_limits_are_our_own_and_come_before_decoding() -> None:
    with pytest.raises(
        PictureError, match=r"30000 x 30000 px are 900 megapixels, the limit is 120"
    ) as refused:
        read(bomb(30000, 30000), LIMITS)
    assert refused.value.kind == "too_large"
    assert probe(bomb(30000, 30000), PictureLimits(max_megapixels=1000)).width == 30000
    with pytest.raises(PictureError, match="MB") as heavy:
        read(encode(photo(700, 500), "BMP"), PictureLimits(max_megabytes=1))
    assert heavy.value.kind == "too_large"
    assert Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize("deep", [False, True])
def test_of_a_tiffs_pages_the_largest_that_is_no_small_copy_is_taken(deep: bool) -> None:  # noqa: FBT001
    """Scanners and Photoshop put a small copy first: that is no sign of a camera."""
    dtype = np.uint16 if deep else np.uint8
    page, small = SMALL.astype(dtype), photo(60, 40).astype(dtype)
    for pages, kinds, note in (
        ((small, page), (1, 0), ()),
        ((page, small), (0, 1), ()),
        ((small, page, small), (0, 0, 0), (Reason.of("largest_of", number=2, frames=3),)),
        ((page, page), (0, 0), (Reason.of("first_of", frames=2),)),
        ((small,), (1,), ()),
    ):
        sink = io.BytesIO()
        with tifffile.TiffWriter(sink) as file:
            for pixels, kind in zip(pages, kinds, strict=True):
                file.write(pixels, photometric="rgb", subfiletype=kind, metadata=None)
        picture = read(sink.getvalue(), LIMITS)
        np.testing.assert_array_equal(picture.rgb, small if len(pages) == 1 else page)
        assert picture.notes == note


EXTRA_MEANINGS: dict[tuple[int, ...] | None, bool] = {
    None: True,
    (0,): False,
    (1,): True,
    (2,): True,
    (999,): True,
    (0, 2): True,
    (0, 0): False,
}


@pytest.mark.parametrize("meanings", EXTRA_MEANINGS)
@pytest.mark.parametrize("mode", ["grey", "rgb", "cmyk"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_extra_channels_mean_what_their_tag_says_at_every_depth(
    meanings: tuple[int, ...] | None, mode: str, planar: str
) -> None:
    """A saved selection (0) is no transparency, at 8 bits, at 16 and in floating point alike."""
    count = {"grey": 1, "rgb": 3, "cmyk": 4}[mode]
    extra = meanings or (2,)
    rng = np.random.default_rng(3)
    planes = rng.integers(0, 256, (40, 60, count + len(extra)), np.uint8)
    planes[:, :, :count] = np.minimum(planes[:, :, :count], planes[:, :, -1:])  # fits multiplied colours
    found = {}
    for name, samples in (
        ("8", planes),
        ("16", planes.astype(np.uint16) * 257),
        ("float", planes.astype(np.float32) / 255),
    ):
        tags = (
            [] if meanings is None else [(338, "H", len(extra), extra if len(extra) > 1 else extra[0], True)]
        )
        found[name] = read(documents.tiff(samples, mode, tags, planar=planar == "separate"), LIMITS)
    for picture in found.values():
        assert (picture.alpha is not None) == (
            EXTRA_MEANINGS[meanings] and not (meanings is None and count == 4)
        )
        if picture.alpha is not None:
            np.testing.assert_array_equal(eight_bits(picture.alpha), planes[:, :, -1])
        apart_by = np.abs(eight_bits(picture.rgb).astype(int) - found["8"].rgb).max()
        assert apart_by <= (1 if count == 4 or meanings == (1,) else 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (16000, 1), (2, 3)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP"])
def test_tiny_and_thin_pictures(kind: str, size: tuple[int, int]) -> None:
    assert read(encode(Image.new("RGB", size, (9, 99, 199)), kind), LIMITS).rgb.shape == (size[1], size[0], 3)


def test_a_view_of_memory_is_as_good_as_bytes() -> None:
    data = encode(SMALL, "PNG")
    np.testing.assert_array_equal(read(memoryview(data), LIMITS).rgb, SMALL)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_lossless_formats_are_read_to_the_bit(width: int, height: int, seed: int) -> None:
    array = photo(width, height, seed)
    for kind, options in (
        ("PNG", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
    ):
        np.testing.assert_array_equal(read(encode(array, kind, **options), LIMITS).rgb, array)


def test_no_decoder_warning_escapes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(encode(photo(200, 100), "TIFF", tiffinfo={270: "x"}), LIMITS)
        with pytest.raises(PictureError):
            read(encode(SMALL, "TIFF")[:4000], LIMITS)


def test_a_raw_file_without_colours_is_grey_in_three_channels() -> None:
    pytest.importorskip("rawpy", reason="camera raw needs the extra `raw`")
    one_colour = spoilt(seeds()["dng"], [Change("length", 0.34375, 0)])  # its number of colours is damaged
    picture = read(one_colour, PictureLimits())
    assert picture.rgb.shape == picture.srgb.shape == (64, 96, 3)
    assert (picture.rgb[..., 0] == picture.rgb[..., 2]).all()
