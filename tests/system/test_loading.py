"""Loading without the garbage collector: it works again afterwards, whatever happens."""

import gc

import pytest

from mattingd.system.loading import loading


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
