"""Pictures with known mattes: finding them, judging the shipped model on them, and `mattingd evaluate`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import safetensors.torch
from typer.testing import CliRunner

from mattingd.cli import app
from mattingd.inference import registry
from mattingd.training.data.datasets import read_plane
from mattingd.training.scoring import pairs_in

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

pytestmark = pytest.mark.model


def ball(path: Path, truth: Path, *, height: int = 240, width: int = 320, band: int = 0) -> None:
    """A picture of a red ball on a grey backdrop and its mask, with an undecided band of so many pixels."""
    y, x = np.mgrid[0:height, 0:width]
    away = np.hypot(y - height / 2, x - width / 2)
    alpha = np.clip(height / 3 - away + 0.5, 0, 1)[..., None]
    light = 1 - away[..., None] / height
    picture = np.array([40, 40, 230]) * light * alpha + (200 - y[..., None] * 0.2) * (1 - alpha)
    mask = (alpha[..., 0] * 255).astype(np.uint8)
    if band:
        mask[np.abs(away - height / 3) < band] = 128
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture.astype(np.uint8))
    cv2.imwrite(str(truth), mask)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets: `shoes`, one of its two masks saying the opposite; `pets`, with a trimap."""
    root = tmp_path_factory.mktemp("judged")
    ball(root / "shoes" / "right.jpg", root / "shoes" / "right.png")
    ball(root / "shoes" / "wrong.png", root / "shoes" / "wrong.mask.png", height=320, width=240)
    opposite = cv2.bitwise_not(read_plane(root / "shoes" / "wrong.mask.png"))
    cv2.imwrite(str(root / "shoes" / "wrong.mask.png"), opposite)
    ball(root / "pets" / "cat.webp", root / "pets" / "cat.png", band=12)
    cv2.imwrite(str(root / "shoes" / "alone.jpg"), np.zeros((9, 9, 3), np.uint8))
    return root


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], prog_name="mattingd")


def test_every_picture_with_a_matte_beside_it_is_found_once(folder: Path) -> None:
    found = [(pair.group, pair.picture.name, pair.truth.name) for pair in pairs_in(folder)]
    assert found == [
        ("pets", "cat.webp", "cat.png"),
        ("shoes", "right.jpg", "right.png"),
        ("shoes", "wrong.png", "wrong.mask.png"),
    ]


def test_a_matte_is_grey_or_the_alpha_of_a_cut_out(tmp_path: Path) -> None:
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8)
    cv2.imwrite(str(tmp_path / "grey.png"), ramp)
    cv2.imwrite(str(tmp_path / "cut.png"), np.dstack([ramp * 0 + 9] * 3 + [ramp]))
    cv2.imwrite(str(tmp_path / "deep.png"), ramp.astype(np.uint16) * 257)
    for name in ("grey", "cut", "deep"):
        np.testing.assert_array_equal(read_plane(tmp_path / f"{name}.png"), ramp)


def test_the_table_has_every_set_and_the_sheet_the_worst_first(folder: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "worst.png"
    answer = evaluate(folder, "--trimaps", "pets", "--sheet", sheet, "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["model"] == "cv-unet"
    assert {name: row["pictures"] for name, row in told["sets"].items()} == {
        "pets": 1,
        "shoes": 2,
        "overall": 3,
    }
    by_name = {row["picture"].rpartition("/")[2]: row for row in told["pictures"]}
    assert by_name["right.jpg"]["iou"] > 0.9
    assert by_name["wrong.png"]["iou"] < 0.2, "the measures follow the mask"
    assert by_name["wrong.png"]["mad"] > 0.8
    assert by_name["cat.webp"]["mad"] < by_name["right.jpg"]["mad"], "the band around the edge is left out"
    assert all(row["found"] for row in told["pictures"])
    shown = cv2.imread(str(sheet))
    assert shown is not None
    assert shown.shape == (3 * 256, 4 * 256, 3), "picture, matte, cut-out, true matte"


def test_the_table_is_for_people(folder: Path) -> None:
    answer = evaluate(folder / "shoes")
    lines = answer.stdout.splitlines()
    assert lines[0].split() == [
        "set", "pictures", "IoU", "MAE,", "MAD", "MSE", "SAD", "grad_mat", "grad_scipy", "Conn",
    ]  # fmt: skip
    assert [line.split()[:2] for line in lines[1:]] == [["shoes", "2"], ["overall", "2"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere: no such folder"),
        (
            (".",),
            ".: no picture with a mask beside it. Name the mask of shoe.jpg shoe.png, or shoe.mask.png.",
        ),
        (
            ("{folder}", "--model", "best"),
            "best: neither a model (cv-unet) nor a file of weights (.safetensors)",
        ),
        (
            ("{folder}", "--trimaps", "dogs"),
            "--trimaps dogs: no folder of that name holds pictures with masks",
        ),
        (("{uneven}",), "{uneven}/a.png: 10 x 20 pixels, but a.jpg has 10 x 10"),
        (("{folder}", "--model", "{broken}"), "{broken}: the weights do not fit the network"),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_line(
    arguments: tuple[str, ...], said: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uneven, broken, empty = tmp_path / "uneven", tmp_path / "w.safetensors", tmp_path / "empty"
    uneven.mkdir()
    empty.mkdir()
    cv2.imwrite(str(uneven / "a.jpg"), np.zeros((10, 10, 3), np.uint8))
    cv2.imwrite(str(uneven / "a.png"), np.zeros((20, 10), np.uint8))
    broken.write_bytes(b"no weights")
    monkeypatch.chdir(empty)
    places = {"folder": folder, "uneven": uneven, "broken": broken}
    answer = evaluate(*(argument.format(**places) for argument in arguments))
    assert answer.exit_code == 2
    assert answer.stderr.startswith("mattingd: " + said.format(**places))
    assert len(answer.stderr.splitlines()) == 1


def test_two_models_stand_side_by_side(folder: Path, tmp_path: Path) -> None:
    weights = tmp_path / "duller.safetensors"
    shipped = safetensors.torch.load(registry.weights(registry.entry()))
    shipped["last.bias"] -= 0.8
    weights.write_bytes(safetensors.torch.save(shipped))
    command = ["models", "compare", "cv-unet", str(weights), "--data", str(folder / "shoes")]
    answer = CliRunner().invoke(app, [*command, "--json"], prog_name="mattingd")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    ours, theirs = (sets["shoes"] for sets in told["sets"])
    assert ours["pictures"] == theirs["pictures"] == 2
    assert ours["mad"] != theirs["mad"]
    assert told["better"] + told["worse"] == 2
    text = CliRunner().invoke(app, command, prog_name="mattingd").stdout.splitlines()
    heads = [line.split()[:3] for line in text[1:5]]
    assert heads[::2] == [["shoes", "2", "cv-unet"], ["overall", "2", "cv-unet"]]
    assert [head[0] for head in heads[1::2]] == ["duller", "duller"]
    assert f"is nearer to the truth than cv-unet in {told['better']} of 2 pictures" in text[5]


def test_a_file_of_weights_is_judged_like_a_model(folder: Path, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(registry.weights(registry.entry()))
    ours, theirs = (
        json.loads(evaluate(folder / "pets", "--json", "--model", model).stdout)
        for model in ("cv-unet", weights)
    )
    assert ours["sets"]["pets"]["iou"] == pytest.approx(theirs["sets"]["pets"]["iou"], abs=0.005)
