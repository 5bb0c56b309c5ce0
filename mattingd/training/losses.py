"""What the network is asked for. Pure functions of tensors; float32 throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

if TYPE_CHECKING:
    from mattingd.inference.networks.cv_unet import Output

LEVELS = 4
EDGE = 0.02
"""Alpha between this and one minus this is soft: hair, fur, glass, every edge."""


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of [N,1,H,W] values under per-pixel weights in [0,1]."""
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


def laplacian(difference: Tensor) -> Tensor:
    """Laplacian-pyramid L1 of a difference of mattes; level l weighs 2^l (Hou and Liu 2019).

    The pyramid is linear, so the pyramid of the difference is the difference of the pyramids.
    """
    total = difference.new_zeros(())
    for level in range(LEVELS):
        if min(difference.shape[2:]) < 2:  # noqa: PLR2004
            break
        small = F.avg_pool2d(difference, 2)
        back = F.interpolate(small, size=difference.shape[2:], mode="bilinear", align_corners=False)
        total = total + (2.0**level) * (difference - back).abs().mean()
        difference = small
    return total / LEVELS


def soft_iou(alpha: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """One minus the soft intersection over union; one pixel of slack keeps empty pictures defined."""
    both = (torch.minimum(alpha, target) * weight).sum((1, 2, 3))
    either = (torch.maximum(alpha, target) * weight).sum((1, 2, 3))
    return (1 - (both + 1) / (either + 1)).mean()


@dataclass(frozen=True)
class Terms:
    """How much each term of the loss weighs."""

    bce: float = 1
    l1: float = 2
    laplacian: float = 2
    overlap: float = 0.5
    """One minus the soft intersection over union."""
    soft: float = 1
    """L1 of the soft pixels alone."""
    gradient: float = 0
    """L1 of the alpha's differences between neighbours."""
    coarse: float = 0.4
    """BCE of the coarse head at 1/16."""


TERMS = Terms()


def gradient(difference: Tensor) -> Tensor:
    """Mean difference of the gradients of two mattes, from the difference of the mattes [N,1,H,W]."""
    return difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()


class Small(NamedTuple):
    """A target at 1/16 of its size: alpha and weight [N,1,h,w] in [0,1]."""

    alpha: Tensor
    weight: Tensor


def shrunk(target: Tensor, weight: Tensor) -> Small:
    """Alpha [N,1,H,W] as means of 16 x 16 pixels, of the known ones only."""
    small = F.avg_pool2d(weight, 16)
    return Small((F.avg_pool2d(target * weight, 16) / small.clamp(min=1e-3)).clamp(0, 1), small)


def coarse_loss(coarse: Tensor, target: Tensor, weight: Tensor, terms: Terms = TERMS) -> Tensor:
    """The loss of the coarse head alone: is the subject where it should be?

    Args:
        coarse: logits [N,1,H/16,W/16].
        target: alpha [N,1,H,W] in [0,1].
        weight: [N,1,H,W] in [0,1]; zero where the truth is unknown.
        terms: the weights of cross-entropy, L1 and overlap.
    """
    small, logits = shrunk(target, weight), coarse.float()
    bce = weighted_mean(
        F.binary_cross_entropy_with_logits(logits, small.alpha, reduction="none"), small.weight
    )
    alpha = torch.sigmoid(logits)
    l1 = weighted_mean((alpha - small.alpha).abs(), small.weight)
    return terms.bce * bce + terms.l1 * l1 + terms.overlap * soft_iou(alpha, small.alpha, small.weight)


def matting_loss(output: Output, target: Tensor, weight: Tensor, terms: Terms = TERMS) -> Tensor:
    """The sum of the terms that have a weight.

    Args:
        output: logits at full and 1/16 size.
        target: alpha [N,1,H,W] in [0,1].
        weight: [N,1,H,W] in [0,1]; zero where the truth is unknown.
        terms: their weights.
    """
    logits = output.logits.float()
    alpha = torch.sigmoid(logits)
    small = shrunk(target, weight)
    bce = weighted_mean(F.binary_cross_entropy_with_logits(logits, target, reduction="none"), weight)
    difference = (alpha - target) * weight
    l1 = difference.abs().sum() / weight.sum().clamp(min=1.0)
    soft = weight * ((target > EDGE) & (target < 1 - EDGE))
    softness = difference.abs().mul(soft).sum() / soft.sum().clamp(min=1.0)
    rough = F.binary_cross_entropy_with_logits(output.coarse.float(), small.alpha, reduction="none")
    whole = terms.bce * bce + terms.l1 * l1 + terms.soft * softness
    whole = whole + terms.coarse * weighted_mean(rough, small.weight)
    if terms.laplacian:
        whole = whole + terms.laplacian * laplacian(difference)
    if terms.overlap:
        whole = whole + terms.overlap * soft_iou(alpha, target, weight)
    if terms.gradient:
        whole = whole + terms.gradient * gradient(difference)
    return whole
