"""What `auto` means: memory is bounded by what was measured."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mattingd.config import Engine, HotFolder, Limits, Settings
from mattingd.domain.presets import BUILT_IN, Preset
from mattingd.imaging.finishing import background
from mattingd.inference.model_store import EMPTY_ENGINE_BYTES
from mattingd.workers import capacity, resources
from tests.bench import worker_memory

SETTINGS = Settings(output_dir=Path("/out"), state_dir=Path("/state"), hot_folders=(), presets=BUILT_IN)


@pytest.mark.parametrize(("kind", "output"), [("jpeg", "png"), ("transparent", "webp"), ("deep", "tiff")])
def test_a_picture_takes_no_more_memory_than_is_reckoned_with(kind: str, output: str) -> None:
    found = worker_memory.measure(kind, 12, output)  # type: ignore[arg-type]
    assert 10 < found <= resources.BYTES_A_PIXEL


def test_pictures_in_work_take_their_share_of_the_memory_and_no_more() -> None:
    pixels = resources.policy_of(SETTINGS).budget_pixels
    assert pixels * resources.BYTES_A_PIXEL == pytest.approx(
        capacity.memory() * capacity.MEMORY_SHARE, rel=1e-3
    )


def test_backgrounds_that_workers_keep_are_taken_off_that_share() -> None:
    assert resources.BACKGROUND_BYTES == background.KEPT_BYTES
    recipe = Preset(background="/srv/studio.jpg")
    folder = HotFolder(
        path=Path("/in"), name="in", preset="shop", recipe=recipe, recipe_hash="", existing="process"
    )
    wanted = replace(SETTINGS, hot_folders=(folder,), limits=Limits(workers=1))
    less = resources.policy_of(SETTINGS).budget_pixels - resources.policy_of(wanted).budget_pixels
    assert less * resources.BYTES_A_PIXEL == pytest.approx(background.KEPT_BYTES, rel=1e-3)
    many = replace(wanted, limits=Limits(workers=1000))
    assert resources.policy_of(many).budget_pixels > 0


def test_models_get_a_share_of_the_memory_too_and_say_what_they_need(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for number, more in (("ab", {"memory_mb": 1500}), ("cd", {})):
        told = {
            "name": number,
            "origin": "a test",
            "adopted_at": "2026-11-20T12:00:00+00:00",
            "spec": {},
            **more,
        }
        (models / f"{number}.onnx").write_bytes(bytes(1000))
        (models / f"{number}.json").write_text(json.dumps(told))
    engine = Engine(device=("cpu", "cpu", "cuda:0"), gpu_memory_gb=6, resident_models=3)
    limits = resources.policy_of(replace(SETTINGS, state_dir=tmp_path, engine=engine)).loaded
    assert limits.count == 3
    assert limits.cpu_bytes == pytest.approx(capacity.memory() * resources.MODELS_SHARE / 2, rel=1e-6)
    assert limits.gpu_bytes == (6_000_000_000,) * 3
    assert limits.stated == {
        "": resources.OWN_MODEL_BYTES,
        "ab": 1_500_000_000,
        "cd": EMPTY_ENGINE_BYTES + 6000,
    }


def test_a_budget_that_was_asked_for_is_taken() -> None:
    wanted = replace(SETTINGS, limits=Limits(memory_megapixels=50))
    assert resources.policy_of(wanted).budget_pixels == 50_000_000


@pytest.mark.parametrize("workers", [1, 2, 1000])
def test_what_idle_workers_keep_fits_the_same_share(workers: int) -> None:
    kept = capacity.kept_bytes(replace(SETTINGS, limits=Limits(workers=workers)))
    assert 0 < kept <= capacity.KEPT_BYTES
    assert kept * workers <= capacity.memory() * capacity.MEMORY_SHARE + workers


def test_one_worker_a_core_and_a_thread_for_half_of_them() -> None:
    policy = resources.policy_of(SETTINGS)
    assert policy.workers == capacity.cores()
    assert capacity.engine_threads(SETTINGS) == max(1, capacity.cores() // 2)
