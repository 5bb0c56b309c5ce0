"""A second pass through the network: decide whether and on what, and combine the results.

The network sees about 416 x 416 pixels of any picture, and about 80 of a subject that fills a fifth of it. So
the part of the picture around the first matte's subject goes to the network again, on its own. Knows mattes
and pictures. Must not know the network, workers or files.

The numbers were measured on 188 composites (55 cut-outs of the training set and drawn hair, fur, lace and
spokes, 15 to 60 % of the frame, over landscapes) and on 136 training photographs that a network of half the
side saw twice; the results are in docs/MODEL_CARD.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mattingd.domain.jobs import Fit, Geometry
from mattingd.domain.presets import SecondPass
from mattingd.imaging.matting import confidence, flat_background, preprocess
from mattingd.imaging.matting.alpha import is_empty
from mattingd.imaging.matting.confidence import undecided
from mattingd.imaging.matting.tiles import Float32, Halving, Tile, UInt8, part
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
.01 to .04, that of sure ones by .003."""

_UNLIKE = 0.3
"""Two passes with less in common did not see the same thing, and the first saw the whole picture."""

_LOST, _NEW = 0.05, 0.4
"""Shares of the subject: losing more of what the first pass was sure of, or gaining more where it was sure
that nothing is, the second contradicts it. Wisps of hair are new, and nothing is lost."""
_SURE = 0.1
"""A first pass was sure up to this, and from 1 minus this."""
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a picture that goes to the network again."""

    tile: Tile
    """Its rows and columns in the picture."""
    fit: Fit
    """Its own size, and the network's for it."""
    margin: int
    """Pixels between its border and the subject, where the frame has room for them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of the second pass."""

    matte: Float32
    """Matte of the crop, float32[net_height,net_width].

    It is that of the second pass or, where that saw something else, that of the first.
    """
    agreement: float
    """Agreement of both passes, 0 to 1."""
    better: bool
    """Whether ``matte`` is from the second pass."""


class Passes:
    """One picture, with the network's mattes of it and of its crop."""

    def __init__(self, srgb: UInt8, net: Geometry) -> None:
        """Start without mattes.

        Nothing has been calculated yet.

        Args:
            srgb: uint8[H,W,3], the picture.
            net: the network's geometry.
        """
        self.srgb = srgb
        self.halved = Halving(srgb)
        """The same picture, for what needs it smaller."""
        self.fit = preprocess.fit(srgb.shape[1], srgb.shape[0], net)
        self.first: Float32 | None = None
        self.crop: Crop | None = None
        self.seen: Seen | None = None
        self.unseen = 0.0
        """Share of the lettering on a flat background, 0 to 1, that only `matte` made the subject's."""
        self.taken: list[Float32] = []
        """What the mattes are made of, in order: one of the whole picture and, perhaps, one of its crop."""
        self._net = net
        self._shown: tuple[Crop | None, UInt8] | None = None
        """What `net` made last, and of which crop."""

    @property
    def shape(self) -> tuple[int, int]:
        """The network's (height, width) for the pass that is due, or was the last."""
        return (self.crop.fit if self.crop else self.fit).shape

    @property
    def _said(self) -> tuple[int, int]:
        """The (height, width) of the stored matte of that pass."""
        inner = None if self.crop else self.fit.inner
        return self.shape if inner is None else (inner[3], inner[2])

    @property
    def is_empty(self) -> bool:
        """Whether no subject was found in the whole picture."""
        return self.first is not None and is_empty(self.first)

    def net(self) -> UInt8:
        """Return the network's input for that pass, contiguous uint8[net_height,net_width,3]; made once."""
        crop = self.crop
        if self._shown is None or self._shown[0] is not crop:
            part, fit = (self.halved, self.fit) if crop is None else (self.srgb[crop.tile], crop.fit)
            self._shown = crop, preprocess.to_net(part, fit, self._net)
        return self._shown[1]

    def take(self, matte: Float32, wish: SecondPass = "auto") -> bool:
        """Add the network's matte, float32[net_height,net_width]; returns whether another pass is due.

        Args:
            matte: the matte of the pass that was due.
            wish: as for `worthwhile`.
        """
        if self.first is None:
            matte = preprocess.from_net(matte, self.fit)
            self.first, self.taken = matte, [matte]
            if not self._net.second_pass:
                return False
            self.crop = worthwhile(matte, self.fit, wish, self._net)
            return self.crop is not None
        if self.crop is not None:
            self.taken.append(matte)
            self.seen = compared(self.first, self.fit, self.crop, matte)
        return False

    def replay(self, mattes: Sequence[Float32]) -> bool:
        """Add all mattes stored for this very picture; returns False, and adds none, if they do not fit."""
        for number, matte in enumerate(mattes, 1):
            if matte.shape != self._said or (number > 1 and self.crop is None):
                self.first = self.crop = self.seen = None
                self.taken.clear()
                return False
            self.take(matte, "always" if number < len(mattes) else "never")
        return bool(mattes)

    def matte(self) -> UInt8:
        """Return the matte at full size, uint8[H,W], from all passes.

        Within the crop it follows the picture's edges at the second pass's scale. At those borders of the
        crop that are not the frame's, one matte is faded into the other; the subject ends before.

        Raises:
            ValueError: there is no matte yet.
        """
        if self.first is None:
            raise ValueError("the network has not said anything yet")
        if self._net.enlarge == "lanczos":
            return preprocess.enlarged(self.first, self.fit.width, self.fit.height)
        whole = to_full_size(self.first, self.srgb, self.halved)
        if self.crop is not None and self.seen is not None and self.seen.better:
            _put_in(whole, self.crop, to_full_size(self.seen.matte, self.srgb[self.crop.tile]))
        ink = flat_background.completed(whole, self.srgb)
        self.unseen = ink.lost
        return ink.alpha

    def confidence(self) -> float | None:
        """Return the confidence in the matte, 0 to 1, after two passes.

        None after one, where the engine computes it.
        """
        if self.seen is not None:
            return confidence.of_two_passes(self.seen.matte, self.net(), self.seen.agreement)
        return None


def all_passes(
    srgb: UInt8,
    network: Callable[[UInt8], Float32],
    net: Geometry,
    wish: SecondPass = "auto",
) -> Passes:
    """Run all passes on a picture with a network in the same process.

    Args:
        srgb: uint8[H,W,3], the picture.
        network: returns mattes float32[1,h,w] for an input uint8[1,h,w,3].
        net: the network's geometry.
        wish: as for `worthwhile`.
    """
    passes = Passes(srgb, net)
    while passes.take(network(passes.net()[np.newaxis])[0], wish):
        pass
    return passes


def worthwhile(first: Float32, fit: Fit, wish: SecondPass, net: Geometry) -> Crop | None:
    """Return the crop for a second pass, if that may improve the matte.

    Args:
        first: float32[net_height,net_width] in 0..1, the matte of the whole picture.
        fit: how the picture was fitted to the network.
        wish: `auto`: where it is known to help; `always`: wherever a crop has more pixels; or `never`.
        net: the network's geometry.
    """
    if wish == "never" or is_empty(first):
        return None
    crop = _around(first, fit, net)
    enough = _GAIN[wish] if undecided(first) < _UNSURE else min(_GAIN[wish], _GAIN_IF_UNSURE)
    return crop if _shown(crop.fit) > enough * _shown(fit) else None


def _around(first: Float32, fit: Fit, net: Geometry) -> Crop:
    """Return the box of the subject, with its margin."""
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
    return Crop((rows, columns), preprocess.fit(*size, net), margin)


def _shown(fit: Fit) -> float:
    """Return the network pixels per pixel of the picture along a side; at most one counts."""
    return min(1.0, math.sqrt(fit.net_width * fit.net_height / fit.pixels))


def compared(first: Float32, fit: Fit, crop: Crop, second: Float32) -> Seen:
    """Return the better of two mattes of the crop.

    The second is better if both show the same thing and it has less undecided, or if it does not contradict
    the first.
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
    """Return the first pass's matte of the crop, at the second one's size."""
    rows, columns = crop.tile
    across, down = fit.net_width / fit.width, fit.net_height / fit.height
    place = columns.start * across, rows.start * down, columns.stop * across, rows.stop * down
    return part(first, place, (crop.fit.net_width, crop.fit.net_height))


def _in_common(one: Float32, other: Float32) -> float:
    """Return the soft intersection over union of two mattes."""
    union = float(np.maximum(one, other).sum())
    return float(np.minimum(one, other).sum()) / union if union else 1.0


def _put_in(whole: UInt8, crop: Crop, inside: UInt8) -> None:
    """Insert the crop's matte into ``whole``, faded in from those borders that are not the frame's."""
    place, (rows, columns) = whole[crop.tile], crop.tile
    height, width = whole.shape
    ramp = np.linspace(0, 1, max(2, crop.margin // 2), dtype=np.float32)[:, np.newaxis]
    within = rows.start > 0, columns.stop < width, rows.stop < height, columns.start > 0
    for turns in np.flatnonzero(within).tolist():  # the top, right, bottom, left border is on top
        outer, inner = (np.rot90(matte, turns)[: len(ramp)] for matte in (place, inside))
        inner[:] = np.rint(outer + (inner - outer.astype(np.float32)) * ramp)
    place[:] = inside
