"""Strokes as people paint them: any colour on transparent or black, on a copy of any size, and mistakes."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mattingd.domain.jobs import PictureLimits
from mattingd.domain.reasons import told
from mattingd.imaging.formats.errors import PictureError
from mattingd.touchup import load, solver, stroke_masks
from mattingd.touchup.load import Stroke

LIMITS = PictureLimits()
SHAPE = (90, 120)
UInt8 = npt.NDArray[np.uint8]


def png(pixels: npt.NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


def line(shape: tuple[int, ...] = SHAPE, *, row: float = 0.5) -> UInt8:
    """255 along a row."""
    plane = np.zeros(shape, np.uint8)
    at = round(shape[0] * row)
    plane[at : at + max(1, shape[0] // 20), shape[1] // 4 : shape[1] // 2] = 255
    return plane


def on_a_photograph() -> UInt8:
    """A bright line over a dim scene."""
    scene = cv2.resize(np.random.default_rng(3).integers(0, 110, (9, 12), np.uint8), SHAPE[::-1])
    return np.maximum(scene, line()).astype(np.uint8)


def on_transparent(plane: UInt8, colour: tuple[int, int, int]) -> bytes:
    return png(np.dstack([*(np.full_like(plane, c) for c in colour), plane]))


def on_black(plane: UInt8, colour: tuple[int, int, int]) -> bytes:
    return png((plane[:, :, None] / 255 * np.array(colour)).astype(np.uint8))


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (30, 200, 90), (0, 0, 200)])
def test_any_colour_on_transparent(colour: tuple[int, int, int]) -> None:
    found = stroke_masks.painted(on_transparent(line(), colour), LIMITS, SHAPE)
    assert found is not None
    assert np.array_equal(found, line())


@pytest.mark.parametrize("colour", [(255, 255, 255), (90, 90, 90), (0, 0, 255), (40, 0, 0)])
def test_any_colour_on_black(colour: tuple[int, int, int]) -> None:
    found = stroke_masks.painted(on_black(line(), colour), LIMITS, SHAPE)
    assert found is not None
    assert np.array_equal(found, line())


def test_grey_and_deep_strokes() -> None:
    for file in (png(line() // 2), png(line().astype(np.uint16) * 257)):
        found = stroke_masks.painted(file, LIMITS, SHAPE)
        assert found is not None
        assert np.array_equal(found, line())


@pytest.mark.parametrize("scale", [1 / 3, 0.37, 2])
def test_a_copy_of_another_size_is_scaled(scale: float) -> None:
    height, width = (round(side * scale) for side in SHAPE)
    found = stroke_masks.painted(on_transparent(line((height, width)), (0, 0, 255)), LIMITS, SHAPE)
    assert found is not None
    assert found.shape == SHAPE
    rows, columns = np.nonzero(found)
    assert abs(rows.mean() - 47) < 4
    assert abs(columns.mean() - 45) < 4


def test_a_thin_stroke_survives_on_a_smaller_picture() -> None:
    large = np.zeros((900, 1200), np.uint8)
    large[450, 300:600] = 255
    found = stroke_masks.painted(on_transparent(large, (0, 0, 0)), LIMITS, SHAPE)
    assert found is not None
    assert found[45, 35:55].all()


@pytest.mark.parametrize("file", [png(np.zeros((90, 120, 4), np.uint8)), png(np.zeros(SHAPE, np.uint8))])
def test_nothing_painted_is_nothing(file: bytes) -> None:
    assert stroke_masks.painted(file, LIMITS, SHAPE) is None
    found = load.marks([Stroke(solver.KEEP, b"in/a.keep.png", file)], LIMITS, SHAPE)
    assert (found.plane, found.digest, told(found.notes)) == (None, b"", "nothing is painted in a.keep.png")


def test_what_is_painted_in_both_is_kept() -> None:
    rows = [on_transparent(line(row=row), (0, 0, 0)) for row in (0.5, 0.5, 0.2)]
    keep, drop, elsewhere = rows
    strokes = [
        Stroke(solver.KEEP, b"a.keep.png", keep),
        Stroke(solver.DROP, b"a.drop.png", drop),
    ]
    found = load.marks(strokes, LIMITS, SHAPE)
    assert found.plane is not None
    assert set(np.unique(found.plane)) == {0, solver.KEEP}
    assert told(found.notes) == "touched up by a.keep.png and a.drop.png"
    other = load.marks([strokes[0], Stroke(solver.DROP, b"a.drop.png", elsewhere)], LIMITS, SHAPE)
    assert other.plane is not None
    assert set(np.unique(other.plane)) == {0, solver.DROP, solver.KEEP}
    assert len({found.digest, other.digest, load.marks(strokes[:1], LIMITS, SHAPE).digest}) == 3


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (png(line((20, 30))), "shoe.keep.png: it has 30 x 20 pixels, the picture 120 x 90: paint on"),
        (png(np.full(SHAPE, 255, np.uint8)), "shoe.keep.png: nearly all of it is painted: strokes belong on"),
        (png(on_a_photograph()), "shoe.keep.png: it holds a picture, and not strokes alone"),
        (b"", "shoe.keep.png: the file is empty"),
        (b"hello, I am no picture at all", "shoe.keep.png: this is not a picture"),
    ],
)
def test_strokes_that_cannot_be_used_are_said_by_name(file: bytes, said: str) -> None:
    with pytest.raises(PictureError, match=said) as error:
        load.marks([Stroke(solver.KEEP, b"in/shoe.keep.png", file)], LIMITS, SHAPE)
    assert error.value.kind == "corrupt", "the picture itself is one, and not to be ignored"


def test_strokes_that_are_cut_off_are_waited_for() -> None:
    file = png(np.random.default_rng(1).integers(0, 255, (*SHAPE, 4), np.uint8))
    with pytest.raises(PictureError) as error:
        load.marks([Stroke(solver.KEEP, b"a.keep.png", file[: len(file) // 2])], LIMITS, SHAPE)
    assert error.value.kind == "truncated"
