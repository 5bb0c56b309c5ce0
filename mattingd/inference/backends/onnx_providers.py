"""Where ONNX Runtime runs a network: which of its providers, with which options.

What is written here for GPUs follows ONNX Runtime's documentation; it was not run on one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Any, Literal

import onnxruntime

from mattingd.inference.backend import EngineFault

if TYPE_CHECKING:
    from pathlib import Path

CPU, CUDA, TENSORRT, OPENVINO = (
    f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt", "OpenVINO")
)
Wanted = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
_NAMES = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT, "openvino": OPENVINO}
BOTH = (
    "onnxruntime and onnxruntime-gpu are both installed, and the first one hides the GPU: `pip uninstall"
    " onnxruntime onnxruntime-gpu`, then `pip install 'mattingd[onnx-gpu]'`"
)


@dataclass(frozen=True, slots=True)
class Order:
    """The requested device."""

    device: str = "auto"
    """The device, as in the configuration."""
    provider: str = "auto"
    """One of `Wanted`."""
    memory_gb: float | None = None
    cache: Path | None = None
    """The folder for TensorRT's engines; without one they are rebuilt at each start."""
    calibration: Path | None = None
    """TensorRT's calibration table for 8 bits; without one nothing is calculated in 8 bits."""
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class Choice:
    """The providers to request, in order, with their options; the CPU comes last."""

    names: tuple[str, ...]
    options: tuple[dict[str, Any], ...] = field(default=())
    remark: str = ""
    """What the user should know."""

    @property
    def first(self) -> str:
        """The provider that is meant to do the work."""
        return self.names[0]


def both_installed() -> bool:
    """Whether the packages for the CPU and for GPUs are both installed."""
    return all(_installed(name) for name in ("onnxruntime", "onnxruntime-gpu"))


def _installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def choose(order: Order, available: tuple[str, ...] | None = None, *, both: bool | None = None) -> Choice:
    """Choose the providers to request.

    Args:
        order: the requested device.
        available: the installed providers; looked up by default.
        both: whether both packages are installed; looked up by default.

    Raises:
        EngineFault: a provider that was requested by name is missing.
    """
    there = tuple(onnxruntime.get_available_providers()) if available is None else available
    twice = both_installed() if both is None else both
    wanted = _wanted(order, there)
    on_gpu = order.device.startswith("cuda") or wanted in {CUDA, TENSORRT}
    if twice and on_gpu:
        raise EngineFault(BOTH)
    if wanted not in there:
        asked = f"provider: {order.provider}" if order.provider != "auto" else f"device: {order.device}"
        raise EngineFault(
            f"{asked} was asked for, but this ONNX Runtime has no {wanted}:"
            " `pip install 'mattingd[onnx-gpu]'`"
        )
    remark = BOTH if twice else ""
    if wanted == CPU:
        return Choice((CPU,), ({},), remark)
    chain = (TENSORRT, CUDA, CPU) if wanted == TENSORRT and CUDA in there else (wanted, CPU)
    return Choice(chain, tuple(_options(name, order) for name in chain), remark)


def _wanted(order: Order, there: tuple[str, ...]) -> str:
    if order.provider != "auto":
        return CPU if order.device == "cpu" and order.provider != "openvino" else _NAMES[order.provider]
    if order.device.startswith("cuda"):
        return CUDA
    return CUDA if order.device == "auto" and CUDA in there else CPU


def _options(name: str, order: Order) -> dict[str, Any]:
    """Return a provider's options, by the names in ONNX Runtime's documentation."""
    number = int(order.device.partition(":")[2] or 0)
    room = None if order.memory_gb is None else int(order.memory_gb * 1e9)
    if name == CUDA:
        limit = {} if room is None else {"gpu_mem_limit": room}
        return {"device_id": number, "arena_extend_strategy": "kSameAsRequested", **limit}
    if name == TENSORRT:
        options: dict[str, Any] = {"device_id": number, "trt_fp16_enable": order.precision != "fp32"}
        if room is not None:
            options["trt_max_workspace_size"] = room // 2
        if order.cache is not None:
            folder = str(order.cache)
            options |= {"trt_engine_cache_enable": True, "trt_engine_cache_path": folder}
            options |= {"trt_timing_cache_enable": True, "trt_timing_cache_path": folder}
        if order.calibration is not None:
            options |= {"trt_int8_enable": True, "trt_int8_calibration_table_name": order.calibration.name}
        return options
    return {}


def fallen_back(choice: Choice, used: list[str]) -> str:
    """Return a warning if ONNX Runtime silently fell back to the CPU; otherwise ""."""
    if choice.first == CPU or (used and used[0] == choice.first):
        return ""
    took = used[0] if used else CPU
    return f"ONNX Runtime was asked for {choice.first} and took {took}: its libraries do not fit the driver"
