"""Colours that are told otherwise than by an ICC profile: each mark is read, in one order, in all formats."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from mattingd.domain.jobs import PictureLimits
from mattingd.imaging.formats.colour import icc
from mattingd.imaging.formats.decode import Picture, read
from tests.imaging import documents
from tests.imaging.pictures import encode, photo

LIMITS = PictureLimits()
SMALL = photo(60, 40)
ADOBE_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
SRGB_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
MARKS = {
    "cICP": bytes((12, 13, 0, 1)),
    "iCCP": b"p\0\0" + zlib.compress(documents.ADOBE_RGB),
    "sRGB": b"\0",
    "cHRM": ADOBE_CHRM,
    "gAMA": struct.pack(">I", 45470),
}


def png(array: Any, **marks: bytes) -> bytes:
    deep = array.dtype == np.uint16  # which Pillow does not write; its channels are the same here
    data = cv2.imencode(".png", array)[1].tobytes() if deep else encode(Image.fromarray(array), "PNG")
    chunks = b"".join(
        struct.pack(">I", len(body))
        + kind.encode()
        + body
        + struct.pack(">I", zlib.crc32(kind.encode() + body))
        for kind, body in marks.items()
    )
    return data[:33] + chunks + data[33:]


def adobe_exif(space: int = 0xFFFF, index: str = "R03") -> bytes:
    """As a camera set to Adobe RGB writes it: "uncalibrated", and R03 in a directory of its own."""

    def directory(*entries: tuple[int, int, int, bytes]) -> bytes:
        packed = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
        return struct.pack("<H", len(entries)) + packed + bytes(4)

    def long(number: int) -> bytes:
        return struct.pack("<I", number)

    return (
        b"Exif\0\0II*\0"
        + long(8)
        + directory((0x8769, 4, 1, long(26)))
        + directory((0xA001, 3, 1, long(space)), (0xA005, 4, 1, long(56)))
        + directory((1, 2, 4, index.encode() + b"\0"), (2, 7, 4, b"0100"))
    )


def moved(picture: Picture) -> float:
    """Levels by which the network sees other colours than those in the file."""
    return float(np.abs(picture.srgb.astype(int) - picture.rgb).mean())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_camera_set_to_adobe_rgb_says_so_by_an_index(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    picture = read(encode(SMALL, kind, exif=adobe_exif(), **options), LIMITS)
    if kind == "AVIF":  # it names its colours by numbers, which come first
        assert picture.icc is None
        return
    if kind == "TIFF":  # Pillow writes no directory below the second one into it
        assert read(encode(SMALL, kind, exif=adobe_exif(2, "R98")), LIMITS).icc == documents.ADOBE_RGB
        return
    assert picture.icc == documents.ADOBE_RGB
    assert moved(picture) > 2
    for space, index in ((1, "R03"), (0xFFFF, "R98")):
        assert read(encode(SMALL, kind, exif=adobe_exif(space, index), **options), LIMITS).icc is None
    assert read(encode(SMALL, kind, exif=adobe_exif(2, "R98"), **options), LIMITS).icc == documents.ADOBE_RGB
    assert (
        read(encode(SMALL, kind, exif=adobe_exif(), icc_profile=icc.DISPLAY_P3), LIMITS).icc == icc.DISPLAY_P3
    )


def test_the_marks_of_a_png_count_in_the_order_of_its_specification() -> None:
    expected = [icc.DISPLAY_P3, documents.ADOBE_RGB, None]
    for first, profile in enumerate(expected):
        marks = dict(list(MARKS.items())[first:])
        assert read(png(SMALL, **marks), LIMITS).icc == profile
    by_numbers = read(png(SMALL, cHRM=MARKS["cHRM"], gAMA=MARKS["gAMA"]), LIMITS)
    by_profile = read(png(SMALL, iCCP=MARKS["iCCP"]), LIMITS)
    assert by_numbers.icc is not None
    assert np.abs(by_numbers.srgb.astype(int) - by_profile.srgb).max() <= 1


def test_linear_levels_are_seen_as_light() -> None:
    for array in (SMALL, SMALL[:, :, 1]):
        picture = read(png(array, gAMA=struct.pack(">I", 100_000)), LIMITS)
        light = (array if array.ndim == 3 else np.dstack([array] * 3)) / 255
        shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        assert np.abs(picture.srgb - shown * 255).max() <= 1.5


@pytest.mark.parametrize(
    "marks",
    [
        {"gAMA": struct.pack(">I", 45455)},
        {"gAMA": struct.pack(">I", 45455), "cHRM": SRGB_CHRM},
        {"cHRM": SRGB_CHRM},
        {"cICP": bytes((1, 13, 0, 1))},
        {"cICP": bytes((2, 2, 0, 1))},
        {"cICP": bytes((1, 99, 0, 1))},
        {"cHRM": bytes(32), "gAMA": struct.pack(">I", 45455)},
        {"gAMA": struct.pack(">I", 0xFFFFFFFF)},
    ],
)
def test_marks_of_srgb_and_nonsense_change_nothing(marks: dict[str, bytes]) -> None:
    picture = read(png(SMALL, **marks), LIMITS)
    assert (picture.icc, picture.notes) == (None, ())
    assert picture.srgb is picture.rgb


@pytest.mark.parametrize("bits", [8, 16])
def test_levels_of_a_narrow_range_are_stretched(bits: int) -> None:
    """cICP's last byte: black is 16 and white 235, times 256 in a picture of 16 bits."""
    told = np.repeat(np.array([16, 235, 0, 255, 126], np.uint16), 8)
    array = np.dstack([np.tile(told, (20, 1))] * 3)
    array = array.astype(np.uint8) if bits == 8 else array * np.uint16(256)
    picture = read(png(array, cICP=bytes((1, 13, 0, 0))), LIMITS)
    top = 2**bits - 1
    assert picture.rgb.dtype == array.dtype
    black, white, below, above, middle = picture.rgb[10, ::8, 1].astype(int)
    assert (black, white, below, above) == (0, top, 0, top)
    assert abs(middle / top - 110 / 219) < 0.003
    assert "narrow range" in str(picture.notes[0])


@pytest.mark.parametrize(("transfer", "kind", "paper", "half"), [(16, "PQ", 148, 130), (18, "HLG", 191, 160)])
def test_hdr_is_shown_as_bright_as_paper(transfer: int, kind: str, paper: int, half: int) -> None:
    """203 nits are paper's white by BT.2408: as good as white; half the light stays half of it."""
    patches = np.repeat(np.array([paper, half, 0, 255], np.uint8), 10)
    array = np.dstack([np.tile(patches, (20, 1))] * 3)
    picture = read(png(array, cICP=bytes((9, transfer, 0, 1))), LIMITS)
    np.testing.assert_array_equal(picture.rgb, array)
    white, grey, black, peak = picture.srgb[10, ::10, 1].astype(int)
    assert (black, peak) == (0, 255)
    assert 232 <= white <= 245
    assert 183 <= grey <= 196
    assert picture.icc is not None
    assert bytes((9, transfer, 0, 1)) in picture.icc
    assert tuple(map(str, picture.notes)) == (
        f"its brightness is coded for HDR ({kind}): on other screens its highlights are compressed",
    )


def tiff(array: Any, table: Any, **more: Any) -> bytes:
    """With the tag TransferFunction: the light of each level, 0 to 65535."""
    sink = io.BytesIO()
    values = np.rint(np.ravel(table) * 65535).astype(int).tolist()
    extra = [(301, "H", len(values), values, True), *more.pop("extra", [])]
    tifffile.imwrite(sink, array, metadata=None, extratags=extra, **more)
    return sink.getvalue()


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transfer_function_of_a_tiff_is_its_curve(bits: int) -> None:
    deep = SMALL if bits == 8 else SMALL.astype(np.uint16) * 257
    levels = np.linspace(0, 1, 1 << bits)
    linear = read(tiff(deep, levels), LIMITS)
    np.testing.assert_array_equal(linear.rgb, deep)
    expected = read(png(SMALL, gAMA=struct.pack(">I", 100_000)), LIMITS).srgb
    assert np.abs(linear.srgb.astype(int) - expected).max() <= 1
    for like_srgb in (levels**2.2, icc.srgb_light(levels)):
        assert read(tiff(deep, like_srgb), LIMITS).icc is None
    each = [levels, levels**2.2, levels**2.2]
    for channel, alike in ((0, levels), (1, levels**2.2)):
        only = np.zeros_like(deep)
        only[..., channel] = deep[..., channel]
        found, expected = (read(tiff(only, table), LIMITS).srgb.astype(int) for table in (each, alike))
        assert np.abs(found - expected).max() <= (1 if channel == 0 else 8)


def test_a_transfer_function_goes_with_primaries_and_turns_with_the_levels() -> None:
    rational = [value for number in (0.3127, 0.329) for value in (round(number * 10_000), 10_000)]
    corners = [value for number in (64, 33, 21, 71, 15, 6) for value in (number, 100)]
    extra = [(318, "2I", 2, rational, True), (319, "2I", 6, corners, True)]
    both = read(tiff(SMALL, np.linspace(0, 1, 256) ** (563 / 256), extra=extra), LIMITS)
    adobe = read(png(SMALL, iCCP=MARKS["iCCP"]), LIMITS).srgb
    assert np.abs(both.srgb.astype(int) - adobe).max() <= 2
    grey = np.ascontiguousarray(SMALL[..., 0])
    light = np.linspace(0, 1, 256) ** 1.4
    expected = read(tiff(grey, light, photometric="minisblack"), LIMITS).rgb
    turned = read(tiff(255 - grey, light[::-1], photometric="miniswhite"), LIMITS).rgb
    np.testing.assert_array_equal(turned, expected)
    assert np.abs(expected[..., 0].astype(int) - grey).mean() > 2


@pytest.mark.parametrize("table", [np.linspace(0, 1, 100), np.full(256, 0.5), np.tile([0.0, 1.0], 128)])
def test_a_transfer_function_that_is_none_changes_nothing(table: Any) -> None:
    assert read(tiff(SMALL, table), LIMITS).icc is None


def test_a_bmp_tells_its_colours_in_its_header() -> None:
    rows = SMALL[::-1, :, ::-1].tobytes()
    corners = [(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)]
    white = np.array([0.3127 / 0.329, 1, (1 - 0.3127 - 0.329) / 0.329])
    points = np.array([[x / y, 1, (1 - x - y) / y] for x, y in corners])
    ends = np.rint(points * np.linalg.solve(points.T, white)[:, None] * (1 << 30)).astype(int).ravel()
    for kind, more, profile in (
        (b"BGRs", b"", None),
        (b"DEBM", documents.ADOBE_RGB, documents.ADOBE_RGB),
        (bytes(4), b"", "by its corners"),
    ):
        head = struct.pack("<IiiHHIIiiII", 124, 60, 40, 1, 24, 0, len(rows), 2835, 2835, 0, 0) + bytes(16)
        head += kind + struct.pack("<9i3I", *ends, *[round(563 / 256 * 65536)] * 3)
        head += struct.pack("<4I", 4, 124 + len(rows), len(more), 0)
        size = 14 + len(head) + len(rows) + len(more)
        data = struct.pack("<2sIHHI", b"BM", size, 0, 0, 14 + len(head)) + head + rows + more
        picture = read(data, LIMITS)
        np.testing.assert_array_equal(picture.rgb, SMALL)
        if profile == "by its corners":
            expected = read(png(SMALL, iCCP=MARKS["iCCP"]), LIMITS).srgb
            assert np.abs(picture.srgb.astype(int) - expected).max() <= 1
        else:
            assert picture.icc == profile
