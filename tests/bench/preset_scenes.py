"""Pictures with known mattes as users of a preset would have them: some to judge by, others to tune on.

From the data pack: photographs of `eval` to judge, of `train` to tune; stamps that are held out to judge, the
others to tune; subjects drawn from seeds that no training uses. The rendered people are too few to be held
out: they stand before other walls here, but the model has seen them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from mattingd.training.data import synthetic
from mattingd.training.data.backgrounds import studio
from mattingd.training.data.compose import Layer, over, shadow, unit
from mattingd.training.data.datasets import Cutout, CutoutFile, Photo, held_out, photos_in
from mattingd.training.data.degrade import add_noise
from mattingd.training.data.foreground import UNDECIDED

T = TypeVar("T")
Use = Literal["judge", "tune"]

SEEDS: dict[Use, int] = {"judge": 90_210, "tune": 10_115}
FRAME = 560
"""Side of composed pictures in pixels."""
GRAIN = 2.0  # grey levels
BUST = 0.4
"""Of a figure's height, for head and chest."""
SOLIDS = (synthetic.bottle, synthetic.box, synthetic.ball, synthetic.stool)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture and what is known of its matte.

    Attributes:
        source: where it is from.
        picture: uint8[H,W,3], sRGB.
        truth: float32[H,W] in 0..1.
        counted: bool[H,W], where the truth is known.
        side: the long side in pixels of what the truth was drawn for: more than the picture's own in a part.
    """

    source: str
    picture: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.float32]
    counted: npt.NDArray[np.bool_]
    side: int


def scenes(preset: str, data: Path, use: Use) -> list[Scene]:
    """The scenes of a preset of `SCENES`, always the same."""
    return list(SCENES[preset](data, use))


def _portraits(data: Path, use: Use) -> Iterator[Scene]:
    """Head and shoulders: people of the street cut off at the chest, rendered ones before a wall."""
    for photo in _photos(data, use, "people", 20):
        yield _cropped("people of the street, head and chest", photo, _bust(photo.mask))
    rng = np.random.default_rng(SEEDS[use])
    for path in sorted((data / "train" / "cutouts" / "people").glob("*.webp"))[:10]:
        whole = CutoutFile(path).cutout
        tall = round(BUST * whole.alpha.shape[0])
        yield _composed(
            "rendered people before a wall", Cutout(whole.colour[:tall], whole.alpha[:tall]), rng, floor=True
        )


def _products(data: Path, use: Use) -> Iterator[Scene]:
    """Articles on a studio backdrop, each with a shadow."""
    rng = np.random.default_rng(SEEDS[use] + 1)
    for number in range(20):
        yield _composed("drawn bottles, boxes, balls, chairs", SOLIDS[number % len(SOLIDS)](rng), rng)
    stamps = sorted((data / "train" / "cutouts" / "stamps").glob("*.webp"))
    kept = [path for path in stamps if held_out(path.name) == (use == "judge")]
    for path in _spread(kept, 10):
        yield _composed("stamps before a wall", CutoutFile(path).cutout, rng)


def _avatars(data: Path, use: Use) -> Iterator[Scene]:
    """Cats, dogs and people from close by."""
    for photo in _photos(data, use, "pets", 20):
        yield _cropped("cats from close by", photo, _around(photo.mask))
    for photo in _photos(data, use, "people", 10, first=1):
        yield _cropped("people of the street, waist up", photo, _bust(photo.mask, share=0.55))


def _busy(data: Path, use: Use) -> Iterator[Scene]:
    """Animals, cars and people in the open, as the camera saw them."""
    for photo in _photos(data, use, "davis", 20):
        yield _whole("frames of films", photo)
    for photo in _photos(data, use, "pets", 20, first=1):
        yield _whole("cats as photographed", photo)


SCENES: dict[str, Callable[[Path, Use], Iterator[Scene]]] = {
    "id-photo": _portraits,
    "product": _products,
    "avatar": _avatars,
    "complex": _busy,
}
"""Presets, and who makes their scenes."""


def _photos(data: Path, use: Use, group: str, count: int, first: int = 0) -> list[Photo]:
    """So many photographs, spread over all of a group; another `first` takes others."""
    folder = data / ("eval" if use == "judge" else "train") / "photos" / group
    return _spread(photos_in(folder)[first:], count)


def _spread(found: Sequence[T], count: int) -> list[T]:
    """`count` of them, evenly; all when there are fewer."""
    step = max(1.0, len(found) / count)
    return [found[int(number * step)] for number in range(min(count, len(found)))]


# --- photographs ---

_Part = tuple[slice, slice]


def _whole(source: str, photo: Photo) -> Scene:
    known = photo.mask != UNDECIDED if photo.trimap else np.ones(photo.mask.shape, bool)
    truth = (photo.mask > UNDECIDED).astype(np.float32)
    return Scene(source, photo.image, truth, known, max(photo.mask.shape))


def _cropped(source: str, photo: Photo, part: _Part) -> Scene:
    whole = _whole(source, photo)
    picture = np.ascontiguousarray(whole.picture[part])
    return Scene(source, picture, whole.truth[part], whole.counted[part], whole.side)


def _bust(mask: npt.NDArray[np.uint8], share: float = BUST) -> _Part:
    """The upper part of a figure, with room above the head and beside the shoulders."""
    rows, columns = np.nonzero(mask > UNDECIDED)
    tall = rows.max() - rows.min() + 1
    top, bottom = rows.min() - 0.08 * tall, rows.min() + share * tall
    upper = columns[rows < bottom]
    middle, half = (
        (upper.min() + upper.max()) / 2,
        max((upper.max() - upper.min()) * 0.65, (bottom - top) * 0.4),
    )
    return _part(mask.shape, top, bottom, middle - half, middle + half)


def _around(mask: npt.NDArray[np.uint8], margin: float = 0.06) -> _Part:
    """The subject with a little air."""
    rows, columns = np.nonzero(mask >= UNDECIDED)
    air = margin * max(np.ptp(rows), np.ptp(columns))
    return _part(mask.shape, rows.min() - air, rows.max() + air, columns.min() - air, columns.max() + air)


def _part(shape: tuple[int, ...], top: float, bottom: float, left: float, right: float) -> _Part:
    rows, columns = (
        slice(max(0, round(first)), min(side, round(last)))
        for first, last, side in ((top, bottom, shape[0]), (left, right, shape[1]))
    )
    return rows, columns


# --- composed pictures ---


def _composed(source: str, cutout: Cutout, rng: np.random.Generator, *, floor: bool = False) -> Scene:
    """A subject on a studio backdrop, upright: in the middle with a shadow, or standing on the lower edge."""
    height, width = cutout.alpha.shape
    share = rng.uniform(0.7, 0.9) if floor else rng.uniform(0.5, 0.85)
    scale = share * FRAME / max(height, width)
    size = max(2, round(width * scale)), max(2, round(height * scale))
    by = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    colour, alpha = (cv2.resize(each, size, interpolation=by) for each in (cutout.colour, cutout.alpha))
    top = FRAME - size[1] if floor else (FRAME - size[1]) // 2
    left = (FRAME - size[0]) // 2
    around = (top, FRAME - size[1] - top, left, FRAME - size[0] - left)
    layer = Layer(
        cv2.copyMakeBorder(colour, *around, cv2.BORDER_REPLICATE).astype(np.uint8),
        unit(cv2.copyMakeBorder(alpha, *around, cv2.BORDER_CONSTANT)),
    )
    behind = studio((FRAME, FRAME), rng)
    if not floor:
        behind = (behind * shadow(layer.alpha, rng)[:, :, None]).astype(np.uint8)
    picture = add_noise(over(layer, behind), GRAIN, rng)
    return Scene(source, picture, layer.alpha.astype(np.float32), np.ones((FRAME, FRAME), bool), FRAME)
