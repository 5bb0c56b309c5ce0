"""`mattingd presets`: read, shown, tried on a picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mattingd.cli.commands.preset_trial import variants
from mattingd.domain.presets import BUILT_IN
from mattingd.domain.reasons import Reason
from tests.cli.conftest import Say
from tests.imaging.pictures import encode

OWN = """\
output_dir: out
state_dir: state
hot_folders: [{path: in}]
presets: {house-style: {like: product, canvas: "1:1"}}
"""


def test_every_preset_is_named_with_its_purpose(say: Say) -> None:
    answer = say("presets", "list")
    assert (answer.code, answer.err) == (0, "")
    assert [line.split()[0] for line in answer.out.splitlines()] == list(BUILT_IN)
    assert all(len(line.split()) > 3 for line in answer.out.splitlines())
    assert list(say("presets", "list", "--json").json) == list(BUILT_IN)


def test_a_teams_own_are_among_them(say: Say) -> None:
    Path("config.yaml").write_text(OWN, encoding="utf-8")
    assert "house-style" in say("presets", "list").out
    assert say("presets", "show", "house-style", "--json").json["canvas"] == "1:1"
    assert "threshold: 8" in say("presets", "show", "house-style").out


def test_one_with_a_background_picture_is_tried_on_it(say: Say) -> None:
    Path("config.yaml").write_text(OWN.replace("like: product", "like: product, background: wall.png"))
    Path("her.png").write_bytes(encode(np.full((80, 60, 3), 90, np.uint8), "PNG"))
    assert say("presets", "show", "house-style", "--json").json["background"] == str(
        Path("wall.png").absolute()
    )
    answer = say("presets", "try", "house-style", "her.png", "-o", "sheet.png")
    assert answer.code == 3
    assert f"its background {Path('wall.png').absolute()}" in answer.err
    assert answer.err.endswith("No such file or directory\n")


def test_an_unknown_one_is_told_with_the_known(say: Say) -> None:
    answer = say("presets", "show", "prodct")
    assert answer.code == 2
    assert answer.err.startswith("mattingd: no preset is called 'prodct'; known: avatar, complex, hair")


def test_a_steps_own_value_is_always_among_them() -> None:
    for value, step in ((0.0, 12), (8.0, 12), (26.0, 12), (0.0, 1), (3.0, 1), (0.5, 1)):
        shown = variants(value, step)
        assert value in shown
        assert min(shown) >= 0
        assert len(set(shown)) == 4


@pytest.mark.model
def test_a_sheet_to_pick_from(say: Say) -> None:
    skimage = pytest.importorskip("skimage", reason="its photographs are needed: install the extra `dev`")
    Image.fromarray(skimage.data.astronaut()).save("her.png")
    answer = say("presets", "try", "id-photo", "her.png", "-o", "sheet.png")
    assert (answer.code, answer.err) == (0, "")
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 1200
        assert sheet.height > 1200
    assert say("presets", "try", "id-photo", "her.png", "-o", "sheet.png").code == 2  # never overwritten
    Image.new("RGB", (300, 200), "white").save("nothing.png")
    empty = say("presets", "try", "product", "nothing.png", "-o", "other.png")
    assert empty.code == 3
    assert empty.err == f"mattingd: nothing.png: {Reason.of('try_another')}\n"
    Path("text.jpg").write_text("hello", encoding="utf-8")
    assert say("presets", "try", "product", "text.jpg", "-o", "other.png").code == 3
    assert not Path("other.png").exists()
