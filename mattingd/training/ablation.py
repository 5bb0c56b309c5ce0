"""Small trainings that differ in one thing, to choose parts of the network and terms of the loss.

Each starts from the pretrained encoder, sees the same batches for as many steps, and is judged on the same
held out photographs and composites. Knows the variants and how to judge them; how to train is `train`'s.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from mattingd.inference.networks.cv_unet import Aspp, CvUnet, channels_last, fuse
from mattingd.inference.networks.mobilenet_v2 import Unit
from mattingd.system.clock import monotonic_ns
from mattingd.training.checkpoints import Average, Run
from mattingd.training.data.datasets import divided, open_library
from mattingd.training.data.foreground import UNDECIDED
from mattingd.training.data.sampler import Sampler
from mattingd.training.encoder import start_from
from mattingd.training.evaluate import compare, predict, to_tensor
from mattingd.training.losses import EDGE, TERMS, Terms
from mattingd.training.train import Recipe, optimiser_for, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mattingd.training.data.datasets import Library
    from mattingd.training.data.sampler import Batch

JUDGED = 10
"""Batches of composites that are judged on."""
SEED = 11


class Ungated(nn.Module):
    """The skip as it is."""

    def forward(self, skip: Tensor, guide: Tensor) -> Tensor:  # noqa: ARG002 - a gate's place
        """Return `skip` [N,s,2h,2w]."""
        return skip


class Cbam(nn.Module):
    """Channel, then spatial attention of the skip upon itself (Woo et al. 2018, CBAM)."""

    def __init__(self, channels: int, inner: int = 8) -> None:
        super().__init__()
        self.channel = nn.Sequential(nn.Conv2d(channels, inner, 1), nn.ReLU(), nn.Conv2d(inner, channels, 1))
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, skip: Tensor, guide: Tensor) -> Tensor:  # noqa: ARG002 - a gate's place
        """Weigh `skip` [N,s,2h,2w] by what it holds itself."""
        most, mean = F.adaptive_max_pool2d(skip, 1), F.adaptive_avg_pool2d(skip, 1)
        skip = skip * torch.sigmoid(self.channel(most) + self.channel(mean))
        where = torch.cat([skip.amax(1, keepdim=True), skip.mean(1, keepdim=True)], 1)
        return skip * torch.sigmoid(self.spatial(where))


class Dense(nn.Module):
    """A residual dense block (Zhang et al. 2018): every layer sees all before it."""

    def __init__(self, channels: int, growth: int = 16, layers: int = 3) -> None:
        super().__init__()
        self.grow = nn.ModuleList(Unit(channels + growth * i, growth, 3) for i in range(layers))
        self.fuse = Unit(channels + growth * layers, channels, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N,channels,h,w] to what is added to it."""
        for layer in self.grow:
            x = torch.cat([x, layer(x)], 1)
        y: Tensor = self.fuse(x)
        return y


def ungated(net: CvUnet) -> None:
    """Take the attention gates off the skips."""
    for up in (net.up8, net.up4, net.up2):
        up.gate = Ungated()  # type: ignore[assignment]


def self_gated(net: CvUnet) -> None:
    """CBAM in place of the attention gates."""
    for up, channels in ((net.up8, 32), (net.up4, 24), (net.up2, 16)):
        up.gate = Cbam(channels)  # type: ignore[assignment]


def dense(net: CvUnet) -> None:
    """Residual dense blocks in the decoder, in place of its depthwise convolutions."""
    for up, channels in ((net.up8, 96), (net.up4, 64)):
        up.polish = Dense(channels)  # type: ignore[assignment]


def dilated(*rates: int) -> Callable[[CvUnet], None]:
    """Other dilations of the ASPP; none leaves a 1x1 convolution and the whole picture's mean."""

    def change(net: CvUnet) -> None:
        net.aspp = Aspp(320, 192, 192, rates)

    return change


def as_it_is(net: CvUnet) -> None:
    """Change nothing."""


class Variant(NamedTuple):
    """A network and a loss, by how they differ from the shipped ones."""

    change: Callable[[CvUnet], None] = as_it_is
    terms: Terms = TERMS
    detailed: bool = True


VARIANTS = {
    "as shipped": Variant(),
    "no detail branch": Variant(detailed=False),
    "no gates": Variant(ungated),
    "CBAM instead of gates": Variant(self_gated),
    "ASPP without dilations": Variant(dilated()),
    "ASPP 2, 4, 6": Variant(dilated(2, 4, 6)),
    "ASPP 6, 12, 18": Variant(dilated(6, 12, 18)),
    "residual dense blocks": Variant(dense),
    "loss: L1 and BCE alone": Variant(terms=replace(TERMS, laplacian=0, overlap=0, soft=0)),
    "loss: no Laplacian": Variant(terms=replace(TERMS, laplacian=0)),
    "loss: no IoU": Variant(terms=replace(TERMS, overlap=0)),
    "loss: no extra weight on soft pixels": Variant(terms=replace(TERMS, soft=0)),
    "loss: with gradients": Variant(terms=replace(TERMS, gradient=1)),
    "loss: no coarse head": Variant(terms=replace(TERMS, coarse=0)),
}


class Result(NamedTuple):
    """One variant: photographs' mean IoU and MAE, composites' MAD in all and of soft pixels, and its cost."""

    name: str
    iou: float
    mae: float
    mad: float
    soft: float
    parameters: int
    milliseconds: float
    """A forward pass at 416 x 416 on one thread, the median of 20, in float32."""


def forward_ms(net: CvUnet, rounds: int = 20) -> float:
    """Milliseconds of a fused network's forward pass at 416 x 416: the median."""
    picture = channels_last_picture(416)
    taken = []
    with torch.inference_mode():
        for _ in range(rounds):
            started = monotonic_ns()
            net(picture)
            taken.append((monotonic_ns() - started) / 1e6)
    return float(np.median(taken))


def channels_last_picture(side: int) -> Tensor:
    """A random picture [1,3,side,side] as the engine lays them out."""
    return torch.rand(1, side, side, 3).permute(0, 3, 1, 2)


def judged(name: str, net: CvUnet, library: Library, batches: list[Batch]) -> Result:
    """How good a trained variant is."""
    scores = [
        compare(predict(net, photo.image, 320), photo.mask, UNDECIDED if photo.trimap else None)
        for group in library.photos.values()
        for photo in group
    ]
    mad, soft = [], []
    with torch.inference_mode():
        for batch in batches:
            alpha = torch.sigmoid(net(to_tensor(batch.images)).logits)[:, 0].float().numpy()
            difference = np.abs(alpha - batch.alphas)
            mad.append(difference.mean())
            soft.append(difference[(batch.alphas > EDGE) & (batch.alphas < 1 - EDGE)].mean())
    iou, mae = np.mean(scores, 0)
    count = sum(value.numel() for value in net.parameters())
    return Result(
        name, float(iou), float(mae), float(np.mean(mad)), float(np.mean(soft)), count, forward_ms(net)
    )


def trained(variant: Variant, recipe: Recipe, library: Library, side: int) -> CvUnet:
    """A variant after `recipe.steps` steps, averaged and fused."""
    torch.manual_seed(recipe.seed)
    sampler = Sampler(library, np.random.default_rng(recipe.seed))
    net = CvUnet(detailed=variant.detailed)
    variant.change(net)
    channels_last(net).train()
    count = recipe.pixels // (side * side)
    if recipe.encoder is not None:
        start_from(net.encoder, recipe.encoder, to_tensor(sampler.batch(count, side).images))
    run = Run(net, optimiser_for(net, recipe), Average(recipe.decay), sampler.rng)
    for index in range(recipe.steps):
        cosine = 0.5 * (1 + np.cos(np.pi * index / recipe.steps))
        factor = recipe.rate * min(1, (index + 1) / recipe.warm_up) * max(0.01, cosine)
        step(run, sampler.batch(count, side), float(factor), variant.terms)
    net.load_state_dict(run.average.state)
    return fuse(net)


def compared(recipe: Recipe, names: list[str], side: int = 224) -> Iterator[Result]:
    """Train and judge the named variants, one after the other, each on the same batches."""
    learning, judging = divided(open_library(recipe.data, recipe.solved))
    composites = Sampler(judging, np.random.default_rng(SEED), photo_share=0, empty_share=0)
    batches = [composites.batch(6, 320) for _ in range(JUDGED)]
    for name in names:
        yield judged(name, trained(VARIANTS[name], recipe, learning, side), judging, batches)


def table_row(result: Result) -> str:
    """A row of the card's table."""
    quality = f"{result.iou:.4f} | {result.mae:.4f} | {result.mad:.4f} | {result.soft:.4f}"
    return f"| {result.name} | {quality} | {result.parameters / 1e6:.2f} M | {result.milliseconds:.0f} |"
