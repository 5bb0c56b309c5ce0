"""A half copied picture never comes out as a picture, wherever the copy stands."""

import os
import sys
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattingd.domain.jobs import PictureLimits
from mattingd.imaging.formats import isobmff, jpeg
from mattingd.imaging.formats.decode import PictureError, read
from mattingd.imaging.formats.errors import NO_END
from mattingd.imaging.formats.structure import jpeg_stream
from tests.imaging import documents
from tests.imaging.pictures import ENCODERS, encode, photo, tailed

LIMITS = PictureLimits()
PICTURE = photo(420, 300)
FILES = {name: make(PICTURE) for name, make in ENCODERS.items()}
RAW = {"tiff raw", "bmp", "psd", "pnm", "tga"}


def kind_of(data: bytes, whole: bytes = b"") -> str:
    """How reading ends: a kind of error, or ``picture``.

    ``all of it``: of a part of ``whole`` to which nothing but an end marker is missing, every pixel is there.
    """
    try:
        picture = read(data, LIMITS)
    except PictureError as error:
        return error.kind if "\n" not in str(error) else "more than one line"
    footer = whole.endswith(b"TRUEVISION-XFILE.\0")  # of a Targa: it holds nothing of the picture
    if (
        whole
        and (footer or NO_END in picture.doubts)
        and np.array_equal(picture.rgb, read(whole, LIMITS).rgb)
    ):
        return "all of it"
    return "picture"


@pytest.mark.parametrize("name", FILES)
def test_cut_at_many_lengths(name: str) -> None:
    data = FILES[name]
    ends = {*range(1, 40), *range(len(data) - 40, len(data) - 1), *range(40, len(data) - 40, len(data) // 25)}
    kinds = [kind_of(data[:end], data) for end in sorted(ends)]
    assert "picture" not in kinds
    assert "all of it" not in kinds[:-27], "more than an end is missing"
    least = 0.8 if name.startswith("tga") else 0.95  # whose header is no magic number
    assert kinds.count("truncated") + kinds.count("all of it") >= least * len(kinds)


@pytest.mark.parametrize("name", [name for name in FILES if name not in RAW])
def test_zeros_in_place_of_the_end(name: str) -> None:
    data = FILES[name]
    ends = {*range(1, 40, 3), *range(40, len(data) - 256, len(data) // 25), len(data) - 256}
    kinds = [kind_of(data[:end] + bytes(len(data) - end)) for end in sorted(ends)]
    assert "picture" not in kinds
    assert kinds.count("truncated") >= (0.8 if name.startswith("tga") else 0.9) * len(kinds)


def test_a_flat_surface_in_an_avif_is_no_hole() -> None:
    """Its coder may write some dozens of zeros for one; a copy's holes are larger."""
    data = FILES["avif"]
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    for zeros, whole in ((100, True), (600, False)):
        holed = data[:middle] + bytes(zeros) + data[middle + zeros :]
        with nullcontext() if whole else pytest.raises(PictureError, match="holes of zeros"):
            isobmff.check(holed)


@pytest.mark.parametrize("name", sorted(RAW))
def test_raw_pixels_end_in_a_hole_only_where_a_page_begins(name: str) -> None:
    data = FILES[name]
    for end in range(4096, len(data) - 4096, 8 * 4096):
        assert kind_of(data[:end] + bytes(len(data) - end)) == "truncated"


def test_a_raw_picture_that_is_black_at_its_end_is_a_picture() -> None:
    black = PICTURE.copy()
    black[200:] = 0
    assert kind_of(encode(black, "TIFF")) == "picture"
    assert kind_of(encode(black[::-1], "BMP")) == "picture"


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_holes_within_a_jpeg(data: st.DataObject) -> None:
    content = FILES[data.draw(st.sampled_from(["jpeg baseline", "jpeg progressive", "jpeg optimised"]))]
    start = data.draw(st.integers(700, len(content) - 5000))
    holed = content[:start] + bytes(4096) + content[start + 4096 :]
    assert kind_of(holed) in {"truncated", "corrupt"}


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"optimize": True}),
        ("JPEG", {"progressive": True}),
        ("WEBP", {"quality": 80, "method": 4}),
        ("WEBP", {"lossless": True, "method": 0}),
        ("PNG", {}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ],
)
def test_flat_surfaces_are_coded_as_zeros_and_yet_whole(
    kind: str, options: dict[str, object], level: int
) -> None:
    flat = np.full((1500, 2000, 3), level, np.uint8)
    flat[100:400, 100:600] = cv2.resize(PICTURE, (500, 300))
    content = encode(flat, kind, **options)
    assert kind_of(content) == "picture"
    middle = content.index(b"\xff\xda") + 3000 if kind == "JPEG" else len(content) // 5
    assert kind_of(content[:middle] + bytes(len(content) - middle)) == "truncated"


@pytest.mark.parametrize("name", ["jpeg baseline", "jpeg progressive"])
def test_a_marker_that_means_nothing_is_damage_and_no_part_of_a_picture(name: str) -> None:
    content = FILES[name]
    middle = jpeg_stream.walk(content).scans[0].start + 200
    assert kind_of(content[:middle] + b"\xff\x35" + content[middle + 2 :]) == "corrupt"


def test_bytes_after_a_jpegs_end_are_no_harm() -> None:
    for extra in (b"\0" * 5000, b"\x00\x00\x00\x18ftypmp42" + b"film" * 3000, FILES["jpeg grey"]):
        assert kind_of(FILES["jpeg baseline"] + extra) == "picture"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("tail", ["zeros", "page of zeros", "film", "leftovers"])
def test_what_comes_after_a_whole_picture_is_no_harm(name: str, tail: str) -> None:
    whole, longer = read(FILES[name], LIMITS), read(tailed(FILES[name], tail), LIMITS)
    np.testing.assert_array_equal(longer.rgb, whole.rgb)
    assert longer.doubts == ()


@pytest.mark.parametrize(
    "name", ["jpeg baseline", "jpeg progressive", "jpeg optimised", "jpeg grey", "jpeg cmyk"]
)
@pytest.mark.parametrize(
    "behind", [b"", bytes(3), bytes(5000), b"\xff", b"\xff" * 40, b"\xff\x01an editor's"]
)
def test_a_jpeg_whose_every_block_is_there_is_whole_without_its_end_marker(name: str, behind: bytes) -> None:
    picture = read(FILES[name][:-2] + behind, LIMITS)
    np.testing.assert_array_equal(picture.rgb, read(FILES[name], LIMITS).rgb)
    assert picture.doubts == (NO_END,)


@pytest.mark.parametrize("missing", [1, 4, 12, 15, 16, 18])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_every_row_is_there_is_whole_without_its_end(missing: int, interlaced: bool) -> None:  # noqa: FBT001
    data = encode(PICTURE, "PNG", compress_level=1) if not interlaced else documents.interlaced_png(PICTURE)
    if missing > 16:
        assert kind_of(data[:-missing]) == "truncated"
        return
    picture = read(data[:-missing], LIMITS)
    np.testing.assert_array_equal(picture.rgb, PICTURE)
    assert picture.doubts == (NO_END,)


@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
@pytest.mark.parametrize("width", [420, 1024, 1365, 4096])
def test_a_raw_picture_that_ends_in_black_is_a_picture(kind: str, width: int) -> None:
    black = np.zeros((300, width, 3), np.uint8)
    black[:60] = photo(width, 60)
    stored = black if kind == "TIFF" else black[::-1]
    np.testing.assert_array_equal(read(encode(stored, kind), LIMITS).rgb, stored)
    at_a_page = documents.tiff(black, "rgb", [], start=4096)
    picture = read(at_a_page, LIMITS)
    np.testing.assert_array_equal(picture.rgb, black)
    assert bool(picture.doubts) == (width in (1024, 4096)), "only where a row of black begins with a page"


@pytest.mark.parametrize(
    "name", ["jpeg baseline", "jpeg progressive", "jpeg optimised", "jpeg grey", "jpeg cmyk"]
)
def test_damage_inside_a_jpeg_is_a_reason_to_look_at_it(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """libjpeg warns and goes on: the picture is published, and named."""
    content = FILES[name]
    middle = jpeg_stream.walk(content).scans[0].start + 300
    damaged = content[:middle] + b"\xa5" * 200 + content[middle + 200 :]
    (doubt,) = read(damaged, LIMITS).doubts
    assert str(doubt).startswith("it is damaged inside (libjpeg: ")
    assert read(content, LIMITS).doubts == ()
    filled = content[:-2] + b"\x5a" * 20 + content[-2:]
    assert read(filled, LIMITS).doubts == (), "cameras fill up their last scan"
    assert capfd.readouterr().err == "", "what libjpeg says does not reach the log"


def test_what_others_write_meanwhile_reaches_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    with jpeg._complaints() as lines:
        os.write(2, b"a line of the log\nCorrupt JPEG data: bad Huffman code\nanother\n")
    assert lines == ["Corrupt JPEG data: bad Huffman code"]
    assert capfd.readouterr().err == "a line of the log\nanother\n"


def test_damage_inside_is_named_damage() -> None:
    for name in ("png", "tiff deflate"):
        data = FILES[name]
        middle = len(data) // 2
        assert kind_of(data[:middle] + b"\xa5" * 64 + data[middle + 64 :]) == "corrupt", name


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"dear designer, this is no picture", "unsupported"),
        (b"<html><body>404</body></html>", "unsupported"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(100), "truncated"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(100), "unsupported"),
        (b"%PDF-1.7 and so on", "unsupported"),
        (bytes(5000), "truncated"),
        (b"\x89PNG", "truncated"),
    ],
)
def test_what_is_no_picture(data: bytes, kind: str) -> None:
    assert kind_of(data) == kind


@given(st.binary(max_size=400), st.sampled_from(sorted(FILES)), st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_reading_fail_otherwise(noise: bytes, name: str, kept: int) -> None:
    kind_of(FILES[name][:kept] + noise)
    at = len(FILES[name]) * kept // 401
    kind_of(FILES[name][:at] + noise + FILES[name][at + len(noise) :])


def test_a_camera_raw_file_that_is_cut_off_is_no_picture() -> None:
    data = documents.dng(240, 160)
    assert kind_of(data) == "picture"
    ends = {*range(8, 600, 23), *range(600, len(data) - 1, len(data) // 40), len(data) - 1}
    assert {kind_of(data[:end]) for end in ends} == {"truncated"}
    for end in range(4096, len(data) - 4096, 4 * 4096):
        assert kind_of(data[:end] + bytes(len(data) - end)) == "truncated"


def test_camera_raw_files_without_their_extra_are_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(
        PictureError, match=r"camera raw file, .* not installed \(pip install 'mattingd\[raw\]'\)"
    ) as refused:
        read(documents.dng(240, 160), LIMITS)
    assert refused.value.kind == "unsupported"
