"""`python -m tests.bench.preset_sheets`: one sheet for each preset over the sample photographs.

Made by the real pictures' way, one after the other in this process; written to docs/images for the README.
"""

from pathlib import Path

import cv2
import numpy as np
from skimage import data

from mattingd.domain.presets import BUILT_IN, Preset
from mattingd.imaging.checkerboard import Pixels, over_checkerboard
from mattingd.imaging.finishing import compose
from mattingd.imaging.formats.decode import Picture
from mattingd.imaging.matting.alpha import finish
from mattingd.imaging.matting.second_pass import all_passes
from mattingd.imaging.matting.tiles import eight_bits
from mattingd.inference import registry
from tests.bench.photographs import SCENES

TARGET = Path("docs/images")
TILE = 300
GAP = 8
QUALITY = 88


def main() -> None:
    """Write all sheets, and one of the photographs as they are."""
    TARGET.mkdir(parents=True, exist_ok=True)
    photographs = [np.ascontiguousarray(getattr(data, name)()) for name in SCENES]
    mattes = [_matte(picture) for picture in photographs]
    _write("photographs", photographs)
    for name, preset in BUILT_IN.items():
        shown = [_made(*pair, preset) for pair in zip(photographs, mattes, strict=True)]
        _write(f"preset-{name}", shown)


def _matte(picture: Pixels) -> Pixels:
    engine = registry.load()
    return all_passes(picture, engine.matte, engine.spec.net).matte()


def _made(picture: Pixels, alpha: Pixels, preset: Preset) -> Pixels:
    source = Picture(rgb=picture, alpha=None, srgb=picture)
    pixels = eight_bits(compose.compose(source, finish(alpha, preset), preset).pixels)
    return over_checkerboard(np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels)


def _write(name: str, pictures: list[Pixels]) -> None:
    row = np.hstack([_tile(picture) for picture in pictures])
    bgr = cv2.cvtColor(row, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(TARGET / f"{name}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def _tile(picture: Pixels) -> Pixels:
    """The picture in the middle of a grey square."""
    scale = TILE / max(picture.shape[:2])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    tile = np.full((TILE + 2 * GAP, TILE + 2 * GAP, 3), 110, np.uint8)
    top, left = (TILE - size[1]) // 2 + GAP, (TILE - size[0]) // 2 + GAP
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


if __name__ == "__main__":
    main()
