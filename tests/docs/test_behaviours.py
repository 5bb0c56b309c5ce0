"""docs/BEHAVIOURS.md: every promised row stands there, and every test it names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "BEHAVIOURS.md").read_text(encoding="utf-8")
PROMISED = [
    *(43, 44, 45, 47, 65),
    *(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29),
    *(
        19,
        30,
        31,
        32,
        33,
        34,
        35,
        38,
        39,
        40,
        41,
        42,
        46,
        48,
        49,
        50,
        51,
        52,
        53,
        54,
        55,
        56,
        57,
        58,
        59,
        60,
        61,
        62,
        63,
        64,
        66,
        67,
        69,
        70,
        71,
        72,
        73,
        74,
        75,
    ),
]
"""The numbers are older than this product: gaps are behaviours of later versions."""
ROW = re.compile(r"^### (\d+) · (.+)\n\n((?:.+\n)+)\n((?:- `.+`\n)+)", re.MULTILINE)
ROWS = {
    int(number): (title, what, re.findall(r"- `(.+)`", tests))
    for number, title, what, tests in ROW.findall(TEXT)
}
NAMED = sorted({name for _, _, tests in ROWS.values() for name in tests})


def test_every_promised_row_stands_there_in_order() -> None:
    assert list(ROWS) == sorted(PROMISED)
    assert len(re.findall("^### ", TEXT, re.MULTILINE)) == len(ROWS), "every heading is a row with its tests"


@pytest.mark.parametrize("number", ROWS)
def test_a_row_says_what_happens_and_names_tests(number: int) -> None:
    title, what, tests = ROWS[number]
    assert not title.endswith(".")
    assert len(what.split()) > 8
    assert len(set(tests)) == len(tests) > 0


@pytest.mark.parametrize("name", NAMED)
def test_the_named_test_exists(name: str) -> None:
    path, _, function = name.partition("::")
    assert re.fullmatch(r"tests/(.+/)?test_\w+\.py", path), "where pytest looks"
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert function in {each for each in functions if each.startswith("test_")}
