"""The interface of every engine: a model's contract as data, the operations, and the errors.

Knows arrays and numbers only; must not import torch, so that the main process and the workers can read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from mattingd.domain.jobs import Geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Pictures = NDArray[np.uint8]
    Mattes = NDArray[np.float32]

Precision = Literal["fp32", "bf16", "fp16"]
Shape = tuple[int, int]


class EngineError(Exception):
    """An engine failed to carry out a request."""


class OutOfMemory(EngineError):  # noqa: N818  (the name of the thing that happened)
    """Too large for the device's memory: the same pictures may succeed in a smaller batch."""


class EngineFault(EngineError):  # noqa: N818
    """The engine itself is broken (device, weights or results): its process must be replaced."""


class SelfTestFailed(EngineFault):
    """The engine's matte of the self-test's picture is wrong: it calculates wrongly."""


class BadBatch(EngineError):  # noqa: N818
    """This batch failed but the engine is fine: split it to find the culprit."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model's whole input and output contract, as data.

    The network sees `(x * scale - mean) / std` of sRGB values 0..255 in `channel_order`; `activation` and
    `normalisation` convert its output number `output_index` to alpha. The defaults are the values of
    `cv-unet`.
    """

    id: str
    sha256: str
    """SHA-256 of the weights file: different weights mean different results."""
    side: int
    """Pictures are resized to a shape of about `side` squared pixels ..."""
    multiple: int
    """... whose height and width are multiples of this."""
    scale: float
    mean: tuple[float, float, float]
    """One value per channel, in `channel_order`."""
    std: tuple[float, float, float]
    activation: Literal["sigmoid", "none"]
    normalisation: Literal["none", "min-max"] = "none"
    """Post-processing of a whole matte: none, or stretching it to 0..1 (see `empty_below`)."""
    geometry: Literal["buckets", "stretch", "letterbox", "corner", "short-side"] = "buckets"
    """How a picture is fitted to the network's shape: see `domain.jobs.Geometry`."""
    resampling: Literal["area", "bilinear", "lanczos"] = "area"
    """The resize filter: averaging (see `shrink`), or an antialiased filter."""
    channel_order: Literal["rgb", "bgr"] = "rgb"
    output_index: int = 0
    """The output of the network, or the channel of its only output, with the matte; -1 for the last."""
    least_maximum: float = 0.6
    """A matte whose maximum is below this alpha is empty, ..."""
    least_coverage: float = 1 / 4096
    """... and so is one whose subject covers less than this share."""
    runtime: Literal["torch", "onnx"] = "torch"
    """The library that runs the network."""
    scaling: Literal["constant", "maximum"] = "constant"
    """Whether x is first scaled so that the largest value in the picture is 255, as for U-2-Net."""
    empty_below: float = 0.0
    """With `min-max`: a matte whose maximum is below this before stretching has no subject."""
    enlarge: Literal["guided", "lanczos"] = "guided"
    """How a matte is scaled to full size: see `domain.jobs.Geometry`."""
    second_pass: bool = True
    """Whether it may process a picture twice."""
    file_sha256: str = ""
    """SHA-256 of its file, if `sha256` identifies the file with a contract other than its authors'."""

    @property
    def net(self) -> Geometry:
        """The geometry, for code that prepares pictures and scales mattes back."""
        return Geometry(
            self.side, self.multiple, self.geometry, self.resampling, self.enlarge, self.second_pass
        )


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """The device and the precision of an engine."""

    kind: Literal["cpu", "cuda"]
    name: str
    driver: str
    precision: Precision


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that one batch of `batch` pictures of `shape` (height, width) took."""

    shape: Shape
    batch: int
    seconds: float

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.batch / max(self.seconds, 1e-9)


@dataclass(frozen=True, slots=True)
class Warmup:
    """The result of warming up: the batch size to use and every measurement."""

    batch_size: int
    timings: tuple[Timing, ...]


class Engine(Protocol):
    """A loaded model on a device. One thread uses it at a time."""

    @property
    def spec(self) -> ModelSpec:
        """The model's contract."""

    @property
    def device(self) -> DeviceInfo:
        """The device; its precision is final after `warm_up`."""

    def warm_up(self, shapes: Sequence[Shape], batch_sizes: Sequence[int] | None = None) -> Warmup:
        """Run every shape (height, width) at least once, choose the precision, and measure.

        Args:
            shapes: network shapes to expect, the most common first: batch sizes are compared on that one.
                Without any, only the precision is chosen.
            batch_sizes: sizes to compare, ascending; by default those suited to the device.

        Raises:
            OutOfMemory: not even one picture fits.
            EngineFault: the device does not work.
        """

    def matte(self, batch: Pictures) -> Mattes:
        """Return alpha float32 [N,H,W] in [0,1] of sRGB pictures uint8 [N,H,W,3], N >= 1, sides as in `spec`.

        Raises:
            BadBatch: the array is invalid, or these pictures fail.
            OutOfMemory: too many pictures, or too large ones.
            EngineFault: the engine is unusable.
        """

    def self_test(self) -> None:
        """Compare a rendered picture's matte with the recorded one.

        Raises:
            SelfTestFailed: they differ: weights, device or arithmetic are wrong.
        """

    def close(self) -> None:
        """Free all resources; using the engine afterwards raises `EngineFault`."""


def check_batch(batch: Pictures, spec: ModelSpec) -> None:
    """Check the array of a batch.

    Raises:
        BadBatch: the array is invalid; says what was expected.
    """
    import numpy as np  # noqa: PLC0415 - the main process reads contracts, and starts sooner without

    if not isinstance(batch, np.ndarray) or batch.dtype != np.uint8:
        raise BadBatch(
            f"a batch must be an array of uint8, not {getattr(batch, 'dtype', type(batch).__name__)}"
        )
    if batch.ndim != 4 or batch.shape[3] != 3:  # noqa: PLR2004
        raise BadBatch(f"a batch must have the shape [N,H,W,3], not {list(batch.shape)}")
    count, height, width, _ = batch.shape
    if not count:
        raise BadBatch("an empty batch")
    if spec.net.fixed and (height, width) != (spec.side, spec.side):
        raise BadBatch(f"sides must be {spec.side} x {spec.side}, not {height} x {width}")
    if not height or not width or height % spec.multiple or width % spec.multiple:
        raise BadBatch(f"sides must be multiples of {spec.multiple}, not {height} x {width}")
