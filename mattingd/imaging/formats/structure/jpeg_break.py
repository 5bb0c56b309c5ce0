"""Where a decoded JPEG breaks: from one block on, the rest of the picture is shifted in its colours.

A JPEG stores the mean of each block as its difference from the block before. Damage that leaves the decoder
in step changes one difference and with it all that follows, and libjpeg has nothing to complain of. What
shows is a stair: the same jump along the upper edges of all blocks from there to the end of their row, and
along the lower edges of those before. Knows pixels and the size of blocks. Must not know streams.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.imaging.matting.tiles import UInt8

Floats = npt.NDArray[np.float32]

_LINES = (-5, -2, 1, 4)
"""Lines around an edge between blocks: a jump is what the inner two differ by beyond the slope of the outer.
Three apart, because decoders smooth colours that are stored at half the size."""
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
_UPRIGHT = 0.4
"""Of the jump, what the upright edge between the stair's two halves must show at least."""
_STAIR = 0.8
"""How good a stair must be. Of 380 photographs, each cut to twelve other grids of blocks, none with an
upright edge between the stair's halves is above .7."""


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
    both = np.median(jumps[:-1] + jumps[1:], axis=1)
    for kind in range(3):
        for row in np.argsort(-np.abs(both[:, kind]))[:_ROWS]:
            step = float(both[row, kind])
            if abs(step) < max(_LEAST, _QUANTA * quantum):
                break
            stair = _stair(jumps[row, :, kind] / step, jumps[row + 1, :, kind] / step)
            if stair.quality >= _STAIR and _is_upright(rgb, unit, int(row) + 1, stair.column, kind, step):
                return True
    return False


def _jumps(lines: UInt8, every: int, along: int) -> Floats:
    """[K,M,3]: how far the colours jump at each edge, ``every`` lines, in the mean of ``along`` pixels."""
    count, across = (len(lines) - 1 - _LINES[-1]) // every, lines.shape[1] // along
    first, second, third, fourth = (
        lines[every + at :: every, : across * along : 2][:count].astype(np.int16) for at in _LINES
    )
    twice = 3 * (third - second) + first - fourth
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


def _is_upright(rgb: UInt8, unit: tuple[int, int], row: int, column: int, kind: int, step: float) -> bool:
    """Whether the row's blocks jump to the other colours about where its stair has its step."""
    width, height = unit
    band = np.ascontiguousarray(rgb[row * height : (row + 1) * height].swapaxes(0, 1))
    jumps = _jumps(band, width, height)[:, 0, kind] / step
    return bool((jumps[max(0, column - 1 - _BESIDE) : column + _BESIDE] >= _UPRIGHT).any())
