"""Clean-up, frames, shadows, sizes: what a preset makes of a picture and its matte."""

import io
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mattingd.domain.presets import Preset, named
from mattingd.domain.units import canvas_of
from mattingd.imaging.finishing import frame, geometry, heads
from mattingd.imaging.finishing.compose import Composed, compose, despilled
from mattingd.imaging.formats.decode import Picture
from mattingd.imaging.formats.encode import encode, files
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting.despeckle import clean
from mattingd.imaging.matting.tiles import eight_bits
from tests.imaging.pictures import photo


def disk(width: int, height: int, radius: float, at: tuple[float, float] | None = None) -> Any:
    """A soft disk's matte."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    cx, cy = at or (width / 2, height / 2)
    return np.rint(np.clip(radius - np.hypot(x - cx, y - cy) + 0.5, 0, 1) * 255).astype(np.uint8)


def person(width: int, height: int) -> Any:
    """Head, neck and shoulders, cut by the lower edge."""
    alpha = np.zeros((height, width), np.uint8)
    middle = width // 2
    cv2.ellipse(alpha, (middle, height * 4 // 10), (width // 8, height // 6), 0, 0, 360, 255, -1)
    cv2.rectangle(alpha, (middle - width // 16, height * 4 // 10), (middle + width // 16, height), 255, -1)
    cv2.ellipse(alpha, (middle, height), (width // 3, height // 3), 0, 180, 360, 255, -1)
    return alpha


def made(alpha: Any, preset: Preset, **more: Any) -> Composed:
    height, width = alpha.shape
    rgb = photo(width, height)
    return compose(Picture(rgb=rgb, alpha=None, srgb=rgb, **more), alpha, preset)


@pytest.mark.parametrize("size", [(400, 300), (3000, 2000)])
def test_specks_go_and_the_subject_with_its_wisps_stays(size: tuple[int, int]) -> None:
    width, height = size
    subject = disk(width, height, height / 4)
    cv2.line(subject, (width // 2, 0), (width // 2, height // 2), 60, 1)  # a wisp that hangs together with it
    dirty = subject.copy()
    for x, y, radius in ((0.1, 0.1, 0.01), (0.9, 0.5, 0.02), (0.05, 0.95, 0.005)):
        dirty = np.maximum(dirty, disk(width, height, height * radius, (width * x, height * y)))
    np.testing.assert_array_equal(clean(dirty, Preset(specks=0.01)), subject)
    np.testing.assert_array_equal(clean(dirty, Preset()), dirty)
    twins = np.maximum(subject, disk(width, height, height / 8, (width * 0.12, height / 2)))
    np.testing.assert_array_equal(clean(twins, Preset(specks=0.1)), twins)


def test_pinholes_are_filled_and_large_holes_and_soft_edges_stay() -> None:
    subject = disk(600, 600, 200)
    window = np.minimum(subject, 255 - disk(600, 600, 60, (250, 300)))
    pierced = window.copy()
    for at, radius in (((400, 300), 3), ((350, 380), 1.5)):
        pierced = np.minimum(pierced, 255 - disk(600, 600, radius, at))
    np.testing.assert_array_equal(clean(pierced, Preset(holes=0.002)), window)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_cleaning_never_invents_nor_blurs(width: int, height: int, seed: int) -> None:
    alpha = np.random.default_rng(seed).choice(np.array([0, 0, 90, 255], np.uint8), (height, width))
    cleaned = clean(alpha, Preset(specks=0.2, holes=0.2))
    assert set(np.unique(cleaned)) <= {*np.unique(alpha), 0, 255}


def test_trimmed_to_the_subject_and_bit_exact() -> None:
    alpha = disk(500, 400, 80, (150, 200))
    composed = made(alpha, Preset(trim=True))
    height, width = composed.pixels.shape[:2]
    assert (abs(width - 160) <= 2, abs(height - 160) <= 2) == (True, True)
    rgb = photo(500, 400)
    opaque = composed.matte == 255
    corner = geometry.subject(alpha)
    assert corner is not None
    cropped = rgb[corner.top : corner.bottom, corner.left : corner.right]
    np.testing.assert_array_equal(composed.pixels[:, :, :3][opaque], cropped[opaque])


@pytest.mark.parametrize(("x", "y"), [(30, 40), (60, 25)])
def test_trimming_leaves_room_for_the_shadow(x: int, y: int) -> None:
    preset = Preset(trim=True, shadow=0.8, shadow_x=x, shadow_y=y, shadow_blur=20)
    matte = made(disk(700, 500, 90, (200, 300)), preset).pixels[:, :, 3]
    far = 255 * 0.8 * 0.06  # what a Gaussian has left at two sigma, where the blur ends
    assert max(matte[-1].max(), matte[:, -1].max()) <= far
    mirrored = replace(preset, shadow_x=-x, shadow_y=-y)
    turned = made(disk(700, 500, 90, (200, 300)), mirrored).pixels[:, :, 3]
    assert turned.shape == matte.shape
    assert max(turned[0].max(), turned[:, 0].max()) <= far


@pytest.mark.parametrize(("width", "height", "radius"), [(900, 700, 200), (300, 400, 60), (4000, 1000, 450)])
def test_marketplace(width: int, height: int, radius: float) -> None:
    composed = made(disk(width, height, radius), named("marketplace"))
    high, wide = composed.pixels.shape[:2]
    assert wide == high >= 1000
    box = geometry.subject(eight_bits(composed.matte))
    assert box is not None
    assert abs(box.width / wide - 0.85) < 0.01
    assert abs((box.left + box.right) / 2 - wide / 2) <= 2
    assert (composed.pixels[:20] == 255).all()
    if 2 * radius / 0.85 >= 1000:  # at its own size: not resampled
        rgb = photo(width, height)
        centre = composed.pixels[high // 2 - 5 : high // 2 + 5, wide // 2 - 5 : wide // 2 + 5]
        assert any(
            np.array_equal(centre, rgb[y : y + 10, x : x + 10])
            for y in range(height // 2 - 8, height // 2 + 3)
            for x in range(width // 2 - 8, width // 2 + 3)
        )


@pytest.mark.parametrize("size", [(800, 1000), (1200, 900), (300, 420)])
def test_an_id_photo_is_placed_by_its_head(size: tuple[int, int]) -> None:
    alpha = person(*size)
    composed = made(alpha, named("id-photo"))
    assert composed.pixels.shape == (413, 295, 3)
    assert composed.dpi == (300, 300)
    matte = eight_bits(composed.matte)
    box = geometry.subject(matte)
    assert box is not None
    assert abs(box.top / 413 - 0.1) < 0.02  # white above the head
    assert box.bottom == 413  # shoulders go on to the edge
    whole = geometry.subject(alpha)
    assert whole is not None
    neck = heads.neck_of(alpha, whole)
    assert neck is not None
    scale = min(0.62 * 413 / (neck - whole.top), 0.7 * 295 / (size[0] // 8 * 2 + 1))
    head = np.flatnonzero((matte[box.top : box.top + 150] > 128).any(axis=0))
    assert abs(head[-1] - head[0] + 1 - size[0] // 8 * 2 * scale) <= 3
    assert abs((head[0] + head[-1]) / 2 - 147) <= 3


def test_without_head_or_subject_a_canvas_is_filled_all_the_same() -> None:
    for alpha in (disk(500, 400, 100), np.zeros((400, 500), np.uint8), disk(500, 400, 2)):
        assert made(alpha, named("id-photo")).pixels.shape == (413, 295, 3)
        assert made(alpha, Preset(canvas="64x48")).pixels.shape == (48, 64, 4)
        assert min(made(alpha, named("marketplace")).pixels.shape[:2]) >= 1000


def test_a_resampled_edge_takes_no_colour_from_what_is_transparent() -> None:
    alpha = disk(900, 900, 300)
    rgb = np.full((900, 900, 3), 200, np.uint8)
    rgb[alpha == 0] = 0
    for canvas in ("200x200", "2000x2000"):
        picture = Picture(rgb=rgb, alpha=alpha, srgb=rgb)
        composed = compose(picture, np.full_like(alpha, 255), Preset(canvas=canvas))
        seen = composed.pixels[composed.pixels[:, :, 3] > 12]
        assert seen[:, :3].min() >= 196


def test_sixteen_bits_stay_sixteen_in_a_frame() -> None:
    alpha = disk(300, 200, 60)
    rgb = photo(300, 200).astype(np.uint16) * 257 + 13
    composed = compose(
        Picture(rgb=rgb, alpha=None, srgb=photo(300, 200)), alpha, Preset(trim=True, shadow=0.4)
    )
    assert composed.pixels.dtype == np.uint16
    assert int(composed.matte.max()) == 65535


def test_a_shadow_falls_down_and_leaves_the_subject_alone() -> None:
    alpha = disk(600, 600, 120)
    plain, shaded = made(alpha, Preset()), made(alpha, Preset(shadow=0.5, shadow_y=40, shadow_blur=20))
    opaque = alpha == 255
    np.testing.assert_array_equal(shaded.pixels[opaque], plain.pixels[opaque])
    below, above = shaded.pixels[445, 300], shaded.pixels[140, 300]
    assert below[3] > 40
    assert above[3] < below[3] / 4
    assert below[:3].max() <= 2
    on_white = made(alpha, Preset(background="#ffffff", shadow=0.5, shadow_y=40, shadow_blur=20))
    assert abs(int(on_white.pixels[445, 300].mean()) - (255 - int(below[3]))) <= 2
    np.testing.assert_array_equal(on_white.pixels[opaque], plain.pixels[:, :, :3][opaque])
    assert (on_white.pixels[5, 5] == 255).all()


def test_a_green_glow_goes_and_other_colours_stay() -> None:
    colours = np.array([[(120, 200, 90), (200, 100, 50), (90, 90, 200), (10, 10, 10)]], np.uint8)
    assert despilled(colours, "green").tolist() == [[[120, 120, 90], [200, 100, 50], [90, 90, 200], [10] * 3]]
    assert despilled(colours, "blue")[0, 2].tolist() == [90, 90, 90]
    deep = colours.astype(np.uint16) * 257
    np.testing.assert_array_equal(
        despilled(deep, "green"), despilled(colours, "green").astype(np.uint16) * 257
    )


@pytest.mark.parametrize("file_format", ["png", "tiff", "webp", "jpeg", "avif"])
def test_the_matte_alone_in_every_format(file_format: Any) -> None:
    alpha = disk(200, 150, 50)
    preset = Preset(content="matte", format=file_format, quality=95)
    composed = made(alpha, preset, icc=b"a profile of colours")
    with Image.open(io.BytesIO(encode(composed, preset))) as image:
        grey = np.asarray(image.convert("L")).astype(int)
    assert composed.icc is None
    assert np.abs(grey - alpha).mean() < (0.5 if file_format in {"png", "tiff"} else 3)


@pytest.mark.parametrize("kilobytes", [20, 60])
@pytest.mark.parametrize("file_format", ["jpeg", "webp"])
def test_a_file_is_no_larger_than_wanted_and_no_worse_than_it_must(file_format: Any, kilobytes: int) -> None:
    preset = Preset(background="#ffffff", format=file_format, quality=96, max_kb=kilobytes)
    data = encode(made(disk(900, 700, 300), preset), preset)
    assert 0.75 * kilobytes * 1000 < len(data) <= kilobytes * 1000


@pytest.mark.parametrize("more", [{"canvas": "2000x1600"}, {"min_side": 2000}])
def test_a_size_that_cannot_be_reached_is_told(more: dict[str, Any]) -> None:
    preset = Preset(background="#ffffff", format="jpeg", max_kb=5, **more)
    with pytest.raises(PictureError, match="larger than 5 kB at any quality: raise `max_kb`, or give"):
        files(made(disk(2000, 1600, 700), preset), preset)


@pytest.mark.parametrize("preset", [Preset(background="#ffffff", format="jpeg"), Preset(format="webp")])
def test_where_less_quality_is_not_enough_there_are_fewer_pixels(preset: Preset) -> None:
    wanted = replace(preset, max_kb=5)
    (file,) = files(made(disk(2000, 1600, 700), wanted), wanted)
    assert len(file.data) <= 5000
    with Image.open(io.BytesIO(file.data)) as image:
        assert image.size == (file.width, file.height)
        assert 200 < image.width < 2000
        assert abs(image.width / image.height - 1.25) < 0.01
    assert str(file.remark) == f"it has {file.width} x {file.height} px to stay within 5 kB"


@pytest.mark.parametrize("canvas", ["1:1", "3:1", "1000x1000", "500x100"])
@pytest.mark.parametrize("anchor", ["centre", "bottom"])
def test_soft_parts_stay_inside_the_frame(canvas: str, anchor: Any) -> None:
    """Hair and veils reach far beyond what is solid: the frame goes by that, and still holds them."""
    alpha = disk(900, 700, 100, at=(450, 300))
    alpha[300:310, 60:850] = np.maximum(alpha[300:310, 60:850], 90)
    alpha[300:640, 440:450] = np.maximum(alpha[300:640, 440:450], 90)
    composed = made(alpha, Preset(canvas=canvas, anchor=anchor, fill=0.85))
    seen = geometry.subject(eight_bits(composed.matte), 45)
    whole = geometry.subject(alpha)
    assert seen is not None
    assert whole is not None
    assert abs(seen.width / seen.height - whole.width / whole.height) < 0.06


def hairy(width: int, height: int, radius: int) -> Any:
    """A head with strands that grow faint, with a gap here and there, to 2.3 times its radius."""
    hair = np.zeros((height, width), np.uint8)
    centre = np.array([width / 2, height / 2])
    for strand in range(40):
        turn = strand * 0.7
        way = np.array([np.cos(turn), np.sin(turn)])
        for step in range(12):
            if (step + strand) % 5 == 4:
                continue
            begin, end = (centre + radius * (0.95 + 0.11 * each) * way for each in (step, step + 1))
            cv2.line(
                hair, begin.astype(int).tolist(), end.astype(int).tolist(), 130 - 10 * step, 2, cv2.LINE_AA
            )
    return np.maximum(hair, disk(width, height, radius))


@pytest.mark.parametrize("settings", [named("marketplace"), Preset(canvas="3:1", anchor="bottom"),
                                      Preset(canvas="400x1000", fill=0.95), Preset(trim=True)])  # fmt: skip
@pytest.mark.parametrize("size", [(900, 700), (2600, 2000)])
def test_drawn_hair_is_inside_the_frame_and_haze_elsewhere_moves_nothing(
    settings: Preset, size: tuple[int, int]
) -> None:
    alpha = hairy(*size, radius=size[1] // 8)
    frame_ = frame.frame_of(alpha, settings)
    assert frame_ is not None
    colours = photo(*size)
    _, inside = frame.framed(colours, alpha, frame_)
    assert float(inside.sum()) >= 0.995 * frame_.scale**2 * float(alpha.sum())
    hazy = alpha.copy()
    for corner in ((20, 20), (size[0] - 30, 40), (40, size[1] - 30)):
        cv2.circle(hazy, corner, 9, 60 if settings.canvas else 20, -1)
    assert frame.frame_of(hazy, settings) == frame_


@pytest.mark.parametrize(
    ("text", "dpi", "size"),
    [
        ("1000x800", None, (1000, 800, True)),
        ("35x45mm", 300, (413, 531, True)),
        ("25.4x50.8mm", 100, (100, 200, True)),
        ("4:3", None, (4, 3, False)),
        ("35x45mm", None, None),
        ("0x10", None, None),
        ("0:1", None, None),
        ("1000", None, None),
        ("-5x5", None, None),
    ],
)
def test_what_a_canvas_says(text: str, dpi: int | None, size: tuple[float, float, bool] | None) -> None:
    assert canvas_of(text, dpi) == size


@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(0, 60),
    st.sampled_from(["5x200", "200x5", "1:1", "9:1", "64x64"]), st.sampled_from(["centre", "bottom", "head"]),
    st.floats(0.05, 1),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_subject_on_any_canvas(
    width: int, height: int, radius: int, canvas: str, anchor: Any, fill: float
) -> None:
    preset = Preset(canvas=canvas, anchor=anchor, fill=fill, min_side=40)
    composed = made(disk(width, height, radius), preset)
    size = canvas_of(canvas, None)
    assert size is not None
    if size[2]:
        assert composed.pixels.shape[:2] == (size[1], size[0])
    assert composed.pixels.shape[:2] == composed.matte.shape
