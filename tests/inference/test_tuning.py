"""Precision and batch are settled by what is measured, on any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mattingd.inference import tuning
from mattingd.inference.backend import BadBatch, OutOfMemory

if TYPE_CHECKING:
    from mattingd.inference.backend import Mattes, Pictures, Precision

SECOND = 1_000_000_000


class Device:
    """Takes so long a picture, in each precision, on a clock of its own; full above so many pictures."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float], most: int = 8) -> None:
        self.seconds, self.most, self.now, self.off = seconds, most, 0.0, 0.0
        monkeypatch.setattr(tuning, "monotonic_ns", lambda: round(self.now * SECOND))

    def matte_in(self, precision: Precision, batch: Pictures) -> Mattes:
        if len(batch) > self.most:
            raise OutOfMemory("full")
        if precision not in self.seconds:
            raise BadBatch("not finite")
        self.now += 0.5 + self.seconds[precision] * len(batch)
        return np.full(batch.shape[:3], 0.5 + (self.off if precision != "fp32" else 0), np.float32)

    def matte(self, batch: Pictures) -> Mattes:
        return self.matte_in("fp32", batch)


@pytest.mark.parametrize(
    ("seconds", "off", "chosen"),
    [
        ({"fp32": 1.0, "fp16": 0.2, "bf16": 0.5}, 0.0, "fp16"),
        ({"fp32": 1.0, "fp16": 0.9, "bf16": 0.5}, 0.001, "bf16"),
        ({"fp32": 1.0, "fp16": 0.95, "bf16": 0.95}, 0.0, "fp32"),
        ({"fp32": 1.0, "fp16": 0.2, "bf16": 0.2}, 0.01, "fp32"),
        ({"fp32": 1.0, "bf16": 0.2}, 0.0, "bf16"),
    ],
    ids=["the fastest", "the next", "not worth it", "not the same", "one that fails"],
)
def test_a_lower_precision_must_be_faster_and_the_same(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[str, float], off: float, chosen: str
) -> None:
    device = Device(monkeypatch, seconds)
    device.off = off
    assert tuning.fastest_precision(device.matte_in, ("fp16", "bf16")) == chosen


def test_sizes_are_compared_until_the_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    found = tuning.measure(
        Device(monkeypatch, {"fp32": 0.1}, most=4).matte, [(32, 64), (64, 32)], (1, 2, 4, 8)
    )
    assert found.batch_size == 4
    assert [(each.shape, each.batch) for each in found.timings] == [
        ((32, 64), 1), ((32, 64), 2), ((32, 64), 4), ((64, 32), 4),
    ]  # fmt: skip
    assert found.timings[0].seconds == pytest.approx(0.6)


def test_no_room_for_one_picture_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutOfMemory):
        tuning.measure(Device(monkeypatch, {"fp32": 0.1}, most=0).matte, [(32, 32)], (1, 2))
    with pytest.raises(ValueError, match="at least one shape"):
        tuning.measure(Device(monkeypatch, {"fp32": 0.1}).matte, [], (1, 2))
