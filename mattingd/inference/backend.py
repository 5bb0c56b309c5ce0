"""The face every engine shows: a model's whole contract as data, what an engine can do, and how it can fail.

Knows arrays and numbers only; must not import torch, so that the main process and the workers can read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Pictures = NDArray[np.uint8]
    Mattes = NDArray[np.float32]

Precision = Literal["fp32", "bf16", "fp16"]
Shape = tuple[int, int]


class EngineError(Exception):
    """An engine could not do what it was asked."""


class OutOfMemory(EngineError):  # noqa: N818  (the name of the thing that happened)
    """Too large for the device's memory: the same pictures may pass in a smaller batch."""


class EngineFault(EngineError):  # noqa: N818
    """The engine itself is broken (device, weights or results): its process must be replaced."""


class SelfTestFailed(EngineFault):
    """The engine does not give the matte it is known to give: it calculates wrongly."""


class BadBatch(EngineError):  # noqa: N818
    """This batch failed, the engine is well: split it to find the culprit."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model's whole input and output contract, as data.

    The network sees `(x * scale - mean) / std` of sRGB values 0..255 in `channel_order`; `activation` turns
    its output number `output_index` into alpha. What is not stated has the value that `cv-unet` has.
    """

    id: str
    sha256: str
    """Of the weights file: results of different weights are different results."""
    side: int
    """Pictures are resized to a shape of about `side` squared pixels..."""
    multiple: int
    """...whose height and width are multiples of this."""
    scale: float
    mean: tuple[float, float, float]
    """For each channel, in `channel_order`."""
    std: tuple[float, float, float]
    activation: Literal["sigmoid", "none"]
    normalisation: Literal["none"] = "none"
    """What is done to a whole matte afterwards: nothing (stretching to min..max invents subjects)."""
    geometry: Literal["buckets"] = "buckets"
    """How a picture is brought to the network's shape: stretched into the nearest of a few, see `fit`."""
    resampling: Literal["area"] = "area"
    """How it is resized: by averaging, see `shrink`."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    output_index: int = 0
    """Which channel of the network's output is the matte."""
    least_maximum: float = 0.6
    """A matte that nowhere reaches this alpha is empty, ..."""
    least_coverage: float = 1 / 4096
    """... and so is one of which a smaller share than this is subject."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Where an engine runs and in which precision."""

    kind: Literal["cpu", "cuda"]
    name: str
    driver: str
    precision: Precision


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds one batch of `batch` pictures of `shape` (height, width) took."""

    shape: Shape
    batch: int
    seconds: float

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.batch / max(self.seconds, 1e-9)


@dataclass(frozen=True, slots=True)
class Warmup:
    """What warming up found out: the batch size to use and every measurement."""

    batch_size: int
    timings: tuple[Timing, ...]


class Engine(Protocol):
    """A loaded model on a device. One thread uses it at a time."""

    @property
    def spec(self) -> ModelSpec:
        """The model's contract."""

    @property
    def device(self) -> DeviceInfo:
        """Where it runs; the precision is final after `warm_up`."""

    def warm_up(self, shapes: Sequence[Shape], batch_sizes: Sequence[int] | None = None) -> Warmup:
        """Run every shape (height, width) once or more, settle the precision, and measure.

        Args:
            shapes: network shapes to expect, the commonest first: batch sizes are compared on that one.
            batch_sizes: sizes to compare, ascending; by default what suits the device.

        Raises:
            OutOfMemory: not even one picture fits.
            EngineFault: the device does not work.
        """

    def matte(self, batch: Pictures) -> Mattes:
        """Alpha float32 [N,H,W] in [0,1] of sRGB pictures uint8 [N,H,W,3], N >= 1, sides as `spec` says.

        Raises:
            BadBatch: not such an array, or these pictures fail.
            OutOfMemory: too many pictures, or too large ones.
            EngineFault: the engine is of no more use.
        """

    def self_test(self) -> None:
        """Compare a rendered picture's matte with the one on record.

        Raises:
            SelfTestFailed: they differ: weights, device or arithmetic are wrong.
        """

    def close(self) -> None:
        """Give back what can be given back; using the engine afterwards is an `EngineFault`."""


def check_batch(batch: Pictures, spec: ModelSpec) -> None:
    """Refuse what no engine can take.

    Raises:
        BadBatch: says what was wrong and what was expected.
    """
    if not isinstance(batch, np.ndarray) or batch.dtype != np.uint8:
        raise BadBatch(
            f"a batch must be an array of uint8, not {getattr(batch, 'dtype', type(batch).__name__)}"
        )
    if batch.ndim != 4 or batch.shape[3] != 3:  # noqa: PLR2004
        raise BadBatch(f"a batch must have the shape [N,H,W,3], not {list(batch.shape)}")
    count, height, width, _ = batch.shape
    if not count:
        raise BadBatch("an empty batch")
    if not height or not width or height % spec.multiple or width % spec.multiple:
        raise BadBatch(f"sides must be multiples of {spec.multiple}, not {height} x {width}")
