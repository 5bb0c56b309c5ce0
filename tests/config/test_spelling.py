"""What people write for a setting is understood, in the file and on the command line."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mattingd import config
from mattingd.config.spelling import understood


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ({"format": "jpg"}, {"format": "jpeg"}),
        ({"format": ".JPG"}, {"format": "jpeg"}),
        ({"format": "tif"}, {"format": "tiff"}),
        ({"format": "bmp"}, {"format": "bmp"}),
        ({"background": "white"}, {"background": "#ffffff"}),
        ({"background": "Red"}, {"background": "#ff0000"}),
        ({"background": "rebeccapurple"}, {"background": "#663399"}),
        ({"background": "#fff"}, {"background": "#ffffff"}),
        ({"background": "FFFFFF"}, {"background": "#ffffff"}),
        ({"background": "#438EDB"}, {"background": "#438edb"}),
        ({"background": "transparent"}, {"background": None}),
        ({"background": "studio.jpg"}, {"background": "studio.jpg"}),
        ({"background": "whit"}, {"background": "whit"}),
        ({"canvas": "A4"}, {"canvas": "210x297mm", "dpi": 300}),
        ({"canvas": "a5", "dpi": 150}, {"canvas": "148x210mm", "dpi": 150}),
        ({"canvas": "35x45mm"}, {"canvas": "35x45mm", "dpi": 300}),
        ({"canvas": "1:1"}, {"canvas": "1:1"}),
        ({"format": 3, "background": None}, {"format": 3, "background": None}),
    ],
)
def test_a_value_is_stored_in_one_spelling(written: dict[str, Any], stored: dict[str, Any]) -> None:
    assert understood(written) == stored


def test_a_colour_is_understood_after_a_picture_was_filled_with_it() -> None:
    Image.new("RGB", (1, 1), "Orchid")
    assert understood({"background": "orchid"}) == {"background": "#da70d6"}


def test_a_preset_that_states_its_resolution_keeps_it() -> None:
    assert understood({"canvas": "A4"}, 600) == {"canvas": "210x297mm"}


def settings(tmp_path: Path, folder: str) -> config.Settings:
    text = f"output_dir: out\nstate_dir: state\nhot_folders:\n- path: in\n{folder}"
    return config.parse(text, tmp_path / "mattingd.yaml")


def test_the_file_understands_them(tmp_path: Path) -> None:
    written = "  settings: {format: jpg, background: white, canvas: A4}\n  also: [marketplace]\n"
    (folder,) = settings(tmp_path, written).hot_folders
    recipe = folder.recipe
    assert (recipe.format, recipe.background) == ("jpeg", "#ffffff")
    assert (recipe.canvas, recipe.dpi) == ("210x297mm", 300)
    assert [(each.preset, each.suffix) for each in folder.also] == [("marketplace", "_marketplace")]


def test_one_meaning_has_one_fingerprint(tmp_path: Path) -> None:
    short = settings(tmp_path, "  settings: {format: jpg, background: white}\n")
    long = settings(tmp_path, '  settings: {format: jpeg, background: "#FFFFFF"}\n')
    assert short.hot_folders[0].recipe_hash == long.hot_folders[0].recipe_hash


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "  feather: 2\n",
            "feather: is a setting of the preset: put it under hot_folders[0].settings",
        ),
        ("  also: [{preset: product, bits: 16}]\n", "also[0].bits: is a setting of the preset: put it under"),
        ("  feathr: 2\n", "there is no such setting"),
        ("  settings: {background: whit}\n", "must be a colour like white"),
        ("  settings: {canvas: A44}\n", "paper like A4"),
        ("  also: [markteplace]\n", "no preset is called 'markteplace'"),
    ],
)
def test_what_is_not_understood_gets_a_hint(tmp_path: Path, written: str, said: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        settings(tmp_path, written)
    (line,) = caught.value.lines
    assert said in line
