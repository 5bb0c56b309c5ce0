"""A daemon on a real GPU: it sleeps and gives its memory back, and exchanges models there."""

import subprocess
from pathlib import Path

import pytest
import weights

from tests.daemon.conftest import MakeSite, Tell
from tests.daemon.harness.site import wait_until
from tests.daemon.test_models import asleep, makers, photograph, used

pytestmark = [pytest.mark.gpu, pytest.mark.model]

NOISE = 100
"""MB of a GPU's memory that may come and go with other programs on it."""


def gpu_memory() -> int:
    """MB in use on all GPUs, by whomever."""
    asked = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
    answer = subprocess.run(asked, capture_output=True, text=True, check=True)
    return sum(map(int, answer.stdout.split()))


def test_asleep_it_holds_no_memory_of_the_gpu_and_awake_it_exchanges_models(
    make_site: MakeSite, tmp_path: Path, tell: Tell
) -> None:
    before = gpu_memory()
    new = weights.cv_unet(tmp_path / "fuller.safetensors", 0.8)
    site = make_site(engine={"require_gpu": True, "gpu_memory_gb": 2, "idle_unload_seconds": 2})
    site.start(test_engine=False)
    assert "CUDA" in site.status()["engine"]["driver"]
    paths = [site.hot[0] / f"{number}.jpg" for number in range(4)]
    photograph(paths[0])
    site.wait_ended(paths[:1])
    awake = gpu_memory()
    wait_until(lambda: asleep(site), "the engine was asleep")
    wait_until(lambda: gpu_memory() <= before + NOISE, "the GPU's memory was given back")
    tell(f"memory of the GPU: {before} MB before, {awake} MB awake, {gpu_memory()} MB asleep")
    assert awake > before + NOISE
    photograph(paths[1])
    site.wait_ended(paths[:2])
    assert used(site, "reload", tmp_path / "fuller.safetensors", test_engine=False)["running"]
    photograph(paths[2])
    site.wait_ended(paths[:3])
    used(site, "rollback", test_engine=False)
    photograph(paths[3])
    site.wait_ended(paths)
    by = makers(site)
    made = [by[str(site.result_of(path).relative_to(site.out))] for path in paths]
    assert [sha256 == new for sha256 in made] == [False, False, True, False]
    assert site.stop() == 0
