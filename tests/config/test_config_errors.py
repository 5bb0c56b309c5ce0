"""Mistakes in the configuration file: all of them told, each in one line with its place."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd import config

BASE = """\
output_dir: /srv/out
state_dir: /srv/state
hot_folders:
  - path: /srv/in
"""
LOCAL = "28 1 254:0 / / rw - ext4 /dev/vda rw\n"


def complaints(extra: str = "", *, text: str = BASE, where: str | Path = "config.yaml") -> list[str]:
    with pytest.raises(config.ConfigError) as caught:
        config.parse(text + extra, where, mountinfo=LOCAL)
    assert caught.value.lines == tuple(str(caught.value).split("\n"))
    return list(caught.value.lines)


CASES = (Path(__file__).parent / "config_errors.txt").read_text(encoding="utf-8").split("\n\n")[1:]


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_in_one_line_with_its_place(case: str) -> None:
    extra, _, line = case.rstrip().partition("\n! ")
    assert complaints(extra + "\n") == [f"config.yaml:{line}"]


NO_SETTINGS: list[tuple[str | bytes, str]] = [
    ("", "config.yaml: is empty; `mattingd init` writes a first file"),
    ("# only a comment\n", "config.yaml: is empty; `mattingd init` writes a first file"),
    ("- a\n", "config.yaml:1: contains no settings; `mattingd init` writes a first file"),
    ("watch:\n\tmode: poll\n", "config.yaml:2: has a tab here; indent with spaces"),
    (b"a: b\nc: \xff\n", "config.yaml:2: is not UTF-8 text; save it as UTF-8"),
    ("a: b\nc: \x07\n", "config.yaml:2: has a character that YAML does not allow (U+0007)"),
    ("a: b: c\n", "config.yaml:1: is not valid YAML: mapping values are not allowed here"),
    ("a: &x [1]\nb: *x\n", "config.yaml:2: is not valid YAML: aliases are not supported"),
    ("a: " + "[" * 5000, "config.yaml: is nested too deeply"),
]


@pytest.mark.parametrize(("text", "line"), NO_SETTINGS)
def test_what_is_no_settings_file_is_told_in_one_line(text: str | bytes, line: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.parse(text, "config.yaml")
    assert caught.value.lines == (line,)


@pytest.mark.parametrize("missing", ["output_dir", "state_dir"])
def test_a_missing_path_is_named(missing: str) -> None:
    text = "".join(line for line in BASE.splitlines(keepends=True) if missing not in line)
    assert complaints(text=text) == [f"config.yaml:1: {missing}: is missing; must be a path"]


def test_missing_hot_folders_are_named() -> None:
    wanted = "must be a list with at least one hot folder"
    text = BASE.split("hot_folders", maxsplit=1)[0]
    assert complaints(text=text) == [f"config.yaml:1: hot_folders: is missing; {wanted}"]
    assert complaints("hot_folders: []", text=text) == [
        f"config.yaml:3: hot_folders: {wanted}, not an empty one"
    ]
    assert complaints("  -\n  - name: x\n") == [
        "config.yaml:5: hot_folders[1]: must be a block of settings, not nothing",
        "config.yaml:6: hot_folders[2].path: is missing; must be a path",
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    lines = complaints(
        """\
    preset: nope
    settings: {quality: 0, fromat: jpeg}
  - name: x
watch: {mode: x, settle_seconds: -2}
engine: {devise: cpu}
timezone: Nowhere
presets: {product: {}, mine: {like: ours}}
state_dir: /srv/other
hot_folder: 1
"""
    )
    numbers = [int(line.removeprefix("config.yaml:").split(":")[0]) for line in lines]
    assert numbers == [5, 6, 6, 7, 8, 8, 9, 10, 11, 11, 12, 13]


def test_a_faulty_preset_does_not_blame_the_folders_that_use_it() -> None:
    extra = "    preset: mine\npresets:\n  mine: {like: yours}\n  yours: {like: nobody, format: jpeg}\n"
    (line,) = complaints(extra)
    assert line.startswith("config.yaml:8: presets.yours.like: no preset is called 'nobody'; known: ")


def test_a_file_name_cannot_break_the_line(tmp_path: Path) -> None:
    (line,) = complaints("watch: 1\n", where=tmp_path / "a\nb.yaml")
    assert r"a\nb.yaml':5: watch" in line


# --- whatever comes -----------------------------------------------------------------------------------------

KEYS = "output_dir state_dir hot_folders presets watch engine path name like preset settings layout timezone"
WORDS = st.sampled_from(
    [*KEYS.split(), "background", "format", "batch_size", "mine", "product", "a: b", "\0"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
DOCUMENTS = st.dictionaries(
    WORDS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4)
    ),
)


def as_yaml(value: object) -> str:
    """In flow style; text in quotes with each character as its number."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_yaml(key)}: {as_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_yaml(inner) for inner in value) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return json.dumps(value)


@given(st.text() | st.binary() | DOCUMENTS.map(as_yaml))
def test_whatever_the_file_holds_the_answer_is_settings_or_plain_lines(text: str | bytes) -> None:
    lines: tuple[str, ...] = ("config.yaml: is sound",)
    try:
        config.parse(text, "config.yaml", mountinfo=LOCAL)
    except config.ConfigError as error:
        lines = error.lines
    assert lines
    assert all(line.startswith("config.yaml:") and line.isprintable() for line in lines)
