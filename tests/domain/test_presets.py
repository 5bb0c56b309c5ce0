"""The presets that come with the program, and the fingerprint of a recipe."""

import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd.domain.presets import BUILT_IN, DEFAULT, PURPOSE, Preset, named, recipe_hash
from mattingd.domain.units import canvas_of


def test_the_presets_are_what_their_sources_say() -> None:
    assert list(BUILT_IN) == sorted(BUILT_IN) == sorted(PURPOSE)
    portrait = named("id-photo")
    assert (portrait.background, portrait.format) == ("#ffffff", "jpeg")
    sliders = {name: (named(name).threshold, named(name).erode) for name in BUILT_IN}
    assert [sliders[name] for name in ("id-photo", "product", "avatar", "complex")] == [
        (22, 0), (8, 0), (6, 0), (26, 0),
    ]  # fmt: skip
    assert all(named(name).feather > 0 for name in ("id-photo", "product", "avatar", "complex"))


def test_an_id_photo_has_its_25_by_35_millimetres() -> None:
    portrait = named("id-photo")
    assert canvas_of(portrait.canvas or "", portrait.dpi) == (295, 413, True)


def test_the_default_leaves_the_matte_as_it_is() -> None:
    preset = named(DEFAULT)
    assert (preset.threshold, preset.erode, preset.feather, preset.background) == (0, 0, 0, None)


def test_presets_cannot_be_changed_from_elsewhere() -> None:
    with pytest.raises(TypeError):
        BUILT_IN["mine"] = Preset()  # type: ignore[index]


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(
        LookupError, match="no preset is called 'prodct'; known: avatar, complex, hair, id-photo"
    ):
        named("prodct")


def test_presets_that_write_jpeg_have_a_ground() -> None:
    assert all(preset.background for preset in BUILT_IN.values() if preset.format == "jpeg")


OTHER_VALUES: dict[str, Any] = {
    "model": "u2netp",
    "threshold": 7,
    "threshold_mode": "hard",
    "erode": 1.5,
    "feather": 0.5,
    "background": "#000000",
    "background_anchor": "bottom",
    "format": "webp",
    "quality": 50,
    "bits": 16,
    "compression": "zstd",
    "matte_file": True,
    "finisher": "watermark",
    "specks": 0.1,
    "holes": 0.1,
    "despill": "green",
    "content": "matte",
    "shadow": 0.5,
    "shadow_blur": 3,
    "shadow_x": 2,
    "shadow_y": 1,
    "trim": True,
    "canvas": "1:1",
    "fill": 0.5,
    "anchor": "head",
    "min_side": 500,
    "dpi": 300,
    "max_kb": 100,
    "own_alpha": "cut",
    "on_damage": "fail",
    "on_empty": "publish",
    "colour": "srgb",
    "metadata": "strip",
    "second_pass": "never",
}


@pytest.mark.parametrize("name", [item.name for item in fields(Preset)])
def test_every_field_counts_in_the_fingerprint(name: str) -> None:
    changed = replace(Preset(), **{name: OTHER_VALUES[name]})
    assert recipe_hash(changed, "cv-unet") != recipe_hash(Preset(), "cv-unet")


def test_the_model_counts_in_the_fingerprint() -> None:
    assert recipe_hash(Preset(), "cv-unet") != recipe_hash(Preset(), "another")


@given(st.integers(0, 50), st.integers(0, 50))
def test_one_and_one_point_nought_are_the_same_recipe(erode: int, feather: int) -> None:
    whole, broken = Preset(erode=erode, feather=feather), Preset(erode=float(erode), feather=float(feather))
    assert recipe_hash(whole, "m") == recipe_hash(broken, "m")


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "from mattingd.domain.presets import *; print(*(recipe_hash(named(n), 'cv-unet') for n in BUILT_IN))"
    )
    env = {"PYTHONHASHSEED": "12345"}
    there = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert there.stdout.split() == [recipe_hash(preset, "cv-unet") for preset in BUILT_IN.values()]
