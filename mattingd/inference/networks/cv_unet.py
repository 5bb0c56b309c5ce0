"""The network of the shipped model `cv-unet`: a U-Net with a MobileNetV2 encoder.

Knows layers and tensors only: no files, devices, pictures or training. Input is RGB in [-1, 1], float NCHW,
both sides multiples of 32; output is one logit per input pixel (alpha = sigmoid).

Sources: MobileNetV2 (Sandler et al. 2018), ASPP (Chen et al. 2017, DeepLabv3), additive attention gates on
the skips (Oktay et al. 2018, Attention U-Net).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own customary name)

if TYPE_CHECKING:
    from collections.abc import Collection

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

SECOND_LOOK = 1 / 3
"""The weight of the smaller, mirrored look: up to a half, more of it gains people and loses cats and dogs."""

SKIP_AFTER = (0, 2, 5)
"""Indices of the blocks whose outputs are skips: 16 channels at 1/2, 24 at 1/4, 32 at 1/8."""


class Output(NamedTuple):
    """The network's outputs: `logits` [N,1,H,W], and `coarse` [N,1,H/16,W/16] for the auxiliary loss."""

    logits: Tensor
    coarse: Tensor


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


class Aspp(nn.Module):
    """Atrous spatial pyramid: depthwise branches at several dilations, 1x1 and the whole picture's mean."""

    def __init__(self, inputs: int, inner: int, outputs: int, rates: tuple[int, ...] = (3, 6, 9)) -> None:
        super().__init__()
        self.enter = Unit(inputs, inner)
        self.branches = nn.ModuleList(Unit(inner, inner, 3, dilation=r, groups=inner) for r in rates)
        self.whole = nn.Conv2d(inner, outputs, 1)
        self.leave = Unit(inner * (1 + len(rates)), outputs, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,inputs,h,w] to [N,outputs,h,w]."""
        x = self.enter(x)
        y = self.leave(torch.cat([x, *(branch(x) for branch in self.branches)], 1))
        return F.relu6(y + self.whole(x.mean((2, 3), keepdim=True)))


class Gate(nn.Module):
    """Additive attention gate: the coarser features select where (and in which channels) the skip matters."""

    def __init__(self, skip: int, guide: int, inner: int = 16) -> None:
        super().__init__()
        self.from_skip = nn.Conv2d(skip, inner, 1)
        self.from_guide = nn.Conv2d(guide, inner, 1)
        self.score = nn.Conv2d(inner, skip, 1)

    def forward(self, skip: Tensor, guide: Tensor) -> Tensor:
        """Weight `skip` [N,s,2h,2w] by attention computed at the resolution of `guide` [N,g,h,w]."""
        seen = self.from_skip(F.avg_pool2d(skip, 2))
        attention = torch.sigmoid(self.score(F.relu(seen + self.from_guide(guide))))
        return skip * F.interpolate(attention, scale_factor=2.0, mode="nearest")


class Up(nn.Module):
    """One decoder step: gate the skip, double the resolution, join, and mix by dense 3x3 convolutions."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.gate = Gate(skip, inputs)
        self.narrow = Unit(inputs, outputs)
        self.mix = Unit(outputs + skip, outputs, 3)
        self.polish = Unit(outputs, outputs, 3, groups=outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map `x` [N,inputs,h,w] and `skip` [N,skip,2h,2w] to [N,outputs,2h,2w]."""
        gated = self.gate(skip, x)
        x = F.interpolate(self.narrow(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        mixed: Tensor = self.mix(torch.cat([x, gated], 1))
        return torch.add(mixed, self.polish(mixed))


class Block(nn.Module):
    """A transformer block over the whole picture: positions, attention, and a two-layer perceptron.

    Positions come from a depthwise convolution (Chu et al. 2021, conditional positional encodings), so any
    picture size works. Each part is added to its input; a new block starts by adding nothing.
    """

    def __init__(self, channels: int, heads: int = 4, wider: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.place = Unit(channels, channels, 3, groups=channels, act=False)
        self.before_attention = nn.LayerNorm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.attended = nn.Linear(channels, channels)
        self.before_mixing = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, wider * channels)
        self.narrow = nn.Linear(wider * channels, channels)

    def attention(self, x: Tensor) -> Tensor:
        """Map tokens [N,T,C] to attention outputs [N,T,C]."""
        n, tokens, channels = x.shape
        parts = self.query_key_value(x).view(n, tokens, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        gathered = F.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.attended(gathered.transpose(1, 2).reshape(n, tokens, channels))
        return mixed

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,channels,h,w] to [N,channels,h,w]."""
        x = x + self.place(x)
        n, channels, height, width = x.shape
        tokens = x.permute(0, 2, 3, 1).reshape(n, height * width, channels)
        tokens = tokens + self.attention(self.before_attention(tokens))
        mixed: Tensor = self.narrow(F.gelu(self.widen(self.before_mixing(tokens)), approximate="tanh"))
        return (tokens + mixed).reshape(n, height, width, channels).permute(0, 3, 1, 2)


class Context(nn.Module):
    """Find the subject: the bottom's features at half their size, with global attention."""

    def __init__(self, inputs: int, inner: int = 256, depth: int = 3) -> None:
        super().__init__()
        self.down = Unit(inputs, inner, 3, stride=2)
        self.blocks = nn.Sequential(*(Block(inner) for _ in range(depth)))
        self.leave = nn.Conv2d(inner, inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,inputs,h,w] to [N,inputs,h,w]."""
        y = self.leave(self.blocks(self.down(x)))
        return x + F.interpolate(y, size=x.shape[2:], mode="bilinear", align_corners=False)


class Refine(nn.Module):
    """Two dense 3x3 convolutions with a residual connection (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Unit(channels, channels, 3)
        self.second = Unit(channels, channels, 3, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,channels,h,w] to [N,channels,h,w]."""
        added: Tensor = self.second(self.first(x))
        return x + added


class Detail(nn.Module):
    """Refine thin structures such as hair from the decoder's features and the picture's pixels."""

    def __init__(self, inputs: int, inner: int = 32) -> None:
        super().__init__()
        self.join = Unit(inputs + 4 * 3, inner, 3)
        self.polish = Unit(inner, inner, 3)

    def forward(self, x: Tensor, picture: Tensor) -> Tensor:
        """Map `x` [N,inputs,h,w] and `picture` [N,3,2h,2w] to [N,inner/4,2h,2w]."""
        pixels = F.pixel_unshuffle(picture, 2)
        return F.pixel_shuffle(self.polish(self.join(torch.cat([x, pixels], 1))), 2)


class CvUnet(nn.Module):
    """The whole network: RGB in [-1, 1] in, `Output` out.

    Older weights run in a network without the parts that they lack: the detail branch (`detailed`), and the
    context with the two refinements of the decoder (`contextual`).
    """

    def __init__(self, *, detailed: bool = True, contextual: bool = True) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.aspp = Aspp(320, 192, 192)
        self.context = Context(192) if contextual else nn.Identity()
        self.coarse = nn.Conv2d(192, 1, 1)
        self.up8 = Up(192, 32, 96)
        self.refine8 = Refine(96) if contextual else nn.Identity()
        self.up4 = Up(96, 24, 64)
        self.refine4 = Refine(64) if contextual else nn.Identity()
        self.up2 = Up(64, 16, 32)
        self.spread = nn.Conv2d(32, 32, 1)
        self.detail = Detail(32) if detailed else None
        self.edge = nn.Conv2d(8 + 3 + (8 if detailed else 0), 12, 3, padding=1)
        self.last = nn.Conv2d(12, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Output:
        """Map RGB [N,3,H,W] in [-1, 1], sides multiples of 32, to logits at full and at 1/16 size."""
        bottom, (half, quarter, eighth) = self.encoder(x)
        deep = self.context(self.aspp(bottom))
        y = self.refine8(self.up8(deep, eighth))
        y = self.refine4(self.up4(y, quarter))
        y = self.up2(y, half)
        seen = [F.pixel_shuffle(self.spread(y), 2), x]
        if self.detail is not None:
            seen.append(self.detail(y, x))
        logits = self.last(F.relu(self.edge(torch.cat(seen, 1))))
        return Output(logits, self.coarse(deep))

    def found(self, x: Tensor) -> Tensor:
        """Map RGB [N,3,H,W] to the logits at 1/16 alone: where the subject is, at a third of the cost."""
        logits: Tensor = self.coarse(self.context(self.aspp(self.encoder.bottom(x))))
        return logits

    def add_nothing(self, missing: Collection[str]) -> None:
        """Make each part whose weights' names are `missing` pass its input through unchanged."""
        with torch.no_grad():
            if isinstance(self.context, Context) and "context.leave.weight" in missing:
                self.context.leave.weight.zero_()
                self.context.leave.bias.zero_()  # type: ignore[union-attr]
            for name, part in (("refine8", self.refine8), ("refine4", self.refine4)):
                if isinstance(part, Refine) and f"{name}.second.conv.weight" in missing:
                    part.second.norm.weight.zero_()  # type: ignore[union-attr]


def look_twice(net: CvUnet, x: Tensor) -> Tensor:
    """Map RGB [N,3,H,W] in [-1, 1], sides multiples of 32, to logits [N,1,H,W] in float32.

    The weighted mean, in log odds, of what the network says of the picture, and of its mirror image at three
    quarters of the size, which shows more of the whole at once; what only one of the two has fades.
    """
    height, width = x.shape[2:]
    smaller = three_quarters(height), three_quarters(width)
    second = net(F.interpolate(x, smaller, mode="bilinear").flip(3)).logits.flip(3).float()
    second = F.interpolate(second, (height, width), mode="bilinear")
    return torch.lerp(net(x).logits.float(), second, SECOND_LOOK)


def three_quarters(side: int) -> int:
    """Return three quarters of a side in pixels, as a multiple of 32; at least 32."""
    return max(32, (3 * side // 4 + 16) // 32 * 32)


def shaped_for(weights: Collection[str]) -> CvUnet:
    """Return a network with the parts that these weight names contain; its own weights are random."""

    def has(part: str) -> bool:
        return any(name.startswith(part) for name in weights)

    return CvUnet(detailed=has("detail."), contextual=has("context."))


def channels_last(net: CvUnet) -> CvUnet:
    """Order the weights so that uint8 [N,H,W,3] pictures need no transposition; convolutions are faster."""
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


def fuse(net: CvUnet) -> CvUnet:
    """Fold every norm of `net` into its convolution, in place: this form is stored and run."""
    for module in net.modules():
        if isinstance(module, Unit):
            module.fuse()
    return net.eval()
