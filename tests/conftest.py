"""For all tests: the kind of each by its folder; those that need a CUDA device are skipped without one."""

from functools import cache
from pathlib import Path

import pytest

KINDS = {
    "pure": {"core", "domain", "config", "system"},
    "files": {"imaging", "ingest", "journal", "outputs", "touchup", "workers", "doctor", "docs", "fuzz"},
    "daemon": {"cli", "daemon", "simulation"},
    "machine": {"packaging", "service", "bench"},
    "model": {"training", "inference"},
}
"""Marker -> the folders of `tests/` whose tests bear it; a test may have further markers of its own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its kind."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        kind = next((kind for kind, folders in KINDS.items() if folder in folders), "pure")
        item.add_marker(kind)


@cache
def cuda() -> bool:
    """Whether torch can use a GPU; asked only when a test needs to know, since torch is heavy."""
    import torch  # noqa: PLC0415

    return bool(torch.cuda.is_available())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.gpu` needs one."""
    if item.get_closest_marker("gpu") and not cuda():
        pytest.skip("no CUDA device")
