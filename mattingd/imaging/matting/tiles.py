"""Work only where there is something to do, and resizes that stay exact in place.

Knows geometry only. An edge band touches a few per cent of a photograph; going through it tile by tile keeps
memory bounded and the caches warm, whatever the picture's size.
"""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.imaging import threads

Tile = tuple[slice, slice]

UInt8 = npt.NDArray[np.uint8]
"""Pixels and finished mattes, 0 to 255."""

Levels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""Pixels of 8 or 16 bits a channel: 0 to 255 or 0 to 65535."""

DEEP = 257
"""Levels of 16 bits in one of 8."""

Float32 = npt.NDArray[np.floating[Any]]
"""float32 at run time; the stubs of NumPy and OpenCV lose the width on the way."""

_TILE, _JOINED = 64, 8
"""Side of a tile in pixels, and how many are joined at most."""


def tiles_of(mask: UInt8, size: int = _TILE, full: tuple[int, ...] | None = None) -> Iterator[Tile]:
    """The (rows, columns) of tiles that hold every place where the mask is not zero.

    Small tiles keep to a narrow band; those side by side come as one, so that few calls do much.

    Args:
        mask: uint8[h,w].
        size: side of a tile, in pixels.
        full: the (height, width) of the picture that the mask covers; by default the mask's own.
    """
    height, width = full or mask.shape
    for top in range(0, height, size):
        rows = slice(top, min(top + size, height))
        strip = mask[rows.start * len(mask) // height : (rows.stop - 1) * len(mask) // height + 1]
        if not cv2.hasNonZero(strip):
            continue
        line = cv2.resize(strip.max(axis=0, keepdims=True), (width, 1), interpolation=cv2.INTER_NEAREST)
        busy = np.flatnonzero(np.maximum.reduceat(line[0], np.arange(0, width, size)))
        for group in np.split(busy, np.flatnonzero(np.diff(busy) > 1) + 1):
            for start in range(group[0], group[-1] + 1, _JOINED):
                stop = min(start + _JOINED, group[-1] + 1)
                yield rows, slice(start * size, min(stop * size, width))


class Halving:
    """A picture that several steps need smaller: its half, with which each of them begins, is made once."""

    def __init__(self, picture: UInt8) -> None:
        """Nothing is made yet. The picture, uint8[H,W,3], must stay as it is."""
        self.picture = picture
        self._half: UInt8 | None = None

    def half(self) -> UInt8:
        """Return the means of every 2 x 2 pixels."""
        if self._half is None:
            self._half = _reduced(self.picture, 2, 2)
        return self._half

    def forget(self) -> None:
        """Free the half's memory; whoever needs it later has it made again."""
        self._half = None


def shrink(source: UInt8 | Halving, width: int, height: int) -> UInt8:
    """Return a picture (uint8[H,W] or [H,W,C]) at width x height, contiguous; larger also works, linearly.

    Halved by averaging as often as it goes (2 x 2 is by far the fastest area resize), the rest linearly,
    which below a factor of two loses nothing; exact in place, also where odd rows and columns fall away.
    """
    picture = source.picture if isinstance(source, Halving) else source
    full_height, full_width = picture.shape[:2]
    small, across, down = picture, 1, 1
    while small.shape[1] >= 2 * width or small.shape[0] >= 2 * height:
        x, y = (2 if small.shape[1] >= 2 * width else 1), (2 if small.shape[0] >= 2 * height else 1)
        first = small is picture and (x, y) == (2, 2)
        small = source.half() if first and isinstance(source, Halving) else _reduced(small, x, y)
        across, down = across * x, down * y
    if (full_height, full_width) == (height * down, width * across):  # nothing left to do
        return small.copy() if small is picture else small
    scale_x, scale_y = full_width / width / across, full_height / height / down
    if small.shape[2:] == (3,):  # four channels are sampled twice as fast
        four = _warp(rgba(small), scale_x, scale_y, 0, 0, (width, height))
        return as_uint8(cv2.cvtColor(four, cv2.COLOR_RGBA2RGB))
    return np.ascontiguousarray(as_uint8(_warp(small, scale_x, scale_y, 0, 0, (width, height))))


def _reduced(picture: UInt8, across: int, down: int) -> UInt8:
    """Return the means of every ``across`` x ``down`` pixels; odd rows and columns fall away."""
    columns, rows = picture.shape[1] // across, picture.shape[0] // down
    even = picture[: rows * down, : columns * across]
    result = np.empty((rows, columns, *picture.shape[2:]), picture.dtype)

    def average(strip: slice) -> None:
        below = result[strip]
        above = even[strip.start * down : strip.stop * down]
        cv2.resize(above, (columns, len(below)), dst=below, interpolation=cv2.INTER_AREA)

    threads.each(average, strips(rows))
    return result


def strips(height: int) -> Iterator[slice]:
    """Yield the rows of each strip of a picture: few enough to stay in a core's cache."""
    return (slice(top, min(top + _TILE, height)) for top in range(0, height, _TILE))


def rgba(rgb: UInt8) -> UInt8:
    """Return ``rgb`` ([H,W,3]) with an opaque fourth channel."""
    return as_uint8(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA))


def piece(
    small: Float32,
    full: tuple[int, ...],
    tile: Tile,
    corner: tuple[int, int] = (0, 0),
    whole: tuple[int, ...] | None = None,
) -> Float32:
    """Return ``cv2.resize(small, full)[tile]`` (linear, pixel centres kept) without computing the rest.

    Args:
        small: float32[h,w] or [h,w,C], at most four channels; four are fastest, two and three slowest.
        full: the (height, width) of the whole result.
        tile: the required (rows, columns) of it.
        corner: the first (row, column) of ``small`` when it is only a part, ...
        whole: ... and the (height, width) of what it is a part of.
    """
    rows, columns = tile
    size = columns.stop - columns.start, rows.stop - rows.start
    height, width = (whole or small.shape)[:2]
    scale_x, scale_y = width / full[1], height / full[0]
    left, top = columns.start - corner[1] / scale_x, rows.start - corner[0] / scale_y
    return _warp(small, scale_x, scale_y, left, top, size).astype(np.float32, copy=False)


def part(source: Float32, place: tuple[float, float, float, float], size: tuple[int, int]) -> Float32:
    """Return a ``place`` of ``source`` at another ``size``, linearly.

    Args:
        source: float32[h,w].
        place: left, top, right and bottom in it; fractions of a pixel count.
        size: the required (width, height).
    """
    left, top, right, bottom = place
    across, down = (right - left) / size[0], (bottom - top) / size[1]
    return _warp(source, across, down, left / across, top / down, size).astype(np.float32, copy=False)


def _warp(
    source: UInt8 | Float32,
    scale_x: float,
    scale_y: float,
    left: float,
    top: float,
    size: tuple[int, int],
) -> npt.NDArray[Any]:
    """Sample ``source`` linearly at ``(x + left + 1/2) * scale - 1/2``; its border is repeated outside."""
    place = np.array([[scale_x, 0, (left + 0.5) * scale_x - 0.5], [0, scale_y, (top + 0.5) * scale_y - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, place, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def box(plane: Float32, radius: int) -> Float32:
    """Return the mean over (2 radius + 1) squared pixels around each, mirrored at the borders."""
    side = 2 * radius + 1
    return cv2.boxFilter(plane, -1, (side, side), borderType=cv2.BORDER_REFLECT).astype(
        np.float32, copy=False
    )


def at_least(plane: Levels, level: int) -> UInt8:
    """Return 255 where ``plane`` ([H,W]) reaches ``level``, otherwise 0."""
    return as_uint8(cv2.inRange(plane, np.array([level]), np.array([whole_of(plane)])))


def whole_of(levels: Levels) -> int:
    """Return the highest level: 255 or 65535."""
    return int(np.iinfo(levels.dtype).max)


def eight_bits(levels: Levels) -> UInt8:
    """Return ``levels`` at 8 bits per channel, rounded; the same array if they already are."""
    if levels.dtype == np.uint8:
        return as_uint8(levels)
    return as_uint8(cv2.convertScaleAbs(levels, alpha=1 / DEEP))


def deepened(levels: Levels) -> Levels:
    """Return ``levels`` at 16 bits per channel; the same array if they already are."""
    return levels if levels.itemsize > 1 else as_levels(levels.astype(np.uint16) * DEEP)


def as_levels(array: npt.NDArray[Any]) -> Levels:
    """Return the same array, typed, like `as_uint8`."""
    return array.astype(np.uint16, copy=False) if array.dtype == np.uint16 else as_uint8(array)


def as_float32(array: npt.NDArray[Any]) -> Float32:
    """Return the same array, typed, like `as_uint8`."""
    return array.astype(np.float32, copy=False)


def as_uint8(array: npt.NDArray[Any]) -> UInt8:
    """Return the same array, typed: OpenCV's stubs have no dtypes."""
    return array.astype(np.uint8, copy=False)
