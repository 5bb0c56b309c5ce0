"""The lines of a report: safe in a spreadsheet, the same in JSON and CSV, whatever a file is called."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mattingd.reports.files import write_tables
from mattingd.reports.lines import COLUMNS, FORMULA_STARTS, cells

LINE: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"codes": [], "out": [], "confidence": None}


def table(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@given(st.text(max_size=20))
def test_no_cell_is_a_formula_and_every_name_can_be_read_again(name: str) -> None:
    row = cells(LINE | {"in": name, "out": [name, name], "reasons": name})
    assert not any(cell.startswith(FORMULA_STARTS) for cell in row)
    assert row[0] in {name, f"'{name}"}


def test_both_tables_hold_the_same_whatever_the_names_are(tmp_path: Path) -> None:
    names = [
        "plain.jpg",
        'a,b"c.jpg',
        "two\nlines.jpg",
        "=cmd|x.jpg",
        "@SUM(A1)",
        "-1",
        "产品.jpg",
        "ü;\t.jpg",
    ]
    lines = [LINE | {"in": name, "out": [f"out/{name}"], "confidence": 0.5} for name in names]
    write_tables(tmp_path / "r.json", tmp_path / "r.csv", {"drop": "d"}, iter(lines))
    told = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [each["in"] for each in told["pictures"]] == names
    assert told["drop"] == "d"
    rows = table(tmp_path / "r.csv")
    assert [row["in"].removeprefix("'") for row in rows] == names
    assert [row["out"] for row in rows] == [f"out/{name}" for name in names]
    assert {row["confidence"] for row in rows} == {"0.5"}


def test_a_report_of_nothing_is_whole(tmp_path: Path) -> None:
    write_tables(tmp_path / "r.json", tmp_path / "r.csv", {}, iter(()))
    assert json.loads((tmp_path / "r.json").read_text())["pictures"] == []
    assert table(tmp_path / "r.csv") == []
