"""MobileNetV2 (Sandler et al. 2018) as an encoder at stride 16, and the unit that all parts are made of.

Knows layers and tensors only. A norm that is frozen runs as one convolution with the one before it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own customary name)

BLOCKS: tuple[tuple[int, int, int, int], ...] = (
    (16, 1, 1, 1),
    (24, 6, 2, 1),
    (24, 6, 1, 1),
    (32, 6, 2, 1),
    (32, 6, 1, 1),
    (32, 6, 1, 1),
    (64, 6, 2, 1),
    (64, 6, 1, 1),
    (64, 6, 1, 1),
    (64, 6, 1, 1),
    (96, 6, 1, 1),
    (96, 6, 1, 1),
    (96, 6, 1, 1),
    (160, 6, 1, 1),
    (160, 6, 1, 2),
    (160, 6, 1, 2),
    (320, 6, 1, 2),
)
"""MobileNetV2's inverted residuals as (channels out, expansion, stride, dilation), kept at stride 16."""

SKIP_AFTER = (0, 2, 5)
"""Indices of the blocks whose outputs are skips: 16 channels at 1/2, 24 at 1/4, 32 at 1/8."""


def slow_depthwise_avoided(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, dilation: int
) -> Tensor:
    """Run a depthwise 3x3 convolution with a fast, correct *backward* pass on a CPU; equals `conv2d`.

    Measured on one AVX-512 thread, batch 12 in bfloat16, channels last: stride 2 takes 157 ms in bfloat16 and
    36 ms in float32; dilation 2 takes 110 ms as such and 9 ms as an undilated convolution of the four
    interleaved pictures. Other dilations run in float32, too: in bfloat16 torch 2.13 gives a wrong gradient
    of the weights (140 % off, sometimes infinite) for rows of 30 and more.
    """
    channels = x.shape[1]
    interleaves = dilation == 2 and x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0  # noqa: PLR2004
    if stride > 1 or (dilation > 1 and not interleaves):
        added = None if bias is None else bias.float()
        with torch.autocast("cpu", enabled=False):
            y = F.conv2d(x.float(), weight.float(), added, stride, dilation, dilation, channels)
        return y.to(x.dtype)
    if dilation == 1:
        return F.conv2d(x, weight, bias, 1, 1, 1, channels)
    n, h, w = x.shape[0], x.shape[2] // 2, x.shape[3] // 2
    parts = x.permute(0, 2, 3, 1).reshape(n, h, 2, w, 2, channels).permute(2, 4, 0, 1, 3, 5)
    parts = parts.reshape(4 * n, h, w, channels).permute(0, 3, 1, 2)
    parts = F.conv2d(parts, weight, bias, 1, 1, 1, channels).permute(0, 2, 3, 1)
    whole = parts.reshape(2, 2, n, h, w, channels).permute(2, 3, 0, 4, 1, 5)
    return whole.reshape(n, 2 * h, 2 * w, channels).permute(0, 3, 1, 2)


class Unit(nn.Module):
    """Convolution and batch norm, optionally ReLU6; while the norm is frozen both run as one convolution."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        act: bool = True,
    ) -> None:
        super().__init__()
        self.act = act
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding, dilation=dilation, groups=groups, bias=False
        )
        self.norm: nn.BatchNorm2d | None = nn.BatchNorm2d(outputs)

    def fuse(self) -> None:
        """Become one convolution with a bias, permanently; results stay the same."""
        if self.norm is None:
            return
        weight, bias = self.folded()
        self.conv.weight, self.conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
        self.norm = None

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the one convolution that equals conv + frozen norm."""
        norm = self.norm
        if norm is None or norm.running_var is None or norm.running_mean is None:
            raise TypeError("only a unit with a norm and its statistics can be folded")
        gain = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return self.conv.weight * gain.view(-1, 1, 1, 1), norm.bias - norm.running_mean * gain

    def _run(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        c = self.conv
        if c.groups > 1 and torch.is_grad_enabled() and x.device.type == "cpu":
            return slow_depthwise_avoided(x, weight, bias, c.stride[0], c.dilation[0])
        return F.conv2d(x, weight, bias, c.stride, c.padding, c.dilation, c.groups)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,inputs,H,W] to [N,outputs,H/stride,W/stride]."""
        if self.norm is None:
            x = self._run(x, self.conv.weight, self.conv.bias)
        elif self.norm.training:
            x = self.norm(self._run(x, self.conv.weight, None))
        else:
            x = self._run(x, *self.folded())
        return F.relu6(x) if self.act else x


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expand 1x1, depthwise 3x3, project 1x1, and the shortcut if shapes allow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, dilation: int) -> None:
        super().__init__()
        wide = inputs * expansion
        units = [Unit(inputs, wide)] if expansion > 1 else []
        units.append(Unit(wide, wide, 3, stride=stride, dilation=dilation, groups=wide))
        units.append(Unit(wide, outputs, act=False))
        self.units = nn.Sequential(*units)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,inputs,H,W] to [N,outputs,H/stride,W/stride]."""
        y: Tensor = self.units(x)
        return x + y if self.shortcut else y


class Encoder(nn.Module):
    """MobileNetV2 1.0 at stride 16 without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, stride=2)
        blocks, inputs = [], 32
        for outputs, expansion, stride, dilation in BLOCKS:
            blocks.append(InvertedResidual(inputs, outputs, expansion, stride, dilation))
            inputs = outputs
        self.blocks = nn.ModuleList(blocks)

    def bottom(self, x: Tensor) -> Tensor:
        """Return the bottom [N,320,H/16,W/16] alone; what runs at 1/2 and 1/4 gets no gradient."""
        first_deep = SKIP_AFTER[1] + 1
        with torch.no_grad():
            x = self.stem(x)
            for block in self.blocks[:first_deep]:
                x = block(x)
        for block in self.blocks[first_deep:]:
            x = block(x)
        return x

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the bottom [N,320,H/16,W/16] and the skips at 1/2, 1/4 and 1/8."""
        x = self.stem(x)
        skips = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in SKIP_AFTER:
                skips.append(x)
        return x, skips
