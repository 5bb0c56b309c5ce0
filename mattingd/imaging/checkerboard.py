"""The checkerboard that image editors show behind transparent pixels."""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

SQUARE = 12
LIGHT, DARK = 235, 190


def checkerboard(height: int, width: int, square: int = SQUARE) -> Pixels:
    """Return uint8[H,W,3], the checkerboard that image editors show behind transparent pixels."""
    rows, columns = np.indices((height, width)) // square
    return np.where(((rows + columns) % 2)[..., None] == 0, LIGHT, DARK).astype(np.uint8).repeat(3, axis=2)


def over_checkerboard(pixels: Pixels, square: int = SQUARE) -> Pixels:
    """Return a cut-out (uint8[H,W,4], straight alpha) over the checkerboard; uint8[H,W,3] unchanged."""
    if pixels.shape[2] == 3:  # noqa: PLR2004 - no alpha
        return pixels
    alpha = pixels[..., 3:].astype(np.float32) / 255
    ground = checkerboard(pixels.shape[0], pixels.shape[1], square)
    return np.rint(pixels[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
