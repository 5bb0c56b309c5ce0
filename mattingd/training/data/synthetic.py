"""Subjects drawn with exactly known alpha: products, thin things, lace, glass, smoke, lettering, fur.

Everything is drawn on a finer grid and averaged down, so that the coverage is the alpha. Pure functions of a
generator; nothing is read from disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mattingd.training.data.datasets import Cutout, extended
from mattingd.training.data.drawing import (
    FINE,
    GRID,
    SIDE,
    bent,
    blank,
    coverage,
    line,
    lit,
    material,
    noise,
    polygon,
    ring,
    shade,
    subject,
)
from mattingd.training.data.rng import happens
from mattingd.training.data.strands import with_strands

if TYPE_CHECKING:
    from collections.abc import Callable

    from mattingd.training.data.geometry import Plane


def profile(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Half widths of something turned on a lathe, with their heights; both [K], in [0,1] of the side."""
    heights = np.linspace(0.06, 0.94, 60)
    knots = int(rng.integers(3, 7))
    widths = np.interp(heights, np.linspace(0.06, 0.94, knots), rng.uniform(0.05, 0.3, knots))
    if happens(rng, 0.5):
        widths = np.convolve(np.pad(widths, 6, mode="edge"), np.ones(13) / 13, mode="valid")
    if happens(rng, 0.4):
        widths = np.where(heights < rng.uniform(0.15, 0.35), rng.uniform(0.03, 0.09), widths)
    return widths, heights


def turned(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """A bottle, vase or jar: its coverage, and where across it a pixel lies in [-1,1]."""
    widths, heights = profile(rng)
    left, right = np.stack([0.5 - widths, heights], 1), np.stack([0.5 + widths, heights], 1)
    grid = blank()
    polygon(grid, np.concatenate([left, right[::-1]]))
    rows = np.interp((np.arange(SIDE) + 0.5) / SIDE, heights, widths)
    x = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    return coverage(grid), np.clip(x[None] / rows[:, None], -1, 1).astype(np.float32)


def bottle(rng: np.random.Generator) -> Cutout:
    """An opaque thing turned on a lathe, with a label, a highlight and a darker rim."""
    alpha, across = turned(rng)
    surface = material(rng)
    if happens(rng, 0.6):
        top, bottom = np.sort(rng.integers(SIDE // 3, SIDE, 2))
        surface[top:bottom] = material(rng)[top:bottom]
    round_ = np.sqrt(np.clip(1 - across**2, 0, 1)) * 0.7 + 0.3
    shine = rng.uniform(0, 0.9) * np.exp(-(((across - rng.uniform(-0.6, 0.6)) / rng.uniform(0.05, 0.2)) ** 2))
    return subject(lit(surface, (round_ + shine).astype(np.float32)), alpha)


def box(rng: np.random.Generator) -> Cutout:
    """A parcel seen from a corner: three faces of one material, differently lit."""
    wide, deep, tall = rng.uniform(0.15, 0.4), rng.uniform(0.15, 0.4), rng.uniform(0.1, 0.5)
    right, left = np.array([wide, -0.5 * wide]), np.array([-deep, -0.5 * deep * rng.uniform(0.6, 1.2)])
    down = np.array([0, tall])
    near = np.array([0.5 + (deep - wide) / 2, 0.5 + (wide + deep) / 4 - tall / 2])
    faces = (
        (near, near + right, near + right + down, near + down),
        (near, near + left, near + left + down, near + down),
        (near, near + right, near + right + left, near + left),
    )
    colour, alpha = material(rng), np.zeros((SIDE, SIDE), np.float32)
    for corners, light in zip(faces, rng.permutation([0.45, 0.75, 1.05]), strict=True):
        grid = blank()
        polygon(grid, np.array(corners))
        part = coverage(grid)
        alpha = np.maximum(alpha, part)
        face = lit(material(rng) if happens(rng, 0.2) else colour, np.full_like(alpha, light))
        colour = np.where((part > 0.5)[..., None], face, colour).astype(np.uint8)  # noqa: PLR2004
    whole = blank()
    for corners in faces:
        polygon(whole, np.array(corners))
    return subject(colour, coverage(whole))


def ball(rng: np.random.Generator) -> Cutout:
    """A ball with a highlight, or an egg."""
    grid, centre, radius, flat = blank(), np.array([0.5, 0.5]), rng.uniform(0.25, 0.46), rng.uniform(0.7, 1)
    polygon(grid, ring(centre, radius, flat))
    y, x = (np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE - 0.5) / radius
    lamp = rng.uniform(-0.5, 0.5, 2)
    away = np.hypot(x - lamp[0], y / flat - lamp[1])
    light = np.clip(1.05 - 0.45 * away**2, 0.15, 2) + rng.uniform(0, 0.9) * np.exp(-((away / 0.18) ** 2))
    return subject(lit(material(rng), light.astype(np.float32)), coverage(grid))


def wheel(rng: np.random.Generator) -> Cutout:
    """A wheel with spokes one sees through, sometimes two with a frame."""
    grid, thick = blank(), rng.uniform(0.7, 5)
    pair = happens(rng, 0.4)
    radius = rng.uniform(0.16, 0.2) if pair else rng.uniform(0.3, 0.46)
    hubs = [np.array([0.24, 0.68]), np.array([0.76, 0.68])] if pair else [np.array([0.5, 0.5])]
    flat = rng.uniform(0.5, 1)
    for hub in hubs:
        line(grid, ring(hub, radius, flat), rng.uniform(2, 9))
        for point in ring(hub, radius, flat, int(rng.integers(5, 30))):
            line(grid, np.stack([hub, point]), min(thick, 2.5) if pair else thick)
    if pair:
        saddle, crank = np.array([0.42, 0.35]), np.array([0.48, 0.66])
        bars = np.array([0.68, 0.32])
        for ends in (
            (hubs[0], saddle),
            (hubs[0], crank),
            (crank, saddle),
            (saddle, bars),
            (crank, bars),
            (bars, hubs[1]),
        ):
            line(grid, np.stack(ends), rng.uniform(2, 5))
    return subject(material(rng), coverage(grid))


def stool(rng: np.random.Generator) -> Cutout:
    """A chair or stool: a seat, thin legs, rungs, sometimes a back with bars."""
    grid, thick = blank(), rng.uniform(1.5, 8)
    seat = np.array([[0.25, 0.5], [0.72, 0.5], [0.8, 0.58], [0.2, 0.58]])
    polygon(grid, seat)
    feet = np.array([[0.3, 0.86], [0.7, 0.86], [0.84, 0.96], [0.16, 0.96]]) + rng.normal(0, 0.02, (4, 2))
    for top, foot in zip(seat, feet, strict=True):
        line(grid, np.stack([top, foot]), thick)
    for rung in rng.uniform(0.3, 0.8, int(rng.integers(0, 3))):
        ends = seat + (feet - seat) * rung
        line(grid, ends[[2, 3]], thick * 0.6)
    if happens(rng, 0.7):
        top = rng.uniform(0.05, 0.2)
        for x in np.linspace(0.27, 0.7, int(rng.integers(2, 8))):
            line(grid, np.array([[x, 0.5], [x + rng.normal(0, 0.01), top]]), thick * 0.8)
        line(grid, np.array([[0.26, top], [0.71, top]]), thick * 1.5)
    return subject(material(rng), coverage(grid))


def cable(rng: np.random.Generator) -> Cutout:
    """Cables, or wire, with a plug at one end."""
    grid = blank()
    end = rng.uniform(0.15, 0.85, 2)
    for _ in range(int(rng.integers(1, 5))):
        line(grid, bent(rng, rng.uniform(0.05, 0.95, 2), end, 0.35), rng.uniform(1, 6))
    half = rng.uniform(0.02, 0.1, 2)
    polygon(grid, end + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
    return subject(material(rng), coverage(grid))


def plant(rng: np.random.Generator) -> Cutout:
    """Stems that fork, with leaves; sometimes in a pot."""
    grid, root = blank(), np.array([0.5, 0.8])
    leaves = rng.uniform(0.015, 0.06)
    slim = rng.uniform(0.2, 0.7)
    for _ in range(int(rng.integers(3, 14))):
        tip = root + np.array([rng.normal(0, 0.22), -rng.uniform(0.3, 0.74)])
        stem = bent(rng, root, tip, 0.06)
        line(grid, stem, rng.uniform(0.7, 3))
        for point in stem[4 :: int(rng.integers(2, 6))]:
            turn = rng.uniform(0, 360)
            cv2.ellipse(
                grid, tuple(np.round(point * GRID).astype(int).tolist()),
                (round(leaves * GRID), max(1, round(leaves * slim * GRID))), turn, 0, 360, 255, -1,
            )  # fmt: skip
    if happens(rng, 0.6):
        polygon(grid, np.array([[0.36, 0.76], [0.64, 0.76], [0.59, 0.97], [0.41, 0.97]]))
    colour = (
        material(rng)
        if happens(rng, 0.4)
        else lit(np.full((SIDE, SIDE, 3), (60, 120, 50), np.uint8), 0.5 + noise(rng, 24, 2))
    )
    return subject(colour, coverage(grid))


def perforated(rng: np.random.Generator) -> Plane:
    """Rows of holes with threads across them: coverage [SIDE,SIDE] in [0,1]."""
    holes, pitch = blank(), rng.uniform(0.03, 0.11)
    for row, y in enumerate(np.arange(0, 1, pitch)):
        for x in np.arange((row % 2) * pitch / 2, 1, pitch):
            radius = pitch * rng.uniform(0.28, 0.42)
            polygon(holes, ring(np.array([x, y]), radius, 1.0, int(rng.choice([5, 7, 24]))))
    hole = coverage(holes)
    threads = 0.5 + 0.5 * np.sin(np.mgrid[0:SIDE, 0:SIDE][0] * rng.uniform(0.6, 2.2))
    net = rng.uniform(0, 0.5) * threads.astype(np.float32)
    woven: Plane = rng.uniform(0.7, 1.0) * (1 - hole) + net * hole
    return woven


def mesh(rng: np.random.Generator) -> Plane:
    """Tulle, fishnet or wire gauze: threads in two or three directions, [SIDE,SIDE] in [0,1]."""
    grid, pitch, width = blank(), rng.uniform(0.02, 0.09), rng.uniform(0.4, 2.5)
    turn = rng.uniform(0, np.pi)
    for angle in turn + np.arange(directions := int(rng.choice([2, 2, 3]))) * np.pi / directions:
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        for shift in np.arange(-0.75, 0.75, pitch):
            middle = 0.5 + shift * across
            line(grid, np.stack([middle - along, middle + along]), width)
    return coverage(grid)


def embroidered(rng: np.random.Generator) -> Plane:
    """Leaves and blots of dense stitching on gauze, [SIDE,SIDE] in [0,1]."""
    blots = noise(rng, int(rng.integers(5, 16)), 2)
    edge = float(np.quantile(blots, rng.uniform(0.35, 0.7)))
    dense = np.clip((blots - edge) * rng.uniform(20, 60), 0, 1) * rng.uniform(0.8, 1)
    gauze = mesh(rng) if happens(rng, 0.6) else np.full_like(blots, rng.uniform(0.03, 0.35))
    woven: Plane = np.maximum(dense, gauze).astype(np.float32)
    return woven


def ribbons(rng: np.random.Generator) -> Plane:
    """Parallel bands with gaps one sees through, some scalloped, [SIDE,SIDE] in [0,1]."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    wave = rng.uniform(0, 0.03) * np.abs(np.sin(np.pi * x * rng.uniform(5, 20)))
    phase = (y + wave) * rng.uniform(6, 22)
    band = np.abs(phase % 1 - 0.5) - rng.uniform(0.1, 0.35)
    cloth = np.clip(band * SIDE / rng.uniform(8, 16), 0, 1)
    woven: Plane = np.maximum(cloth * rng.uniform(0.75, 1), rng.uniform(0, 0.3)).astype(np.float32)
    return woven


def draped(plane: Plane, rng: np.random.Generator) -> Plane:
    """A flat pattern [SIDE,SIDE] pulled about as cloth is."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    pull = SIDE * rng.uniform(0, 0.25)
    shift = [(noise(rng, int(rng.integers(2, 5)), 2) - 0.5) * pull for _ in range(2)]
    how = cv2.INTER_LINEAR
    moved = cv2.remap(plane, x + shift[0], y + shift[1], how, borderMode=cv2.BORDER_REFLECT)
    return moved.astype(np.float32)


def lace(rng: np.random.Generator) -> Cutout:
    """A cloth with holes, threads or gauze that let light through."""
    outer = blank()
    corners = np.array([[0.08, 0.1], [0.92, 0.1], [0.92, 0.9], [0.08, 0.9]]) + rng.normal(0, 0.05, (4, 2))
    polygon(outer, ring(np.array([0.5, 0.5]), 0.45, rng.uniform(0.5, 1)) if happens(rng, 0.5) else corners)
    weaves = (perforated, mesh, embroidered, ribbons)
    woven = draped(weaves[int(rng.integers(len(weaves)))](rng), rng)
    if happens(rng, 0.3):
        wide = int(GRID * rng.uniform(0.01, 0.04))
        inside = cv2.erode(outer, np.ones((3, 3), np.uint8), iterations=wide).astype(np.uint8)
        woven = np.maximum(woven, 1 - coverage(inside))
    folds = 0.6 + 0.6 * noise(rng, 5, 2)
    return subject(lit(material(rng), folds), coverage(outer) * woven)


def glass(rng: np.random.Generator) -> Cutout:
    """Clear or tinted glass: thin in the middle, dense at its rims, with white lights on it."""
    alpha, across = turned(rng)
    thin, rim = rng.uniform(0.12, 0.4), rng.uniform(0.5, 0.95)
    dense = thin + (rim - thin) * np.abs(across) ** rng.uniform(3, 10)
    level = int(SIDE * rng.uniform(0.3, 1.2))
    dense[level:] = np.maximum(dense[level:], rng.uniform(0.3, 0.9))
    shine = np.exp(-(((across - rng.uniform(-0.7, 0.7)) / rng.uniform(0.03, 0.1)) ** 2)) * rng.uniform(0, 0.9)
    tint = np.clip(np.full((SIDE, SIDE, 3), 200) + rng.normal(0, 35, 3), 0, 255).astype(np.uint8)
    if happens(rng, 0.4):
        tint = lit(material(rng), np.full((SIDE, SIDE), 1.1, np.float32))
    light = (0.75 + 0.35 * np.abs(across) + shine).astype(np.float32)
    return subject(lit(tint, light), alpha * np.clip(dense + shine, 0, 1).astype(np.float32))


def smoke(rng: np.random.Generator) -> Cutout:
    """A cloud, steam or smoke: thick in the middle, frayed outwards."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE - 0.5
    blob = np.clip(1.1 - (np.hypot(x / rng.uniform(0.25, 0.45), y / rng.uniform(0.25, 0.45))), 0, 1)
    alpha = np.clip(blob * 1.6 * noise(rng, int(rng.integers(3, 8)), 6) ** rng.uniform(1, 2.2) * 2.2, 0, 1)
    tone = np.full((SIDE, SIDE, 3), shade(rng) if happens(rng, 0.3) else rng.integers(180, 256), np.uint8)
    return subject(lit(tone, 0.7 + 0.4 * noise(rng, 6)), alpha.astype(np.float32))


FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def lettering(rng: np.random.Generator) -> Cutout:
    """A word or two, in a ring or under a mark: a logo."""
    grid = blank()
    letters = list("ABCDEFGHKLMNORSTUVXZaegkmnorstz&8")
    for row in range(int(rng.integers(1, 4))):
        word = "".join(rng.choice(letters, int(rng.integers(2, 8))))
        font, bold = int(rng.choice(FONTS)), int(rng.integers(2, 9)) * FINE
        (wide, tall), _ = cv2.getTextSize(word, font, 1.0, 1)
        scale = min(0.8 * GRID / max(wide, 1), 0.24 * GRID / max(tall, 1)) * rng.uniform(0.5, 1)
        at = (int((GRID - wide * scale) / 2), int(GRID * (0.33 + 0.25 * row)))
        cv2.putText(grid, word, at, font, scale, 255, bold, cv2.LINE_8)
    if happens(rng, 0.4):
        line(
            grid, ring(np.array([0.5, 0.5]), rng.uniform(0.44, 0.48), rng.uniform(0.5, 1)), rng.uniform(2, 12)
        )
    return subject(material(rng), coverage(grid))


def furry(rng: np.random.Generator) -> Cutout:
    """A round creature whose whole outline is fur, or a head with long hair."""
    grid = blank()
    body = np.array([0.5, 0.58])
    polygon(grid, ring(body, rng.uniform(0.18, 0.26), rng.uniform(0.7, 1.2)))
    polygon(grid, ring(body - [rng.normal(0, 0.05), rng.uniform(0.15, 0.25)], rng.uniform(0.1, 0.16)))
    alpha = coverage(grid)
    hairs = noise(rng, int(rng.integers(30, 120)), 2)
    colour = lit(material(rng), 0.55 + 0.6 * hairs)
    for _ in range(int(rng.integers(2, 5))):
        colour, alpha = with_strands(colour, alpha, rng)
    return subject(colour, alpha)


KINDS: dict[Callable[[np.random.Generator], Cutout], float] = {
    bottle: 0.11, box: 0.09, ball: 0.04, wheel: 0.08, stool: 0.07, cable: 0.05, plant: 0.08,
    lace: 0.18, glass: 0.08, smoke: 0.03, lettering: 0.05, furry: 0.14,
}  # fmt: skip
"""Everything that can be drawn, and its share."""


def draw(rng: np.random.Generator) -> Cutout:
    """A random drawn subject, its colours defined everywhere."""
    kinds = list(KINDS)
    shares = np.array(list(KINDS.values()))
    made = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))](rng)
    return Cutout(extended(made.colour, made.alpha) if happens(rng, 0.2) else made.colour, made.alpha)
