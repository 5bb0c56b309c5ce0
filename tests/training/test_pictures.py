"""Making training pictures: windows, colours, mattes, strands, samples, and what is held out."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd.training.data import drawing, synthetic
from mattingd.training.data.closed_form import solve_all
from mattingd.training.data.compose import Layer, over, shadow
from mattingd.training.data.datasets import held_out, open_library, with_world
from mattingd.training.data.degrade import degrade
from mattingd.training.data.foreground import estimate_foreground, soft_from_binary, soft_from_trimap
from mattingd.training.data.geometry import bucket, random_window
from mattingd.training.data.sampler import Sampler
from mattingd.training.data.strands import with_strands

if TYPE_CHECKING:
    from pathlib import Path


@given(st.floats(0.3, 3.5), st.integers(96, 512))
def test_buckets_are_multiples_of_about_the_wanted_area(aspect: float, side: int) -> None:
    height, width = bucket(aspect, side)
    assert height % 32 == width % 32 == 0
    assert 0.5 < height * width / side**2 < 2


def test_a_bucket_keeps_the_aspect_within_a_few_percent() -> None:
    for aspect in (1.0, 4 / 3, 3 / 4, 3 / 2, 2 / 3, 16 / 9):
        height, width = bucket(aspect, 416)
        assert abs(width / height / aspect - 1) < 0.09


@given(st.integers(20, 300), st.integers(20, 300), st.floats(0.4, 2.5), st.integers(0, 2**32))
def test_windows_lie_inside(height: int, width: int, aspect: float, seed: int) -> None:
    window = random_window((height, width), aspect, np.random.default_rng(seed))
    assert 0 <= window.x <= window.x + window.width <= width
    assert 0 <= window.y <= window.y + window.height <= height
    assert min(window.width, window.height) >= 8


def disc(size: int = 96, softness: float = 2.0) -> Any:
    y, x = np.mgrid[0:size, 0:size]
    return np.clip((size / 3 - np.hypot(y - size / 2, x - size / 2)) / softness + 0.5, 0, 1).astype(
        np.float32
    )


def test_estimated_colours_hold_no_background() -> None:
    alpha = disc(256, softness=4)
    red, green = np.array([220, 30, 30], np.float32), np.array([20, 200, 40], np.float32)
    image = (red * alpha[..., None] + green * (1 - alpha[..., None])).astype(np.uint8)
    colours = estimate_foreground(image, alpha).astype(int)
    soft = (alpha > 0.15) & (alpha < 0.98)
    assert np.abs(colours[soft] - red).mean() < 8
    assert np.array_equal(colours[alpha > 0.98], image[alpha > 0.98])


def test_a_binary_mask_becomes_soft_and_stays_inside() -> None:
    mask = (disc(softness=0.1) > 0.5).astype(np.uint8) * 255
    soft = soft_from_binary(mask)
    assert ((soft > 0.05) & (soft < 0.95)).any()
    assert soft[mask == 0].max() < 0.4
    assert np.abs(soft - mask / 255).mean() < 0.03


def test_the_undecided_band_follows_the_colours() -> None:
    alpha = disc(softness=3)
    image = (np.array([230, 220, 40], np.float32) * alpha[..., None] + 30 * (1 - alpha[..., None])).astype(
        np.uint8
    )
    binary = (alpha > 0.5).astype(np.uint8)
    band = cv2.dilate(binary, np.ones((9, 9))) - cv2.erode(binary, np.ones((9, 9)))
    trimap = np.where(band > 0, 128, binary * 255).astype(np.uint8)
    solved = soft_from_trimap(image, trimap)
    assert np.abs(solved - alpha).mean() < 0.02
    assert np.array_equal(solved[trimap == 255], np.ones((trimap == 255).sum()))


def test_strands_add_alpha_outside_and_take_none_away() -> None:
    alpha = disc()
    colour = np.full((96, 96, 3), (90, 60, 30), np.uint8)
    painted, total = with_strands(colour, alpha, np.random.default_rng(3))
    assert (total >= alpha - 1e-6).all()
    assert total.max() <= 1
    outside = alpha == 0
    assert 0.005 < (total[outside] > 0.05).mean() < 0.6
    assert np.array_equal(painted[alpha == 1], colour[alpha == 1])


def test_strands_grow_on_nothing_when_there_is_nothing() -> None:
    empty = np.zeros((40, 40), np.float32)
    colour = np.zeros((40, 40, 3), np.uint8)
    assert with_strands(colour, empty, np.random.default_rng(0))[1] is empty


def test_a_composite_is_the_compositing_equation() -> None:
    alpha = disc(softness=8)
    layer = Layer(np.full((96, 96, 3), 200, np.uint8), alpha)
    behind = np.full((96, 96, 3), 40, np.uint8)
    assert np.abs(over(layer, behind).astype(float) - (200 * alpha + 40 * (1 - alpha))[..., None]).max() <= 1
    light = shadow(alpha, np.random.default_rng(1))
    assert light.min() > 0
    assert light.max() <= 1
    assert light.min() < 0.95


@pytest.mark.parametrize("seed", range(8))
def test_degrading_keeps_shape_and_type(seed: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    bad = degrade(image, np.random.default_rng(seed))
    assert bad.shape == image.shape
    assert bad.dtype == np.uint8


def test_stamps_that_are_held_out_are_never_listed(pack: Path) -> None:
    library = open_library(pack)
    listed = {item.path.name for item in library.cutouts["stamps"]}
    lying = {path.name for path in (pack / "train" / "cutouts" / "stamps").iterdir()}
    expected = {name for name in lying if hashlib.sha256(name.encode()).hexdigest()[0] not in "0123"}
    assert listed == expected
    assert lying - listed
    assert all(held_out(name) for name in lying - listed)
    assert len(library.cutouts["trellis"]) == 2


def test_an_empty_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        open_library(tmp_path)


def test_batches_are_whole_and_repeatable(pack: Path) -> None:
    def make() -> Sampler:
        return Sampler(open_library(pack), np.random.default_rng(11))

    batch, again = make().batch(10, 96), make().batch(10, 96)
    assert batch.images.shape[:3] == batch.alphas.shape == batch.weights.shape
    assert batch.images.dtype == np.uint8
    assert batch.alphas.dtype == batch.weights.dtype == np.float32
    assert batch.alphas.min() >= 0
    assert batch.alphas.max() <= 1
    for ours, theirs in zip(batch, again, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_undecided_band_weighs_nothing(pack: Path) -> None:
    library = open_library(pack)
    pets = type(library)({"pets": library.photos["pets"]}, {}, ())
    sampler = Sampler(pets, np.random.default_rng(2))
    for _ in range(5):
        sample = sampler.photograph((96, 128))
        undecided = (sample.alpha > 0.3) & (sample.alpha < 0.7)
        assert undecided.any()
        assert sample.weight[undecided].max() == 0


def test_some_pictures_have_no_subject(pack: Path) -> None:
    sampler = Sampler(open_library(pack), np.random.default_rng(4))
    assert sampler.empty((64, 64)).alpha.max() == 0
    sampler.empty_share = 0.5
    empties = sum(sampler.sample((64, 64)).alpha.max() == 0 for _ in range(40))
    assert empties >= 10


@pytest.mark.parametrize("kind", synthetic.KINDS, ids=lambda kind: kind.__name__)
def test_what_is_drawn_has_colours_and_a_subject(kind: Any) -> None:
    for seed in range(3):
        made = kind(np.random.default_rng(seed))
        assert made.colour.shape == (drawing.SIDE, drawing.SIDE, 3)
        assert made.colour.dtype == made.alpha.dtype == np.uint8
        assert 0.005 < (made.alpha > 25).mean() < 0.9
        again = kind(np.random.default_rng(seed))
        np.testing.assert_array_equal(made.alpha, again.alpha)


def test_glass_lets_light_through_and_a_box_does_not() -> None:
    glass, box = (kind(np.random.default_rng(5)).alpha for kind in (synthetic.glass, synthetic.box))
    assert ((glass > 20) & (glass < 235)).sum() / (glass > 20).sum() > 0.5
    assert ((box > 20) & (box < 235)).sum() / (box > 20).sum() < 0.1


def test_coverage_is_the_area_that_a_pixel_shares_with_the_drawing() -> None:
    grid = drawing.blank()
    grid[: 10 * drawing.FINE + 1, : 20 * drawing.FINE] = 255
    alpha = drawing.coverage(grid)
    assert alpha[:10, :20].min() == 1
    assert alpha[10, 5] == pytest.approx(1 / drawing.FINE, abs=0.01)
    assert alpha[11:].max() == alpha[:, 20:].max() == 0


def test_masks_are_solved_once_and_believed_less_than_labels(pack: Path, tmp_path: Path) -> None:
    pytest.importorskip("pymatting", reason="solving needs the extra `train`")
    plain = open_library(pack)
    chosen = [plain.photos["pets"][0], plain.photos["people"][0]]
    made = list(solve_all(chosen, tmp_path))
    stamps = [path.stat().st_mtime_ns for path in made]
    assert list(solve_all(chosen, tmp_path)) == made
    assert [path.stat().st_mtime_ns for path in made] == stamps
    library = open_library(pack, tmp_path)
    pet, person = library.photos["pets"][0], library.photos["people"][0]
    assert library.photos["pets"][1].solved is None
    band = pet.mask == 128
    subject = chosen[0].image.astype(int).sum(2) < 330  # as the pack draws it: dark on light
    assert np.abs(pet.matte[band] / 255 - subject[band]).mean() < 0.1
    assert set(np.unique(pet.known[band])) == {153}
    assert pet.known[~band].min() == 255
    feet = np.nonzero((person.mask > 127).any(1))[0][-1]
    np.testing.assert_array_equal(person.matte[feet - 5 :], person.mask[feet - 5 :])
    sampler = Sampler(type(library)({"pets": (pet,)}, {}, ()), np.random.default_rng(2))
    weight = sampler.photograph((96, 128)).weight
    assert 0.5 < weight.min() < 0.7


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A pack of two sources: teachers agree on the first tool's matte, hardly on the second's."""
    rng = np.random.default_rng(9)
    for source, name in (("tools", "sure"), ("tools", "doubtful"), ("hands", "drawn")):
        folder = tmp_path / "world" / "train" / "photos" / source
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{name}.webp"), rng.integers(0, 256, (60, 90, 3)).astype(np.uint8))
        matte = np.zeros((60, 90), np.uint8)
        matte[10:50, 20:70] = 128 if source == "tools" else 255
        cv2.imwrite(str(folder / f"{name}.png"), matte)
    (tmp_path / "world" / "index.csv").write_text(
        "part,source,name,agreement,area,undecided\n"
        "train,tools,sure,0.970,0.3,0.02\ntrain,tools,doubtful,0.360,0.3,0.02\n"
    )
    return tmp_path / "world"


def test_a_world_of_sources_is_weighed_by_agreement(pack: Path, world: Path) -> None:
    library = with_world(open_library(pack), [world])
    assert library.world == {"tools", "hands"}
    doubtful, sure = library.photos["tools"]
    assert (sure.trust, sure.liftable, sure.soft) == (1, True, True)
    assert doubtful.trust < 0.2
    assert not doubtful.liftable
    (drawn_by_hand,) = library.photos["hands"]
    assert (drawn_by_hand.soft, drawn_by_hand.trust) == (False, 1)
    sampler = Sampler(library, np.random.default_rng(1))
    names = [sampler.photo().path.stem for _ in range(600)]
    assert 0.45 < sum(n in {"sure", "doubtful", "drawn"} for n in names) / len(names) < 0.69
    assert names.count("doubtful") < names.count("sure") / 3


def test_a_soft_matte_is_lifted_as_it_is_and_kept_nowhere(world: Path, pack: Path) -> None:
    library = with_world(open_library(pack), [world])
    photo = library.photos["tools"][1]
    opened = photo.opened()
    assert set(np.unique(opened.cutout.alpha)) == {0, 128}
    assert "image" in vars(opened)
    assert "image" not in vars(photo)
