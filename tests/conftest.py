"""For all tests: the kind of each by its folder; those that need a CUDA device are skipped without one."""

import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

KINDS = {
    "pure": {"core", "domain", "config", "language", "system", "words"},
    "files": {
        "imaging",
        "ingest",
        "journal",
        "outputs",
        "touchup",
        "workers",
        "doctor",
        "docs",
        "fuzz",
        "api",
        "reports",
        "notices",
        "zoo",
        "corpus",
        "observability",
    },
    "daemon": {"cli", "daemon", "remote", "simulation", "web"},
    "machine": {"packaging", "service", "bench"},
    "model": {"training", "inference"},
}
"""Marker -> the folders of `tests/` whose tests bear it; a test may have further markers of its own."""

LONGEST = {"test_rembg.py", "test_tuning.py"}
LONGEST_FIRST = ("daemon", "machine", "model", "files", "pure")
"""These files, and then the kinds in this order, where several processes share the tests: no long file comes
last and alone."""


def kind_of(folder: str) -> str:
    """The kind of the tests in a folder of `tests/`; a folder without one is an error."""
    return "pure" if folder.endswith(".py") else next(k for k, folders in KINDS.items() if folder in folders)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its kind."""

    def kind(item: pytest.Item) -> str:
        return kind_of(item.path.relative_to(Path(__file__).parent).parts[0])

    for item in items:
        item.add_marker(kind(item))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: (item.path.name not in LONGEST, LONGEST_FIRST.index(kind(item))))


@cache
def cuda() -> bool:
    """Whether torch can use a GPU; asked only when a test needs to know, since torch is heavy."""
    import torch  # noqa: PLC0415

    return bool(torch.cuda.is_available())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.gpu` needs one."""
    if item.get_closest_marker("gpu") and not cuda():
        pytest.skip("no CUDA device")
