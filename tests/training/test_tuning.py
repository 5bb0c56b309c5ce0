"""A team's own pictures: what is found and held out, when the result is offered, and `mattingd train`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from mattingd.cli import app
from mattingd.inference import registry
from mattingd.training.data import drawing, synthetic
from mattingd.training.metrics import Measures
from mattingd.training.tuning import Comparison, composed, divided, fixed_set, own_in, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from mattingd.training.data.datasets import Cutout

pytestmark = pytest.mark.model

BRIEF = ("--steps", 48, "--side", 352, "--pixels", 5 * 224 * 224)


def perforated(rng: np.random.Generator) -> Cutout:
    """A cloth of rows of holes: one odd kind of product."""
    alpha = synthetic.perforated(rng)
    return drawing.subject(drawing.material(rng), np.pad(alpha[30:-30, 30:-30], 30))


def write_lace(folder: Path, count: int, *, wrong: bool = False) -> None:
    """So many pictures of lace with their mattes; or each with the matte of another one."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    made = [composed(perforated(rng), rng) for _ in range(count)]
    for index, (image, _) in enumerate(made):
        cv2.imwrite(str(folder / f"{index:02}.jpg"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        truth = made[(index + 7 * wrong) % count].truth
        cv2.imwrite(str(folder / f"{index:02}.png"), (truth * 255).astype(np.uint8))


def train(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)], prog_name="mattingd")


def measures(iou: float, mad: float) -> Measures:
    return Measures(iou, mad, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("held", "fixed", "said"),
    [
        ((0.8, 0.05), (0.7, 0.040), None),
        ((0.8, 0.05), (0.7, 0.043), "worse on the fixed set"),
        ((0.8, 0.05), (0.69, 0.040), "worse on the fixed set"),
        ((0.7, 0.0999), (0.7, 0.040), "not clearly better"),
        ((0.69, 0.05), (0.7, 0.040), "not clearly better"),
    ],
)
def test_only_what_helped_and_spoilt_nothing_is_offered(
    held: tuple[float, float], fixed: tuple[float, float], said: str | None
) -> None:
    seen = Comparison(measures(0.7, 0.1), measures(*held), measures(0.7, 0.04), measures(*fixed))
    reason = refusal(seen)
    assert reason is None if said is None else said in str(reason)


def test_a_quarter_is_held_out_and_always_the_same(tmp_path: Path) -> None:
    write_lace(tmp_path / "own", 12)
    for index in range(4):
        made = synthetic.box(np.random.default_rng(index))
        cv2.imwrite(str(tmp_path / "own" / f"cut{index}.webp"), np.dstack([made.colour, made.alpha]))
    cv2.imwrite(str(tmp_path / "own" / "opaque.png"), np.zeros((8, 8, 4), np.uint8) + 255)
    own = own_in(tmp_path / "own")
    assert (len(own.photos), len(own.cutouts)) == (12, 4)
    learnt, held = divided(own)
    assert (len(learnt), len(held)) == (12, 4)
    assert divided(own)[1] == held
    assert not set(learnt.paths()) & set(held.paths())


def test_the_fixed_set_is_fixed_and_shows_every_kind() -> None:
    first, second = fixed_set(), fixed_set()
    assert len(first) == 4 * len(synthetic.KINDS)
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        assert one.truth.mean() > 0.004


def test_one_odd_kind_is_learnt_and_offered(tmp_path: Path) -> None:
    write_lace(tmp_path / "lace", 40)
    answer = train("--data", tmp_path / "lace", "--out", tmp_path / "tuned", *BRIEF, "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["offered"]
    assert told["held_after"]["mad"] < 0.95 * told["held_before"]["mad"]
    model, content = registry.other_weights("cv-unet", tmp_path / "tuned" / "own.safetensors")
    assert model.spec.sha256 != registry.entry().spec.sha256
    assert len(content) < 12_000_000
    again = train("--data", tmp_path / "lace", "--out", tmp_path / "tuned", *BRIEF)
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_what_mislabelled_pictures_teach_is_refused(tmp_path: Path) -> None:
    write_lace(tmp_path / "wrong", 24, wrong=True)
    answer = train("--data", tmp_path / "wrong", "--out", tmp_path / "tuned", *BRIEF, "--steps", 16)
    assert answer.exit_code == 3, answer.output
    assert "Not offered: " in answer.stdout
    assert not (tmp_path / "tuned" / "own.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "nowhere"), "nowhere: no such folder"),
        (("--data", "few"), "few: 3 pictures with known mattes are too few; 8 are needed"),
        (
            ("--data", "few", "--from", "gone.safetensors"),
            "--from gone.safetensors: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_learnt_from_is_said_in_one_line(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lace(tmp_path / "few", 3)
    monkeypatch.chdir(tmp_path)
    answer = train(*arguments)
    assert answer.exit_code == 2
    assert answer.stderr.startswith(f"mattingd: {said}")
    assert len(answer.stderr.splitlines()) == 1
