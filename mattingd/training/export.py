"""From a checkpoint to the package's weights: averaged, fused, fp16, hashed, with the self-test's result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import safetensors.torch
import torch

from mattingd.inference import self_test
from mattingd.inference.backend import EngineFault, ModelSpec
from mattingd.inference.backends.torch_backend import TorchEngine
from mattingd.inference.networks.cv_unet import CvUnet, fuse
from mattingd.inference.registry import parse
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
    """Tensors as they go into the file: weights fp16, biases (few, and summed up) fp32.

    A channel that is next to nothing is folded with a huge gain; what fp16 cannot hold is cut to its range.
    """
    largest = torch.finfo(torch.float16).max
    return {
        name: value.clamp(-largest, largest).half().contiguous()
        if value.ndim > 1
        else value.float().contiguous()
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
    means = self_test.cells(engine.matte(self_test.picture())[0])
    if means.max() < 0.9 or means.min() > 0.1:  # noqa: PLR2004
        raise EngineFault(
            f"the self-test's picture is not told apart: alpha {means.min():.2f}..{means.max():.2f}"
        )
    return [[round(float(v), 4) for v in row] for row in means]


def blend(net: CvUnet, weights: Path, share: float = 0.5) -> CvUnet:
    """The mean of a fused network and the exported weights it went on from, `share` of it the network's.

    Where a training starts and where it ends lie in one valley, and the mean is often lower than both
    (Wortsman et al. 2022, model soups). Weights without a detail branch count as one without a say.
    """
    other = {name: value.float() for name, value in safetensors.torch.load_file(weights).items()}
    means = {}
    for name, mine in net.state_dict().items():
        theirs = other.get(name, mine)
        if theirs.shape != mine.shape:
            theirs = torch.cat([theirs, torch.zeros_like(mine[:, theirs.shape[1] :])], 1)
        means[name] = share * mine + (1 - share) * theirs
    net.load_state_dict(means)
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


def export(checkpoint: Path, folder: Path, with_weights: Path | None = None, share: float = 0.5) -> ModelSpec:
    """Write `cv-unet.safetensors` and `cv-unet.json` into `folder`.

    Args:
        checkpoint: of the training.
        folder: of the weights.
        with_weights: exported weights to blend with, if any.
        share: the checkpoint's in that blend.

    Raises:
        ValueError: the file would be larger than the package allows.
        EngineFault: the weights cannot tell subject from background.
    """
    net = averaged(checkpoint)
    if with_weights is not None:
        net = blend(net, with_weights, share)
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
