"""Which of ONNX Runtime's providers are asked for, and what is said when it takes another."""

from pathlib import Path

import pytest

from mattingd.inference.backend import EngineFault
from mattingd.inference.backends.onnx_providers import CPU, CUDA, TENSORRT, Order, choose, fallen_back

GPU = (TENSORRT, CUDA, CPU)


def test_auto_takes_cuda_where_it_is() -> None:
    assert choose(Order(), (CPU,), both=False).names == (CPU,)
    assert choose(Order(), GPU, both=False).names == (CUDA, CPU)
    assert choose(Order("cpu"), GPU, both=False).names == (CPU,)


def test_the_device_and_the_memory_are_told() -> None:
    found = choose(Order("cuda:1", memory_gb=4), GPU, both=False)
    assert found.options[0] == {
        "device_id": 1,
        "arena_extend_strategy": "kSameAsRequested",
        "gpu_mem_limit": 4_000_000_000,
    }


def test_tensorrt_keeps_what_it_builds_and_has_no_8_bits_without_a_table(tmp_path: Path) -> None:
    found = choose(Order(provider="tensorrt", cache=tmp_path), GPU, both=False)
    assert found.names == (TENSORRT, CUDA, CPU)
    assert found.options[0]["trt_fp16_enable"]
    assert found.options[0]["trt_engine_cache_path"] == str(tmp_path)
    assert found.options[0]["trt_timing_cache_path"] == str(tmp_path)
    assert "trt_int8_enable" not in found.options[0]
    with_table = choose(Order(provider="tensorrt", calibration=tmp_path / "table"), GPU, both=False)
    assert with_table.options[0]["trt_int8_calibration_table_name"] == "table"


@pytest.mark.parametrize("order", [Order("cuda"), Order(provider="tensorrt"), Order(provider="openvino")])
def test_what_is_asked_for_by_name_must_be_there(order: Order) -> None:
    with pytest.raises(EngineFault, match="this ONNX Runtime has no"):
        choose(order, (CPU,), both=False)


def test_both_packages_together_are_told() -> None:
    assert "both installed" in choose(Order(), (CPU,), both=True).remark
    with pytest.raises(EngineFault, match="both installed"):
        choose(Order("cuda"), (CPU,), both=True)


def test_a_silent_fall_back_is_told() -> None:
    asked = choose(Order("cuda"), GPU, both=False)
    assert "was asked for CUDAExecutionProvider and took CPU" in fallen_back(asked, [CPU])
    assert fallen_back(asked, [CUDA, CPU]) == ""
    assert fallen_back(choose(Order("cpu"), GPU, both=False), [CPU]) == ""
