"""Damage that a JPEG's decoder does not notice: the colours of all that follows are shifted."""

import random
from collections import Counter
from importlib import resources

import cv2
import numpy as np
import pytest
from PIL import Image

from mattingd.domain.jobs import PictureLimits
from mattingd.imaging.formats.decode import PictureError, read
from mattingd.imaging.formats.structure import jpeg_stream
from mattingd.imaging.matting.tiles import UInt8, as_uint8
from tests.imaging.pictures import encode

LIMITS = PictureLimits()


def photographs() -> list[UInt8]:
    found = []
    for name in ("astronaut", "chelsea", "coffee"):
        with Image.open(str(resources.files("mattingd.cli") / "demo_pictures" / f"{name}.jpg")) as image:
            found.append(np.asarray(image.convert("RGB").resize((448, 336))))
    return found


PHOTOGRAPHS = photographs()


def end_of(whole: UInt8, data: bytes) -> str:
    """How reading a spoilt file ends: it says so, or nothing shows, or it is silent."""
    try:
        picture = read(data, LIMITS)
    except PictureError:
        return "said"
    if picture.doubts:
        return "said"
    apart = cv2.absdiff(whole, as_uint8(picture.rgb)).max(axis=2)
    cells = cv2.resize(apart, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    return "silent" if np.count_nonzero(cells > 16) >= 4 else "nothing shows"


def test_most_damage_that_shows_is_said() -> None:
    """libjpeg alone notices three quarters of it."""
    chance = random.Random(11)
    ends: Counter[str] = Counter()
    for photograph in PHOTOGRAPHS:
        for subsampling in (0, 1, 2):
            data = encode(photograph, "JPEG", quality=88, subsampling=subsampling)
            whole, (scan,) = as_uint8(read(data, LIMITS).rgb), jpeg_stream.walk(data).scans
            for _ in range(15):
                at = chance.randrange(scan.start + 8, scan.end - 40)
                spoilt = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
                ends[end_of(whole, spoilt)] += 1
    assert ends["said"] >= 0.85 * (ends["said"] + ends["silent"])


@pytest.mark.parametrize("quality", [20, 50, 75, 95])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_no_sound_photograph_is_said_to_be_damaged(quality: int, subsampling: int) -> None:
    for photograph in PHOTOGRAPHS:
        for off in (0, 3):
            part = photograph[off:, 2 * off :]
            assert read(encode(part, "JPEG", quality=quality, subsampling=subsampling), LIMITS).doubts == ()


def stair(under: UInt8, over: UInt8, unit: int) -> UInt8:
    """Two pictures one above the other, with a step of one block's height in between, as damage has it."""
    height, width = under.shape[:2]
    row, column = height // 2 // unit * unit, width // 3 // unit * unit
    drawn = under.copy()
    drawn[row + unit :] = over[row + unit :]
    drawn[row : row + unit, column:] = over[row : row + unit, column:]
    return drawn


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("step", [12, 40, 150])
def test_a_drawn_stair_is_no_damage(step: int, subsampling: int) -> None:
    """Not from one colour to another, nor from one slope to another, nor with writing on it."""
    unit = 8 if subsampling == 0 else 16
    plain = np.full((336, 448, 3), 90, np.uint8)
    slope = as_uint8(plain + np.linspace(0, 60, 448)[None, :, None])
    written = plain.copy()
    cv2.putText(written, "one line", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
    for under in (plain, slope, written):
        drawn = stair(under, as_uint8(under + step), unit)
        data = encode(drawn, "JPEG", quality=90, subsampling=subsampling)
        assert read(data, LIMITS).doubts == ()


@pytest.mark.parametrize("subsampling", [0, 2])
def test_the_same_stair_in_a_photograph_is_damage(subsampling: int) -> None:
    unit = 8 if subsampling == 0 else 16
    for photograph in PHOTOGRAPHS:
        darker = as_uint8(np.clip(photograph.astype(np.int16) - 40, 0, 255))
        data = encode(stair(photograph, darker, unit), "JPEG", quality=90, subsampling=subsampling)
        assert [doubt.code for doubt in read(data, LIMITS).doubts] == ["colours_break"]


@pytest.mark.parametrize("size", [(8, 8), (16, 200), (200, 16), (63, 65), (64, 31)])
def test_pictures_of_few_blocks_are_read(size: tuple[int, int]) -> None:
    small = as_uint8(cv2.resize(PHOTOGRAPHS[0], size))
    assert read(encode(small, "JPEG"), LIMITS).doubts == ()
