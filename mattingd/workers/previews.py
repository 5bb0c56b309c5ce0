"""The process that makes small pictures and mattes for the page: one JSON line in, one out.

It decodes pictures from users, so one of them may crash it; the caller starts another one.
"""

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mattingd.domain.jobs import PictureLimits
from mattingd.imaging.formats.decode import Picture, read
from mattingd.imaging.formats.errors import PictureError

QUALITY = 82


def thumbnail(place: Path, side: int) -> bytes:
    """Return a WebP of a picture, its longest side at most `side` pixels, sRGB, with its alpha.

    Raises:
        PictureError: it cannot be read.
        OSError: the same.
    """
    return _encoded(Image.fromarray(small(place, side)), "WEBP", quality=QUALITY, method=2)


def small(place: Path, side: int) -> "np.typing.NDArray[np.uint8]":
    """Return a picture as uint8[H,W,3 or 4], its longest side at most `side` pixels, sRGB, straight alpha.

    Raises:
        PictureError: it cannot be read.
        OSError: the same.
    """
    picture = read(place.read_bytes(), PictureLimits())
    levels = picture.srgb
    if picture.alpha is not None:
        levels = np.dstack([levels, _bytes(picture)])
    height, width = levels.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        levels = _shrunk(levels, size)
    return np.ascontiguousarray(levels)


def matte(place: Path, _: int) -> bytes:
    """Return the alpha of a cut-out as a grey PNG; white where it has none.

    Raises:
        PictureError: it cannot be read.
        OSError: the same.
    """
    picture = read(place.read_bytes(), PictureLimits())
    alpha = np.full(picture.srgb.shape[:2], 255, np.uint8) if picture.alpha is None else _bytes(picture)
    return _encoded(Image.fromarray(alpha), "PNG", compress_level=1)


MAKERS: dict[str, Callable[[Path, int], bytes]] = {"thumbnail": thumbnail, "matte": matte}


def _bytes(picture: Picture) -> "np.typing.NDArray[np.uint8]":
    alpha = np.asarray(picture.alpha).reshape(picture.srgb.shape[:2])
    return (alpha >> 8).astype(np.uint8) if alpha.dtype == np.uint16 else alpha.astype(np.uint8)


def _shrunk(levels: "np.typing.NDArray[np.uint8]", size: tuple[int, int]) -> "np.typing.NDArray[np.uint8]":
    """Shrink by area averaging, with colours weighted by alpha: no hidden colour shows at edges."""
    if levels.shape[2] == 3:  # noqa: PLR2004 - channels
        return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA), np.uint8)
    alpha = levels[..., 3:].astype(np.float32) / 255
    weighted = cv2.resize(levels[..., :3] * alpha, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)[..., None]
    colours = weighted / np.maximum(small, 1e-4)
    return np.asarray(np.clip(np.dstack([colours, small * 255]) + 0.5, 0, 255), np.uint8)


def _encoded(picture: Image.Image, format: str, **how: int) -> bytes:  # noqa: A002 - Pillow's word
    import io  # noqa: PLC0415

    sink = io.BytesIO()
    picture.save(sink, format, **how)
    return sink.getvalue()


def serve() -> None:
    """Answer requests until the input ends.

    A request: `what`, `place`, `target`, `side`; an answer: `error`, a text or null.
    """
    cv2.setNumThreads(1)
    answers = sys.stdout
    for line in sys.stdin:
        request = json.loads(line)
        error = None
        try:
            with redirect_stdout(sys.stderr):
                data = MAKERS[request["what"]](Path(request["place"]), request["side"])
            Path(request["target"]).write_bytes(data)
        except PictureError as wrong:
            error = str(wrong)
        except OSError as wrong:
            error = f"it cannot be read: {wrong.strerror}"
        answers.write(json.dumps({"error": error}) + "\n")
        answers.flush()
