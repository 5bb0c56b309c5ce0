"""Estimate the subject's own colour where it is half transparent, to remove the old background's tint.

Blur fusion (Forte & Pitie, *Approximate Fast Foreground Colour Estimation*, 2021): box filters give smooth
foreground and background colours, each pixel is then corrected by its difference from their mixture. This
version has four passes instead of two, from wide to narrow as in a multi-level solver (Germer et al., *Fast
Multi-Level Foreground Estimation*, 2020): three of the whole picture at reduced size, the fourth, which
follows single hairs, at a larger size and in the edge band only. Knows colour and alpha. Must not know
presets or files.
"""

import math

import cv2
import numpy as np

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
    strips,
    tiles_of,
)

_FINE_PIXELS, _FINE_SHARE = (700_000, 3_000_000), 1 / 3
"""Pixels for the pass in the band: this share of the picture's, within these limits."""

_NEAR_ENOUGH = 0.1
"""By so much of them the pass may have more or fewer."""

_WIDE_PIXELS, _FIELD_PIXELS = 30_000, 200_000
"""At most so many for the first pass over the whole picture, and for the others."""

_WIDE, _NARROWER = 0.09, (0.0173, 0.0058)
"""Their radii as a share of the root of the picture's area: 90, 17 and 6 px at a megapixel."""

_FINE_RADIUS = 0.0017
"""Of the pass in the band: 6 px at 12 megapixels. Mean colour error of four kinds of scenes with known
foreground there: naive 11.5, two passes 2.8, four 0.60, pymatting's solver 0.82."""

_FIRMNESS = np.float32(0.01)
"""How much the smooth colours count against an exact mixture."""

_EXTENSION = 4
"""Pixels beyond the edge that get the subject's colour, so that later resizes find no dark rim."""

_AROUND = np.ones((2 * _EXTENSION + 1, 2 * _EXTENSION + 1), np.uint8)

_TINY = np.float32(1e-3)
_WHOLE = 255
_OPAQUE = np.array([255])

_COVER = np.arange(256, dtype=np.float32) / 255
_REST = 1 - _COVER
_SHARE = _COVER * _COVER + _REST * _REST + _FIRMNESS
_TO_FRONT, _TO_BACK = _COVER / _SHARE, _REST / _SHARE
"""By alpha 0..255: what front and back contribute, and how much of a difference each of them takes over."""


def estimate(rgb: UInt8, alpha: UInt8, halved: Halving | None = None) -> UInt8:
    """Return the straight foreground colours of ``rgb`` (uint8[H,W,3]) under ``alpha`` (uint8[H,W]).

    Pixels of alpha 255 keep their exact bytes; soft ones get the estimated colour. The colour continues for a
    few pixels beyond the edge; further out it is zero (small files). ``halved`` is ``rgb``, if others need it
    smaller as well.
    """
    result, band = _near(rgb, alpha)
    if not cv2.hasNonZero(band):
        return result
    size = _fine_size(alpha.shape)
    picture, cover = rgba(shrink(halved or rgb, *size)), shrink(alpha, *size)
    fields = _fields(picture, cover)

    def correct(tile: Tile) -> None:
        mixed = _at_full_size(rgba(rgb[tile]), alpha[tile], *_fine(picture, cover, fields, alpha.shape, tile))
        cv2.copyTo(cv2.cvtColor(mixed, cv2.COLOR_RGBA2RGB), band[tile], result[tile])

    threads.each(correct, tiles_of(band))
    return result


def _near(rgb: UInt8, alpha: UInt8) -> tuple[UInt8, UInt8]:
    """Return ``rgb`` near the subject, and where it may be mixed there (not zero); elsewhere zeros."""
    result, band = np.empty_like(rgb), np.empty_like(alpha)

    def look(rows: slice) -> None:
        top = max(0, rows.start - _EXTENSION)
        around = cv2.dilate(alpha[top : rows.stop + _EXTENSION], _AROUND)
        near = around[rows.start - top :][: len(alpha[rows])]
        result[rows] = 0
        cv2.copyTo(rgb[rows], near, result[rows])
        cv2.bitwise_and(near, cv2.bitwise_not(cv2.inRange(alpha[rows], _OPAQUE, _OPAQUE)), band[rows])

    threads.each(look, strips(len(alpha)))
    return result, band


Fields = tuple[Float32, Float32]
"""Foreground and background colours everywhere, float32[h,w,4] in 0..255.

The fourth channel means nothing: OpenCV works on four much faster than on three.
"""


def _within(shape: tuple[int, ...], pixels: float) -> tuple[int, int]:
    """Return the (width, height) of a picture of this (height, width) within a maximum number of pixels."""
    height, width = shape[:2]
    scale = min(1.0, (pixels / (height * width)) ** 0.5)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _fine_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the (width, height) of the pass in the band: that of repeated halving, if close enough."""
    height, width = shape[:2]
    least, most = _FINE_PIXELS
    pixels = min(most, max(least, height * width * _FINE_SHARE))
    parts = 2 ** max(0, round(math.log(height * width / pixels, 4)))
    near = abs(height * width / parts**2 / pixels - 1) <= _NEAR_ENOUGH
    if near and height % parts == 0 and width % parts == 0:
        return width // parts, height // parts
    return _within(shape, pixels)


def _radius(share: float, shape: tuple[int, ...]) -> int:
    return max(1, round(share * math.sqrt(shape[0] * shape[1])))


def _fields(picture: UInt8, cover: UInt8) -> Fields:
    """Return the smooth colours at reduced size, from wide to narrow."""
    size = _within(cover.shape, _FIELD_PIXELS)
    small, alpha = shrink(picture, *size), shrink(cover, *size)
    front, back = _widest(small, alpha)
    fields = _resized(front, size), _resized(back, size)
    for share in _NARROWER:
        fields = _smooth(_unmixed(small, alpha, *fields), alpha, _radius(share, alpha.shape), fields)
    return fields


def _widest(picture: UInt8, cover: UInt8) -> Fields:
    """Run the first pass, which is so smooth that it needs few pixels."""
    size = _within(cover.shape, _WIDE_PIXELS)
    colours, alpha = shrink(picture, *size).astype(np.float32), shrink(cover, *size)
    nothing = np.zeros_like(colours)
    return _smooth((colours, colours), alpha, _radius(_WIDE, alpha.shape), (nothing, nothing))


def _resized(field: Float32, size: tuple[int, int]) -> Float32:
    return as_float32(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR))


def _fine(picture: UInt8, cover: UInt8, fields: Fields, full: tuple[int, ...], tile: Tile) -> Fields:
    """Return the background's colours after the last pass, and the foreground's differences from them.

    In one tile of the picture of (height, width) ``full``.
    """
    radius = _radius(_FINE_RADIUS, cover.shape)
    rows, columns = (
        _stretch(side, have / wanted, have, radius + 2)
        for side, have, wanted in zip(tile, cover.shape, full, strict=True)
    )
    part = rows, columns
    alpha = cover[part]
    smooth = piece(fields[0], cover.shape, part), piece(fields[1], cover.shape, part)
    front, back = _smooth(_unmixed(picture[part], alpha, *smooth), alpha, radius, smooth)
    corner = rows.start, columns.start
    front -= back
    return piece(back, full, tile, corner, cover.shape), piece(front, full, tile, corner, cover.shape)


def _stretch(side: slice, scale: float, end: int, margin: int) -> slice:
    """Return the range of one side of a tile at the reduced size, with a margin."""
    return slice(max(0, int(side.start * scale) - margin), min(end, int(side.stop * scale) + 1 + margin))


def _by(alpha: UInt8, table: Float32) -> Float32:
    """Return the table's values for alpha 0..255: float32[h,w]."""
    return as_float32(cv2.LUT(alpha, table))


def _fourfold(plane: Float32) -> Float32:
    """Return ``plane`` in four channels."""
    return as_float32(cv2.cvtColor(plane, cv2.COLOR_GRAY2RGBA))


def _smooth(colours: Fields, alpha: UInt8, radius: int, otherwise: Fields) -> Fields:
    """Return the mean of each field around each pixel, weighted by its contribution there."""
    kinds = zip(colours, (_COVER, _REST), otherwise, strict=True)
    front, back = threads.each(lambda kind: _blur(kind[0], _by(alpha, kind[1]), radius, kind[2]), kinds)
    return front, back


def _blur(colours: Float32, weight: Float32, radius: int, otherwise: Float32) -> Float32:
    """Return the weighted mean of ``colours`` around each pixel; where nothing has weight, ``otherwise``."""
    mean = as_float32(cv2.scaleAdd(otherwise, float(_TINY), box(colours * _fourfold(weight), radius)))
    mean /= _fourfold(box(weight, radius) + _TINY)
    return mean


def _unmixed(colours: UInt8, alpha: UInt8, front: Float32, back: Float32) -> Fields:
    """Return the fields nearest to ``front`` and ``back`` whose mixture approximates ``colours``."""
    off = _off(colours, alpha, front, back)
    return _moved(front, off, alpha, _TO_FRONT), _moved(back, off, alpha, _TO_BACK)


def _off(colours: UInt8, alpha: UInt8, front: Float32, back: Float32) -> Float32:
    """Return the difference of ``colours`` from the mixture of front and back."""
    mixed = as_float32(cv2.blendLinear(front, back, _by(alpha, _COVER), _by(alpha, _REST)))
    return np.subtract(colours, mixed, out=mixed)


def _moved(field: Float32, off: Float32, alpha: UInt8, share: Float32) -> Float32:
    """Return ``field`` plus its share of the difference, within 0..255."""
    moved = off * _fourfold(_by(alpha, share))
    moved += field
    return np.clip(moved, 0, _WHOLE, out=moved)


def _at_full_size(colours: UInt8, alpha: UInt8, back: Float32, ahead: Float32) -> UInt8:
    """Return the foreground nearest to ``back + ahead`` whose mixture approximates ``colours``, as uint8.

    Equals `_off` and `_moved` with collected terms, because most pixels are here. ``ahead`` is overwritten.
    """
    front = np.subtract(colours, back)
    front *= _fourfold(_by(alpha, _TO_FRONT))
    front += back
    ahead *= _fourfold(_by(alpha, 1 - _TO_FRONT * _COVER))
    front += ahead
    return as_uint8(cv2.convertScaleAbs(np.clip(front, 0, _WHOLE, out=front)))
