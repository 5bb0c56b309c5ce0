"""Apply a user's strokes to a matte: their neighbourhood is solved, everything else stays.

A random walk with a prior (Grady, *Random Walks for Image Segmentation*, 2006): alpha flows from the strokes
until the picture's edges stop it, or until the matte agrees; the prior is the existing matte and, near the
strokes, the colours. It is solved at a small size and scaled up along the picture's edges like every matte
(`upsample`), so that hair stays hair. Knows alpha, colours and marks. Must not know files.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.imaging.matting import upsample
from mattingd.imaging.matting.tiles import Float32, UInt8, as_float32, as_uint8, piece, shrink, tiles_of

DROP, KEEP = 1, 2
"""What is painted at a pixel: out of the matte, or into it; 0 is nothing."""

REACH_OF_STROKE = 0.75
"""A stroke changes nothing farther away than so many times its own extent (the diagonal of its box), ..."""

REACH_OF_PICTURE = 0.08
"""... or, where that is more, this share of the picture's long side. These and the constants below were
chosen on 85 training photographs with a wrong region, two strokes in each: see docs/TOUCHUP.md."""

REACH_AT_MOST = 0.2
"""But never farther than this share of the long side, however long the stroke is: the smallest limit tried
that hardly lessens what two strokes mend (by 2.5 % at most, with 0.16 by 8 %); see docs/TOUCHUP.md."""

_JOINED = 0.02
"""Strokes nearer to each other than this share of the long side are one."""

_MEASURED_SIDE = 1024
"""The long side at which distances are measured, at most."""

_SIDE = 512
"""The long side at which a neighbourhood is solved, at most."""

_AROUND = 1.5
"""Colours are learnt, and solved for, within so many reaches."""

_NEAR = 0.35
"""In reaches: nearer than this the colours are asked, farther away the matte there was."""

_NEAR_CURVE = 4
"""How suddenly that changes: ``exp(-(distance / near) ** curve)``."""

_SEEPAGE, _SPREAD_FROM, _SPREAD_TO = 1e-4, 0.35, 0.85
"""The same goes for what the strokes alone would spread to: they lose so much on the way, and what arrives
counts between these."""

_PULL, _LEAST_PULL = 0.03, 0.05
"""How strongly the prior pulls beside neighbours of the same colour, which pull with 1; and the part of that
where a colour is as likely on both sides."""

_LEAST_FLOW = 1e-3
"""What flows even over the hardest edge."""

_STEEPNESS = 8.0
"""A walk's probabilities are a soft slope; this makes an edge of them, which `refining` finds exactly."""

_BINS = 12
"""Colours are told apart in so many steps of each channel of Lab."""

_STROKE_WEIGHT, _MATTE_WEIGHT, _UNSEEN = 20.0, 0.3, 5.0
"""How much a painted pixel, one of the matte there was, and every colour that was never seen count."""

_CHANGED = 0.25
"""Only what the walk changes by so much is joined to the strokes, and changed."""

_RIM = 9
"""Pixels of the small size: so wide is what goes along, half to each side; the soft rim of what goes, too."""

_FADE_FROM, _FADE_TO = 0.7, 0.95
"""In parts of the farthest: a change fades out between these; early, since it is sampled at small sizes."""

_STEPS, _TOLERANCE = 200, 1e-7
"""Of the conjugate gradients."""


class _Distance(NamedTuple):
    """Distance from the strokes, each relative to its own reach: two planes float32[h,w] of one size."""

    walked: Float32
    """Without the limit: decides what is learnt and trusted."""
    changed: Float32
    """With the limit: nothing changes where it is 1 or more."""


class _Box(NamedTuple):
    """A part of the picture, in pixels."""

    top: int
    left: int
    bottom: int
    right: int

    def of(self, plane: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return the same part of a plane that shows the picture, whose size is `shape`, at another size."""
        down, across = plane.shape[0] / shape[0], plane.shape[1] / shape[1]
        rows = slice(int(self.top * down), int(np.ceil(self.bottom * down)))
        return plane[rows, int(self.left * across) : int(np.ceil(self.right * across))]

    def meets(self, other: "_Box") -> bool:
        """Whether both share a pixel."""
        rows = self.top < other.bottom and other.top < self.bottom
        return rows and self.left < other.right and other.left < self.right

    def joined(self, other: "_Box") -> "_Box":
        """Return the smallest box around both."""
        return _Box(*map(min, self[:2], other[:2]), *map(max, self[2:], other[2:]))


def touch_up(alpha: UInt8, srgb: UInt8, marks: UInt8) -> UInt8:
    """Return a matte with the user's strokes applied.

    Args:
        alpha: uint8[H,W], the existing matte.
        srgb: uint8[H,W,3], the picture.
        marks: uint8[H,W]: 0, `DROP` or `KEEP`.

    Returns:
        uint8[H,W]; exactly ``alpha`` wherever `nearness` is 1 or more.
    """
    distance = _distances(marks)
    result = alpha.copy()
    for box in _neighbourhoods(distance.walked, alpha.shape):
        part = slice(box.top, box.bottom), slice(box.left, box.right)
        there = _Distance(*(as_float32(box.of(plane, alpha.shape)) for plane in distance))
        _solve(result[part], srgb[part], marks[part], there)
    return result


def nearness(marks: UInt8) -> Float32:
    """How far from the strokes, each measured by its own reach: float32[h,w], `_MEASURED_SIDE` at most.

    From 1 on nothing is changed. Without any stroke it is infinite everywhere.
    """
    return _distances(marks).changed


def _distances(marks: UInt8) -> _Distance:
    """Return the same, and the distance for the random walk; at most `_MEASURED_SIDE`."""
    small = reduced(marks, *_within(marks.shape, _MEASURED_SIDE))
    painted, long_side = small > 0, max(small.shape)
    result = _Distance(*(np.full(small.shape, np.inf, np.float32) for _ in range(2)))
    gap = max(1, round(_JOINED * long_side))
    joined = cv2.dilate(painted.astype(np.uint8), np.ones((gap, gap), np.uint8))
    count, labels = cv2.connectedComponents(joined)
    for label in range(1, count):
        stroke = painted & (labels == label)
        reach = max(REACH_OF_STROKE * _extent(stroke), REACH_OF_PICTURE * long_side)
        distance = cv2.distanceTransform((~stroke).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        np.minimum(result.walked, distance / np.float32(reach), out=result.walked)
        farthest = min(reach, REACH_AT_MOST * long_side)
        np.minimum(result.changed, distance / np.float32(farthest), out=result.changed)
    return result


def reduced(marks: UInt8, width: int, height: int) -> UInt8:
    """Reduce marks to another size: paint in any part of a pixel counts, and `KEEP` wins."""
    how = cv2.INTER_NEAREST if width > marks.shape[1] else cv2.INTER_AREA
    result = np.zeros((height, width), np.uint8)
    for kind in (DROP, KEEP):
        cover = (marks == kind).astype(np.uint8) * 255
        result[cv2.resize(cover, (width, height), interpolation=how) > 0] = kind
    return result


def _extent(stroke: npt.NDArray[np.bool_]) -> float:
    """Return the diagonal of the box around the painted pixels; 0 without any."""
    rows, columns = (np.flatnonzero(stroke.any(axis)) for axis in (1, 0))
    return float(np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1)) if rows.size else 0.0


def _within(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Return (width, height) of this shape with a long side of at most `side` px."""
    scale = min(1.0, side / max(shape[:2]))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _neighbourhoods(near: Float32, shape: tuple[int, ...]) -> list[_Box]:
    """Yield the boxes to solve around the strokes of a picture of this shape; no two of them overlap."""
    count, _, stats, _ = cv2.connectedComponentsWithStats((near < _AROUND).astype(np.uint8))
    down, across = shape[0] / near.shape[0], shape[1] / near.shape[1]
    boxes = [
        _Box(
            int(top * down),
            int(left * across),
            min(shape[0], math.ceil((top + height) * down)),
            min(shape[1], math.ceil((left + width) * across)),
        )
        for left, top, width, height, _ in stats[1:count].tolist()
    ]
    while meeting := next((pair for pair in combinations(boxes, 2) if pair[0].meets(pair[1])), None):
        boxes = [box for box in boxes if box not in meeting] + [meeting[0].joined(meeting[1])]
    return boxes


def _solve(alpha: UInt8, srgb: UInt8, marks: UInt8, near: _Distance) -> None:
    """Solve one neighbourhood, and change ``alpha`` there."""
    width, height = _within(alpha.shape, _SIDE)
    small, colours = reduced(marks, width, height), shrink(srgb, width, height)
    walked, changed = (
        as_float32(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)) for plane in near
    )
    before = as_float32(shrink(alpha, width, height).astype(np.float32) / 255)
    after = _walk(colours, before, small, walked)
    change = _joined_to_strokes(before, after, small)
    change *= np.clip((_FADE_TO - changed) / (_FADE_TO - _FADE_FROM), 0, 1)
    if change.any():
        solved = np.where(change > 0, after, before).astype(np.float32)
        _blend(alpha, upsample.to_full_size(solved, srgb), as_float32(change))


def _joined_to_strokes(before: Float32, after: Float32, marks: UInt8) -> Float32:
    """Return 1 where the change is connected to strokes that want it, otherwise 0; soft in between."""
    result = np.zeros(before.shape, np.float32)
    for kind, change in ((KEEP, after - before), (DROP, before - after)):
        wanted = (change > _CHANGED) | (marks == kind)
        _, labels = cv2.connectedComponents(wanted.astype(np.uint8))
        joined = np.isin(labels, labels[marks == kind]) & wanted
        grown = cv2.dilate(joined.astype(np.float32), np.ones((_RIM, _RIM), np.uint8))
        np.maximum(result, grown * (change >= 0), out=result)
    return as_float32(cv2.blur(result, (3, 3)))


def _blend(alpha: UInt8, new: UInt8, weight: Float32) -> None:
    """Mix ``new`` (both uint8[H,W]) into ``alpha``; weight: float32[h,w], from 0 to 1."""
    touched = cv2.resize((weight > 0).astype(np.uint8), alpha.shape[::-1], interpolation=cv2.INTER_NEAREST)
    for tile in tiles_of(as_uint8(cv2.dilate(touched, np.ones((3, 3), np.uint8)))):
        share, old = piece(weight, alpha.shape, tile), alpha[tile].astype(np.float32)
        alpha[tile] = np.rint(old + share * (new[tile] - old)).astype(np.uint8)


# --- the walk ---


class _Flow(NamedTuple):
    """The flow between all pixels and their neighbours in one direction."""

    here: tuple[slice, slice]
    there: tuple[slice, slice]
    much: Float32


def _walk(colours: UInt8, before: Float32, marks: UInt8, distance: Float32) -> Float32:
    """Return the matte after the strokes, float32[h,w] in 0..1, all at one small size.

    Minimises the sum over neighbours of ``flow * (a - b) ** 2`` and over pixels of ``pull * (a - prior) **
    2``; strokes, and pixels beyond their reach, keep their value.
    """
    lab = as_uint8(cv2.cvtColor(colours, cv2.COLOR_RGB2LAB))
    held = (marks > 0) | (distance >= 1)
    free = as_float32((~held).astype(np.float32))
    flows = _flows(lab)
    trust = _trust(flows, free, marks, distance)
    likely = _likely(lab, before, marks, distance, trust)
    prior = trust * likely + (1 - trust) * before
    pull = _PULL * (1 - trust + trust * np.maximum((2 * likely - 1) ** 2, _LEAST_PULL))
    value = np.where(marks == KEEP, 1, np.where(marks == DROP, 0, before))
    alpha = _settled(flows, free, np.where(held, value, prior).astype(np.float32), pull.astype(np.float32))
    return as_float32(np.clip((alpha - 0.5) * _STEEPNESS + 0.5, 0, 1).astype(np.float32))


def _trust(flows: Sequence[_Flow], free: Float32, marks: UInt8, distance: Float32) -> npt.NDArray[Any]:
    """Return 1 near strokes or where a smooth path leads to them; where it is 0, the matte counts."""
    near = np.exp(-((distance / _NEAR) ** _NEAR_CURVE))
    painted = (marks > 0).astype(np.float32)
    spread = _settled(flows, free, painted, np.full_like(painted, _SEEPAGE))
    smooth = np.clip((spread - _SPREAD_FROM) / (_SPREAD_TO - _SPREAD_FROM), 0, 1)
    trust: npt.NDArray[Any] = np.maximum(near, smooth)
    return trust


def _likely(
    lab: UInt8, before: Float32, marks: UInt8, distance: Float32, trust: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """How likely each pixel's colour is the subject's, 0..1: by histograms of both sides around the strokes.

    What the matte says near a stroke of the other kind is not believed.
    """
    steps = lab.astype(np.int32) * _BINS >> 8
    cell = (steps[:, :, 0] * _BINS + steps[:, :, 1]) * _BINS + steps[:, :, 2]
    around = (distance < _AROUND) * _MATTE_WEIGHT
    sides = []
    for kind, there in ((KEEP, before > 0.9), (DROP, before < 0.1)):  # noqa: PLR2004 - sure
        other = (marks == DROP + KEEP - kind).any()
        believed = around * there * ((1 - trust) if other else 1)
        sides.append(_histogram(cell, np.where(marks == kind, _STROKE_WEIGHT, believed)))
    subject, ground = sides
    unseen = _UNSEEN / _BINS**3
    likely: npt.NDArray[np.float64] = ((subject + unseen) / (subject + ground + 2 * unseen))[cell]
    return likely


def _histogram(cell: npt.NDArray[np.int32], weight: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the share of each colour cell, slightly smoothed."""
    counts = np.bincount(cell.ravel(), weight.ravel(), _BINS**3).reshape((_BINS,) * 3)
    for axis in range(3):
        counts = 0.5 * counts + 0.25 * (np.roll(counts, 1, axis) + np.roll(counts, -1, axis))
    shares: npt.NDArray[np.float64] = counts.ravel() / max(counts.sum(), 1)
    return shares


def _flows(lab: UInt8) -> list[_Flow]:
    """Return the flow between each pixel and its eight neighbours: small where colours differ much."""
    height, width = lab.shape[:2]
    colours = lab.astype(np.float32)
    pairs = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = slice(0, height - down), slice(max(0, -right), width - max(0, right))
        there = slice(down, height), slice(max(0, right), width + min(0, right))
        far = np.float32(np.hypot(down, right))
        pairs.append((here, there, ((colours[here] - colours[there]) ** 2).sum(2) / far, far))
    average = sum(float(apart.sum()) for _, _, apart, _ in pairs) / max(1, 4 * height * width)
    sharpness = 1 / (2 * average + 1e-6)
    return [
        _Flow(here, there, ((np.exp(-sharpness * apart) + _LEAST_FLOW) / far).astype(np.float32))
        for here, there, apart, far in pairs
    ]


def _settled(flows: Sequence[_Flow], free: Float32, prior: Float32, pull: Float32) -> Float32:
    """Return the minimum; pixels that are not free keep their prior. Preconditioned by the diagonal."""
    diagonal = pull.copy()
    for here, there, much in flows:
        diagonal[here] += much
        diagonal[there] += much

    def pulled(values: Float32) -> Float32:
        result = diagonal * values
        for here, there, much in flows:
            result[here] -= much * values[there]
            result[there] -= much * values[here]
        return result * free

    alpha = prior.copy()
    rest = pull * prior * free - pulled(alpha)
    step = ready = rest / diagonal
    left = first = float((rest * ready).sum())
    for _ in range(_STEPS):
        if left <= _TOLERANCE * first:
            break
        way = pulled(step)
        length = left / float((step * way).sum())
        alpha += length * step
        rest -= length * way
        ready = rest / diagonal
        before, left = left, float((rest * ready).sum())
        step = ready + (left / before) * step
    return alpha
