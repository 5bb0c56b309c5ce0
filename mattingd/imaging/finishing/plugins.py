"""Plug-ins of a team that change a finished cut-out before it is written.

A finisher is a callable that an installed package declares in the entry-point group `mattingd.finishers`. It
runs in the picture worker, under the picture's deadline and memory limit: a failure affects one picture only.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from mattingd.domain.presets import FINISHERS
from mattingd.domain.reasons import Reason
from mattingd.imaging.finishing.compose import Composed
from mattingd.imaging.formats.errors import PictureError
from mattingd.imaging.matting.tiles import Levels

Finisher = Callable[[Levels, Levels], Levels]
"""Takes the pixels ([H,W,4] with straight alpha, [H,W,3] on a ground, or [H,W] a matte; uint8 or uint16) and
the matte ([H,W], same depth), and returns pixels of the same depth, of any size, with 1, 3 or 4 channels."""

_CHANNELS = {(), (3,), (4,)}


def finished(composed: Composed, name: str) -> Composed:
    """Apply the finisher called ``name`` to ``composed``.

    Raises:
        PictureError: there is no such finisher, it failed, or its result is no picture.
    """
    finisher = _load(name)
    try:
        pixels = finisher(composed.pixels.copy(), composed.matte.copy())
    except Exception as error:  # any error of a team's own code
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise PictureError("unsupported", Reason.of("finisher_failed", name=name, error=what)) from error
    return replace(composed, pixels=_picture(pixels, composed.pixels, name))


@cache
def _load(name: str) -> Finisher:
    from importlib.metadata import entry_points  # noqa: PLC0415 - a tenth of a worker's start, and seldom needed

    for each in entry_points(group=FINISHERS, name=name):
        try:
            finisher: Finisher = each.load()
        except Exception as error:  # as above
            raise PictureError(
                "unsupported", Reason.of("finisher_not_loaded", name=name, error=str(error))
            ) from error
        return finisher
    raise PictureError("unsupported", Reason.of("finisher_missing", name=name))


def _picture(pixels: object, before: Levels, name: str) -> Levels:
    """Return the result of a finisher if it can be written."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != before.dtype:
        kind = f"an array of {pixels.dtype}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        said = f"{kind}, not {before.dtype} pixels"
        raise PictureError("unsupported", Reason.of("finisher_result", name=name, error=said))
    if not pixels.size or pixels.shape[2:] not in _CHANNELS or pixels.ndim < 2:  # noqa: PLR2004 - rows, columns
        said = f"{list(pixels.shape)}, not [H,W], [H,W,3] or [H,W,4]"
        raise PictureError("unsupported", Reason.of("finisher_result", name=name, error=said))
    return np.ascontiguousarray(pixels)
