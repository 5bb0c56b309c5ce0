"""Real daemons for tests: a site laid out for each test, and ended with it."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = str(Path(__file__).parent.parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.daemon.harness.site import Site  # noqa: E402 - found by the line above

MakeSite = Callable[..., Site]
Tell = Callable[..., None]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Print figures where everybody sees them."""

    def tell(*lines: str) -> None:
        with capsys.disabled():
            sys.stderr.write("".join(f"\n  {line}" for line in lines) + "\n")  # seen under pytest-xdist, too

    return tell


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[MakeSite]:
    """Lay out sites, each with settings of its own."""
    sites: list[Site] = []

    def make(**settings: Any) -> Site:
        sites.append(Site(tmp_path / f"site{len(sites)}", **settings))
        return sites[-1]

    yield make
    for site in sites:
        site.close()
    for site in sites if "MATTINGD_KEEP" not in os.environ else ():
        site.remove()


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A site with one hot folder and short times."""
    return make_site()
