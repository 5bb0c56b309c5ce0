"""Makes the test kit importable, and gives a publisher's server on loopback that misbehaves as it is told."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTKIT = Path(__file__).parent.parent / "testkit"
if str(TESTKIT) not in sys.path:
    sys.path.insert(0, str(TESTKIT))

from publisher import Publisher  # noqa: E402 - after the path


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher() as server:
        yield server
