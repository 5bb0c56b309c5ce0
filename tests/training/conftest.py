"""A small data pack that draws itself: balls and boxes on gradients, with exact masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    from pathlib import Path

FORMS = ("ball", "box")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def drawn(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture [H,W,3] and its mask [H,W] in {0,255}."""
    y, x = np.mgrid[0:height, 0:width]
    cy, cx = rng.uniform(0.35, 0.65, 2) * (height, width)
    radius = rng.uniform(0.2, 0.35) * min(height, width)
    away = np.hypot(y - cy, x - cx) if rng.random() < 0.5 else np.maximum(abs(y - cy), abs(x - cx))
    inside = away < radius
    ground = rng.uniform(140, 250, 3) - y[..., None] * 0.2
    subject = rng.uniform(0, 90, 3) + 10 * np.sin(x[..., None] / 3)
    return np.where(inside[..., None], subject, ground).astype(np.uint8), inside.astype(np.uint8) * 255


def write_photos(folder: Path, count: int, rng: np.random.Generator, *, band: bool = False) -> None:
    folder.mkdir(parents=True)
    for index in range(count):
        height, width = ((96, 128), (128, 96), (112, 112))[index % 3]
        picture, mask = drawn(rng, height, width)
        if band:
            edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
            mask = np.where(edge > 0, 128, mask)
        cv2.imwrite(str(folder / f"{index:02}.webp"), picture)
        cv2.imwrite(str(folder / f"{index:02}.png"), mask)


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of the usual layout with a few drawn items in every part."""
    rng = np.random.default_rng(7)
    root = tmp_path_factory.mktemp("pack")
    write_photos(root / "train" / "photos" / "people", 6, rng)
    write_photos(root / "train" / "photos" / "pets", 6, rng, band=True)
    write_photos(root / "eval" / "photos" / "people", 2, rng)
    write_photos(root / "eval" / "photos" / "pets", 2, rng, band=True)
    for group, count in (("stamps", 20), ("trellis", 2)):
        folder = root / "train" / "cutouts" / group
        folder.mkdir(parents=True)
        for index in range(count):
            picture, mask = drawn(rng, 60, 80)
            soft = cv2.GaussianBlur(mask, (0, 0), 1.5)
            cv2.imwrite(str(folder / f"c{index}.webp"), np.dstack([picture, soft]))
    land = root / "train" / "backgrounds" / "land"
    land.mkdir(parents=True)
    for index in range(3):
        noise = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
        cv2.imwrite(str(land / f"l{index}.webp"), cv2.resize(noise, (128, 96), interpolation=cv2.INTER_CUBIC))
    return root
