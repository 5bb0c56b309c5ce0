"""A journal with one hot folder, on a real file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mattingd.journal import JournalWriter
from tests.journal.journals import opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.db"


@pytest.fixture
def journal(path: Path) -> Iterator[JournalWriter]:
    with opened(path) as journal:
        journal.folder_id(b"/in")
        yield journal
