"""Faces in a picture, for frames that go by the head.

Runs MediaPipe's full-range BlazeFace with OpenCV. Knows pixels and the detector's anchors; nothing of mattes
or presets.

Sources: Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs"; anchors
and scales as in MediaPipe's `face_detection_full_range_common.pbtxt` (Apache-2.0).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import cv2
import numpy as np
import numpy.typing as npt

_SIDE, _STRIDE = 192, 4
"""The network sees 192 x 192 pixels and has one anchor for every 4 x 4 of them."""

_LEAST_SCORE = 0.5
"""With it all 54 portraits of FairFace and 50 street people have a face, and none of 42
cats and dogs."""

_SAME = 0.3
"""Boxes that overlap by more than this (intersection over union) show one face."""

_SMALLEST = 0.35
"""Faces less wide than this share of the largest are those of passers-by."""

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Face:
    """A face from the eyebrows to the chin, in pixels of the picture; parts of it can be outside.

    Attributes: left: of the box, as top, right and bottom. top: the box's upper edge. right: the box's right
    edge. bottom: the box's lower edge, at the chin. score: 0 to 1, confidence of the detector. keypoints: (x,
    y) of the person's right eye, left eye, nose, mouth, right ear and left ear.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float
    keypoints: tuple[tuple[float, float], ...] = ()

    @property
    def tilt(self) -> float:
        """Degrees by which the face is turned clockwise, -180 to 180; 0 when it is upright or unknown."""
        if not self.keypoints:
            return 0.0
        (right_x, right_y), (left_x, left_y), _, (mouth_x, mouth_y), *_ = self.keypoints
        across = left_x - right_x, left_y - right_y
        down = mouth_x - (left_x + right_x) / 2, mouth_y - (left_y + right_y) / 2
        return math.degrees(math.atan2(across[1] - down[0], across[0] + down[1]))

    @property
    def width(self) -> float:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """In pixels."""
        return self.bottom - self.top

    def moved(self, x: float, y: float) -> "Face":
        """Return the face ``x`` pixels further right and ``y`` further down."""
        corners = self.left + x, self.top + y, self.right + x, self.bottom + y
        return Face(*corners, self.score, tuple((px + x, py + y) for px, py in self.keypoints))


def find(rgb: npt.NDArray[np.uint8]) -> tuple[Face, ...]:
    """Return the faces in a picture, uint8[H,W,3] sRGB, the largest first, without much smaller ones."""
    height, width = rgb.shape[:2]
    scale = _SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    seen = np.zeros((_SIDE, _SIDE, 3), np.float32)
    left, top = (_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2
    seen[top : top + size[1], left : left + size[0]] = cv2.resize(rgb, size, interpolation=how)
    points, scores = _answer(seen / 127.5 - 1)
    places = (points - np.array([left, top], np.float32)) / np.float32(scale)
    found = sorted(_merged(places, scores), key=lambda face: -face.width)
    return tuple(face for face in found if face.width >= _SMALLEST * found[0].width)


def _answer(seen: Float32) -> tuple[Float32, Float32]:
    """Return the points of all sure anchors and their scores.

    Args:
        seen: float32[192,192,3] RGB in -1..1.

    Returns:
        Points float32[N,8,2] as (x, y) in pixels of the network's input: the box's upper left and lower right
        corner, then the six keypoints. Scores float32[N], above `_LEAST_SCORE`.
    """
    network = _network()
    network.setInput(np.ascontiguousarray(seen.transpose(2, 0, 1)[np.newaxis]))
    outputs = [output.reshape(-1, output.shape[-1]) for output in network.forward(_names())]
    (logits,) = (output[:, 0] for output in outputs if output.shape[-1] == 1)
    (regressed,) = (output for output in outputs if output.shape[-1] > 1)
    sure = logits > np.log(_LEAST_SCORE / (1 - _LEAST_SCORE))
    numbers = regressed[sure].reshape(-1, 8, 2)  # centre and size of the box, then keypoints, from the anchor
    centres = _anchors()[sure, np.newaxis]
    middle, half = centres + numbers[:, :1], numbers[:, 1:2] / 2
    points = np.concatenate([middle - half, middle + half, centres + numbers[:, 2:]], 1)
    scores = 1 / (1 + np.exp(-logits[sure].clip(-80, 80)))
    return points, scores.astype(np.float32)


@lru_cache(maxsize=1)
def _network() -> cv2.dnn.Net:
    """Return the detector, run by OpenCV's classic engine.

    OpenCV 5 has a newer engine too, which gives only the last of a network's outputs; OpenCV 4 has just the
    classic one, without a name for it. The network is read by its path: from a buffer OpenCV 5.0 takes the
    newer engine whatever is asked for.
    """
    classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
    weights = resources.files(__package__) / "face_weights" / "face_detection_full_range.tflite"
    with resources.as_file(weights) as path:
        if classic is None:
            return cv2.dnn.readNetFromTFLite(str(path))
        return cv2.dnn.readNetFromTFLite(str(path), classic)


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    return tuple(_network().getUnconnectedOutLayersNames())


@lru_cache(maxsize=1)
def _anchors() -> Float32:
    """The anchors' centres, float32[2304,2] (x, y) in pixels of the network's input, row by row."""
    count = _SIDE // _STRIDE
    rows, columns = np.mgrid[0:count, 0:count].astype(np.float32)
    return np.stack([columns, rows], -1).reshape(-1, 2) * _STRIDE + np.float32(_STRIDE / 2)


def _merged(points: Float32, scores: Float32) -> list[Face]:
    """Return one face for each group of boxes that overlap the surest: their mean, weighted by the scores.

    Args:
        points: float32[N,8,2], as `_answer` returns them, in pixels of the picture.
        scores: float32[N].
    """
    boxes = points[:, :2].reshape(-1, 4)
    merged = []
    unseen = np.arange(len(scores))
    while len(unseen):
        surest = unseen[scores[unseen].argmax()]
        same = unseen[_overlap(boxes[surest], boxes[unseen]) > _SAME]
        (left, top), (right, bottom), *keypoints = np.average(
            points[same], axis=0, weights=scores[same]
        ).tolist()
        score = float(scores[surest])
        merged.append(Face(left, top, right, bottom, score, tuple((x, y) for x, y in keypoints)))
        unseen = np.setdiff1d(unseen, [*same, surest])
    return merged


def _overlap(box: Float32, others: Float32) -> Float32:
    """Intersection over union of one box [4] with others [N,4]."""
    corner, end = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = (end - corner).clip(0).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    ratio: Float32 = shared / np.maximum(areas - shared, 1e-9)
    return ratio
