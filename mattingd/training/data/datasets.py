"""The data pack on disk: which files are there, which are held out, and decoding them once.

Knows folder names and file formats; knows nothing of augmentation or the network.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from mattingd.training.data.foreground import (
    UNDECIDED,
    estimate_foreground,
    head,
    soft_from_binary,
    soft_from_trimap,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mattingd.training.data.geometry import Array, Plane

HELD_OUT_DIGITS = "0123"
ASIDE_DIGIT = "0"
BELIEVED = 153
"""The weight, of 255, of what a matting solver says in a band that nobody labelled."""

SHOW_A_SUBJECT = frozenset({
    "earthrise.webp", "w_Martin_Adams.webp", "w_Mr__Lee.webp", "w_Photo_by_SpaceX.webp",
    "w_Tj_Holowaychuk.webp",
})  # fmt: skip
"""Landscapes by their folder only: the Earth, a flower, a lantern, a spacecraft and a dahlia."""


def held_out(name: str) -> bool:
    """Whether a stamp's file name (SHA-256 starting with 0-3) is kept for judging and never trained on."""
    return hashlib.sha256(name.encode()).hexdigest()[0] in HELD_OUT_DIGITS


def read_rgb(path: Path) -> Array:
    """Decode a picture to RGB uint8 [H,W,3].

    Raises:
        ValueError: the file is no picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path}: not a readable picture")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8)


def read_plane(path: Path) -> Array:
    """Decode a mask or matte to uint8 [H,W]: a cut-out's alpha, else the grey values.

    Raises:
        ValueError: the file is no picture.
    """
    plane = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if plane is None:
        raise ValueError(f"{path}: not a readable mask")
    if plane.dtype == np.uint16:
        plane = plane / 257 + 0.5
    plane = plane.astype(np.uint8)
    if plane.ndim == 3:  # noqa: PLR2004
        plane = plane[..., 3] if plane.shape[2] == 4 else cv2.cvtColor(plane, cv2.COLOR_BGR2GRAY)  # noqa: PLR2004
    return plane.astype(np.uint8)


@dataclass(frozen=True)
class Photo:
    """A photograph and its mask: 0 background, 255 subject, in `pets` 128 undecided.

    `solved` is its matte from `solving`, where there is one.
    """

    path: Path
    group: str
    solved: Path | None = None
    truth: Path | None = None
    """The mask's own file; None: the same name ending in `.png`."""
    soft: bool = False
    """Whether the mask is a matte already: a teacher's."""
    trust: float = 1.0
    """How often it is drawn beside its neighbours, in (0,1]: a matte that two networks disagree on less."""
    liftable: bool = True
    """Whether its subject may be put before other backgrounds."""
    kept: bool = True
    """Whether what was decoded stays in memory. A pack of ten thousand pictures would take them all."""

    def opened(self) -> Photo:
        """Itself, or a copy that is forgotten after use."""
        return self if self.kept else replace(self)

    @cached_property
    def image(self) -> Array:
        """RGB uint8 [H,W,3]."""
        return read_rgb(self.path)

    @cached_property
    def mask(self) -> Array:
        """Mask uint8 [H,W]."""
        return read_plane(self.truth or self.path.with_suffix(".png"))

    @property
    def trimap(self) -> bool:
        """Whether 128 in the mask means "undecided"."""
        return self.group == "pets"

    @cached_property
    def aspect(self) -> float:
        """Width over height, from the file's header."""
        with Image.open(self.path) as picture:
            return float(picture.width / picture.height)

    @cached_property
    def known(self) -> Array:
        """How far the matte is believed, uint8 [H,W]: 255 stated, 0 undecided, between if solved."""
        undecided = (self.mask == UNDECIDED) & self.trimap
        return np.where(undecided, 0 if self.solved is None else BELIEVED, 255).astype(np.uint8)

    @cached_property
    def matte(self) -> Array:
        """The best matte uint8 [H,W] there is: the solved one where it applies, else the mask."""
        return self.refined(self.mask)

    def refined(self, plain: Array) -> Array:
        """`plain` [H,W] with the solved matte where that applies: a pet's whole outline, a person's hair."""
        if self.solved is None:
            return plain
        better = read_plane(self.solved)
        if self.trimap:
            return better
        where = head(self.mask)
        return (better * where + plain * (1 - where) + 0.5).astype(np.uint8)

    @cached_property
    def cutout(self) -> Cutout:
        """The subject lifted from the photograph: a softened matte and estimated colours."""
        alpha: Plane
        if self.soft:
            alpha = self.mask.astype(np.float32) / 255
        elif self.trimap and self.solved is None:
            alpha = soft_from_trimap(self.image, self.mask)
        else:
            binary = (soft_from_binary(self.mask) * 255).astype(np.uint8)
            alpha = self.refined(binary).astype(np.float32) / 255
        return Cutout(estimate_foreground(self.image, alpha), (alpha * 255).astype(np.uint8))


@dataclass(frozen=True)
class Cutout:
    """Subject colours uint8 [H,W,3] (defined beyond the edge too) and alpha uint8 [H,W]."""

    colour: Array
    alpha: Array


@dataclass(frozen=True)
class CutoutFile:
    """A straight-alpha RGBA file."""

    path: Path

    @cached_property
    def cutout(self) -> Cutout:
        """Decoded, cropped to its content with a margin, colours extended under transparent pixels."""
        rgba = cv2.imread(str(self.path), cv2.IMREAD_UNCHANGED)
        if rgba is None or rgba.ndim != 3 or rgba.shape[2] != 4:  # noqa: PLR2004
            raise ValueError(f"{self.path}: not an RGBA cut-out")
        rgba = cropped(rgba.astype(np.uint8))
        alpha = np.ascontiguousarray(rgba[..., 3])
        return Cutout(extended(np.ascontiguousarray(rgba[..., 2::-1]), alpha), alpha)


def cropped(rgba: Array, margin: int = 4) -> Array:
    """The part of [H,W,4] with alpha above 8/255, with a transparent margin."""
    ys, xs = np.nonzero(rgba[..., 3] > 8)  # noqa: PLR2004
    if not len(ys):
        raise ValueError("a cut-out without content")
    part = rgba[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    return np.pad(part, ((margin, margin), (margin, margin), (0, 0)))


def extended(colour: Array, alpha: Array) -> Array:
    """Colours with the nearly transparent pixels filled from their opaque neighbourhood."""
    a: Plane = alpha.astype(np.float32) / 255
    filled = colour.astype(np.float32)
    for radius in (31, 9, 3):
        size = (2 * radius + 1, 2 * radius + 1)
        weight = cv2.blur(a, size)[..., None]
        near = cv2.blur(colour * a[..., None], size) / (weight + 1e-4)
        filled = np.where((a[..., None] < 0.1) & (weight > 0.01), near, filled)  # noqa: PLR2004
    return np.clip(filled, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Library:
    """Everything a training run draws from."""

    photos: dict[str, tuple[Photo, ...]]
    cutouts: dict[str, tuple[CutoutFile, ...]]
    backgrounds: tuple[Photo, ...]
    world: frozenset[str] = frozenset()
    """Those groups of `photos` that come from a pack of many sources."""


def photos_in(folder: Path, solved: Path | None = None) -> tuple[Photo, ...]:
    """All photographs of one group that have a mask, in name order; with their mattes under `solved`."""
    found = (path for path in sorted(folder.glob("*.webp")) if path.with_suffix(".png").exists())
    return tuple(Photo(path, folder.name, solved_for(path, solved)) for path in found)


def solved_for(photo: Path, solved: Path | None) -> Path | None:
    """`solved/GROUP/NAME.png` of a photograph, where that exists."""
    path = None if solved is None else solved / photo.parent.name / f"{photo.stem}.png"
    return path if path is not None and path.exists() else None


def open_library(data: Path, solved: Path | None = None) -> Library:
    """List the training part of the data pack at `data`, and mattes solved from it; nothing is decoded yet.

    Raises:
        ValueError: there is no training photograph.
    """
    train = data / "train"
    photos = {d.name: photos_in(d, solved) for d in sorted((train / "photos").glob("*/"))}
    if not any(photos.values()):
        raise ValueError(f"{data}: no pictures under train/photos/*/ (NAME.webp beside NAME.png)")
    cutouts = {
        d.name: tuple(
            CutoutFile(p) for p in sorted(d.glob("*.webp")) if d.name != "stamps" or not held_out(p.name)
        )
        for d in sorted((train / "cutouts").glob("*/"))
    }
    lands = sorted((train / "backgrounds").glob("*/*.webp"))
    backgrounds = tuple(Photo(p, "land") for p in lands if p.name not in SHOW_A_SUBJECT)
    return Library(
        {name: group for name, group in photos.items() if group},
        {name: group for name, group in cutouts.items() if group},
        backgrounds,
    )


DISTRUSTED, TRUSTED = 0.3, 0.9
"""Agreement of two teachers below which a matte counts little, and above which it counts as it is."""
LEAST_TRUST = 0.15
AGREED, DECIDED = 0.85, 0.1
"""A subject is lifted where the teachers agree at least so far and leave no more than this undecided."""


def world_in(pack: Path, part: str = "train") -> dict[str, tuple[Photo, ...]]:
    """The photographs of a pack of many sources, `PART/photos/SOURCE/`, with its `index.csv` beside `PART`.

    The index states part, source, name, agreement and undecided, or `kind` "truth" for masks made by hand;
    what it does not list is taken for truth.
    """
    index = pack / "index.csv"
    rows: dict[tuple[str, str], dict[str, str]] = {}
    if index.exists():
        with index.open(encoding="utf-8", newline="") as lines:
            rows = {(row["source"], row["name"]): row for row in csv.DictReader(lines)}
    groups = {}
    for folder in sorted((pack / part / "photos").glob("*/")):
        photos = photos_in(folder)
        groups[folder.name] = tuple(trusted(p, rows.get((p.group, p.path.stem), {})) for p in photos)
    return {name: group for name, group in groups.items() if group}


def trusted(photo: Photo, row: dict[str, str]) -> Photo:
    """A photograph with what its row of the index says about its matte."""
    if not row.get("agreement"):
        return replace(photo, kept=False, soft=row.get("kind") == "teacher")
    agreement, undecided = float(row["agreement"]), float(row.get("undecided") or 0)
    trust = min(1.0, max(LEAST_TRUST, (agreement - DISTRUSTED) / (TRUSTED - DISTRUSTED)))
    liftable = agreement > AGREED and undecided < DECIDED
    return replace(photo, kept=False, soft=True, trust=trust, liftable=liftable)


def with_world(library: Library, packs: Iterable[Path]) -> Library:
    """A library with the photographs of further packs; the first of two groups of one name is kept."""
    photos = {name: group for pack in packs for name, group in world_in(pack).items()}
    return replace(library, photos=photos | library.photos, world=frozenset(photos) - set(library.photos))


def aside(photo: Photo) -> bool:
    """Whether a photograph's file name (SHA-256 starting with 0) is kept to judge a training on: 1 in 16."""
    return hashlib.sha256(photo.path.name.encode()).hexdigest().startswith(ASIDE_DIGIT)


def divided(library: Library) -> tuple[Library, Library]:
    """What is trained on, and what is judged on."""
    parts = []
    for wanted in (False, True):
        photos = {
            name: tuple(p for p in group if aside(p) == wanted) for name, group in library.photos.items()
        }
        parts.append(replace(library, photos={name: group for name, group in photos.items() if group}))
    return parts[0], parts[1]
