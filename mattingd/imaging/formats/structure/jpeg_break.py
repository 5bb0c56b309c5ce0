"""Where a decoded JPEG breaks: from one block on, the rest of the picture is shifted in its colours.

A JPEG stores the mean of each block as its difference from the block before. Damage that leaves the decoder
in step changes one difference and with it all that follows, and libjpeg has nothing to complain of. What
shows is a stair: the same jump along the upper edges of all blocks from there to the end of their row, and
along the lower edges of those before. A drawn edge may be such a stair, too, but then nothing is on either
side, or something else on each; over damage the picture goes on, only in other colours. Knows pixels and the
size of blocks. Must not know streams.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.imaging.matting.tiles import UInt8

Floats = npt.NDArray[np.float32]

_LINES = (-5, -2, 1, 4)
"""Lines around an edge between blocks: a jump is what the inner two differ by beyond the slope of the outer.
Three apart, because decoders smooth colours that are stored at half the size."""
_NEAREST = cv2.INTER_NEAREST
_COLOURS = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
"""Brightness and the two differences of colour: damage shifts one of them, or several."""
_FEWEST_ROWS, _FEWEST_COLUMNS = 4, 8
_LEAST = 2.0
"""Levels from which a shift is looked at."""
_QUANTA = 2.5
"""So many steps of quantisation are no slow change of colour."""
_ROWS = 8
"""So many rows of blocks with the largest jumps are looked at, for each of the three."""
_NEAR, _BESIDE = 6, 3
"""Blocks to either side of the step from one row's edge to the other that count on their own; the step is
looked for as far away."""
_UPRIGHT, _LIKELY_UPRIGHT = 0.4, 0.5
"""Of the jump, what the upright edge between the stair's two halves must show at least, by either measure."""
_STAIR = 0.8
"""How good a stair must be. Of 380 photographs, each cut to twelve other grids of blocks, none with an
upright edge between the stair's halves is above .7."""


_LIKELY = 20.0
"""How much better than no edge or a straight one a stair must explain the jumps, as a logarithm. Of 750
photographs, each cut to four other grids of blocks, one picture has as much with an upright edge."""
_FEWEST_LEVELS = 0.75
"""A smaller jump is nothing unusual anywhere."""
_LIKELIEST = 6
"""So many rows are looked at for such a stair."""
_SMALL_DETAIL = 4.0
"""Squared levels of detail below which nothing is said to go on."""
_ALIKE, _FEWEST_ALIKE = 0.2, 3
"""How alike the detail on both sides of a block's edge must be, and for so many blocks of a stair. Of 500
drawn stairs, tables, bars and pages on a grid 7 are still called damaged; 39 would be without."""


class _Stair(NamedTuple):
    column: int
    """The first block of the row that is shifted."""
    quality: float
    """By how many blocks it explains more than a straight edge does, less for what stays unexplained."""


def is_broken(rgb: UInt8, unit: tuple[int, int], quantum: float = 0.0) -> bool:
    """Whether a picture as it was decoded, uint8[H,W,3], is shifted from one of its units on.

    Args:
        rgb: the picture, not turned.
        unit: width and height in pixels of what the stream codes together: a block, or several.
        quantum: levels from one mean that a block may have to the next: slow changes of colour jump so far.
    """
    width, height = unit
    if rgb.shape[0] // height < _FEWEST_ROWS or rgb.shape[1] // width < _FEWEST_COLUMNS:
        return False
    jumps = _jumps(rgb, height, width)
    steps = np.median(jumps[:-1] + jumps[1:], axis=1)
    steps[np.abs(steps) < max(_LEAST, _QUANTA * quantum)] = 0
    found = (*_clear_stairs(jumps, steps), *_likely_stairs(jumps, steps))
    if not found:
        return False
    goes_on = _goes_on(rgb, height, width)
    return any(
        np.count_nonzero(goes_on[row, column:]) + np.count_nonzero(goes_on[row + 1, :column]) >= _FEWEST_ALIKE
        and _upright(rgb, unit, row + 1, column, kind, float(steps[row, kind])) >= least
        for row, column, kind, least in found
    )


def _clear_stairs(jumps: Floats, steps: Floats) -> Iterator[tuple[int, int, int, float]]:
    """Yield row, column and colour of stairs that nearly all jumps go with, and how upright each must be."""
    for kind in range(3):
        for row in np.argsort(-np.abs(steps[:, kind]))[:_ROWS]:
            if not (step := float(steps[row, kind])):
                break
            stair = _stair(jumps[row, :, kind] / step, jumps[row + 1, :, kind] / step)
            if stair.quality >= _STAIR:
                yield int(row), stair.column, kind, _UPRIGHT


def _likely_stairs(jumps: Floats, steps: Floats) -> Iterator[tuple[int, int, int, float]]:
    """Yield the same for stairs that stand out from what is usual around, in all three colours together.

    Jumps are taken to be spread as a Cauchy distribution: far ones, at the edges of things, say little.
    """
    usual = cv2.blur(_around(np.abs(jumps)), (3, 1)).reshape(len(steps), -1, 3)
    usual = np.maximum(usual, _FEWEST_LEVELS)

    def gain(edges: Floats) -> Floats:
        shifted = edges - steps[:, None, :]
        more: Floats = (np.log1p((edges / usual) ** 2) - np.log1p((shifted / usual) ** 2)).sum(axis=2)
        return np.cumsum(np.pad(more, ((0, 0), (1, 0))), axis=1)

    above, below = gain(jumps[:-1]), gain(jumps[1:])
    stairs = above[:, -1:] - above + below
    straight = np.maximum(0, np.maximum(stairs[:, 0], stairs[:, -1]))
    better = stairs[:, 2:-2] - straight[:, None]
    best = better.max(axis=1)
    for row in np.argsort(-best)[:_LIKELIEST]:
        if best[row] < _LIKELY:
            break
        kind = int(np.abs(steps[row]).argmax())
        yield int(row), int(better[row].argmax()) + 2, kind, _LIKELY_UPRIGHT


def _around(sizes: Floats) -> Floats:
    """Return the mean of the three edges above and the three below each row of blocks but its own two."""
    rows = len(sizes) - 1
    padded = np.pad(sizes, ((3, 4), (0, 0), (0, 0)), mode="edge")
    others = [padded[at : at + rows] for at in (0, 1, 2, 5, 6, 7)]
    return np.asarray(np.mean(others, axis=0), np.float32)


def _goes_on(rgb: UInt8, every: int, along: int) -> npt.NDArray[np.bool_]:
    """[K,M]: whether the detail above a block's edge goes on below it; slopes are no detail."""
    count, across = (len(rgb) - 1 - _LINES[-1]) // every, rgb.shape[1] // along
    above, below = (
        cv2.extractChannel(rgb[every + at :: every, : across * along][:count], 1).astype(np.float32)
        for at in (-1, 0)
    )
    for line in (above, below):
        line[:, 2:-2] = 2 * line[:, 2:-2] - line[:, 4:] - line[:, :-4]
        line[:, :2] = line[:, -2:] = 0
    common, size = (
        cv2.resize(part, (across, count), interpolation=cv2.INTER_AREA)
        for part in (above * below, (above**2 + below**2) / 2)
    )
    return np.asarray(common > _ALIKE * (size + _SMALL_DETAIL))


def _jumps(lines: UInt8, every: int, along: int) -> Floats:
    """[K,M,3]: how far the colours jump at each edge, ``every`` lines, in the mean of ``along`` pixels."""
    count, across = (len(lines) - 1 - _LINES[-1]) // every, lines.shape[1] // along
    every_other = across * along // 2, count
    first, second, third, fourth = (
        cv2.resize(lines[every + at :: every, : across * along][:count], every_other, None, 0, 0, _NEAREST)
        for at in _LINES
    )
    inner = cv2.addWeighted(third, 3, second, -3, 0, dtype=cv2.CV_16S)
    twice = cv2.add(inner, cv2.subtract(first, fourth, dtype=cv2.CV_16S))
    mean = cv2.resize(twice, (across, count), interpolation=cv2.INTER_AREA).astype(np.float32) / 2
    return cv2.transform(mean, _COLOURS).astype(np.float32, copy=False)


def _stair(above: Floats, below: Floats) -> _Stair:
    """The best stair in the jumps along a row's upper and lower edges, in parts of the whole jump."""
    left = np.minimum(np.abs(above), 1) + np.minimum(np.abs(below - 1), 1)
    right = np.minimum(np.abs(above - 1), 1) + np.minimum(np.abs(below), 1)
    unexplained = np.cumsum(np.r_[0, left]) + np.cumsum(np.r_[0, right[::-1]])[::-1]
    count = len(above)
    column = int(unexplained[2 : count - 1].argmin()) + 2
    rest = float(unexplained[column])
    better = float(min(unexplained[0], unexplained[-1])) - rest
    beside = max(left[max(0, column - _NEAR) : column].mean(), right[column : column + _NEAR].mean())
    return _Stair(column, better * max(0.0, 1 - rest / count) * max(0.0, 1 - float(beside)))


def _upright(rgb: UInt8, unit: tuple[int, int], row: int, column: int, kind: int, step: float) -> float:
    """Return the part of a step that the row's blocks jump by about where its stair is."""
    width, height = unit
    band = np.ascontiguousarray(rgb[row * height : (row + 1) * height].swapaxes(0, 1))
    jumps = _jumps(band, width, height)[:, 0, kind] / step
    return float(jumps[max(0, column - 1 - _BESIDE) : column + _BESIDE].max(initial=0))
