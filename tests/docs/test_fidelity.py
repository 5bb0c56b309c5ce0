"""docs/FIDELITY.md: every row of its tables names a test that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "FIDELITY.md").read_text(encoding="utf-8")
PATHS = list((ROOT / "tests").rglob("test_*.py"))
TESTS = {path.name for path in PATHS}
SOURCES = [path.read_text(encoding="utf-8") for path in PATHS]
ROWS = [row for row in TEXT.splitlines() if row.startswith("| ") and not row.endswith("| test |")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_every_row_names_a_test_that_exists(row: str) -> None:
    last = row.rstrip("| ").rpartition("|")[2].strip()
    names = re.findall("`([^`]+)`", last)
    assert names or last.startswith("the same") or last == "as above"
    for name in names:
        if name.endswith(".py"):
            assert name in TESTS
        else:
            assert any(f"def {name}(" in source for source in SOURCES), name


def test_the_tests_that_the_text_names_exist() -> None:
    assert len(ROWS) > 40
    for name in re.findall(r"`(?:tests/\S+/)?(test_\w+\.py)`", TEXT):
        assert name in TESTS
