"""ARCHITECTURE's drawing and names match the code; both READMEs agree; ENGINE shows the shipped weights."""

import ast
import hashlib
import re
from itertools import pairwise
from pathlib import Path

import pytest

from mattingd.core.lifecycle import LIVE, TABLE, State
from tests.conftest import KINDS
from tests.test_imports import LAYERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading."""
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


STAGES = re.findall(
    r"^\| (\w+) \| ([\w, -]+) \| ([\w ]+) \| (`.+`) \|$", section("The way of a picture"), re.MULTILINE
)
DRAWINGS = re.findall(r"```text\n(.+?)```", section("The way of a picture"), re.DOTALL)


def test_the_drawing_has_the_stages_of_the_table_in_order() -> None:
    first_line = DRAWINGS[0].splitlines()[0]
    assert first_line.split(" -> ")[1:] == [stage for stage, *_ in STAGES]


def test_the_stages_are_the_way_through_the_lifecycle() -> None:
    way = [State(word) for _, states, *_ in STAGES for word in states.split(", ") if word != "-"]
    edges = {(before, after) for (before, _), after in TABLE.items()}
    assert all(pair in edges for pair in pairwise(way)), "each state leads to the next one"
    assert set(way) == (LIVE - {State.HELD}) | {State.DONE}


MOST_LINES = 6_000
"""What a reader must pass to follow one picture from watch to publish, at most."""


def way_of_one_picture() -> list[str]:
    """The files that the list of the steps names."""
    listed = section("The way of a picture").partition("To follow one picture")[2].partition("These steps")[0]
    return re.findall(r"`(mattingd/[\w/.]+)`", listed)


def leaned_on() -> tuple[str, ...]:
    """The rooms that those steps lean on, as the page names them: files, and whole folders."""
    told = section("The way of a picture").partition("These steps")[2].partition("The side ways")[0]
    return tuple(re.findall(r"`(mattingd/[\w/.]+)`", told))


def test_one_picture_can_be_followed_through_few_lines() -> None:
    way = way_of_one_picture()
    assert len(set(way)) == len(way) >= len(STAGES)
    assert [name for name in way if not (ROOT / name).is_file()] == [], "files, and no folders"
    lines = sum((ROOT / name).read_text(encoding="utf-8").count("\n") for name in way)
    assert lines <= MOST_LINES


def test_the_second_drawing_shows_every_process() -> None:
    assert {process for _, _, process, _ in STAGES} == {"main", "picture workers", "engine"}
    for _, _, process, _ in STAGES:
        assert process in DRAWINGS[1]


def test_every_package_has_its_line_from_the_ground_up() -> None:
    told = re.findall(r"^\| `(\w+)` \|", section("Packages"), re.MULTILINE)
    there = {path.parent.name for path in (ROOT / "mattingd").glob("*/__init__.py")}
    assert sorted(told) == sorted(there)
    assert told == [layer for layer in LAYERS if layer != "audit"]


@pytest.mark.parametrize("named", re.findall(r"`(tests/\S+\.py)::(\w+)`", section("Invariants")))
def test_the_test_of_an_invariant_exists(named: tuple[str, str]) -> None:
    file, test = named
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:mattingd|docs)/[\w/.]+)`", PAGE))))
def test_what_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()


GLOSSARY = (
    "hot folder, settling, drop, job, alpha matte, trimap, lane, event, command, turn, isolated, quarantined"
)


@pytest.mark.parametrize("word", GLOSSARY.split(", "))
def test_the_glossary_explains(word: str) -> None:
    assert re.search(rf"^\| (\w+, )?{word}(, \w+)? \|", section("Glossary"), re.MULTILINE)


def commands(readme: str) -> list[str]:
    """What follows a `$`, without its comment."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    return [line.partition("#")[0].strip() for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE)]


def test_contributing_names_every_folder_of_tests_with_its_kind() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE))
    told = {kind: set(re.findall(r"`(\w+)`", rows[kind])) for kind in KINDS}
    assert told == KINDS
    with_tests = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert with_tests == set().union(*KINDS.values())


def test_both_readmes_have_the_same_commands() -> None:
    assert commands("README.zh.md") == commands("README.md")


@pytest.mark.parametrize(
    "pattern",
    [r"^\| (\d+) \|", r"\]\((docs/[A-Z]\w+\.md|[\w.]+\.yaml)\)", r"^(?:import|from) .*$", r"^(#+) "],
    ids=["exit codes", "links", "Python", "sections"],
)
def test_both_readmes_have_the_same(pattern: str) -> None:
    english, chinese = (
        re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        for name in ("README.md", "README.zh.md")
    )
    assert english
    assert sorted(chinese) == sorted(english)


def test_the_engine_s_page_shows_the_shipped_weights() -> None:
    weights = (ROOT / "mattingd" / "inference" / "weights" / "cv-unet.safetensors").read_bytes()
    page = (ROOT / "docs" / "ENGINE.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"cv-unet[ (]+([0-9a-f]{12})\b", page))
    assert shown == {hashlib.sha256(weights).hexdigest()[:12]}
    assert f" {len(weights) / 1e6:.1f} MB  the package" in page
