"""ARCHITECTURE names what is there, both READMEs have the same commands, ENGINE shows the shipped weights."""

import ast
import hashlib
import re
from pathlib import Path

import pytest

from tests.test_imports import LAYERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading."""
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_package_has_its_line_from_the_ground_up() -> None:
    told = re.findall(r"^\| `(\w+)` \|", section("Packages"), re.MULTILINE)
    there = {path.parent.name for path in (ROOT / "mattingd").glob("*/__init__.py")}
    assert set(told) == there
    assert set(told) | {"audit"} == set(LAYERS)


@pytest.mark.parametrize("named", re.findall(r"`(tests/\S+\.py)::(\w+)`", section("Invariants")))
def test_the_test_of_an_invariant_exists(named: tuple[str, str]) -> None:
    file, test = named
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:mattingd|docs)/[\w/.]+)`", PAGE))))
def test_what_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("word", ["hot folder", "settling", "drop", "job", "alpha matte", "trimap", "lane"])
def test_the_glossary_explains(word: str) -> None:
    assert f"| {word} |" in section("Glossary")


def commands(readme: str) -> list[str]:
    """What follows a `$`, without its comment."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    return [line.partition("#")[0].strip() for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE)]


def test_both_readmes_have_the_same_commands() -> None:
    assert commands("README.zh.md") == commands("README.md")


def test_the_engine_s_page_shows_the_shipped_weights() -> None:
    weights = (ROOT / "mattingd" / "inference" / "weights" / "cv-unet.safetensors").read_bytes()
    page = (ROOT / "docs" / "ENGINE.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"cv-unet[ (]+([0-9a-f]{12})\b", page))
    assert shown == {hashlib.sha256(weights).hexdigest()[:12]}
    assert f" {len(weights) / 1e6:.1f} MB  the package" in page
