"""The network of the shipped model `cv-unet`: a U-Net with a MobileNetV2 encoder.

Knows layers and tensors only: no files, devices, pictures or training. Input is RGB in [-1, 1], float NCHW,
both sides multiples of 32; output is one logit per input pixel (alpha = sigmoid).

Sources: ASPP (Chen et al. 2017, DeepLabv3), additive attention gates on
the skips (Oktay et al. 2018, Attention U-Net).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (torch's own customary name)

from mattingd.inference.networks.mobilenet_v2 import Encoder, Unit

if TYPE_CHECKING:
    from collections.abc import Collection

SECOND_LOOK = 1 / 3
"""The weight of the smaller, mirrored look: up to a half, more of it gains people and loses cats and dogs."""


class Output(NamedTuple):
    """The network's outputs: `logits` [N,1,H,W], and `coarse` [N,1,H/16,W/16] for the auxiliary loss."""

    logits: Tensor
    coarse: Tensor


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

    def coarse_logits(self, x: Tensor) -> Tensor:
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
