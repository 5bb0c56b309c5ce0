"""Scale a matte from network size to the picture's size, following the picture's edges.

A confidence-weighted fast guided filter: in every small window alpha is explained as a linear function of
colour (He et al., *Guided Image Filtering*, 2013), learnt at a reduced size (*Fast Guided Filter*, 2015)
mostly from pixels that the network is sure of, and applied to the colours at full size. Knows alpha and
colour. Must not know presets.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.imaging import threads
from mattingd.imaging.matting.tiles import (
    Float32,
    Halving,
    Tile,
    UInt8,
    as_float32,
    as_uint8,
    box,
    piece,
    rgba,
    shrink,
    tiles_of,
)

_DETAIL = 2.0
"""The models are learnt at this many times the network's size."""

_RADIUS = 5
"""Half the window's side, in pixels of that size."""

_SMOOTHNESS = 1e-4
"""The filter's epsilon, for colours in 0..1: contrast below its root counts as flat."""

_LEAST_CONFIDENCE = 0.01
"""A pixel weighs ``(2 alpha - 1) ** 4 + least``. Mean error in the band of 23 scenes with known alpha,
enlarged by four: linear .080, unweighted .080, with the second power .063, with the fourth .057."""

_TRUSTED = 0.5
"""Where colour explains this share of alpha's variance the model alone counts; where it explains less, the
network's own answer is mixed in (subject and background look alike there, and the model would only blur)."""

_CONTRAST = 1.25
"""Regression pulls alpha towards the middle, and a network's sigmoid never quite reaches 0 or 1: both are
undone by so much contrast about 1/2. On the same scenes: solid subjects .040 without and .018 with, hair .139
and .111."""

_REACH = 5
"""How far, in pixels of the models' size, an edge may be moved: alpha stays within what stood that near."""

_FIRST, _LAST = 2, 253
"""Below the first alpha is 0, above the last it is 255."""

_ONES = np.ones(4, np.float32)
_NEXT = np.ones((3, 3), np.uint8)


def to_full_size(alpha: npt.NDArray[np.float32], srgb: UInt8, halved: Halving | None = None) -> UInt8:
    """Return a full-size, edge-aware matte.

    Args:
        alpha: float32[net_height,net_width] in 0..1, the network's matte of this picture.
        srgb: uint8[H,W,3], the picture.
        halved: the same picture, if others need it smaller as well.

    Returns:
        uint8[H,W]. Where the network was sure the matte is exactly 0 or 255.
    """
    height, width = full = srgb.shape[:2]
    middle = min(width, round(alpha.shape[1] * _DETAIL)), min(height, round(alpha.shape[0] * _DETAIL))
    coarse = _resize(alpha, middle)
    sure = _sure(coarse)
    lowest, highest = _surroundings(sure)
    decided = cv2.LUT(cv2.convertScaleAbs(sure, alpha=255), _SNAP)
    wide = cv2.resize(decided, (width, len(decided)), interpolation=cv2.INTER_NEAREST)
    result = as_uint8(wide[np.arange(height) * len(wide) // height])
    undecided = ((lowest < _LAST / 255) & (highest > _FIRST / 255)).astype(np.uint8)
    if undecided.any():
        models = _models_where(undecided, coarse, shrink(halved or srgb, *middle))
        bounds = 255 * as_float32(cv2.merge([lowest, highest, lowest, highest]))  # four are faster than two

        def decide(tile: Tile) -> None:
            result[tile] = _apply(piece(models, full, tile), piece(bounds, full, tile), srgb[tile])

        threads.each(decide, tiles_of(undecided, full=full))
    return result


def _sure(alpha: Float32) -> Float32:
    """Return ``alpha`` with `_CONTRAST`, within 0..1."""
    sure: Float32 = np.clip((alpha - 0.5) * _CONTRAST + 0.5, 0, 1)
    return sure


def _resize(alpha: Float32, size: tuple[int, int]) -> Float32:
    """Return ``alpha`` at this (width, height), linearly."""
    return cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


_SNAP = np.arange(256, dtype=np.uint8)
_SNAP[:_FIRST], _SNAP[_LAST + 1 :] = 0, 255


def _surroundings(coarse: Float32) -> tuple[Float32, Float32]:
    """Return the minimum and the maximum alpha within `_REACH` of each pixel."""
    window = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    lowest = cv2.erode(coarse, window, borderType=cv2.BORDER_REPLICATE)
    highest = cv2.dilate(coarse, window, borderType=cv2.BORDER_REPLICATE)
    return lowest.astype(np.float32, copy=False), highest.astype(np.float32, copy=False)


def _apply(models: Float32, bounds: Float32, colours: UInt8) -> UInt8:
    """Return alpha (0..255) of full-size ``colours`` by the local models, within the bounds (0..255).

    The constant is the factor of a fourth colour that is 255 everywhere; the sum over the four is a matrix
    product, which adds up interleaved values fastest.
    """
    terms = cv2.multiply(models, rgba(colours), dtype=cv2.CV_32F)
    alpha = (terms.reshape(-1, 4) @ _ONES).reshape(colours.shape[:2])
    within = np.clip(alpha, bounds[:, :, 0], bounds[:, :, 1])
    return as_uint8(cv2.LUT(cv2.convertScaleAbs(within), _SNAP))


def _models_where(undecided: UInt8, coarse: Float32, guide: UInt8) -> Float32:
    """Return `_models` of the tiles with undecided pixels; elsewhere zeros, which the bounds correct."""
    result = np.zeros((*coarse.shape, 4), np.float32)
    margin = 2 * _RADIUS  # windows average models, which come from windows

    def learn(tile: Tile) -> None:
        rows, columns = tile
        top, left = max(0, rows.start - margin), max(0, columns.start - margin)
        wider = slice(top, rows.stop + margin), slice(left, columns.stop + margin)
        inner = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        result[rows, columns] = _models(coarse[wider], guide[wider])[inner]

    threads.each(learn, tiles_of(as_uint8(cv2.dilate(undecided, _NEXT))))  # the pixels in between are mixed
    return result


def _models(coarse: Float32, guide: UInt8) -> Float32:
    """float32[h,w,4]: per pixel the factors of red, green, blue and the constant that give alpha, contrasted.

    The weighted least squares of each window, with `_SMOOTHNESS` added to the variances, then averaged over
    the windows that hold the pixel; mixed with the network's answer where they explain little.
    """
    weight = np.square(np.square(2 * coarse - 1)) + np.float32(_LEAST_CONFIDENCE)
    total = box(weight, _RADIUS)

    def mean(plane: Float32) -> Float32:
        return box(plane * weight, _RADIUS) / total

    colours = [plane.astype(np.float32) / 255 for plane in cv2.split(guide)]
    means, mean_alpha = [mean(plane) for plane in colours], mean(coarse)
    covariance = [mean(plane * coarse) - m * mean_alpha for plane, m in zip(colours, means, strict=True)]
    variance = {
        (i, j): mean(colours[i] * colours[j]) - means[i] * means[j] + (_SMOOTHNESS if i == j else 0)
        for i in range(3)
        for j in range(i, 3)
    }
    factors = _solve(variance, covariance)
    constant = mean_alpha - sum(factor * m for factor, m in zip(factors, means, strict=True))
    explained = sum(factor * c for factor, c in zip(factors, covariance, strict=True))
    share = explained / (mean(coarse * coarse) - mean_alpha * mean_alpha + _SMOOTHNESS)
    trust = box(np.clip(share / _TRUSTED, 0, 1), _RADIUS)
    smooth = box(as_float32(cv2.merge([*factors, constant])), _RADIUS) * as_float32(cv2.merge([trust] * 4))
    smooth[:, :, 3] += (1 - trust) * coarse
    smooth *= np.float32(_CONTRAST)
    smooth[:, :, 3] += np.float32(0.5 * (1 - _CONTRAST))
    return smooth


def _solve(matrix: Mapping[tuple[int, int], Float32], right: Sequence[Float32]) -> list[Float32]:
    """Solve a symmetric 3 x 3 system at every pixel by Cramer's rule."""
    a, b, c, d, e, f = (matrix[key] for key in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
    inverse = {
        (0, 0): d * f - e * e, (0, 1): c * e - b * f, (0, 2): b * e - c * d,
        (1, 1): a * f - c * c, (1, 2): b * c - a * e, (2, 2): a * d - b * b,
    }  # fmt: skip
    determinant = a * inverse[0, 0] + b * inverse[0, 1] + c * inverse[0, 2]
    rows = ((inverse[min(i, j), max(i, j)] for j in range(3)) for i in range(3))
    return [(x * right[0] + y * right[1] + z * right[2]) / determinant for x, y, z in rows]
