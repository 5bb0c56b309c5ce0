"""What cameras, files and editors do to a picture. Pure functions: uint8 RGB [H,W,3] in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from mattingd.training.data.rng import happens

if TYPE_CHECKING:
    from mattingd.training.data.geometry import Array, Plane


def colour_jitter(image: Array, rng: np.random.Generator, strength: float = 1.0) -> Array:
    """Random exposure, contrast, gamma and white balance by one look-up table per channel."""
    x = np.arange(256, dtype=np.float32)[:, None] / 255
    gain = 1 + strength * (rng.uniform(-0.25, 0.25) + rng.uniform(-0.08, 0.08, 3))
    gamma = np.exp(strength * rng.uniform(-0.3, 0.3))
    contrast = 1 + strength * rng.uniform(-0.25, 0.25)
    table = (np.clip(x * gain, 0, 1) ** gamma - 0.5) * contrast + 0.5
    table8 = (np.clip(table, 0, 1) * 255).astype(np.uint8)
    return cv2.LUT(image, table8[:, None, :]).astype(np.uint8)


def saturate(image: Array, factor: float) -> Array:
    """Mix with grey: 0 is a black-and-white picture, 1 no change, above 1 stronger colours."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, factor, grey, 1 - factor, 0).astype(np.uint8)


def add_noise(image: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Gaussian sensor noise of `sigma` levels."""
    noise = rng.standard_normal(image.shape, np.float32)
    noisy: Array = np.clip(image + sigma * noise, 0, 255).astype(np.uint8)
    return noisy


def recompress(image: Array, quality: int) -> Array:
    """Through a JPEG of the given quality and back."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("a JPEG written here could not be read back")
    return picture.astype(np.uint8)


def light_falloff(image: Array, rng: np.random.Generator) -> Array:
    """A smooth change of light across the picture."""
    corners: Plane = rng.uniform(0.6, 1.25, (2, 2)).astype(np.float32)
    field = cv2.resize(corners, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    lit: Array = np.clip(image * field[..., None], 0, 255).astype(np.uint8)
    return lit


def degrade(image: Array, rng: np.random.Generator) -> Array:
    """The usual random mixture, for a whole finished picture, so that no layer is told apart by it."""
    if happens(rng, 0.75):
        image = colour_jitter(image, rng)
    if happens(rng, 0.35):
        image = saturate(image, 0.0 if happens(rng, 0.15) else rng.uniform(0.4, 1.6))
    if happens(rng, 0.1):
        image = light_falloff(image, rng)
    if happens(rng, 0.12):
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4)).astype(np.uint8)
    if happens(rng, 0.3):
        image = add_noise(image, rng.uniform(1, 9), rng)
    if happens(rng, 0.4):
        image = recompress(image, int(rng.integers(35, 95)))
    return image
