"""A second pass where the first is not the best there is: whether, at what, and what becomes of it.

The network sees about 416 x 416 pixels of any picture, and 80 of a subject that takes a fifth of it. So the
part of the picture around the first matte's subject goes to the network again, by itself. Where there is no
more to see, and the first matte is unsure, the whole picture goes again as its mirror image shows it, which
is no other picture to us but one to the network: what it merely guesses, it guesses differently. Knows mattes
and pictures. Must not know the network, workers or files.

The numbers were measured on 188 composites (55 cut-outs of the training set and drawn hair, fur, lace and
spokes, 15 to 60 % of the frame, over landscapes) and on 136 training photographs that a network of half the
side saw twice; the outcome stands in docs/MODEL_CARD.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mattingd.domain.jobs import Fit
from mattingd.domain.presets import SecondPass
from mattingd.imaging.matting import confidence, matte_file, preprocess
from mattingd.imaging.matting.alpha import is_empty
from mattingd.imaging.matting.confidence import undecided
from mattingd.imaging.matting.tiles import Float32, Tile, UInt8, part
from mattingd.imaging.matting.upsample import to_full_size

_SEEN = 0.1
"""Network alpha from which a pixel counts as the subject's, for its box: thin parts are never sure."""

_SPECK = 0.02
"""Parts smaller than this share of the largest do not count: the second pass would be for a crumb."""

_MARGIN = 0.15
"""Of the box's longer side, around it. On the composites .10 and .25 gave band errors of .120 and .123, on
the photographs .165 and .166: a tight box shows more pixels, a wide one more of what is around them."""

_GAIN: dict[SecondPass, float] = {"auto": 1.5, "always": 1.0}
"""So many times the pixels along each side must the second pass have. From 1 to 1.15 it gained nothing (IoU
-.02 to +.01), from 1.5 to 2 the band error fell by a sixth, beyond by two fifths."""

_GAIN_IF_UNSURE = 1.25
_UNSURE = 0.2
"""For a matte with so much undecided less is enough: from 1.15 to 1.5 the IoU of such photographs rose by
.01 to .04, that of sure ones by .003. The same much makes the mirror image worth its time, see the card."""

_UNLIKE = 0.3
"""Two passes with less in common did not see the same thing, and the first saw the whole picture."""

_LOST, _NEW = 0.05, 0.4
"""Shares of the subject: losing more of what the first pass was sure of, or gaining more where it was sure
that nothing is, the second contradicts it. Wisps of hair are new, and nothing is lost."""
_LEAST_ALIKE, _LEAST_SURE = 0.45, 0.03
"""Where a picture and its mirror image have less in common, or less of what is seen is sure after both,
nothing is there: a cloud, a rock. Of 300 windows of landscapes that leaves 22 (54 after one pass); of 192
drawn things it loses 28 (11): smoke, glass, cables, of which the matte shows next to nothing (a mean soft IoU
of .13). Of 1,673 training photographs it loses none, from .5 alike on it would."""
_SURE = 0.1
"""A first pass was sure up to this, and from 1 minus this."""
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a picture that the network sees again."""

    tile: Tile
    """Its rows and columns in the picture."""
    fit: Fit
    """Its own size, and the network's for it."""
    margin: int
    """Pixels between its border and the subject, where the frame leaves room for them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the second pass brought."""

    matte: Float32
    """float32[net_height,net_width] of the crop: of the second pass or, where that saw something else, what
    the first saw there."""
    agreement: float
    """What both passes have in common, 0 to 1."""
    better: bool
    """Whether ``matte`` is the second's."""


class Passes:
    """One picture, and what the network says of it and, perhaps, of its subject alone or its mirror image."""

    def __init__(self, srgb: UInt8, *, side: int, multiple: int) -> None:
        """Nothing is said yet.

        Args:
            srgb: uint8[H,W,3], the picture.
            side: of the network's geometry, as for `fitting.fit`, ...
            multiple: ... likewise.
        """
        self.srgb = srgb
        self.fit = preprocess.fit(srgb.shape[1], srgb.shape[0], side=side, multiple=multiple)
        self.first: Float32 | None = None
        self.crop: Crop | None = None
        self.seen: Seen | None = None
        self.mirrored = False
        """Whether the pass that is due, or was the last, is at the mirror image."""
        self._alike: float | None = None
        self.taken: list[Float32] = []
        """What the mattes are made of, in order: one of the whole picture and, perhaps, one of its crop."""
        self._geometry = side, multiple

    @property
    def shape(self) -> tuple[int, int]:
        """Network (height, width) of the pass that is due, or was the last."""
        return (self.crop.fit if self.crop else self.fit).shape

    @property
    def is_empty(self) -> bool:
        """Whether no subject is seen in the whole picture, nor, where that was asked, in its mirror image."""
        if self.first is None:
            return False
        guessed = self._alike is not None and (self._alike < _LEAST_ALIKE or _sure(self.first) < _LEAST_SURE)
        return guessed or is_empty(self.first)

    def net(self) -> UInt8:
        """What the network sees at that pass: contiguous uint8[net_height,net_width,3]."""
        if self.crop is None:
            whole = preprocess.to_net(self.srgb, self.fit)
            return np.ascontiguousarray(whole[:, ::-1]) if self.mirrored else whole
        return preprocess.to_net(self.srgb[self.crop.tile], self.crop.fit)

    def take(self, matte: Float32, wish: SecondPass = "auto") -> bool:
        """Take what the network says, float32[net_height,net_width]; whether another pass is due.

        Args:
            matte: of the pass that was due.
            wish: as for `worthwhile`.
        """
        if self.first is None:
            self.first, self.taken = matte, [matte]
            side, multiple = self._geometry
            self.crop = worthwhile(matte, self.fit, wish, side=side, multiple=multiple)
            self.mirrored = self.crop is None and doubtful(matte, wish)
            return self.crop is not None or self.mirrored
        if self.crop is not None:
            self.taken.append(matte)
            self.seen = compared(self.first, self.fit, self.crop, matte)
        else:
            back = matte[:, ::-1]
            self._alike = _in_common(self.first, back)
            self.first = _joined(self.first, back)
            self.taken = [self.first]
        return False

    def replay(self, mattes: Sequence[Float32]) -> bool:
        """Take all that was said of this very picture before; False, and nothing is taken, if it is unfit."""
        for number, matte in enumerate(mattes, 1):
            if matte.shape != self.shape or (number > 1 and self.crop is None):
                self.first = self.crop = self.seen = None
                self.mirrored = False
                self.taken.clear()
                return False
            self.take(matte, "always" if number < len(mattes) else "never")
        return bool(mattes)

    def matte(self) -> UInt8:
        """The matte at full size, uint8[H,W], from all that was said.

        Within the crop it follows the picture's edges at the second pass's scale. Towards those of its
        borders that are not the frame's one matte goes over into the other; the subject ends before.

        Raises:
            ValueError: nothing was said yet.
        """
        if self.first is None:
            raise ValueError("the network has not said anything yet")
        whole = to_full_size(self.first, self.srgb)
        if self.crop is not None and self.seen is not None and self.seen.better:
            _put_in(whole, self.crop, to_full_size(self.seen.matte, self.srgb[self.crop.tile]))
        return whole

    def confidence(self) -> float | None:
        """In the matte, from 0 to 1, after two passes; None after one: whoever has its input knows."""
        if self.seen is not None:
            return confidence.of_two_passes(self.seen.matte, self.net(), self.seen.agreement)
        if self.first is not None and self._alike is not None:
            return confidence.of_two_passes(self.first, preprocess.to_net(self.srgb, self.fit), self._alike)
        return None


def all_passes(
    srgb: UInt8,
    network: Callable[[UInt8], Float32],
    *,
    side: int,
    multiple: int,
    wish: SecondPass = "auto",
) -> Passes:
    """All passes at a picture, where the network is in the same process.

    Args:
        srgb: uint8[H,W,3], the picture.
        network: mattes float32[1,h,w] of an input uint8[1,h,w,3].
        side: of its geometry, as for `fitting.fit`, ...
        multiple: ... likewise.
        wish: as for `worthwhile`.
    """
    passes = Passes(srgb, side=side, multiple=multiple)
    while passes.take(network(passes.net()[np.newaxis])[0], wish):
        pass
    return passes


def worthwhile(first: Float32, fit: Fit, wish: SecondPass, *, side: int, multiple: int) -> Crop | None:
    """What to show the network again, if that promises something.

    Args:
        first: float32[net_height,net_width] in 0..1, the matte of the whole picture.
        fit: how the picture was brought to the network.
        wish: `auto`: where it is known to help; `always`: wherever there are more pixels to see; or `never`.
        side: of the network's geometry, as for `fitting.fit`, ...
        multiple: ... likewise.
    """
    if wish == "never" or is_empty(first):
        return None
    crop = _around(first, fit, side, multiple)
    enough = _GAIN[wish] if undecided(first) < _UNSURE else min(_GAIN[wish], _GAIN_IF_UNSURE)
    return crop if _shown(crop.fit) > enough * _shown(fit) else None


def doubtful(first: Float32, wish: SecondPass) -> bool:
    """Whether the mirror image should be asked as well, where a crop shows no more.

    Args:
        first: float32[net_height,net_width] in 0..1, the matte of the whole picture.
        wish: `auto`: where the matte is unsure; `always`; or `never`.
    """
    if wish == "never" or is_empty(first):
        return False
    return wish == "always" or undecided(first) >= _UNSURE


def _sure(matte: Float32) -> float:
    """The share, 0 to 1, of what a matte shows that is surely there."""
    return float(matte[matte > 1 - _SURE].sum()) / (float(matte.sum()) + 1)


def _joined(one: Float32, other: Float32) -> Float32:
    """The mean of two mattes' log odds, rounded as a stored matte is: who is sure counts for more."""
    subject, ground = np.sqrt(one * other), np.sqrt((1 - one) * (1 - other))
    total = subject + ground
    return matte_file.rounded(np.divide(subject, total, out=np.full_like(total, _HALF), where=total > 0))


def _around(first: Float32, fit: Fit, side: int, multiple: int) -> Crop:
    """The box of what was seen, with its margin."""
    _, _, parts, _ = cv2.connectedComponentsWithStats((first > _SEEN).astype(np.uint8))
    areas = parts[1:, cv2.CC_STAT_AREA]
    parts = parts[1:][areas >= _SPECK * areas.max()]
    scale = fit.width / fit.net_width, fit.height / fit.net_height
    left, top = parts[:, :2].min(0) * scale
    right, bottom = (parts[:, :2] + parts[:, 2:4]).max(0) * scale
    margin = int(_MARGIN * max(right - left, bottom - top))
    columns = slice(max(0, int(left) - margin), min(fit.width, int(right) + 1 + margin))
    rows = slice(max(0, int(top) - margin), min(fit.height, int(bottom) + 1 + margin))
    size = columns.stop - columns.start, rows.stop - rows.start
    return Crop((rows, columns), preprocess.fit(*size, side=side, multiple=multiple), margin)


def _shown(fit: Fit) -> float:
    """Network pixels for each pixel of the picture, along a side; more than there are do not count."""
    return min(1.0, math.sqrt(fit.net_width * fit.net_height / fit.pixels))


def compared(first: Float32, fit: Fit, crop: Crop, second: Float32) -> Seen:
    """The better one of two mattes of the crop.

    The second is, if both show the same thing and it has less undecided, or does not contradict the first.
    """
    earlier = _before(first, fit, crop)
    agreement = _in_common(earlier, second)
    surer = undecided(second) < undecided(first)
    better = agreement >= _UNLIKE and (surer or not _contradicts(second, earlier))
    return Seen(second if better else earlier, agreement, better)


def _contradicts(second: Float32, earlier: Float32) -> bool:
    size = int(np.count_nonzero(earlier > _HALF))
    lost = int(np.count_nonzero((earlier > 1 - _SURE) & (second < _HALF)))
    new = int(np.count_nonzero((earlier < _SURE) & (second > _HALF)))
    return lost > _LOST * size or new > _NEW * size


def _before(first: Float32, fit: Fit, crop: Crop) -> Float32:
    """What the first pass saw of the crop, at the second one's size."""
    rows, columns = crop.tile
    across, down = fit.net_width / fit.width, fit.net_height / fit.height
    place = columns.start * across, rows.start * down, columns.stop * across, rows.stop * down
    return part(first, place, (crop.fit.net_width, crop.fit.net_height))


def _in_common(one: Float32, other: Float32) -> float:
    """The soft intersection over union of two mattes."""
    union = float(np.maximum(one, other).sum())
    return float(np.minimum(one, other).sum()) / union if union else 1.0


def _put_in(whole: UInt8, crop: Crop, inside: UInt8) -> None:
    """Give ``whole`` the matte of its crop, faded in from those borders that are not the frame's."""
    place, (rows, columns) = whole[crop.tile], crop.tile
    height, width = whole.shape
    ramp = np.linspace(0, 1, max(2, crop.margin // 2), dtype=np.float32)[:, np.newaxis]
    within = rows.start > 0, columns.stop < width, rows.stop < height, columns.start > 0
    for turns in np.flatnonzero(within).tolist():  # turned so, the top, right, bottom, left border is on top
        outer, inner = (np.rot90(matte, turns)[: len(ramp)] for matte in (place, inside))
        inner[:] = np.rint(outer + (inner - outer.astype(np.float32)) * ramp)
    place[:] = inside
