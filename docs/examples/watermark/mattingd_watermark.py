"""The team's name, half transparent, in the lower right corner."""

import os

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

TEXT = os.environ.get("WATERMARK", "studio")
SHARE = 0.25  # of the picture's width
STRENGTH = 0.5
COLOURED = 3  # dimensions
OPAQUE = 3  # channels


def watermark(pixels: Pixels, _: Pixels) -> Pixels:
    """Draw the name.

    Args:
        pixels: [H,W,4] with straight alpha, [H,W,3] on a ground, or [H,W] a matte alone; uint8 or uint16.
        _: the matte, [H,W] of the same depth: how much of each pixel is subject. Not needed here.

    Returns:
        Pixels of the same depth; here also of the same shape.
    """
    if pixels.ndim != COLOURED:
        return pixels
    height, width = pixels.shape[:2]
    (wide, high), below = cv2.getTextSize(TEXT, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
    scale = SHARE * width / wide
    mask = np.zeros((height, width), np.uint8)
    place = round(width - wide * scale * 1.05), round(height - (below + high * 0.3) * scale)
    thick = max(1, round(2 * scale))
    cv2.putText(mask, TEXT, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thick, cv2.LINE_AA)
    whole = np.iinfo(pixels.dtype).max
    cover = mask[:, :, None] / 255 * STRENGTH
    colours = pixels[:, :, :3] * (1 - cover) + whole * cover
    if pixels.shape[2] == OPAQUE:
        return np.rint(colours).astype(pixels.dtype)
    alpha = np.maximum(pixels[:, :, 3:], np.rint(cover * whole))
    return np.dstack([np.rint(colours), alpha]).astype(pixels.dtype)
