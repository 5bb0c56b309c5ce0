"""Where training starts: a folded, pretrained MobileNetV2 spread over convolutions and norms.

Knows the npz's layout (`w00..`, `b00..` in network order, batch norm folded in) and the network's encoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from mattingd.inference.networks.cv_unet import CvUnet, shaped_for
from mattingd.inference.networks.mobilenet_v2 import Encoder, Unit

if TYPE_CHECKING:
    from pathlib import Path


def units_of(net: nn.Module) -> list[Unit]:
    """The units of a network or a part of it; the encoder's are layers 0 to 50, in order."""
    return [module for module in net.modules() if isinstance(module, Unit)]


def norm_of(unit: Unit) -> tuple[nn.BatchNorm2d, Tensor, Tensor]:
    """A unit's norm, its running mean and its running variance.

    Raises:
        TypeError: the unit is fused already.
    """
    norm = unit.norm
    if norm is None or norm.running_mean is None or norm.running_var is None:
        raise TypeError("the encoder's norms need running statistics")
    return norm, norm.running_mean, norm.running_var


def load_folded(encoder: Encoder, path: Path) -> None:
    """Copy the npz's weights and biases into `encoder`; every norm becomes "add the bias".

    Raises:
        ValueError: a layer's shape differs.
    """
    with np.load(path, allow_pickle=False) as stored, torch.no_grad():
        for index, unit in enumerate(units_of(encoder)):
            weight = torch.from_numpy(stored[f"w{index:02d}"].astype(np.float32))
            if weight.shape != unit.conv.weight.shape:
                raise ValueError(f"{path}: layer {index} is {tuple(weight.shape)}")
            unit.conv.weight.copy_(weight)
            norm_of(unit)[0].bias.copy_(torch.from_numpy(stored[f"b{index:02d}"].astype(np.float32)))


def spread(unit: Unit, x: Tensor) -> None:
    """Give a unit true statistics of its input `x` without changing what it computes.

    The convolution is scaled to unit variance per channel and the norm's gain and bias undo it: so every
    channel's weights have a like size, which AdamW's like-sized steps need. A gain of zero stays zero.
    """
    y = nn.functional.conv2d(
        x, unit.conv.weight, None, unit.conv.stride, unit.conv.padding, unit.conv.dilation, unit.conv.groups
    )
    deviation, mean = torch.std_mean(y, (0, 2, 3))
    deviation = deviation.clamp(min=1e-3)
    norm, running_mean, running_var = norm_of(unit)
    unit.conv.weight.div_(deviation.view(-1, 1, 1, 1))
    running_mean.copy_(mean / deviation)
    running_var.fill_(1 - norm.eps)
    norm.bias.add_(norm.weight * mean)
    norm.weight.mul_(deviation)


def calibrate(net: nn.Module, x: Tensor) -> None:
    """Spread every unit, in order, over one batch `x` [N,3,H,W] in [-1, 1]; the function stays the same."""

    def before(unit: nn.Module, args: tuple[Tensor]) -> None:
        if isinstance(unit, Unit):
            spread(unit, args[0])

    hooks = [unit.register_forward_pre_hook(before) for unit in units_of(net)]
    try:
        with torch.no_grad():
            net(x)
    finally:
        for hook in hooks:
            hook.remove()


def freeze_statistics(encoder: Encoder) -> None:
    """Keep the encoder's norms on their running statistics while training (a third faster, and steadier)."""
    for unit in units_of(encoder):
        if unit.norm is not None:
            unit.norm.eval()


def start_from(encoder: Encoder, path: Path, x: Tensor) -> None:
    """Load the pretrained weights and calibrate them on `x`."""
    without_effect(encoder)
    load_folded(encoder, path)
    calibrate(encoder, x)


def without_effect(net: nn.Module) -> None:
    """Freeze every norm of `net` at statistics that leave only the adding of its bias."""
    net.eval()
    for unit in units_of(net):
        norm, _, running_var = norm_of(unit)
        running_var.fill_(1 - norm.eps)


def unfolded(weights: dict[str, Tensor], x: Tensor, *, grow: bool = True) -> CvUnet:
    """A network that says what exported `weights` say, with norms again, calibrated on `x` [N,3,H,W].

    Folded convolutions differ in size by orders of magnitude, and steps of one size suit none of them. To
    weights from before there was a detail branch, or a context, these are added without a say at first, if
    it is to `grow`.
    """
    net = CvUnet() if grow else shaped_for(weights)
    without_effect(net)
    back = {name.replace(".conv.bias", ".norm.bias"): value.float() for name, value in weights.items()}
    edge = back["edge.weight"]
    unseen = edge.new_zeros(len(edge), net.edge.in_channels - edge.shape[1], *edge.shape[2:])
    back["edge.weight"] = torch.cat([edge, unseen], 1)
    net.add_nothing(net.state_dict().keys() - back.keys())
    net.load_state_dict(net.state_dict() | back)
    calibrate(net, x)
    return net
