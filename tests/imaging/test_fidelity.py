"""docs/FIDELITY.md: modes, turns, profiles and alpha, pixel by pixel."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from tests.imaging import documents
from tests.imaging.faithful import (
    HEIGHT,
    LOSS,
    MAKERS,
    OWN_SRGB,
    PROFILES,
    UPRIGHT,
    WIDTH,
    cut,
    in_srgb,
    in_srgb_deep,
    jpeg,
    opened,
    pixels_in,
    same,
    stored,
    written,
)


def cases(*kinds: str) -> Iterator[tuple[str, str, int]]:
    lossy = {"jpeg": ("L", "RGB")}
    for kind, mode, bits in itertools.product(kinds, ("L", "LA", "RGB", "RGBA"), (8, 16)):
        if kind in ("png", "tiff") or (bits == 8 and mode in lossy.get(kind, ("RGB", "RGBA"))):
            yield kind, mode, bits


@pytest.mark.parametrize(("kind", "mode", "bits"), list(cases(*MAKERS)))
def test_pixels_stay_what_they_are_in_every_mode_turn_and_profile(kind: str, mode: str, bits: int) -> None:
    pixels, loss = stored(mode, bits), LOSS.get(kind, 0)
    known = np.asarray(opened(jpeg(pixels))) if kind == "jpeg" else pixels
    for turn, (name, profile) in itertools.product(UPRIGHT, PROFILES.items()):
        if mode.startswith("L") and profile is not None:
            continue  # these profiles are for RGB
        upright = UPRIGHT[turn](known.reshape(HEIGHT, WIDTH, -1))
        picture, matte, composed = cut(MAKERS[kind](pixels, turn, profile))
        out = pixels_in(written(composed))
        whole = np.iinfo(pixels.dtype).max
        alpha = matte.astype(pixels.dtype) * (whole // 255)
        colours = upright[:, :, :3] if mode.startswith("RGB") else np.repeat(upright[:, :, :1], 3, axis=2)
        if mode.endswith("A"):
            alpha = np.minimum(alpha, upright[:, :, -1])
        assert out.dtype == pixels.dtype
        opaque = np.minimum(alpha, out[:, :, 3]) == whole
        same(out[:, :, 3], alpha, within=loss)
        same(out[:, :, :3][opaque], colours[opaque], within=loss)
        assert opaque.any(), "something must be compared"
        assert picture.icc == profile, name
        assert opened(written(composed)).info.get("icc_profile") == profile


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB", "sRGB"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_converted_to_srgb_within_a_level(bits: int, name: str, mode: str) -> None:
    pixels = stored(mode, bits)
    profile = PROFILES[name] or b""
    for kind in ("png", "tiff"):
        picture, matte, composed = cut(MAKERS[kind](pixels, 1, profile), colour="srgb")
        data = written(composed)
        out, opaque = (
            pixels_in(data),
            (matte == 255) & (mode == "RGB" or pixels[:, :, -1] == np.iinfo(pixels.dtype).max),
        )
        colours = pixels[:, :, :3]
        if bits == 8:
            same(out[opaque][:, :3], in_srgb(colours, profile, "RGB")[opaque], within=1)
        else:
            matrix = OWN_SRGB if name == "sRGB" else profile
            same(out[opaque][:, :3], in_srgb_deep(colours, matrix)[opaque], within=257)
        assert "icc_profile" not in opened(data).info
        seen = in_srgb(np.rint(colours / (257 if bits == 16 else 1)).astype(np.uint8), profile, "RGB")
        same(picture.srgb[opaque], seen[opaque], within=1 if name != "sRGB" else 2)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_grey_with_a_profile_comes_out_as_srgb(kind: str, bits: int) -> None:
    pixels = stored("L", bits)
    picture, matte, composed = cut(MAKERS[kind](pixels, 1, documents.GREY_18))
    out = pixels_in(written(composed))
    eight = np.rint(pixels / (257 if bits == 16 else 1)).astype(np.uint8)
    expected = in_srgb(eight, documents.GREY_18, "L").astype(np.int64) * (257 if bits == 16 else 1)
    same(out[matte == 255][:, :3], expected[matte == 255], within=2 * 257 if bits == 16 else 1)
    assert picture.icc is None
    assert "grey was converted to sRGB" in map(str, picture.notes)
