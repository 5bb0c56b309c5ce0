"""The contact sheet: pages of cells, each with picture, cut-out on a checkerboard, and matte. Pixels only."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mattingd.imaging.checkerboard import Pixels, over_checkerboard

TILE, GAP = 208, 6
"""Side of a tile, and pixels between two of them."""
COLUMNS, ROWS = 3, 10
"""Cells on a page."""
CELL_WIDTH = 3 * TILE + 2 * GAP
CAPTION, BETWEEN, MARGIN, HEAD = 52, 26, 40, 128
WIDTH = COLUMNS * CELL_WIDTH + (COLUMNS - 1) * BETWEEN + 2 * MARGIN
PER_PAGE = COLUMNS * ROWS
LINES = 8
"""Lines of a reason in place of the pictures."""
QUALITY = 88
PAPER, INK, FAINT = (255, 255, 255), (32, 32, 32), (120, 120, 120)
EMPTY, AMBER, RED, PALE = (244, 244, 244), (190, 110, 0), (176, 32, 32), (252, 240, 240)
_LATIN_1 = 256
_WIDE_FONTS = (
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "noto-cjk/NotoSansCJK-Regular.ttc",
    "google-noto-cjk/NotoSansCJK-Regular.ttc",
    "opentype/noto/NotoSerifCJK-Bold.ttc",
    "truetype/wqy/wqy-microhei.ttc",
    "truetype/wqy/wqy-zenhei.ttc",
    "truetype/droid/DroidSansFallbackFull.ttf",
    "truetype/dejavu/DejaVuSans.ttf",
)
"""Below /usr/share/fonts: for names that Pillow's own font has no letters for."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture of the drop."""

    name: str
    note: str
    """The line below the name: the model's confidence, or that it failed."""
    alarm: str = ""
    """`look` or `failed`; empty when all is well."""
    source: Pixels | None = None
    """uint8[H,W,3 or 4], at most `TILE` per side; None when the file is gone."""
    result: Pixels | None = None
    reason: str = ""
    """The text instead of pictures: why there are none."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The text above the cells of each page."""

    title: str
    summary: str
    legend: tuple[str, str, str]
    """The captions of the three tiles."""


def page(cells: Sequence[Cell], heading: Heading, number: int, pages: int) -> Image.Image:
    """Return one page, whose height fits its cells."""
    rows = -(-len(cells) // COLUMNS)
    height = MARGIN + HEAD + rows * (TILE + CAPTION) + (rows - 1) * BETWEEN + MARGIN
    image = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(image)
    _head(draw, heading, f"{number} / {pages}", min(len(cells), COLUMNS))
    for index, cell in enumerate(cells):
        row, column = divmod(index, COLUMNS)
        left = MARGIN + column * (CELL_WIDTH + BETWEEN)
        _cell(image, draw, cell, (left, MARGIN + HEAD + row * (TILE + CAPTION + BETWEEN)))
    return image


def _head(draw: ImageDraw.ImageDraw, heading: Heading, number: str, columns: int) -> None:
    _text(draw, (MARGIN, MARGIN - 6), heading.title, 36, INK, WIDTH - 2 * MARGIN - 160)
    _text(draw, (MARGIN, MARGIN + 44), heading.summary, 22, FAINT, WIDTH - 2 * MARGIN - 160)
    draw.text((WIDTH - MARGIN, MARGIN), number, FAINT, _font(22, wide=False), anchor="ra")
    for column in range(columns):
        for place, word in enumerate(heading.legend):
            left = MARGIN + column * (CELL_WIDTH + BETWEEN) + place * (TILE + GAP)
            _text(draw, (left, MARGIN + HEAD - 26), word, 16, FAINT, TILE)


def _cell(image: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, corner: tuple[int, int]) -> None:
    left, top = corner
    if cell.reason:
        draw.rectangle((left, top, left + CELL_WIDTH - 1, top + TILE - 1), PALE)
        for row, line in enumerate(_lines(cell.reason)):
            _text(draw, (left + 18, top + 14 + row * 23), line, 17, RED, CELL_WIDTH - 36)
    else:
        for place, tile in enumerate(_tiles(cell)):
            _put(image, draw, tile, (left + place * (TILE + GAP), top))
    colour = {"look": AMBER, "failed": RED}.get(cell.alarm, FAINT)
    if cell.alarm:
        draw.rectangle((left, top + TILE + 10, left + 4, top + TILE + CAPTION - 4), colour)
    text_left = left + (14 if cell.alarm else 0)
    _text(draw, (text_left, top + TILE + 7), cell.name, 19, INK, CELL_WIDTH - 14)
    _text(draw, (text_left, top + TILE + 30), cell.note, 17, colour, CELL_WIDTH - 14)


def _lines(text: str) -> list[str]:
    """Break a text into as many lines as a cell has room for."""
    width = 33 if _is_wide(text) else 66
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, width)]
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1]} …"]


def _tiles(cell: Cell) -> tuple[Pixels | None, Pixels | None, Pixels | None]:
    result, matte = cell.result, None
    if result is not None and result.shape[2] == 4:  # noqa: PLR2004 - it has an alpha
        matte = np.repeat(result[..., 3:], 3, axis=2)
    source = None if cell.source is None else over_checkerboard(cell.source, 8)
    return source, None if result is None else over_checkerboard(result, 8), matte


def _put(image: Image.Image, draw: ImageDraw.ImageDraw, tile: Pixels | None, corner: tuple[int, int]) -> None:
    left, top = corner
    draw.rectangle((left, top, left + TILE - 1, top + TILE - 1), EMPTY)
    if tile is None:
        middle = top + TILE // 2
        draw.line((left + TILE // 2 - 12, middle, left + TILE // 2 + 12, middle), FAINT, 2)
        return
    height, width = tile.shape[:2]
    shown = Image.fromarray(np.ascontiguousarray(tile))
    image.paste(shown, (left + (TILE - width) // 2, top + (TILE - height) // 2))


def _text(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    size: int,
    colour: tuple[int, int, int],
    room: int,
) -> None:
    """Draw one line; a long one is shortened in its middle, because names differ at both ends."""
    font = _font(size, wide=_is_wide(text))
    shown, kept = text, len(text)
    while kept > 4 and draw.textlength(shown, font) > room:  # noqa: PLR2004 - a letter on each side
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    draw.text((corner[0], corner[1] + size), shown, colour, font, anchor="ls")


def _is_wide(text: str) -> bool:
    return any(ord(letter) >= _LATIN_1 and letter != "…" for letter in text)


@cache
def _font(size: int, *, wide: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if wide:
        for name in _WIDE_FONTS:
            path = Path("/usr/share/fonts") / name
            if path.is_file():
                return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)
