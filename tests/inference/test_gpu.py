"""The real model on a real GPU: its cap, its precisions, its devices."""

from __future__ import annotations

import numpy as np
import pytest

from mattingd.inference import registry, self_test
from mattingd.inference.backend import EngineFault, OutOfMemory

pytestmark = [pytest.mark.gpu, pytest.mark.model]

SHAPES = [(416, 416), (352, 512), (512, 352)]
PARITY = 0.004
"""Mean alpha that a precision may differ from 32 bits on the processor: one step of 8 bits."""
GIGABYTE = 10**9


@pytest.fixture(autouse=True)
def uncapped() -> None:
    """The cap is one of the process: no test inherits that of another."""
    import torch  # noqa: PLC0415

    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.reset_peak_memory_stats()


def test_every_precision_says_the_same_as_the_processor() -> None:
    reference = registry.load(device="cpu", precision="fp32").matte(self_test.picture())
    for precision in ("fp32", "fp16", "bf16"):
        engine = registry.load(device="cuda", precision=precision)
        engine.self_test()
        assert np.abs(engine.matte(self_test.picture()) - reference).mean() < PARITY, precision


def test_warm_up_settles_a_precision_and_a_batch() -> None:
    engine = registry.load(device="cuda")
    found = engine.warm_up(SHAPES)
    assert engine.device.precision in {"fp16", "bf16", "fp32"}
    assert found.batch_size >= 1
    assert engine.device.kind == "cuda"
    engine.self_test()


def test_the_batch_is_chosen_under_the_cap_and_the_cap_is_kept() -> None:
    import torch  # noqa: PLC0415

    sizes = (1, 2, 4, 8, 16, 32, 64, 128)
    engine = registry.load(device="cuda", precision="fp32", memory_gb=0.6)
    found = engine.warm_up(SHAPES, sizes)
    assert max(timing.batch for timing in found.timings) < sizes[-1], "the largest did not fit"
    assert torch.cuda.max_memory_reserved() <= 0.6 * GIGABYTE
    batch = np.zeros((found.batch_size, *SHAPES[0], 3), np.uint8)
    assert engine.matte(batch).shape == (found.batch_size, *SHAPES[0])
    with pytest.raises(OutOfMemory):
        engine.matte(np.zeros((sizes[-1], *SHAPES[0], 3), np.uint8))
    engine.self_test()


def test_a_cap_below_the_model_is_out_of_memory() -> None:
    with pytest.raises(OutOfMemory):
        registry.load(device="cuda", memory_gb=0.002).warm_up(SHAPES)


def test_a_device_can_be_named_by_its_number() -> None:
    import torch  # noqa: PLC0415

    last = torch.cuda.device_count() - 1
    engine = registry.load(device=f"cuda:{last}", precision="fp32")
    assert engine.device.name == torch.cuda.get_device_name(last)
    engine.self_test()
    with pytest.raises(EngineFault, match=f"there are {last + 1} CUDA devices"):
        registry.load(device=f"cuda:{last + 1}")
