"""Masks solved once into soft mattes: the pets' undecided band, and the hair of people.

Needs the extra `train`. Knows masks, pymatting and where the solved planes lie; knows nothing of sampling or
the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mattingd.training.data.foreground import UNDECIDED, head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mattingd.training.data.datasets import Photo
    from mattingd.training.data.geometry import Array

BAND = 0.028
SURE = 0.92
"""How far from 0 and 1 a plane may be before a pixel counts as undecided: masks were resized."""


def band_of(mask: Array) -> Array:
    """A trimap (0, 128, 255) around the outline of a person's mask, as wide as hair of that size needs."""
    rows = np.nonzero((mask >= UNDECIDED).any(1))[0]
    tall = int(rows[-1] - rows[0]) if len(rows) else 0
    width = max(7, int(BAND * tall)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    subject = (mask >= UNDECIDED).astype(np.uint8)
    sure, maybe = cv2.erode(subject, kernel), cv2.dilate(subject, kernel)
    return np.where(sure > 0, 255, np.where(maybe > 0, UNDECIDED, 0)).astype(np.uint8)


def solved(image: Array, trimap: Array) -> Array:
    """The matte uint8 [H,W] of a picture [H,W,3] and its trimap, by closed-form matting (Levin 2008).

    Raises:
        SystemExit: the extra `train` is not installed.
    """
    try:
        from pymatting import estimate_alpha_cf  # noqa: PLC0415  (slow to import, and in the extra `train` only)
    except ImportError:
        raise SystemExit("solving mattes needs pymatting: pip install 'mattingd[train]'") from None

    plane = trimap.astype(np.float64) / 255
    plane = np.where(plane > SURE, 1.0, np.where(plane < 1 - SURE, 0.0, 0.5))
    if not ((plane == 0).any() and (plane == 1).any()):
        return trimap
    alpha = np.clip(estimate_alpha_cf(image.astype(np.float64) / 255, plane), 0, 1)
    plane8: Array = (alpha * 255 + 0.5).astype(np.uint8)
    return plane8


def soft(photo: Photo) -> Array:
    """The whole matte uint8 [H,W] of a photograph: solved where it is worth it, its mask elsewhere."""
    if photo.trimap:
        return solved(photo.image, photo.mask)
    where = head(photo.mask)
    rows = slice(0, int(np.count_nonzero(where[:, 0])))
    plane = photo.mask.copy()
    if where.any():
        plane[rows] = solved(photo.image[rows], band_of(photo.mask)[rows])
    return plane


def solve_all(photos: Iterable[Photo], folder: Path) -> Iterator[Path]:
    """Write the matte of every photograph as `folder/GROUP/NAME.png`; what is there already stays."""
    for photo in photos:
        path = folder / photo.group / f"{photo.path.stem}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}")
            temporary.write_bytes(cv2.imencode(".png", soft(photo))[1].tobytes())
            temporary.replace(path)
        yield path
