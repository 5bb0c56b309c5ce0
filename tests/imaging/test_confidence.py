"""How sure a matte looks: undecided pixels and outlines without an edge lower it."""

from typing import Any

import cv2
import numpy as np
import pytest

from mattingd.domain.jobs import NEEDS_A_LOOK
from mattingd.imaging.matting.confidence import confidence

SIDE = 160
Y, X = np.mgrid[0:SIDE, 0:SIDE]
AWAY = np.hypot(Y - 80, X - 80)


def disc(softness: float, radius: float = 50) -> Any:
    return np.clip((radius - AWAY) / softness + 0.5, 0, 1).astype(np.float32)


def picture_of(alpha: Any, contrast: int = 160) -> Any:
    return np.repeat((60 + contrast * alpha[..., None]).astype(np.uint8), 3, 2)


def test_a_clear_matte_on_a_clear_edge_is_sure() -> None:
    assert confidence(disc(2), picture_of(disc(2))) > 0.6


def test_the_more_is_undecided_the_less_sure_it_is() -> None:
    seen = [confidence(disc(softness), picture_of(disc(2))) for softness in (2, 10, 30, 70)]
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < NEEDS_A_LOOK


def test_an_outline_without_an_edge_in_the_picture_is_less_sure() -> None:
    sure = confidence(disc(2), picture_of(disc(2)))
    elsewhere = confidence(disc(2), picture_of(disc(2, radius=30)))
    flat = confidence(disc(2), picture_of(disc(2), contrast=0))
    assert elsewhere == flat == 0
    assert sure > NEEDS_A_LOOK


def test_haze_beside_a_subject_needs_a_look() -> None:
    hazy = np.maximum(disc(2), np.where(X > 80, np.float32(0.45), np.float32(0))).astype(np.float32)
    assert confidence(hazy, picture_of(disc(2))) < NEEDS_A_LOOK


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_matte_without_outline_is_told_too(value: float) -> None:
    flat = np.full((32, 48), value, np.float32)
    noise = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    assert 0 <= confidence(flat, cv2.blur(noise, (3, 3)).astype(np.uint8)) <= 1
