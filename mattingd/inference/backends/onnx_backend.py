"""Running a model from the catalogue with ONNX Runtime, on a CPU or a GPU.

Knows arrays, networks and providers; knows nothing of pictures larger than the network, or jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from mattingd.inference import self_test, tuning
from mattingd.inference.backend import (
    BadBatch,
    DeviceInfo,
    EngineFault,
    OutOfMemory,
    SelfTestFailed,
    check_batch,
)
from mattingd.inference.backends import onnx_file, onnx_providers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mattingd.inference.backend import Mattes, ModelSpec, Pictures, Precision, Shape, Warmup
    from mattingd.inference.registry import Entry

    Array = np.ndarray[Any, np.dtype[np.float32]]

INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
GPU_SIZES = (1, 2, 4, 8, 16, 32)
FAILURES = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
    failures.EPFail,
)
_MEMORY = ("failed to allocate", "bad allocation", "out of memory", "bad_alloc")
SAME = 0.05
"""A picture's alpha may differ so much beside another picture: 16 bits round otherwise then."""
_PLANE = 4
_EVEN = 1e-6
"""A matte whose values differ less says nothing."""


class OnnxEngine:
    """A model of the catalogue on one device; see `backend.Engine`."""

    def __init__(
        self,
        model: Entry,
        content: bytes,
        file: Path,
        order: onnx_providers.Order | None = None,
        threads: int | None = None,
    ) -> None:
        """Load a network.

        Args:
            model: its description.
            content: the ONNX file's bytes...
            file: ...and its name, for messages.
            order: device, provider and memory.
            threads: number of CPU threads.

        Raises:
            EngineFault: the network does not match its description, or the device is missing.
            OutOfMemory: it does not fit into memory.
        """
        self._model = model
        self._order = order or onnx_providers.Order()
        choice = onnx_providers.choose(self._order)
        onnx_file.inspected(content, file)
        if choice.first == onnx_providers.TENSORRT and self._order.cache is not None:
            self._order.cache.mkdir(parents=True, exist_ok=True)
        self._session: onnxruntime.InferenceSession | None = _session(content, file, choice, threads)
        self._provider = self._session.get_providers()[0]
        self.remark = choice.remark or onnx_providers.fallen_back(choice, self._session.get_providers())
        """What the user should know of the device; empty when all is as it was asked for."""
        inputs = self._session.get_inputs()
        self._input: Any = inputs[0] if len(inputs) == 1 else None
        self._threads = threads
        self._together = True
        self._check_fit(file)

    def _check_fit(self, file: Path) -> None:
        session, put = self._open(), self._input
        if put is None or put.type not in INPUT_TYPES or len(put.shape) != _PLANE:
            raise EngineFault(f"{file.name} takes no pictures: one float input [N,3,H,W] is needed")
        _, channels, *sides = put.shape
        told = [side for side in sides if isinstance(side, int)]
        if channels != 3 or (told and not self.spec.net.fixed) or any(s != self.spec.side for s in told):  # noqa: PLR2004
            raise EngineFault(
                f"{file.name} takes {' x '.join(map(str, put.shape))}, not what its description says"
                f" (3 channels, {self.spec.geometry} {self.spec.side})"
            )
        outputs = len(session.get_outputs())
        if not -outputs <= self.spec.output_index < outputs:
            raise EngineFault(f"{file.name} has {outputs} outputs, and no number {self.spec.output_index}")

    @property
    def batches(self) -> bool:
        """Whether it takes several pictures at once; else they go one by one."""
        return self._together and self._input is not None and not isinstance(self._input.shape[0], int)

    def settle_batches(self) -> None:
        """Go one by one from now on if two at once fail, or do not give the mattes that each gives alone."""
        if not self.batches:
            return
        one = self_test.picture_for(self.spec.net)
        two = np.concatenate([one, one[:, ::-1]])
        try:
            apart = np.concatenate([self.matte(two[:1]), self.matte(two[1:])])
            self._together = bool(np.abs(self.matte(two) - apart).max() <= SAME)
        except OutOfMemory:
            return  # how many fit is found out elsewhere
        except (BadBatch, EngineFault):
            self._together = False

    @property
    def spec(self) -> ModelSpec:
        """The model's contract."""
        return self._model.spec

    @property
    def device(self) -> DeviceInfo:
        """The device and precision."""
        driver = f"onnxruntime {onnxruntime.__version__}, {self._provider.removesuffix('ExecutionProvider')}"
        if self._provider in {onnx_providers.CUDA, onnx_providers.TENSORRT}:
            fast = self._provider == onnx_providers.TENSORRT and self._order.precision != "fp32"
            return DeviceInfo(
                "cuda", f"CUDA device {self._order.device}", driver, "fp16" if fast else self._stored
            )
        name = "CPU" if self._threads is None else f"CPU, {self._threads} threads"
        return DeviceInfo("cpu", name, driver, self._stored)

    @property
    def _stored(self) -> Precision:
        half = self._input is not None and self._input.type == "tensor(float16)"
        return "fp16" if half else "fp32"

    def matte(self, batch: Pictures) -> Mattes:
        """Return alpha float32 [N,H,W] in [0,1] of uint8 [N,H,W,3]; see `backend.Engine.matte`."""
        check_batch(batch, self.spec)
        session = self._open()
        if self.batches or len(batch) == 1:
            return self._infer(session, batch)
        return np.concatenate([self._infer(session, batch[i : i + 1]) for i in range(len(batch))])

    def _open(self) -> onnxruntime.InferenceSession:
        if self._session is None:
            raise EngineFault("the engine was closed")
        return self._session

    def _infer(self, session: onnxruntime.InferenceSession, batch: Pictures) -> Mattes:
        put = self._input
        assert put is not None  # noqa: S101 - `_check_fit` has seen to it
        outputs = session.get_outputs()
        name = outputs[self.spec.output_index].name
        try:
            x = prepared(batch, self.spec).astype(INPUT_TYPES[put.type], copy=False)
            (raw,) = session.run([name], {put.name: x})
        except MemoryError as error:
            raise OutOfMemory(f"{len(batch)} pictures do not fit in memory") from error
        except FAILURES as error:
            raise self._judged(error, len(batch)) from error
        return finished(np.asarray(raw), batch.shape[:3], self.spec)

    def _judged(self, error: Exception, count: int) -> OutOfMemory | EngineFault | BadBatch:
        """Convert an error of ONNX Runtime to one for the caller."""
        text = onnx_file.one_line(error)
        if _lacks_memory(error):
            return OutOfMemory(f"{count} pictures do not fit in memory")
        if self._provider != onnx_providers.CPU:
            return EngineFault(f"the GPU failed: {text}")
        return BadBatch(f"ONNX Runtime refused the batch: {text}")

    def warm_up(self, shapes: Sequence[Shape], batch_sizes: Sequence[int] | None = None) -> Warmup:
        """Compare batch sizes on the first shape, run the others once."""
        if self._provider != onnx_providers.CPU:
            self.settle_batches()
        sizes = GPU_SIZES if self.batches and self._provider != onnx_providers.CPU else (1,)
        return tuning.measure(self.matte, shapes, batch_sizes or sizes)

    def self_test(self) -> None:
        """Compare the rendered picture's matte with the recorded one; see `backend.Engine`."""
        try:
            seen = self.matte(self_test.picture_for(self.spec.net))[0]
        except BadBatch as error:
            raise SelfTestFailed(f"self-test: {error}") from error
        if not self._model.golden:
            return  # no recorded matte for this model yet: it must at least be a matte
        off = self_test.deviation(seen, self._model.golden)
        if off > self_test.TOLERANCE:
            raise SelfTestFailed(f"self-test: the matte is off by {off:.3f} (allowed {self_test.TOLERANCE})")

    def close(self) -> None:
        """Drop the network."""
        self._session = None


def _session(
    content: bytes, file: Path, choice: onnx_providers.Choice, threads: int | None
) -> onnxruntime.InferenceSession:
    """Load the network.

    Raises:
        EngineFault: ONNX Runtime cannot use it.
        OutOfMemory: it does not fit into memory.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            content, options, providers=list(choice.names), provider_options=list(choice.options)
        )
    except MemoryError as error:
        raise OutOfMemory("there is no memory for the model") from error
    except (*FAILURES, ValueError, RuntimeError) as error:
        if _lacks_memory(error):
            raise OutOfMemory("there is no memory for the model") from error
        text = onnx_file.one_line(error)
        raise EngineFault(f"{file.name} cannot be used by ONNX Runtime: {text}") from error


def _lacks_memory(error: Exception) -> bool:
    return any(word in str(error).lower() for word in _MEMORY)


def prepared(batch: Pictures, spec: ModelSpec) -> Array:
    """Return pictures as the network's input: float32 [N,3,H,W]."""
    x = batch.astype(np.float32)
    if spec.scaling == "maximum":
        x *= 255 / np.maximum(x.max(axis=(1, 2, 3), keepdims=True), 1e-6)
    if spec.channel_order == "bgr":
        x = x[..., ::-1]
    mean, std = (np.asarray(values, np.float32) for values in (spec.mean, spec.std))
    x = (x * np.float32(spec.scale) - mean) / std
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)


def finished(raw: np.ndarray[Any, Any], shape: tuple[int, ...], spec: ModelSpec) -> Mattes:
    """Convert the network's output to mattes.

    Args:
        raw: [N,1,H,W], [N,H,W] or [N,H,W,1], of any float type.
        shape: the pictures' (N, H, W).
        spec: the model's contract.

    Raises:
        BadBatch: it is not a matte of these pictures.
    """
    if raw.size != np.prod(shape):
        raise BadBatch(f"the network answered {list(raw.shape)}, which is no matte of {list(shape)}")
    y = raw.reshape(shape).astype(np.float32)
    if not np.isfinite(y).all():
        raise BadBatch("the network's result is not finite")
    if spec.activation == "sigmoid":
        y = (1 / (1 + np.exp(-np.clip(y, -80, 80)))).astype(np.float32)
    if spec.normalisation == "min-max":
        return np.stack([_stretched(matte, spec.empty_below) for matte in y])
    return np.clip(y, 0, 1)


def _stretched(matte: Array, empty_below: float) -> Array:
    low, high = float(matte.min()), float(matte.max())
    if high < empty_below or high - low < _EVEN:
        return np.zeros_like(matte)
    return cast("Array", np.clip((matte - np.float32(low)) / np.float32(high - low), 0, 1))
