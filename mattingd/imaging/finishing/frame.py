"""Place the cut-out in its frame: trimmed, on a canvas of a given size or shape, or by its head.

Geometry is based on the subject's box in the matte. At the same scale, pixels are copied, not resampled.
Knows colours, alpha and presets' frames. Must not know files.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from mattingd.domain.presets import REFERENCE_SIDE, Preset
from mattingd.domain.units import canvas_of
from mattingd.imaging.finishing.faces import Face
from mattingd.imaging.finishing.geometry import SOLID, Box, Frame, around, soft_parts, subject
from mattingd.imaging.finishing.heads import frame_by_head
from mattingd.imaging.matting.tiles import Levels, Tile, as_levels, eight_bits, whole_of

_MARGIN = 4
"""Pixels beyond the frame that a resize may look at."""


def frame_of(matte: Levels, preset: Preset, faces: Sequence[Face] = ()) -> Frame | None:
    """Return the frame that a preset asks for around the subject in ``matte`` ([H,W]), or None.

    With `anchor: head` the frame is based on the largest of the ``faces`` on the subject; without one, on the
    outline's neck. A matte without subject keeps the picture's own frame; on a canvas of fixed size it fills
    as much as the preset allows.
    """
    height, width = matte.shape
    canvas = canvas_of(preset.canvas, preset.dpi) if preset.canvas else None
    if canvas is None and not preset.trim:
        return None
    seen = eight_bits(matte)
    everything = Box(0, 0, width, height)
    if canvas is None:
        box = _with_shadow(around(subject(seen), soft_parts(seen)) or everything, preset)
        return Frame(box.width, box.height, 1.0, -box.left, -box.top)
    soft = soft_parts(seen) or subject(seen) or everything
    box = subject(seen, SOLID) or soft
    across, down, exact = canvas
    if not exact:
        return _shaped(box, soft, across / down, preset)
    if preset.anchor == "head":
        by_head = frame_by_head(seen, box, faces, (round(across), round(down)), preset.fill)
        if by_head is not None:
            return by_head
    scale = preset.fill * min(across / box.width, down / box.height)
    scale = min(scale, across / soft.width, down / soft.height)
    return _inside(_placed(box, round(across), round(down), scale, preset), soft)


def _inside(frame: Frame, soft: Box) -> Frame:
    """Return the frame moved so that all soft parts of the subject that fit are inside."""
    left, right = frame.left + soft.left * frame.scale, frame.left + soft.right * frame.scale
    above, below = frame.top + soft.top * frame.scale, frame.top + soft.bottom * frame.scale
    x = max(0.0, -left) - max(0.0, right - frame.width)
    y = max(0.0, -above) - max(0.0, below - frame.height)
    return replace(frame, left=frame.left + x, top=frame.top + y)


def _with_shadow(box: Box, preset: Preset) -> Box:
    """Return the box enlarged for the shadow, whose pixels are those of the resulting picture."""
    if not preset.shadow or preset.content == "matte":
        return box
    x, y, soft = preset.shadow_x, preset.shadow_y, preset.shadow_blur
    left, above, right, below = (max(0.0, soft + off) for off in (-x, -y, x, y))
    across, down = (max(1.0, REFERENCE_SIDE - room) for room in (left + right, above + below))
    unit = max(box.width / across, box.height / down)
    left, above, right, below = (math.ceil(side * unit) for side in (left, above, right, below))
    return Box(box.left - left, box.top - above, box.right + right, box.bottom + below)


def _shaped(box: Box, soft: Box, aspect: float, preset: Preset) -> Frame:
    """Return a canvas of this aspect ratio, filled by the subject at its size or enlarged.

    It has room for the subject's soft parts, too.
    """
    height = max(box.height, box.width / aspect) / preset.fill
    height = max(height, soft.height, soft.width / aspect)
    scale = max(1.0, preset.min_side / max(height, height * aspect))
    placed = _placed(box, round(height * aspect * scale), round(height * scale), scale, preset)
    return _inside(placed, soft)


def _placed(box: Box, width: int, height: int, scale: float, preset: Preset) -> Frame:
    """Place the subject in the middle, or on the lower edge of the area that it may fill."""
    left = (width - box.width * scale) / 2 - box.left * scale
    free = height - box.height * scale
    above = free / 2 if preset.anchor == "centre" else free
    return Frame(width, height, scale, left, above - box.top * scale)


def framed(colours: Levels, matte: Levels, frame: Frame) -> tuple[Levels, Levels]:
    """Straight ``colours`` ([H,W,3]) and ``matte`` ([H,W]) in a frame; nothing is outside the picture."""
    left, top = frame.left, frame.top
    if frame.scale != 1:
        rows, columns = _shown(matte.shape, frame)
        colours, matte = scaled(colours[rows, columns], matte[rows, columns], frame.scale)
        left, top = left + columns.start * frame.scale, top + rows.start * frame.scale
    shape = frame.height, frame.width
    new_colours, new_matte = np.zeros((*shape, 3), colours.dtype), np.zeros(shape, matte.dtype)
    into, out_of = _overlap(matte.shape, shape, round(left), round(top))
    new_colours[into], new_matte[into] = colours[out_of], matte[out_of]
    return as_levels(new_colours), as_levels(new_matte)


def _shown(shape: tuple[int, ...], frame: Frame) -> Tile:
    """Return the part of a picture of this (height, width) that its frame shows, with a small margin."""

    def side(corner: float, room: int, end: int) -> slice:
        first, last = (round(place / frame.scale) for place in (-corner, room - corner))
        return slice(max(0, min(end - 1, first - _MARGIN)), min(end, max(1, last + _MARGIN)))

    return side(frame.top, frame.height, shape[0]), side(frame.left, frame.width, shape[1])


def _overlap(old: tuple[int, ...], new: tuple[int, int], x: int, y: int) -> tuple[Tile, Tile]:
    """Return which part of the new frame shows which part of the old one, whose corner is at (x, y)."""
    rows = min(new[0], max(0, y)), max(0, min(new[0], y + old[0]))
    columns = min(new[1], max(0, x)), max(0, min(new[1], x + old[1]))
    into = slice(*rows), slice(*columns)
    return into, (slice(rows[0] - y, rows[1] - y), slice(columns[0] - x, columns[1] - x))


def scaled(colours: Levels, matte: Levels, scale: float) -> tuple[Levels, Levels]:
    """Resize both. Transparent pixels do not affect the colours. One plane at a time, to save memory."""
    whole = whole_of(colours)
    size = max(1, round(matte.shape[1] * scale)), max(1, round(matte.shape[0] * scale))
    by = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    alpha = np.clip(cv2.resize(matte.astype(np.float32), size, interpolation=by), 0, whole)
    result = np.empty((*alpha.shape, 3), colours.dtype)
    for channel, plane in enumerate(cv2.split(colours)):
        covered = cv2.multiply(plane, matte, scale=1 / whole, dtype=cv2.CV_32F)
        straight = cv2.resize(covered, size, interpolation=by) * whole / np.maximum(alpha, 1)
        result[:, :, channel] = np.rint(np.clip(straight, 0, whole))
    return as_levels(result), as_levels(np.rint(alpha).astype(matte.dtype))
