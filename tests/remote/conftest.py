"""Daemons and clusters for the tests here."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
for folder in (ROOT, ROOT / "tests" / "testkit"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from tests.daemon.harness.site import Site  # noqa: E402 - found by the lines above
from tests.remote.cluster import LoopbackCluster, loopback  # noqa: E402


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LoopbackCluster]:
    """A scheduler, and no worker yet."""
    with loopback(tmp_path / "cluster") as cluster:
        cluster.start_scheduler()
        yield cluster


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Lay out sites, each with settings of its own."""
    sites: list[Site] = []

    def make(**settings: Any) -> Site:
        sites.append(Site(tmp_path / f"site{len(sites)}", **settings))
        return sites[-1]

    yield make
    for site in sites:
        site.close()
        site.remove()
