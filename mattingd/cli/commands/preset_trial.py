"""A sheet for choosing by eye: a preset on a picture, and its settings slightly changed."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mattingd.cli.contact_sheet import WHITE
from mattingd.domain.jobs import PictureLimits
from mattingd.domain.presets import Pin, Preset
from mattingd.domain.reasons import Reason
from mattingd.imaging.checkerboard import Pixels, over_checkerboard
from mattingd.imaging.finishing import compose
from mattingd.imaging.finishing.background import Backdrop, opened
from mattingd.imaging.formats import decode
from mattingd.imaging.formats.decode import Picture
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting.alpha import finish
from mattingd.imaging.matting.second_pass import all_passes
from mattingd.imaging.matting.tiles import UInt8, eight_bits
from mattingd.inference import registry

TILE = 300
"""Side of a tile, in pixels."""
CAPTION = 26
GAP = 10
MAGNIFIED = 2
"""Edges are shown so many times their size."""
SERIES: tuple[tuple[str, float, Callable[[Preset, float], Preset]], ...] = (
    ("threshold", 12, lambda preset, value: replace(preset, threshold=min(254, round(value)))),
    ("erode", 1, lambda preset, value: replace(preset, erode=value)),
    ("feather", 1, lambda preset, value: replace(preset, feather=value)),
)
"""A row each: the setting, the step from one tile to the next, and how it is set."""
OPAQUE = 255


def sheet(data: bytes, name: str, preset: Preset, limits: PictureLimits) -> bytes:
    """Return the sheet as a PNG.

    Raises:
        PictureError: the picture cannot be read, or shows no subject.
    """
    picture = decode.read(data, limits)
    pin = Pin.of(preset.background)
    backdrop = None if pin is None else _backdrop(Path(pin.path))
    alpha = full_matte(picture, preset)
    plain = replace(preset, content="cut-out", canvas=None, trim=False)
    spot = busiest(alpha)
    rows = [
        [
            ("as it came", _fitted(eight_bits(picture.rgb))),
            (name, _fitted(_shown(picture, alpha, preset, backdrop))),
            ("on black", _fitted(_shown(picture, alpha, replace(plain, background="#000000")))),
            ("on white", _fitted(_shown(picture, alpha, replace(plain, background="#ffffff")))),
        ]
    ]
    for setting, step, change in SERIES:
        own = float(getattr(preset, setting))
        rows.append(
            [
                (
                    f"{setting} {value:g}" + (f" ({name})" if value == own else ""),
                    _magnified(_shown(picture, alpha, change(plain, value), backdrop)[spot]),
                )
                for value in variants(own, step)
            ]
        )
    return _drawn(
        rows, f"mattingd preset {name}; below, its edge twice as large, one setting changed at a time"
    )


def full_matte(picture: Picture, preset: Preset) -> UInt8:
    """Return the full-size matte of a picture, before the preset is applied: uint8[H,W].

    Raises:
        PictureError: no subject was found.
    """
    engine = registry.load()
    passes = all_passes(picture.srgb, engine.matte, engine.spec.net, preset.second_pass)
    engine.close()
    if passes.is_empty:
        raise PictureError("empty", Reason.of("try_another"))
    return passes.matte()


def variants(value: float, step: float, count: int = 4) -> list[float]:
    """Return ``count`` values, ascending by ``step``, with the present one first or second."""
    first = value - step if value >= step else value
    return [first + step * number for number in range(count)]


def busiest(alpha: UInt8) -> tuple[slice, slice]:
    """Return the square with most of the soft edge that, magnified, fills a tile."""
    soft = cv2.inRange(alpha, np.array([1]), np.array([OPAQUE - 1]))
    height, width = alpha.shape
    side = min(TILE // MAGNIFIED, height, width)
    amount = cv2.boxFilter(soft, cv2.CV_32F, (side, side), borderType=cv2.BORDER_CONSTANT)
    reach = side // 2
    inner = amount[reach : height - side + reach + 1, reach : width - side + reach + 1]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def _backdrop(path: Path) -> Backdrop:
    """Read the background in a file.

    Raises:
        PictureError: it cannot be read, or cannot be a background.
    """
    try:
        return opened(path.read_bytes())
    except OSError as error:
        raise PictureError(
            "unsupported",
            Reason.of("cannot_read", error=error.strerror or "").about(f"its background {path}"),
        ) from error
    except PictureError as error:
        raise PictureError(error.kind, error.reason.about(f"its background {path}")) from error


def _shown(picture: Picture, alpha: UInt8, preset: Preset, backdrop: Backdrop | None = None) -> Pixels:
    """Return the preset's result as an editor shows it."""
    pixels = eight_bits(compose.compose(picture, finish(alpha, preset), preset, backdrop).pixels)
    return over_checkerboard(np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels)  # noqa: PLR2004 - grey


def _magnified(pixels: Pixels) -> Pixels:
    return pixels.repeat(MAGNIFIED, axis=0).repeat(MAGNIFIED, axis=1)


def _fitted(pixels: Pixels) -> Pixels:
    """Fit the whole of it into a tile."""
    scale = TILE / max(pixels.shape[:2])
    by = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return cv2.resize(pixels, size, interpolation=by).astype(np.uint8)


def _drawn(rows: list[list[tuple[str, Pixels]]], title: str) -> bytes:
    """Draw tiles with their captions, as a PNG."""
    across, down = TILE + GAP, TILE + CAPTION + GAP
    image = Image.new(
        "RGB", (across * max(map(len, rows)) + GAP, down * len(rows) + CAPTION + 2 * GAP), WHITE
    )
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=15)
    draw.text((GAP, GAP), title, fill=(0, 0, 0), font=font)
    for number, row in enumerate(rows):
        top = CAPTION + 2 * GAP + number * down
        for column, (caption, pixels) in enumerate(row):
            left = GAP + column * across
            height, width = pixels.shape[:2]
            image.paste(Image.fromarray(pixels), (left + (TILE - width) // 2, top + (TILE - height) // 2))
            draw.text((left, top + TILE + 4), caption, fill=(60, 60, 60), font=font)
    sink = io.BytesIO()
    image.save(sink, "PNG", compress_level=1)
    return sink.getvalue()
