"""What the fidelity tests share: files not made by our code, expected pixels by NumPy and LittleCMS alone."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, ImageCms

from mattingd.domain.jobs import PictureLimits
from mattingd.domain.presets import Preset
from mattingd.imaging.finishing.compose import Composed, compose
from mattingd.imaging.formats import encode as encode_module
from mattingd.imaging.formats.colour import icc
from mattingd.imaging.formats.decode import Picture, read
from tests.imaging import documents
from tests.imaging.pictures import encode, heic, photo

Pixels = npt.NDArray[Any]

LIMITS = PictureLimits()
WIDTH, HEIGHT = 53, 38
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PROFILES = {"none": None, "sRGB": SRGB, "Display P3": icc.DISPLAY_P3, "Adobe RGB": documents.ADOBE_RGB}
ORIENTATION = 0x0112

UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}
"""What a viewer does with a picture as it is stored, by its EXIF tag."""


# --- what goes in ---


def stored(mode: str, bits: int, seed: int = 0) -> Pixels:
    """A picture as a file holds it: grey or RGB, with or without alpha; all levels are in use."""
    eight = photo(WIDTH, HEIGHT, seed)
    colours: Pixels = eight
    if bits == 16:
        fine = np.random.default_rng(seed).integers(0, 257, eight.shape, np.uint16)
        colours = eight.astype(np.uint16) * 257 + fine
    whole = np.iinfo(colours.dtype).max
    alpha = np.full((HEIGHT, WIDTH), whole, colours.dtype)
    alpha[4:-4, 10:30] = np.linspace(0, whole, 20).round()  # opaque at every border
    planes = colours[:, :, 1:2] if mode.startswith("L") else colours
    return np.dstack([planes, alpha]) if mode.endswith("A") else planes.squeeze()


def exif_of(turn: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    return exif.tobytes()


def png(pixels: Pixels, turn: int = 1, profile: bytes | None = None) -> bytes:
    kind = {(): 0, (2,): 4, (3,): 2, (4,): 6}[pixels.shape[2:]]
    big = pixels.astype(">u2") if pixels.itemsize == 2 else pixels
    rows = b"".join(b"\0" + row.tobytes() for row in big)
    head = struct.pack(">2I5B", pixels.shape[1], pixels.shape[0], 8 * pixels.itemsize, kind, 0, 0, 0)
    parts = [(b"IHDR", head), (b"eXIf", exif_of(turn).removeprefix(b"Exif\0\0"))]
    if profile:
        parts.insert(1, (b"iCCP", b"p\0\0" + zlib.compress(profile)))
    parts += [(b"IDAT", zlib.compress(rows, 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def tiff(pixels: Pixels, turn: int = 1, profile: bytes | None = None, **more: Any) -> bytes:
    sink = io.BytesIO()
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    more = {
        "photometric": "rgb" if channels > 2 else "minisblack",
        "extrasamples": ["unassalpha"] if channels in (2, 4) else None,
        "compression": "adobe_deflate",
        **more,
    }
    tags = [(ORIENTATION, "H", 1, turn, True)]
    tifffile.imwrite(sink, pixels, iccprofile=profile, extratags=tags, metadata=None, **more)
    return sink.getvalue()


def webp(pixels: Pixels, turn: int = 1, profile: bytes | None = None) -> bytes:
    options = {"lossless": True, "exact": True, "method": 0, "exif": exif_of(turn)}
    return encode(Image.fromarray(pixels), "WEBP", icc_profile=profile or b"", **options)


def jpeg(pixels: Pixels, turn: int = 1, profile: bytes | None = None) -> bytes:
    options: dict[str, Any] = {"quality": 95, "subsampling": 0, "exif": exif_of(turn), "icc_profile": profile}
    return encode(Image.fromarray(pixels), "JPEG", **options)


# --- what comes out ---


def matte_for(picture: Picture) -> npt.NDArray[np.uint8]:
    """Nothing at the left, everything at the right, half of it between."""
    height, width = picture.rgb.shape[:2]
    return np.tile(np.clip(np.linspace(-200, 455, width), 0, 255).astype(np.uint8), (height, 1))


def cut(data: bytes, **preset: Any) -> tuple[Picture, npt.NDArray[np.uint8], Composed]:
    picture = read(data, LIMITS)
    matte = matte_for(picture)
    return picture, matte, compose(picture, matte, Preset(**preset))


def written(composed: Composed, **preset: Any) -> bytes:
    return encode_module.encode(composed, Preset(**preset))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels_in(data: bytes) -> Pixels:
    """RGB or RGBA at its depth, by OpenCV: another reader than any that we use."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGB))


def in_srgb(pixels: Pixels, profile: bytes, mode: str) -> Pixels:
    """8-bit pixels in sRGB, by LittleCMS alone."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    target = ImageCms.createProfile("sRGB")
    image = Image.frombytes(mode, pixels.shape[1::-1], np.ascontiguousarray(pixels).tobytes())
    made = ImageCms.profileToProfile(image, source, target, intent, "RGB", flags=flags)
    return np.asarray(made)


def in_srgb_deep(pixels: Pixels, profile: bytes) -> Pixels:
    """16-bit RGB pixels in sRGB by the arithmetic of matrix profiles, in floating point."""
    to_xyz, curve = _matrix(profile), _linear(profile)
    linear = curve(pixels / 65535) @ to_xyz.T @ np.linalg.inv(_matrix(OWN_SRGB)).T
    linear = np.clip(linear, 0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(coded * 65535))


OWN_SRGB = icc.matrix_profile("sRGB", (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))


def _matrix(profile: bytes) -> Pixels:
    found: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    return np.array([found.red_colorant[0], found.green_colorant[0], found.blue_colorant[0]]).T


def _linear(profile: bytes) -> Callable[[Pixels], Pixels]:
    if profile == documents.ADOBE_RGB:
        return lambda levels: np.power(levels, 563 / 256)
    return lambda levels: np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def same(ours: Pixels, expected: Pixels, within: float = 0) -> None:
    assert ours.shape == expected.shape
    assert np.abs(ours.astype(np.int64) - expected).max(initial=0) <= within


def avif(pixels: Pixels, turn: int = 1, profile: bytes | None = None) -> bytes:
    options: dict[str, Any] = {"quality": 100, "subsampling": "4:4:4", "speed": 9, "exif": exif_of(turn)}
    return encode(Image.fromarray(pixels), "AVIF", icc_profile=profile or b"", **options)


def heif(pixels: Pixels, turn: int = 1, profile: bytes | None = None) -> bytes:
    image = Image.fromarray(pixels)
    if profile:
        image.info["icc_profile"] = profile
    return heic(image, quality=-1, chroma=444, exif=exif_of(turn))


MAKERS: dict[str, Callable[..., bytes]] = {
    "png": png, "tiff": tiff, "webp": webp, "jpeg": jpeg, "avif": avif, "heic": heif
}  # fmt: skip
LOSS = {"jpeg": 1, "avif": 6, "heic": 3}
"""Levels by which a decoder may differ from what went into the encoder (JPEG: from what libjpeg gives)."""
