"""How good the cut-outs are that people get: photographs through `mattingd process`, against their masks.

Unlike `evaluate` this takes nothing for granted: reading, fitting, the shipped weights, full-size edges,
finishing and writing are all in it. A picture that came out as failed counts as an empty matte.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mattingd.training.data.datasets import Photo, photos_in
from mattingd.training.data.foreground import UNDECIDED
from mattingd.training.evaluate import Scores, compare, mean_scores

if TYPE_CHECKING:
    from mattingd.training.data.geometry import Plane


def score_cut_outs(photos: Path) -> dict[str, Scores]:
    """Mean scores per group of the masks beside the photographs under `photos`; 128 in `pets` is left out."""
    found = [photo for folder in sorted(photos.glob("*/")) for photo in photos_in(folder)]
    with TemporaryDirectory() as scratch:
        inputs, outputs = Path(scratch, "in"), Path(scratch, "out")
        for photo in found:
            place = inputs / photo.group
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(photo.path, place)
        command = [sys.executable, "-m", "mattingd", "process", str(inputs), "--output", str(outputs)]
        subprocess.run(command, check=False)
        scores: dict[str, list[Scores]] = {}
        for photo in found:
            scores.setdefault(photo.group, []).append(_score(photo, outputs))
    return {group: mean_scores(each) for group, each in scores.items()}


def _score(photo: Photo, outputs: Path) -> Scores:
    ignore = UNDECIDED if photo.group == "pets" else None
    return compare(_alpha(outputs / photo.group / f"{photo.path.stem}.png", photo), photo.mask, ignore)


def _alpha(cut_out: Path, photo: Photo) -> Plane:
    pixels = cv2.imread(str(cut_out), cv2.IMREAD_UNCHANGED) if cut_out.exists() else None
    if pixels is None:
        return np.zeros(photo.mask.shape, np.float32)
    return pixels[..., 3].astype(np.float32) / 255
