"""Keeping a training run: a file from which it goes on where it was, and the last few before it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from mattingd.inference.networks.cv_unet import CvUnet, fuse, shaped_for

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor, nn

FORMAT = 1
KEPT = 6


@dataclass
class Average:
    """An exponential moving average of a network's state; norms' counters are copied as they are."""

    decay: float
    state: dict[str, Tensor] = field(default_factory=dict)

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take the network's state in; early on the decay is smaller so that the start is soon forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            if name not in self.state or not value.is_floating_point():
                self.state[name] = value.detach().clone()
            else:
                self.state[name].lerp_(value, 1 - decay)


@dataclass
class Run:
    """Everything that changes while training."""

    net: CvUnet
    optimiser: torch.optim.Optimizer
    average: Average
    rng: np.random.Generator
    step: int = 0
    seconds: float = 0.0


def with_state(state: dict[str, Tensor]) -> CvUnet:
    """The network that has this state, with its norms folded or not as the state has them."""
    net = shaped_for(state)
    if not any(".norm." in name for name in state):
        fuse(net)
    net.load_state_dict(state)
    return net


def save(run: Run, path: Path) -> None:
    """Write the run to `path`, and keep it and the five before it as `STEM-STEP.pt` beside it.

    Hidden temporary, fsync, rename: a kill leaves the old file or the new one.

    Raises:
        ArithmeticError: a weight is not finite; the files stay as they are.
    """
    lost = [name for name, value in run.net.state_dict().items() if not torch.isfinite(value).all()]
    if lost:
        raise ArithmeticError(f"{lost[0]} is no longer finite; go on from an earlier file beside {path}")
    temporary = path.with_name(f".{path.name}.tmp")
    content: dict[str, Any] = {
        "format": FORMAT,
        "net": run.net.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "average": run.average.state,
        "sampler": json.dumps(run.rng.bit_generator.state),
        "torch_rng": torch.get_rng_state(),
        "step": run.step,
        "seconds": run.seconds,
    }
    with temporary.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    kept = path.with_name(f"{path.stem}-{run.step:06}{path.suffix}")
    kept.unlink(missing_ok=True)
    kept.hardlink_to(temporary)
    temporary.replace(path)
    for old in sorted(path.parent.glob(f"{path.stem}-[0-9]*{path.suffix}"))[:-KEPT]:
        old.unlink()


def restore(run: Run, path: Path) -> bool:
    """Bring `run` to the state at `path`; False when there is none.

    Raises:
        ValueError: the file is of another format.
    """
    if not path.exists():
        return False
    content = torch.load(path, map_location="cpu", weights_only=True)
    if content.get("format") != FORMAT:
        raise ValueError(f"{path}: a checkpoint of format {content.get('format')}, not {FORMAT}")
    run.net.load_state_dict(content["net"])
    run.optimiser.load_state_dict(content["optimiser"])
    run.average.state = content["average"]
    run.rng.bit_generator.state = json.loads(content["sampler"])
    torch.set_rng_state(content["torch_rng"])
    run.step, run.seconds = content["step"], content["seconds"]
    return True
