"""Scenes with exactly known alpha, foreground and background: hair, fur, lace and spokes at any size.

Colours are photographs that come with scikit-image; shapes are drawn with coverage on a finer grid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

from mattingd.imaging.matting.preprocess import fit

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

_REFERENCE = 1024
"""Widths of strands and threads are told in pixels of a picture with this long side."""
_BAND = 15
"""Pixels around soft ones that count as the edge, too."""
_SHIFT = 4  # fractional bits of drawn coordinates


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture and what it was mixed from.

    Attributes:
        picture: uint8[H,W,3], foreground over background.
        alpha: uint8[H,W], the true matte.
        front: uint8[H,W,3], the subject's colour everywhere.
        back: uint8[H,W,3], the background everywhere.
    """

    picture: UInt8
    alpha: UInt8
    front: UInt8
    back: UInt8


def scene(kind: str, width: int, height: int, seed: int = 0) -> Scene:
    """A scene of one of `KINDS`."""
    rng = np.random.default_rng([seed, *kind.encode()])
    alpha = KINDS[kind](width, height, rng)
    front, back = _colours(kind, width, height, rng)
    mixed = np.empty_like(front)
    for top in range(0, height, 256):
        rows = slice(top, top + 256)
        cover = alpha[rows, :, None].astype(np.float32) / 255
        mixed[rows] = np.rint(front[rows] * cover + back[rows] * (1 - cover))
    return Scene(mixed, alpha, front, back)


def _colours(kind: str, width: int, height: int, rng: np.random.Generator) -> tuple[UInt8, UInt8]:
    """A smooth subject colour with texture, and a photograph behind."""
    subject = np.array(_SUBJECTS[kind], np.float32)
    shade = cv2.resize(rng.random((5, 7), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(
        rng.standard_normal((height // 3, width // 3), np.float32),
        (width, height),
        interpolation=cv2.INTER_LINEAR,
    )
    front = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        front[:, :, channel] = np.clip(subject[channel] * (0.6 + 0.7 * shade) + 8 * grain, 0, 255)
    photograph = np.asarray(getattr(data, _GROUNDS[kind])(), np.uint8)
    large = cv2.resize(photograph, (width, height), interpolation=cv2.INTER_CUBIC)
    return front, cv2.GaussianBlur(large, (0, 0), max(width, height) / 300).astype(np.uint8)


_SUBJECTS = {"hair": (96, 58, 36), "fur": (205, 190, 170), "lace": (240, 238, 232), "spokes": (60, 62, 70)}
_GROUNDS = {"hair": "coffee", "fur": "rocket", "lace": "chelsea", "spokes": "astronaut"}


class _Sheet:
    """Draws anti-aliased lines whose width is a fraction of a pixel, too."""

    def __init__(self, width: int, height: int) -> None:
        self.fine = 2
        self.size = width, height
        self.unit = max(width, height) / _REFERENCE
        self.cover = np.zeros((height * self.fine, width * self.fine), np.uint8)

    def lines(self, points: npt.NDArray[np.floating], width: float) -> None:
        """Polylines [N,K,2] (x, y in pixels); width at `_REFERENCE`."""
        thick = max(1, round(width * self.unit * self.fine))
        whole = np.rint(points * self.fine * 2**_SHIFT).astype(np.int32)
        cv2.polylines(self.cover, list(whole), False, 255, thick, cv2.LINE_AA, _SHIFT)  # noqa: FBT003

    def disk(self, centre: tuple[float, float], radius: float, value: int = 255) -> None:
        """A filled circle."""
        x, y = (round(v * self.fine * 2**_SHIFT) for v in centre)
        cv2.circle(self.cover, (x, y), round(radius * self.fine * 2**_SHIFT), value, -1, cv2.LINE_AA, _SHIFT)

    def alpha(self) -> UInt8:
        """The drawing averaged down."""
        return cv2.resize(self.cover, self.size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _strands(
    centre: tuple[float, float], radius: float, count: int, reach: float, rng: np.random.Generator
) -> npt.NDArray[np.floating]:
    """`count` bent strands [count,6,2] out of a disk."""
    angle = rng.uniform(0, 2 * np.pi, count)
    lean = angle + rng.normal(0, 0.5, count)
    bend = rng.normal(0, 0.6, count)
    length = reach * rng.uniform(0.3, 1, count)
    t = np.linspace(0, 1, 6)[None, :]
    way, heading = length[:, None] * t, lean[:, None] + bend[:, None] * t
    x = centre[0] + 0.95 * radius * np.cos(angle)[:, None] + way * np.cos(heading)
    y = centre[1] + 0.95 * radius * np.sin(angle)[:, None] + way * np.sin(heading)
    return np.stack([x, y], -1)


def _hair(width: int, height: int, rng: np.random.Generator) -> UInt8:
    sheet, centre, radius = _Sheet(width, height), (width / 2, height * 0.55), min(width, height) * 0.27
    sheet.disk(centre, radius)
    for thickness in (0.35, 0.6, 1.0):
        sheet.lines(_strands(centre, radius, 500, radius * 0.6, rng), thickness)
    return sheet.alpha()


def _fur(width: int, height: int, rng: np.random.Generator) -> UInt8:
    sheet, centre, radius = _Sheet(width, height), (width / 2, height / 2), min(width, height) * 0.33
    sheet.disk(centre, radius)
    sheet.lines(_strands(centre, radius, 6000, radius * 0.13, rng), 0.7)
    return sheet.alpha()


def _lace(width: int, height: int, rng: np.random.Generator) -> UInt8:
    sheet, step = _Sheet(width, height), 26 * max(width, height) / _REFERENCE
    side = min(width, height) * 0.36
    for x in np.arange(-side, side, step):
        for y in np.arange(-side, side, step):
            sheet.disk((width / 2 + x + rng.normal(0, 1), height / 2 + y), step * 0.62)
    for x in np.arange(-side, side, step):
        for y in np.arange(-side, side, step):
            sheet.disk((width / 2 + x, height / 2 + y), step * rng.uniform(0.2, 0.4), 40)
    return sheet.alpha()


def _spokes(width: int, height: int, rng: np.random.Generator) -> UInt8:
    sheet, centre, radius = _Sheet(width, height), np.array((width / 2, height / 2)), min(width, height) * 0.4
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False) + rng.uniform(0, 0.1)
    rim = centre + radius * np.stack([np.cos(angle), np.sin(angle)], -1)
    sheet.lines(np.stack([np.broadcast_to(centre, rim.shape), rim], 1), 1.6)
    ring = np.linspace(0, 2 * np.pi, 400)
    sheet.lines((centre + radius * np.stack([np.cos(ring), np.sin(ring)], -1))[None], 14)
    sheet.disk((centre[0], centre[1]), radius * 0.12)
    return sheet.alpha()


KINDS: dict[str, Callable[[int, int, np.random.Generator], UInt8]] = {
    "hair": _hair,
    "fur": _fur,
    "lace": _lace,
    "spokes": _spokes,
}
"""The kinds of scenes, and who draws their mattes."""


def network_view(alpha: UInt8) -> npt.NDArray[np.float32]:
    """What a good network would say of this truth: at its size, a little blurred, never quite sure."""
    found = fit(alpha.shape[1], alpha.shape[0])
    small = cv2.resize(
        alpha.astype(np.float32) / 255, (found.net_width, found.net_height), interpolation=cv2.INTER_AREA
    )
    return (cv2.GaussianBlur(small, (0, 0), 0.7) * 0.98 + 0.01).astype(np.float32)


def matte_error(matte: npt.NDArray[Any], alpha: UInt8) -> float:
    """Mean absolute difference (0..1) in the band around soft pixels."""
    soft = ((alpha > 0) & (alpha < 255)).astype(np.uint8)
    band = cv2.dilate(soft, np.ones((_BAND, _BAND), np.uint8)) > 0
    return float(np.abs(matte[band] - alpha[band] / 255).mean())


def colour_error(colours: npt.NDArray[Any], scene: Scene) -> float:
    """Mean difference (0..255) of soft pixels' colours from the true foreground, as seen through alpha."""
    soft = (scene.alpha > 0) & (scene.alpha < 255)
    off = np.abs(colours[soft].astype(np.float64) - scene.front[soft])
    return float((off * scene.alpha[soft, None] / 255).mean())
