"""Pictures without a subject: always the same ones, of both kinds, and counted rightly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mattingd.training.data import no_subject
from mattingd.training.data.datasets import open_library
from mattingd.workers.entrypoint import model_spec

if TYPE_CHECKING:
    from pathlib import Path

    from mattingd.training.data.geometry import Array, Plane


def test_they_are_the_same_at_every_call(pack: Path) -> None:
    lands = open_library(pack).backgrounds
    one, two = list(no_subject.pictures(lands)), list(no_subject.pictures(lands))
    assert [group for group, _ in one].count("drawn") == no_subject.DRAWN
    assert [group for group, _ in one].count("lands") == no_subject.LANDS
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(one, two, strict=True))
    assert {picture.shape for _, picture in one} == {(*shape, 3) for shape in no_subject.SHAPES}


def test_what_is_found_in_them_is_counted(pack: Path) -> None:
    class FindsSomethingInTallOnes:
        spec = model_spec()

        def matte(self, batch: Array) -> Plane:
            _, height, width, _ = batch.shape
            return np.full((1, height, width), float(height > width), np.float32)

    lands = open_library(pack).backgrounds
    tall = [group for group, picture in no_subject.pictures(lands) if picture.shape[0] > picture.shape[1]]
    count = no_subject.reported(FindsSomethingInTallOnes(), lands)  # type: ignore[arg-type]
    assert count.drawn == no_subject.DRAWN - tall.count("drawn")
    assert count.lands == no_subject.LANDS - tall.count("lands")
