"""The variants of network and loss that are compared: each learns, and tells what it costs."""

from __future__ import annotations

import itertools
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from mattingd.inference.networks.cv_unet import CvUnet, fuse
from mattingd.training.ablation import VARIANTS, compared, table_row
from mattingd.training.data.datasets import divided, open_library
from mattingd.training.losses import TERMS, Terms, gradient, matting_loss
from mattingd.training.train import Recipe

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.model


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_variant_maps_pictures_to_mattes_and_can_be_fused(name: str) -> None:
    torch.manual_seed(0)
    net = CvUnet(detailed=VARIANTS[name].detailed)
    VARIANTS[name].change(net)
    net.eval()
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        before = net(x).logits
        after = fuse(net)(x).logits
    assert before.shape == (1, 1, 64, 96)
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def test_a_term_without_weight_says_nothing() -> None:
    torch.manual_seed(1)
    net = CvUnet().eval()
    with torch.no_grad():
        output = net(torch.rand(1, 3, 64, 64) * 2 - 1)
    target, weight = torch.rand(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    whole = float(matting_loss(output, target, weight, TERMS))
    parts = [
        Terms(**{name: value if name == kept else 0 for name, value in vars(TERMS).items()})
        for kept in vars(TERMS)
    ]
    assert whole == pytest.approx(sum(float(matting_loss(output, target, weight, part)) for part in parts))


def test_the_gradient_of_a_step_is_its_height() -> None:
    difference = torch.zeros(1, 1, 4, 5)
    difference[..., 3:] = 0.5
    assert float(gradient(difference)) == pytest.approx(0.5 / 4)


def test_what_is_judged_is_not_trained_on(pack: Path, tmp_path: Path) -> None:
    shutil.copytree(pack, tmp_path / "pack")
    people = tmp_path / "pack" / "train" / "photos" / "people"
    first = min(people.glob("*.webp"))
    kept = next(f"h{n}" for n in itertools.count() if sha256(f"h{n}.webp".encode()).hexdigest()[0] == "0")
    for ending in (".webp", ".png"):
        shutil.copy(first.with_suffix(ending), people / (kept + ending))
    library = open_library(tmp_path / "pack")
    names = [{p.path for group in part.photos.values() for p in group} for part in divided(library)]
    assert people / f"{kept}.webp" in names[1]
    assert not names[0] & names[1]
    assert names[0] | names[1] == {p.path for group in library.photos.values() for p in group}
    recipe = Recipe(tmp_path / "pack", None, tmp_path, steps=2, pixels=2 * 64 * 64, decay=0.5)
    (result,) = compared(recipe, ["as shipped"], side=64)
    assert np.isfinite([result.iou, result.mae, result.mad, result.soft]).all()
    assert "as shipped" in table_row(result)
