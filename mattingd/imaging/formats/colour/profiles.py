"""Convert between a picture's own colour profile and sRGB.

Knows ICC profiles through LittleCMS. Must not know files, mattes or presets.
"""

import io
from functools import lru_cache

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from mattingd.imaging.matting.tiles import Levels, UInt8, as_levels

_STRIP = 1 << 18  # pixels converted at a time: Pillow's copies stay small
_CLOSE = 2  # levels by which a profile may differ from sRGB and still count as sRGB
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}
_EXACT = 0x100
"""LittleCMS's NOOPTIMIZE: its tables for 16-bit RGB are up to 20 of 255 levels off where it clips."""
_SPACES = {"RGB": "rgb", "L": "gray", "CMYK": "cmyk", "LAB": "lab"}


def mode_of(icc: bytes) -> str | None:
    """Return the Pillow mode of a profile (RGB, L, CMYK, LAB), or None when it is not usable."""
    try:
        profile = _profile(icc)
    except (OSError, ImageCms.PyCMSError):
        return None
    return _MODES.get(profile.profile.xcolor_space)


def fits(icc: bytes, mode: str) -> bool:
    """Whether pixels of this mode can be converted with this profile."""
    try:
        _to_srgb(icc, mode)
    except (OSError, ImageCms.PyCMSError):
        return False
    return mode_of(icc) == mode


def is_srgb(icc: bytes) -> bool:
    """Whether an RGB profile converts every colour to (nearly) the same sRGB colour."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    difference = to_srgb(cube, icc, "RGB").astype(np.int16) - cube
    return int(np.abs(difference).max()) <= _CLOSE


def to_srgb(pixels: UInt8, icc: bytes, mode: str) -> UInt8:
    """Return the sRGB uint8[H,W,3] of ``pixels`` (uint8[H,W] or [H,W,C]) in the profile's colour space.

    Raises:
        ImageCms.PyCMSError: the profile does not fit ``mode`` or is broken.
    """
    transform = _to_srgb(icc, mode)
    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), np.uint8)
    step = max(1, _STRIP // width)
    for top in range(0, height, step):
        strip = Image.frombytes(mode, (width, min(step, height - top)), pixels[top : top + step].tobytes())
        result[top : top + step] = np.asarray(transform.apply(strip))
    return result


def to_srgb_at_depth(pixels: Levels, icc: bytes, mode: str) -> Levels:
    """Do the same as `to_srgb` at the depth of ``pixels``: Pillow's binding cannot keep uint16.

    Raises:
        ImageCms.PyCMSError: the profile does not fit ``mode`` or is broken.
    """
    if pixels.dtype == np.uint8:
        return to_srgb(pixels.astype(np.uint8, copy=False), icc, mode)
    return _converted(pixels, icc, _srgb().tobytes(), mode)


def _converted(pixels: Levels, icc: bytes, target: bytes, mode: str) -> Levels:
    """Convert pixels of any depth to the colours of an RGB profile."""
    exact = pixels.itemsize > 1 and mode == "RGB"
    try:
        found = imagecodecs.cms_transform(
            np.ascontiguousarray(pixels),
            icc,
            target,
            colorspace=_SPACES[mode],
            outcolorspace="rgb",
            intent=int(_INTENT),
            flags=int(_FLAGS) | (_EXACT if exact else 0),
        )
    except imagecodecs.CmsError as error:
        raise ImageCms.PyCMSError(str(error)) from error
    return as_levels(np.asarray(found, pixels.dtype))


def between(rgb: Levels, source: bytes | None, target: bytes | None) -> Levels:
    """Convert ``rgb`` ([H,W,3], any depth) from one profile to another; None is sRGB.

    Raises:
        ImageCms.PyCMSError: a profile is broken, or ``target`` supports no output.
    """
    if source == target:
        return rgb
    icc, wanted = (profile or _srgb().tobytes() for profile in (source, target))
    return _converted(rgb, icc, wanted, "RGB")


def lab_to_srgb(pixels: UInt8) -> UInt8:
    """Convert CIE Lab pixels (8 bits per channel, D50) to sRGB uint8[H,W,3]."""
    return to_srgb(pixels, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), "LAB")


def from_srgb(colour: tuple[int, int, int], icc: bytes) -> tuple[int, int, int]:
    """Convert one sRGB colour (0..255) to an RGB profile.

    Raises:
        ImageCms.PyCMSError: the profile is broken.
    """
    transform = ImageCms.buildTransform(_srgb(), _profile(icc), "RGB", "RGB", _INTENT, _FLAGS)
    red, green, blue = np.asarray(transform.apply(Image.new("RGB", (1, 1), colour)))[0, 0]
    return int(red), int(green), int(blue)


_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION


@lru_cache(maxsize=8)
def _to_srgb(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(_profile(icc), _srgb(), mode, "RGB", _INTENT, _FLAGS)


def _profile(icc: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(icc))


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
