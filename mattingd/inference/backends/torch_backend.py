"""Run the shipped network with PyTorch on a CPU or a CUDA device.

Knows tensors and devices; knows nothing of files, pictures larger than the network, or jobs.
"""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import safetensors.torch
import torch

from mattingd.inference import self_test, tuning
from mattingd.inference.backend import (
    BadBatch,
    DeviceInfo,
    EngineFault,
    OutOfMemory,
    SelfTestFailed,
    check_batch,
)
from mattingd.inference.kept_choices import KeptChoices
from mattingd.inference.networks.cv_unet import CvUnet, channels_last, fuse, look_twice, shaped_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mattingd.inference.backend import Mattes, ModelSpec, Pictures, Precision, Shape, Warmup
    from mattingd.inference.registry import Device, Entry

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
NOTHING_KEPT = KeptChoices(None)
DRIVER_BYTES = 500_000_000
BATCH_SIZES = {"cpu": (1,), "cuda": (1, 2, 4, 8, 16, 32, 64)}
"""Sizes to compare. On a CPU a batch gains next to nothing, and measuring it holds up the first pictures."""

CANDIDATES: dict[str, tuple[Precision, ...]] = {"cpu": ("bf16",), "cuda": ("fp16", "bf16")}


def choose_device(wanted: Device) -> Literal["cpu", "cuda"]:
    """Return the device to use. From here on `cuda` means the device with the requested number, if any.

    Raises:
        EngineFault: CUDA was requested and is missing, or has no device with this number.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise EngineFault(f"device: {wanted} was asked for, but no usable CUDA device was found")
    _, _, number = wanted.partition(":")
    if number:
        there = torch.cuda.device_count()
        if int(number) >= there:
            raise EngineFault(
                f"device: {wanted} was asked for, but there are {there} CUDA devices, from cuda:0"
            )
        torch.cuda.set_device(int(number))
    return "cuda"


def cap_memory(gigabytes: float) -> None:
    """Limit this process's share of the GPU's memory; the driver's own part comes on top."""
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * 1e9 / total))


def build(content: bytes) -> CvUnet:
    """Build the network with its stored weights, in float32.

    Raises:
        EngineFault: the weights do not fit the network.
    """
    try:
        stored = safetensors.torch.load(content)
        net = fuse(shaped_for(stored))
        net.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise EngineFault(f"the weights do not fit the network: {error}") from error
    return net.requires_grad_(requires_grad=False)


class TorchEngine:
    """A bundled model on one device; see `backend.Engine`."""

    def __init__(
        self,
        model: Entry,
        content: bytes,
        device: Device = "auto",
        precision: Precision | Literal["auto"] = "auto",
        threads: int | None = None,
        memory_gb: float | None = None,
        kept: KeptChoices = NOTHING_KEPT,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self._model = model
        self._kind = choose_device(device)
        if self._kind == "cuda" and memory_gb is not None:
            cap_memory(memory_gb)
        self._asked = precision
        self._kept = kept
        self._precision: Precision = "fp32" if precision == "auto" else precision
        self._net: CvUnet | None = channels_last(_moved(build(content), self._kind))
        self._broken: str | None = None
        self._nets: dict[Precision, CvUnet] = {}

    @property
    def spec(self) -> ModelSpec:
        """The model's contract."""
        return self._model.spec

    @property
    def device(self) -> DeviceInfo:
        """The device and precision."""
        if self._kind == "cpu":
            name = f"CPU, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"
            return DeviceInfo("cpu", name, f"torch {torch.__version__}", self._precision)
        driver = f"torch {torch.__version__}, CUDA {torch.version.cuda}{nvidia_driver()}"
        return DeviceInfo("cuda", torch.cuda.get_device_name(), driver, self._precision)

    @property
    def peers(self) -> tuple[str, ...]:
        """The other CUDA devices that this process sees, by `CUDA_VISIBLE_DEVICES`."""
        if self._kind == "cpu":
            return ()
        mine = torch.cuda.current_device()
        return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()) if number != mine)

    @property
    def gpu_memory(self) -> tuple[int, int]:
        """Bytes of the GPU that this process holds, the driver's part included, and all that the GPU has."""
        return torch.cuda.memory_reserved() + DRIVER_BYTES, torch.cuda.mem_get_info()[1]

    def matte(self, batch: Pictures) -> Mattes:
        """Return alpha float32 [N,H,W] in [0,1] of uint8 [N,H,W,3]; see `backend.Engine.matte`."""
        check_batch(batch, self.spec)
        if self._broken:
            raise EngineFault(self._broken)
        try:
            mattes = self._infer(batch)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory(f"{len(batch)} pictures do not fit on the GPU") from error
        except MemoryError as error:
            raise OutOfMemory(f"{len(batch)} pictures do not fit in memory") from error
        except RuntimeError as error:
            raise self._judged(error, len(batch)) from error
        return mattes

    @torch.inference_mode()
    def _infer(self, batch: Pictures) -> Mattes:
        spec, dtype = self.spec, DTYPES[self._precision]
        # torch takes neither read-only nor mirrored arrays; such a batch is copied.
        pixels = np.require(batch, requirements=("C", "W"))
        x = torch.from_numpy(pixels).to(self._kind).permute(0, 3, 1, 2).float()
        mean, std = (torch.tensor(v, device=self._kind).view(1, 3, 1, 1) for v in (spec.mean, spec.std))
        x = ((x * spec.scale - mean) / std).to(dtype, memory_format=torch.channels_last)
        if spec.channel_order == "bgr":
            x = x.flip(1)
        y = look_twice(self._network(), x)[:, spec.output_index]
        alpha = torch.sigmoid(y) if spec.activation == "sigmoid" else y.clamp(0, 1)
        if not bool(torch.isfinite(alpha).all()):
            raise BadBatch(f"the network's result is not finite ({self._precision})")
        mattes: Mattes = alpha.cpu().numpy()
        return mattes

    def _network(self) -> CvUnet:
        if self._net is None:
            raise EngineFault("the engine was closed")
        if self._precision == "fp32":
            return self._net
        if self._precision not in self._nets:
            self._nets[self._precision] = channels_last(deepcopy(self._net).to(DTYPES[self._precision]))
        return self._nets[self._precision]

    def _judged(self, error: RuntimeError, count: int) -> OutOfMemory | EngineFault | BadBatch:
        """Convert a torch error to one for the caller."""
        text = str(error)
        if "can't allocate memory" in text or "not enough memory" in text:
            return OutOfMemory(f"{count} pictures do not fit in memory")
        if self._kind == "cuda":
            # CUDA errors are sticky: nothing that this process does afterwards can be trusted.
            self._broken = f"the GPU failed: {text.splitlines()[0]}"
            return EngineFault(self._broken)
        return BadBatch(f"torch refused the batch: {text.splitlines()[0]}")

    def warm_up(self, shapes: Sequence[Shape], batch_sizes: Sequence[int] | None = None) -> Warmup:
        """Choose the precision, compare batch sizes on the first shape, run the others once."""
        if self._asked == "auto":
            candidates = CANDIDATES[self._kind]
            best = tuning.settled_precision(self._matte_in, candidates, self._measured_for(), self._kept)
            self._precision = best
            self._nets = {name: net for name, net in self._nets.items() if name == best}
        return tuning.measure(self.matte, shapes, batch_sizes or BATCH_SIZES[self._kind])

    def _measured_for(self) -> str:
        """Return everything that the choice of the precision depends on."""
        processor = f"{processor_name()}, {torch.backends.cpu.get_cpu_capability()}"
        device = processor if self._kind == "cpu" else torch.cuda.get_device_name()
        return f"weights {self.spec.sha256} on {device} with torch {torch.__version__}"

    def _matte_in(self, precision: Precision, batch: Pictures) -> Mattes:
        self._precision = precision
        return self.matte(batch)

    def self_test(self) -> None:
        """Compare the rendered picture's matte with the recorded one; see `backend.Engine`."""
        try:
            off = self_test.deviation(self.matte(self_test.picture())[0], self._model.golden)
        except BadBatch as error:
            raise SelfTestFailed(f"self-test: {error}") from error
        if off > self_test.TOLERANCE:
            raise SelfTestFailed(f"self-test: the matte is off by {off:.3f} (allowed {self_test.TOLERANCE})")

    def close(self) -> None:
        """Free the network and the device's cached memory."""
        self._net, self._broken = None, "the engine was closed"
        self._nets.clear()
        if self._kind == "cuda":
            torch.cuda.empty_cache()


def _moved(net: CvUnet, kind: str) -> CvUnet:
    """Move the network to its device.

    Raises:
        OutOfMemory: it does not fit into memory.
    """
    try:
        return net.to(kind)
    except torch.OutOfMemoryError as error:
        raise OutOfMemory("the model does not fit on the GPU") from error


def processor_name(told: Path = Path("/proc/cpuinfo")) -> str:
    """Return the CPU's model from the kernel; `unknown processor` if it is missing."""
    try:
        text = told.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    name = re.search(r"^(?:model name|Model)\s*:\s*(\S.*)$", text, re.MULTILINE)
    return name[1].strip() if name else "unknown processor"


def nvidia_driver(told: Path = Path("/proc/driver/nvidia/version")) -> str:
    """Return e.g. `, driver 580.95.05` from the kernel module; "" without one."""
    try:
        text = told.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    version = re.search(r"\b\d+\.\d+(\.\d+)?\b", text)
    return f", driver {version[0]}" if version else ""
