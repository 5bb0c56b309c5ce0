"""Find the head on a cut-out, by a face or by the outline's neck, and place it in an ID photograph.

Knows colours, alpha and faces. Must not know files.
"""

from collections.abc import Sequence

import numpy as np

from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.finishing.faces import Face, find
from mattingd.imaging.finishing.geometry import SEEN, SOLID, Box, Frame, subject
from mattingd.imaging.matting.tiles import Levels, UInt8, eight_bits

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


def faces_on_subject(rgb: UInt8, matte: Levels) -> tuple[Face, ...]:
    """Return the faces whose middle ``matte`` ([H,W]) keeps, the largest first.

    Looks at the whole picture ``rgb`` (uint8[H,W,3], sRGB) and, if that shows none, at the subject from close
    by: the detector misses faces of less than a fourteenth of the longer side.
    """
    seen = eight_bits(matte)
    faces = _on_subject(seen, find(rgb))
    box = subject(seen, SOLID)
    if faces or box is None:
        return faces
    room = round(_AROUND * max(box.width, box.height))
    rows = slice(max(0, box.top - room), box.bottom + room)
    columns = slice(max(0, box.left - room), box.right + room)
    closer = find(rgb[rows, columns])
    return _on_subject(seen, [face.moved(columns.start, rows.start) for face in closer])


def frame_by_head(
    seen: UInt8, box: Box, faces: Sequence[Face], size: tuple[int, int], fill: float
) -> Frame | None:
    """Return the frame of an ID photograph; None when neither face nor neck is found.

    Args:
        seen: uint8[H,W], the matte.
        box: its subject.
        faces: those found in the picture, the largest first.
        size: width and height of the canvas in pixels.
        fill: the share of the height that the head takes.
    """
    head = _head(seen, box, _on_subject(seen, faces))
    return None if head is None else _by_head(box, head, size, fill)


def doubts(matte: Levels, preset: Preset, faces: Sequence[Face], frame: Frame) -> Reasons:
    """Return why a frame based on the head needs checking, with advice; empty for any other frame."""
    if preset.anchor != "head" or not preset.canvas:
        return ()
    seen = eight_bits(matte)
    box, mine = subject(seen, SOLID), _on_subject(seen, faces)
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
        if 0 <= x < width and 0 <= y < height and seen[y, x] >= SOLID:
            kept.append(face)
    return tuple(kept)


def _head(seen: UInt8, box: Box, faces: Sequence[Face]) -> Box | None:
    """Return the head with its hair, from crown to chin or neck; None when neither face nor neck is found."""
    if faces:
        return _around_face(seen, faces[0])
    neck = neck_of(seen, box)
    if neck is None:
        return None
    columns = np.flatnonzero((seen[box.top : neck] >= SEEN).any(axis=0))
    return Box(int(columns[0]), box.top, int(columns[-1]) + 1, neck)


def _around_face(seen: UInt8, face: Face) -> Box:
    """Return the head: what the matte shows above a face, without a gap, and to both sides of it.

    Its width is measured from the crown to the mouth, where that is known: beside the chin are collars.
    """
    height, width = seen.shape
    middle, chin = (face.left + face.right) / 2, min(height, max(1, round(face.bottom)))
    left, right = (min(width, max(0, round(middle + side * _HAIR * face.width))) for side in (-1, 1))
    core = slice(max(0, int(face.left)), max(1, min(width, int(face.right))))
    empty = np.flatnonzero(~(seen[: max(1, int(face.top)), core] >= SOLID).any(axis=1))
    crown = int(empty[-1]) + 1 if len(empty) else 0
    crown = min(crown, chin - 1)
    mouth = round(face.keypoints[3][1]) if face.keypoints else chin
    until = min(chin, max(crown + 1, mouth))
    columns = np.flatnonzero((seen[crown:until, left:right] >= SEEN).any(axis=0)) + left
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


def neck_of(alpha: UInt8, box: Box) -> int | None:
    """Return the row of a person's neck: the narrowest between the head's widest row and the shoulders.

    None when the outline shows no head over wider shoulders.
    """
    widths = np.count_nonzero(alpha[box.top : box.bottom, box.left : box.right] >= SEEN, axis=1)
    upper = widths[: max(1, round(box.height * _UPPER))].astype(np.float64)
    for row in range(2, len(upper)):
        head = int(upper[:row].argmax())
        narrowest = head + int(upper[head : row + 1].argmin())
        if upper[row] > _SHOULDERS * upper[narrowest] and upper[narrowest] < _NARROWER * upper[head]:
            return box.top + narrowest
    return None
