"""Pictures without a subject: always the same ones, of both kinds, and counted rightly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mattingd.child import model_spec
from mattingd.training import empties
from mattingd.training.assets import open_library

if TYPE_CHECKING:
    from pathlib import Path

    from mattingd.training.geometry import Array, Plane


def test_they_are_the_same_at_every_call(pack: Path) -> None:
    lands = open_library(pack).backgrounds
    one, two = list(empties.pictures(lands)), list(empties.pictures(lands))
    assert [group for group, _ in one].count("drawn") == empties.DRAWN
    assert [group for group, _ in one].count("lands") == empties.LANDS
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, two, strict=True))
    assert {picture.shape for _, picture in one} == {(*shape, 3) for shape in empties.SHAPES}


def test_what_is_found_in_them_is_counted(pack: Path) -> None:
    class FindsSomethingInTallOnes:
        spec = model_spec("cv-unet")

        def matte(self, batch: Array) -> Plane:
            _, height, width, _ = batch.shape
            return np.full((1, height, width), float(height > width), np.float32)

    lands = open_library(pack).backgrounds
    tall = [group for group, picture in empties.pictures(lands) if picture.shape[0] > picture.shape[1]]
    count = empties.reported(FindsSomethingInTallOnes(), lands)  # type: ignore[arg-type]
    assert count.drawn == empties.DRAWN - tall.count("drawn")
    assert count.lands == empties.LANDS - tall.count("lands")
