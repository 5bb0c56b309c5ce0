"""A training's log as a picture: loss over steps, with a running mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mattingd.training.data.geometry import Array

WIDTH, HEIGHT, MARGIN = 760, 320, 46
LINE = re.compile(r"^step (\d+)  loss ([\d.]+)")
INK, FAINT, MEAN = (60, 60, 60), (215, 200, 190), (190, 90, 30)
WINDOW = 5


def points_of(lines: Iterable[str]) -> np.ndarray:
    """Step and loss [K,2] of a log's lines.

    Raises:
        ValueError: there are fewer than two.
    """
    found = [match for match in map(LINE.match, lines) if match]
    points = np.array([(float(match[1]), float(match[2])) for match in found])
    if len(points) < 2:  # noqa: PLR2004
        raise ValueError("a curve needs two lines of a training's log")
    return points


def drawn(points: np.ndarray) -> Array:
    """The curve as a picture [HEIGHT,WIDTH,3]: every report faint, their running mean strong."""
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    last, top = points[-1, 0], float(np.ceil(points[:, 1].max() * 10) / 10)

    def place(steps: np.ndarray, losses: np.ndarray) -> np.ndarray:
        x = MARGIN + steps / last * (WIDTH - 2 * MARGIN)
        y = HEIGHT - MARGIN - losses / top * (HEIGHT - 2 * MARGIN)
        return np.round(np.stack([x, y], 1)).astype(np.int32)

    for share in np.linspace(0, 1, 6):
        (_, y), (x, _) = place(np.array([0, share * last]), np.array([share * top, 0.0]))
        cv2.line(picture, (MARGIN, int(y)), (WIDTH - MARGIN, int(y)), (235, 235, 235), 1)
        _write(picture, f"{share * top:.2f}", (4, int(y) + 4))
        _write(picture, f"{share * last:.0f}", (int(x) - 12, HEIGHT - MARGIN + 18))
    _write(picture, "loss over steps", (MARGIN, 24))
    kernel = np.ones(min(WINDOW, len(points))) / min(WINDOW, len(points))
    smooth = np.convolve(points[:, 1], kernel, mode="valid")
    cv2.polylines(picture, [place(points[:, 0], points[:, 1])], False, FAINT, 1, cv2.LINE_AA)  # noqa: FBT003
    ends = points[len(points) - len(smooth) :, 0]
    cv2.polylines(picture, [place(ends, smooth)], False, MEAN, 2, cv2.LINE_AA)  # noqa: FBT003
    return picture


def _write(picture: Array, text: str, at: tuple[int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)


def write_curve(log: Path, path: Path) -> None:
    """Draw a training's log into a PNG.

    Raises:
        ValueError: the log has too few lines.
    """
    lines = log.read_text(encoding="utf-8").splitlines()
    cv2.imwrite(str(path), drawn(points_of(lines)), [cv2.IMWRITE_PNG_COMPRESSION, 9])
