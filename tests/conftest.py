"""For all tests: those that need a CUDA device are skipped where there is none."""

from functools import cache

import pytest


@cache
def cuda() -> bool:
    """Whether torch can use a GPU; asked only when a test needs to know, since torch is heavy."""
    import torch  # noqa: PLC0415

    return bool(torch.cuda.is_available())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.gpu` needs one."""
    if item.get_closest_marker("gpu") and not cuda():
        pytest.skip("no CUDA device")
