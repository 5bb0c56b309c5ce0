"""From a picture's bytes and its mattes to the files of its cut-out, in memory, without disk or process.

Local and remote picture workers share this code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mattingd.domain.jobs import NO_SUBJECT, Fault, Output, PictureLimits
from mattingd.domain.presets import Preset
from mattingd.domain.reasons import Reason, Reasons
from mattingd.imaging.finishing import compose, plugins
from mattingd.imaging.finishing.background import Backdrop
from mattingd.imaging.finishing.background import remarks as enlarged
from mattingd.imaging.formats import decode, encode
from mattingd.imaging.formats.decode import Picture
from mattingd.imaging.formats.encode import File
from mattingd.imaging.matting import matte_file
from mattingd.imaging.matting.alpha import finish
from mattingd.imaging.matting.second_pass import Passes
from mattingd.imaging.matting.tiles import Halving, UInt8, eight_bits
from mattingd.touchup import solver
from mattingd.workers.trouble import Trouble, named_if_several

ALL_TRANSPARENT = Reason.of("all_transparent")
OWN_ALPHA = Reason.of("own_alpha")
LETTERING = Reason.of("lettering")
THIN = 0.5
"""Share of the lettering that the model did not see from which somebody should look at it."""
NO_CONFIDENCE, SURE = 0.0, 1.0
"""In the cut-out of a picture that may not be all there: somebody should look at it."""


@dataclass(slots=True)
class Held:
    """A picture that waits for the network."""

    picture: Picture
    passes: Passes
    matte: str = ""
    """The key of its stored mattes."""
    marks: UInt8 | None = None
    """The user's strokes, uint8[H,W], see `solver`: they say where the subject is."""
    seconds: float = 0.0
    """Seconds spent on its second pass so far."""


@dataclass(frozen=True, slots=True)
class Made:
    """The result of a picture."""

    files: tuple[File, ...]
    """The files, in the order of the outputs."""
    remarks: Reasons
    """Remarks on them for the user."""
    sure: float | None
    """Confidence in the matte, from 0 to 1; None after a single pass."""


def opened(data: bytes, limits: PictureLimits) -> Picture:
    """Decode a picture.

    Raises:
        PictureError: it cannot be decoded, or is larger than the limits allow.
        Trouble: it is completely transparent.
    """
    picture = decode.read(data, limits)
    if picture.alpha is not None and not picture.alpha.any():
        raise Trouble(Fault.BAD, ALL_TRANSPARENT)
    return picture


def refuse_damage(held: Held, first: Preset) -> None:
    """Raise Trouble for a picture that may be damaged, if its preset requires that."""
    if held.picture.doubts and first.on_damage == "fail":
        raise Trouble(Fault.BAD, held.picture.doubts[0].within("damage_fails"))


def another_pass(held: Held, answer: bytes, first: Preset) -> bool:
    """Add the network's matte, float32[h,w] as bytes; returns whether another pass may improve it.

    If so, `held.passes.net()` is the network's input for it.
    """
    small = matte_file.rounded(np.frombuffer(answer, np.float32).reshape(held.passes.shape))
    return held.passes.take(small, "never" if _own(held, first) is not None else first.second_pass)


def refuse_empty(held: Held, first: Preset) -> None:
    """Raise Trouble for a picture without a subject, if its preset requires that."""
    told = _own(held, first) is not None or held.marks is not None
    if held.passes.is_empty and not told and first.on_empty == "fail":
        raise Trouble(Fault.BAD, NO_SUBJECT)


def make(
    held: Held,
    presets: Sequence[Preset],
    outputs: Sequence[Output],
    backdrop_of: Callable[[Preset], Backdrop | None],
) -> Made:
    """Make all files of a picture that has its mattes.

    Args:
        held: the picture and its mattes.
        presets: the presets, in the order of their outputs.
        outputs: their names in messages.
        backdrop_of: returns the background picture of a preset, if it has one.

    Raises:
        PictureError, Trouble: a file cannot be made.
    """
    own, remarks = _own(held, presets[0]), Reasons()
    sure, alpha = held.passes.confidence(), held.passes.matte()
    if own is not None:
        sure, alpha, remarks = SURE, eight_bits(own), (OWN_ALPHA,)
    elif held.passes.unseen > THIN:
        sure, remarks = NO_CONFIDENCE, (LETTERING,)
    if held.marks is not None:
        alpha = solver.touch_up(alpha, held.picture.srgb, held.marks)
    files: list[File] = []
    for preset in presets:
        with named_if_several(outputs[len(files)] if len(presets) > 1 else None):
            backdrop = backdrop_of(preset)
            more, doubts = cut_out(
                held.picture, alpha, preset, backdrop, held.passes.halved, own=own is not None
            )
        files += more
        remarks += encode.remarks(held.picture.rgb, preset)
        remarks += tuple(file.remark for file in more if file.remark)
        remarks += () if backdrop is None else enlarged(backdrop, more[0].width, more[0].height)
        remarks += doubts
        sure = NO_CONFIDENCE if doubts else sure
    return Made(tuple(files), remarks, NO_CONFIDENCE if held.picture.doubts else sure)


def _own(held: Held, first: Preset) -> np.ndarray | None:
    """Return the picture's own alpha channel, if it is kept."""
    return held.picture.alpha if held.picture.is_cut_out and first.own_alpha == "keep" else None


def cut_out(
    picture: Picture,
    alpha: UInt8,
    preset: Preset,
    backdrop: Backdrop | None = None,
    halved: Halving | None = None,
    *,
    own: bool = False,
) -> tuple[tuple[File, ...], Reasons]:
    """Make the files of a preset from a picture and its matte, uint8[H,W], with reasons for checking them.

    A matte that is the picture's ``own`` alpha is no guess of a model: nothing in it is cleaned up.
    """
    matte = alpha if own else finish(alpha, preset)
    composed = compose.compose(picture, matte, preset, backdrop, halved)
    if halved is not None:
        halved.forget()  # packing takes the most memory of all
    if preset.finisher is not None:
        composed = plugins.finished(composed, preset.finisher)
    return encode.files(composed, preset), composed.doubts
