"""The classic matte settings: threshold, erode, feather; and whether there is a subject.

Knows alpha only. Must not know pictures or files.
"""

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.domain.presets import REFERENCE_SIDE, Preset
from mattingd.imaging.matting.despeckle import clean
from mattingd.imaging.matting.tiles import as_uint8

_SEEN = 0.5
"""Network alpha from which a pixel counts as subject."""

LEAST_MAXIMUM = 0.6
"""A matte that nowhere reaches this holds no subject: a net that is sure of nothing found nothing."""

LEAST_COVERAGE = 1 / 4096
"""Share of the picture below which nothing is a subject: at 416 x 416 these are 42 px, a spot of 6 x 7."""

_DISK = 3  # px; larger erosions combine several disks of at most this radius


def coverage(alpha_net: npt.NDArray[np.float32]) -> float:
    """Return the share (0..1) of a network matte (float32[h,w] in 0..1) that is subject."""
    return float(np.count_nonzero(alpha_net >= _SEEN)) / alpha_net.size


def is_empty(alpha_net: npt.NDArray[np.float32]) -> bool:
    """Whether a network matte (float32[h,w] in 0..1) shows no subject; NaN counts as 0."""
    return not (float(alpha_net.max()) >= LEAST_MAXIMUM and coverage(alpha_net) >= LEAST_COVERAGE)


def finish(alpha: npt.NDArray[np.uint8], preset: Preset) -> npt.NDArray[np.uint8]:
    """Apply the preset's clean-up, threshold, erosion, feather to ``alpha`` (uint8[H,W]), in this order."""
    scale = max(alpha.shape) / REFERENCE_SIDE
    kept = threshold(clean(alpha, preset), preset)
    return feather(erode(kept, preset.erode * scale), preset.feather * scale)


def threshold(alpha: npt.NDArray[np.uint8], preset: Preset) -> npt.NDArray[np.uint8]:
    """Set alpha below the preset's threshold t to 0.

    Above, (a - t) / (255 - t) when soft, unchanged when hard.
    """
    limit = preset.threshold
    if not limit:
        return alpha
    levels = np.arange(256)
    kept = levels if preset.threshold_mode == "hard" else (levels - limit) * 255 / (255 - limit)
    return as_uint8(cv2.LUT(alpha, np.where(levels < limit, 0, np.rint(kept)).astype(np.uint8)))


def erode(alpha: npt.NDArray[np.uint8], radius: float) -> npt.NDArray[np.uint8]:
    """Remove ``radius`` px from the edges of ``alpha``; fractions of a pixel are blended."""
    if radius <= 0:
        return alpha
    whole = int(radius)
    result = alpha
    for _ in range(whole // _DISK):
        result = _erode_disk(result, _DISK)
    result = _erode_disk(result, whole % _DISK)
    part = radius - whole
    return as_uint8(cv2.addWeighted(result, 1 - part, _erode_disk(result, 1), part, 0)) if part else result


def _erode_disk(alpha: npt.NDArray[np.uint8], radius: int) -> npt.NDArray[np.uint8]:
    if radius == 0:
        return alpha
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return as_uint8(cv2.erode(alpha, disk, borderType=cv2.BORDER_REPLICATE))


def feather(alpha: npt.NDArray[np.uint8], radius: float) -> npt.NDArray[np.uint8]:
    """Soften the edges of ``alpha`` over about ``radius`` px to either side (Gaussian, sigma radius / 2)."""
    if radius <= 0:
        return alpha
    sigma = radius / 2
    return as_uint8(cv2.GaussianBlur(alpha, (0, 0), sigmaX=sigma, borderType=cv2.BORDER_REPLICATE))
