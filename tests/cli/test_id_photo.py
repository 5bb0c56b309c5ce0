"""`process --preset id-photo` with the real model: framed by the face, and what is wrong is said."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mattingd.domain.presets import BUILT_IN
from mattingd.imaging.finishing.faces import find
from tests.cli.conftest import run


def photograph(name: str) -> Image.Image:
    """One of the package's own."""
    with Image.open(str(resources.files("mattingd.cli") / "demo_pictures" / f"{name}.jpg")) as picture:
        return picture.convert("RGB")


@pytest.mark.model
def test_an_id_photo_that_needs_checking_is_named_with_the_reason(tmp_path: Path) -> None:
    astronaut = photograph("astronaut")
    half = astronaut.crop((60, 0, 360, 512))
    two = Image.new("RGB", (600, 512))
    two.paste(half, (0, 0))
    two.paste(ImageOps.mirror(half), (300, 0))
    pictures = {
        "good": (astronaut, ""),
        "small": (astronaut.resize((200, 200)), "the picture was enlarged 3."),
        "none": (photograph("chelsea"), "no face was found"),
        "two": (two, "2 faces were found"),
        "top": (astronaut.crop((0, 60, 512, 512)), "the head is cut off at the top"),
        "chin": (astronaut.crop((0, 0, 512, 160)), "the head is cut off at the chin"),
        "side": (astronaut.crop((210, 0, 512, 512)), "the head is cut off at the side"),
    }
    (tmp_path / "in").mkdir()
    for name, (picture, _) in pictures.items():
        picture.save(tmp_path / "in" / f"{name}.png")
    order = ("process", "in", "-o", "out", "--preset", "id-photo")
    answer = run(*order, "--json", cwd=tmp_path, MATTINGD_TEST_ENGINE="0")
    assert (answer.code, answer.json["done"]) == (0, len(pictures))
    told = {look["file"].removesuffix(".png"): look["reason"] for look in answer.json["needs_look"]}
    assert told.keys() == pictures.keys() - {"good"}
    assert all(told[name].startswith(said) for name, (_, said) in pictures.items() if said)
    again = run("process", "in/none.png", "-o", "other", *order[4:], cwd=tmp_path, MATTINGD_TEST_ENGINE="0")
    assert "look    none.png: needs a look: no face was found, so the frame follows the outline" in again.out
    one = run("process", "in/none.png", "-o", "one.jpg", *order[4:], cwd=tmp_path, MATTINGD_TEST_ENGINE="0")
    assert one.err.startswith("in/none.png: needs a look: no face was found")
    with Image.open(tmp_path / "out" / "good.jpg") as good:
        pixels = np.asarray(good.convert("RGB"))
    assert pixels.shape == (413, 295, 3)
    crown = int(np.flatnonzero(pixels.min(axis=(1, 2)) < 128)[0])
    assert crown == pytest.approx(0.1 * 413, abs=10)
    (face,) = find(pixels)
    assert (face.left + face.right) / 2 == pytest.approx(295 / 2, abs=15)
    head = (face.bottom - crown) / 413
    assert 0.45 < head <= BUILT_IN["id-photo"].fill + 0.03, "her hair is wide: 70 % of the width come first"
