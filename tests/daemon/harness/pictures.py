"""Small pictures that carry a number, drawn so that it can be read from the cut-out: a mix-up cannot hide.

On a plain grey ground lies a light card with 32 coloured cells: 18 bits number, 6 bits version, 8 bits check.
The test engine cuts out the card. The top left corner is free for the engine's markers.
"""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

UInt8 = npt.NDArray[np.uint8]

SIZE = (200, 150)
"""Width and height in px; everything here also comes in half the size."""
GROUND = (118, 118, 118)
CARD = (240, 240, 240)
ZERO, ONE = (30, 60, 200), (230, 60, 40)
COLUMNS, ROWS, CELL = 8, 4, 16
LEFT, TOP = 52, 58
"""Of the first cell; the card reaches 8 px further on all sides."""
MARKER_SIDE = 48
"""Px of the engine's marker in the top left corner."""


LAST_VERSION = 63


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """What a picture carries."""

    number: int
    version: int = 0


def draw(label: Label, *, marker: tuple[int, int, int] | None = None, half: bool = False) -> UInt8:
    """The picture of a label, uint8[150,200,3]; `marker` is an order for the test engine."""
    picture = blank()
    picture[TOP - 8 : TOP + ROWS * CELL + 8, LEFT - 8 : LEFT + COLUMNS * CELL + 8] = CARD
    for index, bit in enumerate(_bits(label)):
        picture[_cell(index, 0)] = ONE if bit else ZERO
    if marker:
        picture[:MARKER_SIDE, :MARKER_SIDE] = marker
    return picture[::2, ::2] if half else picture


def blank() -> UInt8:
    """The ground alone: no subject will be found."""
    return np.full((SIZE[1], SIZE[0], 3), GROUND, np.uint8)


def encode(picture: UInt8, kind: str = "png", *, text: str = "") -> bytes:
    """As a `png` (with an order for the killing worker in a text chunk) or a `jpg`."""
    sink = io.BytesIO()
    if kind == "jpg":
        Image.fromarray(picture).save(sink, "JPEG", quality=92)
        return sink.getvalue()
    info = PngImagePlugin.PngInfo()
    if text:
        info.add_text("order", text)
    Image.fromarray(picture).save(sink, "PNG", pnginfo=info, compress_level=1)
    return sink.getvalue()


def picture(number: int, version: int = 0, kind: str = "png", *, half: bool = False) -> bytes:
    """The file of a label."""
    return encode(draw(Label(number, version), half=half), kind)


def read(cut_out: bytes, card: int = 255) -> Label:
    """The label of a finished cut-out, in which the card has this alpha.

    Raises:
        AssertionError: it is no whole, right cut-out of one of our pictures.
    """
    image = Image.open(io.BytesIO(cut_out))
    image.load()
    scale = SIZE[0] // image.width
    assert (image.format, image.mode, image.width * scale, image.height * scale) == ("PNG", "RGBA", *SIZE)
    rgba = np.asarray(image).repeat(scale, 0).repeat(scale, 1)
    border = np.concatenate([rgba[0, :, 3], rgba[-1, :, 3], rgba[:, -1, 3]])
    assert border.max() <= 8, "the ground was not removed"
    cells = [rgba[_cell(index, 4)].reshape(-1, 4) for index in range(COLUMNS * ROWS)]
    alphas = np.concatenate([cell[:, 3] for cell in cells]).astype(int)
    assert np.abs(alphas - card).max() <= 5, f"the card's alpha is {alphas.min()} to {alphas.max()}"
    bits = [bool(cell[:, 0].mean() > cell[:, 2].mean()) for cell in cells]
    value = sum(bit << index for index, bit in enumerate(bits))
    label = Label(value & 0x3FFFF, (value >> 18) & 0x3F)
    assert bits == _bits(label), "the cells contradict one another"
    return label


def _cell(index: int, margin: int) -> tuple[slice, slice]:
    top, left = TOP + index // COLUMNS * CELL, LEFT + index % COLUMNS * CELL
    return slice(top + margin, top + CELL - margin), slice(left + margin, left + CELL - margin)


def _bits(label: Label) -> list[bool]:
    value = label.number | label.version << 18
    check = hashlib.sha256(value.to_bytes(3, "big")).digest()[0]
    return [bool((value | check << 24) >> index & 1) for index in range(COLUMNS * ROWS)]
