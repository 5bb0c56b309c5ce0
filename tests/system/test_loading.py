"""Loading without the garbage collector, or without a module: all is as before afterwards."""

import gc
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattingd.system.loading import leaving_out, loading


def test_the_collector_rests_while_modules_are_loaded_and_passes_over_them() -> None:
    before = gc.get_freeze_count()
    try:
        with loading():
            assert not gc.isenabled()
            kept: list[list[int]] = [[] for _ in range(100)]
        assert gc.isenabled()
        assert gc.get_freeze_count() >= before + len(kept)
        assert not any(each is kept for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_the_collector_works_again_after_a_module_that_cannot_be_loaded() -> None:
    try:
        with pytest.raises(ImportError), loading():
            raise ImportError
        assert gc.isenabled()
    finally:
        gc.unfreeze()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that imports its own sub-module `heavy`."""
    (tmp_path / "laden").mkdir()
    (tmp_path / "laden" / "__init__.py").write_text("from laden import heavy\n", encoding="utf-8")
    (tmp_path / "laden" / "heavy.py").write_text("WEIGHT = 7\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "laden"
    for name in ("laden", "laden.heavy"):
        sys.modules.pop(name, None)


def test_a_module_that_is_left_out_is_there_when_it_is_asked_for_later(package: str) -> None:
    with leaving_out(f"{package}.heavy"):
        laden = importlib.import_module(package)
        assert not hasattr(laden.heavy, "WEIGHT")
    assert not hasattr(laden, "heavy")
    assert importlib.import_module(f"{package}.heavy").WEIGHT == 7
    assert laden.heavy.WEIGHT == 7


def test_a_module_that_is_loaded_already_stays(package: str) -> None:
    laden = importlib.import_module(package)
    with leaving_out(f"{package}.heavy"):
        assert importlib.import_module(f"{package}.heavy").WEIGHT == 7
    assert laden.heavy.WEIGHT == 7


def test_nothing_is_left_behind_for_a_package_that_was_not_imported(package: str) -> None:
    with pytest.raises(RuntimeError), leaving_out(f"{package}.heavy"):
        raise RuntimeError
    assert f"{package}.heavy" not in sys.modules
    assert importlib.import_module(f"{package}.heavy").WEIGHT == 7
