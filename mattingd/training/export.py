"""From a checkpoint to the package's weights: averaged, fused, fp16, hashed, with the self-test's result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import safetensors.torch
import torch

from mattingd.engine import golden
from mattingd.engine.catalog import parse
from mattingd.engine.contract import EngineFault, ModelSpec
from mattingd.engine.cv_unet import CvUnet, fuse
from mattingd.engine.torch_engine import TorchEngine
from mattingd.training.checkpoints import with_state

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

MODEL = "cv-unet"
LARGEST = 12_000_000


def averaged(checkpoint: Path) -> CvUnet:
    """The network with the averaged weights of a checkpoint, fused."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return fuse(with_state(content["average"]))


def stored(net: CvUnet) -> dict[str, Tensor]:
    """Tensors as they go into the file: weights fp16, biases (few, and summed up) fp32."""
    return {
        name: value.half().contiguous() if value.ndim > 1 else value.float().contiguous()
        for name, value in net.state_dict().items()
    }


def spec_for(content: bytes) -> ModelSpec:
    """The contract of `cv-unet` with these weights."""
    half = (0.5, 0.5, 0.5)
    digest = hashlib.sha256(content).hexdigest()
    return ModelSpec(
        MODEL, digest, side=416, multiple=32, scale=1 / 255, mean=half, std=half, activation="sigmoid"
    )


def expected(data: dict[str, object], content: bytes) -> list[list[float]]:
    """What the self-test's picture gives, in fp32 on the CPU.

    Raises:
        EngineFault: the network does not tell the ball from the backdrop, so the test would prove nothing.
    """
    engine = TorchEngine(parse(data), content, "cpu", "fp32")
    means = golden.cells(engine.matte(golden.picture())[0])
    if means.max() < 0.9 or means.min() > 0.1:  # noqa: PLR2004
        raise EngineFault(
            f"the self-test's picture is not told apart: alpha {means.min():.2f}..{means.max():.2f}"
        )
    return [[round(float(v), 4) for v in row] for row in means]


def blend(net: CvUnet, weights: Path) -> CvUnet:
    """The mean of a fused network and exported weights: two ends of one training are steadier than either."""
    other = safetensors.torch.load_file(weights)
    net.load_state_dict({name: (value + other[name].float()) / 2 for name, value in net.state_dict().items()})
    return net


def packed(net: CvUnet) -> bytes:
    """A fused network as the content of a file of weights.

    Raises:
        ValueError: the file would be larger than the package allows.
    """
    content = safetensors.torch.save(stored(net), {"model": MODEL})
    if len(content) > LARGEST:
        raise ValueError(f"{len(content)} bytes of weights; {LARGEST} are allowed")
    return bytes(content)


def export(checkpoint: Path, folder: Path, with_weights: Path | None = None) -> ModelSpec:
    """Write `cv-unet.safetensors` and `cv-unet.json` into `folder`; blended `with_weights` if there are any.

    Raises:
        ValueError: the file would be larger than the package allows.
        EngineFault: the weights cannot tell subject from background.
    """
    net = averaged(checkpoint)
    if with_weights is not None:
        net = blend(net, with_weights)
    return publish(packed(net), folder)


def publish(content: bytes, folder: Path, name: str = MODEL) -> ModelSpec:
    """Write weights into `folder` as `NAME.safetensors`, with their description `NAME.json` beside them.

    Raises:
        EngineFault: the weights cannot tell subject from background.
    """
    spec = spec_for(content)
    data: dict[str, object] = {
        "title": "U-Net with a MobileNetV2 encoder, ASPP and attention gates",
        "licence": "Apache-2.0",
        "file": f"{name}.safetensors",
        "spec": asdict(spec),
        "golden": [],
    }
    data["golden"] = expected(data, content)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.safetensors").write_bytes(content)
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return spec
