"""Place the cut-out in its frame: trimmed, on a canvas of a given size or shape, or by its head.

Geometry is based on the subject's box in the matte. At the same scale, pixels are copied, not resampled.
Knows colours, alpha and presets' frames. Must not know files.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mattingd.domain.presets import REFERENCE_SIDE, Preset
from mattingd.domain.reasons import Reason, Reasons
from mattingd.domain.units import canvas_of
from mattingd.imaging.finishing.faces import Face, find
from mattingd.imaging.matting.tiles import (
    Levels,
    Tile,
    UInt8,
    as_levels,
    as_uint8,
    at_least,
    eight_bits,
    whole_of,
)

_SEEN, _SOLID = 26, 128
"""Alpha (of 255) from which a pixel counts when a picture is trimmed, and for the place on a canvas: wisps
and haze do not shift the subject there."""

_FAINT = 13
"""Alpha from which the subject's soft parts, such as hair, veils and shadows, must be inside the frame."""

_REACH = 0.02
"""Of the subject's longer side: a soft part that is farther from it than this is haze, which may be cut."""

_MOST_PIXELS = 3_000_000
"""Soft parts are told apart at a size of at most so many pixels."""

_ABOVE_HEAD = 0.1
"""Of an ID photograph's height above the head, as passport offices draw it."""

_HEAD_WIDTH = 0.7
"""Of its width, for the head with its hair at most."""

_SHOULDERS = 1.35
"""A row so many times as wide as the head is the shoulders'."""

_UPPER = 0.75
"""The neck lies in this upper part of a person's box."""

_NARROWER = 0.95
"""A neck is at most so wide, measured by the head."""

_HAIR = 0.8
"""Face widths from the middle of a face within which its hair is, to either side."""

_COARSE = 2.0
"""Enlarged by more than this, a face looks soft."""

_TILTED = 30.0
"""Degrees from which a head is tilted too far; of 104 portraits and street people none is, by 26 at most."""

_AROUND = 0.1
"""Of the subject's longer side, the room around it that a second look for faces takes in."""

_MARGIN = 4
"""Pixels beyond the frame that a resize may look at."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The picture's placement: it is scaled, and its corner is at (left, top) of the canvas, in pixels."""

    width: int
    height: int
    scale: float
    left: float
    top: float


@dataclass(frozen=True, slots=True)
class Box:
    """A box in pixels: from left to before right, from top to before bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top


def faces_on_subject(rgb: UInt8, matte: Levels) -> tuple[Face, ...]:
    """Return the faces whose middle ``matte`` ([H,W]) keeps, the largest first.

    Looks at the whole picture ``rgb`` (uint8[H,W,3], sRGB) and, if that shows none, at the subject from close
    by: the detector misses faces of less than a fourteenth of the longer side.
    """
    seen = eight_bits(matte)
    faces = _on_subject(seen, find(rgb))
    box = subject(seen, _SOLID)
    if faces or box is None:
        return faces
    room = round(_AROUND * max(box.width, box.height))
    rows = slice(max(0, box.top - room), box.bottom + room)
    columns = slice(max(0, box.left - room), box.right + room)
    closer = find(rgb[rows, columns])
    return _on_subject(seen, [face.moved(columns.start, rows.start) for face in closer])


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
        box = _with_shadow(_around(subject(seen), soft_parts(seen)) or everything, preset)
        return Frame(box.width, box.height, 1.0, -box.left, -box.top)
    soft = soft_parts(seen) or subject(seen) or everything
    box = subject(seen, _SOLID) or soft
    across, down, exact = canvas
    if not exact:
        return _shaped(box, soft, across / down, preset)
    if preset.anchor == "head" and (head := _head(seen, box, _on_subject(seen, faces))) is not None:
        return _by_head(box, head, (round(across), round(down)), preset.fill)
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


def doubts(matte: Levels, preset: Preset, faces: Sequence[Face], frame: Frame) -> Reasons:
    """Return why a frame based on the head needs checking, with advice; empty for any other frame."""
    if preset.anchor != "head" or not preset.canvas:
        return ()
    seen = eight_bits(matte)
    box, mine = subject(seen, _SOLID), _on_subject(seen, faces)
    said = []
    if not mine:
        said.append(Reason.of("no_face"))
    if len(mine) > 1:
        said.append(Reason.of("several_faces", faces=len(mine)))
    head = _head(seen, box, mine) if box is not None else None
    if head is not None:
        said += _cut_off(head, mine, seen.shape)
    if mine and abs(mine[0].tilt) > _TILTED:
        said.append(Reason.of("head_tilted", degrees=round(abs(mine[0].tilt))))
    if frame.scale > _COARSE:
        said.append(Reason.of("face_enlarged", times=round(frame.scale, 1)))
    return tuple(said)


def _cut_off(head: Box, faces: Sequence[Face], shape: tuple[int, ...]) -> list[Reason]:
    """Return at which sides of a picture of this (height, width) the head is cut off, each with advice."""
    height, width = shape
    said = []
    if head.top == 0:
        said.append(Reason.of("head_cut_top"))
    if faces and faces[0].bottom >= height:
        said.append(Reason.of("head_cut_chin"))
    if head.left == 0 or head.right == width:
        said.append(Reason.of("head_cut_side"))
    return said


def _on_subject(seen: UInt8, faces: Sequence[Face]) -> tuple[Face, ...]:
    """Return the faces whose middle the matte keeps; the others belong to the background."""
    height, width = seen.shape
    kept = []
    for face in faces:
        x, y = int((face.left + face.right) / 2), int((face.top + face.bottom) / 2)
        if 0 <= x < width and 0 <= y < height and seen[y, x] >= _SOLID:
            kept.append(face)
    return tuple(kept)


def _head(seen: UInt8, box: Box, faces: Sequence[Face]) -> Box | None:
    """Return the head with its hair, from crown to chin or neck; None when neither face nor neck is found."""
    if faces:
        return _around_face(seen, faces[0])
    neck = neck_of(seen, box)
    if neck is None:
        return None
    columns = np.flatnonzero((seen[box.top : neck] >= _SEEN).any(axis=0))
    return Box(int(columns[0]), box.top, int(columns[-1]) + 1, neck)


def _around_face(seen: UInt8, face: Face) -> Box:
    """Return the head: what the matte shows above a face, without a gap, and to both sides of it.

    Its width is measured from the crown to the mouth, where that is known: beside the chin are collars.
    """
    height, width = seen.shape
    middle, chin = (face.left + face.right) / 2, min(height, max(1, round(face.bottom)))
    left, right = (min(width, max(0, round(middle + side * _HAIR * face.width))) for side in (-1, 1))
    core = slice(max(0, int(face.left)), max(1, min(width, int(face.right))))
    empty = np.flatnonzero(~(seen[: max(1, int(face.top)), core] >= _SOLID).any(axis=1))
    crown = int(empty[-1]) + 1 if len(empty) else 0
    crown = min(crown, chin - 1)
    mouth = round(face.keypoints[3][1]) if face.keypoints else chin
    until = min(chin, max(crown + 1, mouth))
    columns = np.flatnonzero((seen[crown:until, left:right] >= _SEEN).any(axis=0)) + left
    if not len(columns):
        return Box(left, crown, max(left + 1, right), chin)
    return Box(int(columns[0]), crown, int(columns[-1]) + 1, chin)


def _by_head(box: Box, head: Box, size: tuple[int, int], fill: float) -> Frame:
    """Place the head so that it takes ``fill`` of the height; the body continues to the lower edge."""
    width, height = size
    middle = (head.left + head.right) / 2
    scale = min(fill * height / head.height, _HEAD_WIDTH * width / head.width)
    above = max(_ABOVE_HEAD * height, height - (box.bottom - head.top) * scale)
    return Frame(width, height, scale, width / 2 - middle * scale, above - head.top * scale)


def subject(alpha: UInt8, least: int = _SEEN) -> Box | None:
    """Return the box of all pixels of ``alpha`` (uint8[H,W]) that reach ``least``; None without any."""
    seen = at_least(alpha, least)
    left, top, width, height = cv2.boundingRect(seen)
    return Box(left, top, left + width, top + height) if width else None


def soft_parts(alpha: UInt8) -> Box | None:
    """Return the box of the subject and its soft parts in ``alpha`` (uint8[H,W]); None without a solid pixel.

    Faint pixels count where they are connected to solid ones, or nearly so: specks of haze elsewhere do not.
    """
    solid = subject(alpha, _SOLID)
    if solid is None:
        return None
    factor = math.ceil((alpha.size / _MOST_PIXELS) ** 0.5)
    size = -(-alpha.shape[1] // factor), -(-alpha.shape[0] // factor)
    faint, core = (
        cv2.resize(at_least(alpha, least), size, interpolation=cv2.INTER_AREA) for least in (_FAINT, _SOLID)
    )
    reach = round(_REACH * max(solid.width, solid.height) / factor) | 1
    near = cv2.dilate(at_least(as_uint8(faint), 1), np.ones((reach, reach), np.uint8))
    count, labels = cv2.connectedComponents(near, connectivity=8)
    kept = np.zeros(count, np.uint8)
    kept[labels[core > 0]] = 255
    kept[0] = 0  # label 0 is not a part
    where = cv2.resize(kept[labels], alpha.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return subject(as_uint8(cv2.bitwise_and(where, alpha)), _FAINT)


def _around(*boxes: Box | None) -> Box | None:
    """Return the smallest box around all of them, None without any."""
    there = [box for box in boxes if box is not None]
    if not there:
        return None
    return Box(
        min(box.left for box in there),
        min(box.top for box in there),
        max(box.right for box in there),
        max(box.bottom for box in there),
    )


def neck_of(alpha: UInt8, box: Box) -> int | None:
    """Return the row of a person's neck: the narrowest between the head's widest row and the shoulders.

    None when the outline shows no head over wider shoulders.
    """
    widths = np.count_nonzero(alpha[box.top : box.bottom, box.left : box.right] >= _SEEN, axis=1)
    upper = widths[: max(1, round(box.height * _UPPER))].astype(np.float64)
    for row in range(2, len(upper)):
        head = int(upper[:row].argmax())
        narrowest = head + int(upper[head : row + 1].argmin())
        if upper[row] > _SHOULDERS * upper[narrowest] and upper[narrowest] < _NARROWER * upper[head]:
            return box.top + narrowest
    return None


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
