"""How good a matte is against a mask, and a network over a folder of pictures with masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch

from mattingd.training.data.datasets import photos_in
from mattingd.training.data.foreground import UNDECIDED
from mattingd.training.data.geometry import Array, Plane, bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from mattingd.inference.networks.cv_unet import CvUnet
    from mattingd.training.data.datasets import Photo

SIDE = 416


class Scores(NamedTuple):
    """Intersection over union of alpha > 0.5 with the mask, and mean absolute error; both in [0,1]."""

    iou: float
    mae: float


def compare(alpha: Plane, mask: Array, ignore: int | None = None) -> Scores:
    """Compare a matte [H,W] in [0,1] with a mask [H,W] (0..255), leaving out pixels equal to `ignore`.

    The union of two empty pictures counts as a full agreement.

    Raises:
        ValueError: the sizes differ.
    """
    if alpha.shape != mask.shape:
        raise ValueError(f"a matte of {alpha.shape} cannot be compared with a mask of {mask.shape}")
    counted = np.ones(mask.shape, bool) if ignore is None else mask != ignore
    truth = mask.astype(np.float32)[counted] / 255
    said = alpha[counted]
    subject, cut = truth > 0.5, said > 0.5  # noqa: PLR2004
    union = int((subject | cut).sum())
    iou = float((subject & cut).sum()) / union if union else 1.0
    return Scores(iou, float(np.abs(said - truth).mean()) if truth.size else 0.0)


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """The mean over pictures."""
    iou, mae = np.mean(list(scores), 0)
    return Scores(float(iou), float(mae))


def to_tensor(images: Array) -> torch.Tensor:
    """uint8 RGB [N,H,W,3] to float [N,3,H,W] in [-1, 1], channels last."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


@torch.inference_mode()
def predict(net: CvUnet, image: Array, side: int = SIDE) -> Plane:
    """The matte [H,W] of one picture of any size: resized to its bucket, inferred, resized back plainly."""
    height, width = image.shape[:2]
    rows, columns = bucket(width / height, side)
    shrinking = rows * columns < height * width
    how = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    small = cv2.resize(image, (columns, rows), interpolation=how).astype(np.uint8)
    parameter = next(net.parameters())
    device = parameter.device
    with torch.autocast(device.type, torch.bfloat16, enabled=parameter.dtype == torch.float32):
        logits = net(to_tensor(small[None]).to(device)).logits
    alpha = torch.sigmoid(logits.float())[0, 0].cpu().numpy()
    return np.clip(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)


def scores_of(matte: Callable[[Array], Plane], photos: Mapping[str, Sequence[Photo]]) -> dict[str, Scores]:
    """Mean scores of a function picture -> matte per group; what the `pets` leave undecided is left out."""
    return {
        name: mean_scores(
            compare(matte(p.image), p.mask, UNDECIDED if p.trimap else None)
            for p in (photo.opened() for photo in group)
        )
        for name, group in photos.items()
        if group
    }


def evaluate(matte: Callable[[Array], Plane], photos: Path) -> dict[str, Scores]:
    """Mean scores of a function picture -> matte per folder under `photos`."""
    return scores_of(matte, {folder.name: photos_in(folder) for folder in sorted(photos.glob("*/"))})


def table_line(table: dict[str, Scores]) -> str:
    """One line for a log: `people .951/.012 pets ...` (IoU/MAE)."""
    return "  ".join(f"{name} {s.iou:.4f}/{s.mae:.4f}" for name, s in table.items())
