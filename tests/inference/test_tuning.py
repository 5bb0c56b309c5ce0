"""Precision and batch are settled by what is measured, on any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mattingd.inference import kept_choices, tuning
from mattingd.inference.backend import BadBatch, OutOfMemory
from mattingd.inference.kept_choices import MOST, KeptChoices

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_precision_is_measured_once_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another start, and another measurement, change nothing; other weights or another device are new."""
    device = Device(monkeypatch, {})
    quick, slow = {"fp32": 1.0, "bf16": 0.2}, {"fp32": 1.0, "bf16": 2.0}
    file = tmp_path / "state" / "precision.json"
    (tmp_path / "state").mkdir()

    def settled(seconds: dict[str, float], measured_for: str, kept: Path | None = file) -> str:
        device.seconds = seconds
        return tuning.settled_precision(device.matte_in, ("bf16",), measured_for, KeptChoices(kept))

    assert settled(quick, "one processor") == "bf16"
    assert settled(slow, "one processor") == "bf16", "as it was kept"
    assert settled(slow, "another processor") == "fp32"
    assert settled(quick, "another processor") == "fp32"
    assert [settled(each, "one processor", None) for each in (quick, slow)] == ["bf16", "fp32"]
    for damage in (b"no json", b"[]", b'{"one processor": "fp8"}'):
        file.write_bytes(damage)
        assert settled(slow, "one processor") == "fp32", "measured again"
        assert settled(quick, "one processor") == "fp32"
    for number in range(MOST + 5):
        KeptChoices(file).keep(f"weights {number}", "fp32")
    assert KeptChoices(file).of("weights 4") is None
    assert KeptChoices(file).of(f"weights {MOST + 4}") == "fp32"


def test_a_user_keeps_it_in_the_cache_and_nowhere_without_a_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    file = kept_choices.of_user()
    assert file == tmp_path / ".cache" / "mattingd" / "precision.json"
    KeptChoices(file).keep("weights", "bf16")
    assert KeptChoices(kept_choices.of_user()).of("weights") == "bf16"
    monkeypatch.setenv("XDG_CACHE_HOME", "no/absolute/path")
    assert kept_choices.of_user() is None


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
