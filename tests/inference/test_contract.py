"""Every engine against the one contract suite, and the rules that need no engine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networks
import pytest
from contract_suite import CHECKS
from hypothesis import given
from hypothesis import strategies as st
from mattingd_test_engine import CountingEngine

from mattingd.inference import registry
from mattingd.inference.backend import Timing
from mattingd.inference.tuning import smallest_good_batch
from mattingd.zoo import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from mattingd.inference.backend import Engine, Precision

    Factory = Callable[[], Engine]


def shipped(device: registry.Device, precision: Precision) -> Factory:
    return lambda: registry.load("cv-unet", device, precision, threads=1)


@cache
def onnx_file(side: int | None, *, batch: bool) -> Path:
    """A small network, installed."""
    file = Path(tempfile.mkdtemp()) / "dark.onnx"
    fixed: dict[str, Any] = {"side": side, "multiple": side, "geometry": "stretch"}
    networks.described(file, networks.dark_is_subject(side, batch=batch), **(fixed if side else {}))
    return file


def onnx(side: int | None = None, *, batch: bool = True) -> Factory:
    return lambda: registry.load(device="cpu", threads=1, file=str(onnx_file(side, batch=batch)))


@cache
def real_file() -> Path:
    file = Path(tempfile.mkdtemp()) / "u2netp.onnx"
    contract = catalogue.published()["u2netp"].contract
    networks.described(file, networks.u2netp().read_bytes(), **contract)
    return file


def u2netp() -> Engine:
    return registry.load(device="cpu", threads=1, file=str(real_file()))


ENGINES = [
    pytest.param(CountingEngine, id="counting"),
    pytest.param(onnx(), id="onnx-any-shape", marks=pytest.mark.model),
    pytest.param(onnx(batch=False), id="onnx-one-by-one", marks=pytest.mark.model),
    pytest.param(onnx(64), id="onnx-one-shape", marks=pytest.mark.model),
    pytest.param(u2netp, id="onnx-u2netp", marks=pytest.mark.model),
    pytest.param(shipped("cpu", "fp32"), id="cv-unet-cpu", marks=pytest.mark.model),
    pytest.param(shipped("cuda", "fp32"), id="cv-unet-cuda", marks=[pytest.mark.model, pytest.mark.gpu]),
]


@pytest.mark.parametrize("make", ENGINES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Callable[[Factory], None], make: Factory) -> None:
    check(make)


def test_the_face_and_the_catalog_need_no_torch() -> None:
    code = (
        "import sys; from mattingd.inference import backend, registry, self_test; registry.entry();"
        "sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def timings(*rates: tuple[int, float]) -> list[Timing]:
    return [Timing((32, 32), batch, batch / rate) for batch, rate in rates]


def test_the_smallest_batch_within_five_percent_wins() -> None:
    assert smallest_good_batch(timings((1, 10.0), (2, 10.4), (4, 10.1))) == 1
    assert smallest_good_batch(timings((1, 10.0), (2, 19.0), (4, 19.9), (8, 30.0), (16, 31.0))) == 8
    assert smallest_good_batch(timings((4, 7.0))) == 4


@given(st.dictionaries(st.integers(1, 64), st.floats(0.1, 1000), min_size=1))
def test_the_chosen_batch_is_good_and_none_smaller_is(rates: dict[int, float]) -> None:
    measured = timings(*rates.items())
    chosen = smallest_good_batch(measured)
    best = max(t.rate for t in measured)
    good = {t.batch for t in measured if t.rate >= best / 1.05 * (1 + 1e-9)}
    assert chosen <= min(good)
    assert rates[chosen] >= best / 1.05 * (1 - 1e-9)
