"""Who may import what: the rooms of the design, held by a table.

Read from the source text, so that imports inside functions and for type checking count as well.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mattingd"
MODULES = sorted(PACKAGE.rglob("*.py"))

WORDS = {"values", "facts", "commands"}
"""The vocabulary: frozen values, known to almost everybody."""

JOINERS = {
    "",
    "__main__",
    "cli",
    "daemon",
    "staff",
    "sizing",
    "child",
    "answers",
    "auditing",
    "doctor",
    "cleaning",
    "standing",
    "lookouts",
    "reloading",
    "orders",
    "inbox",
}
"""They put the rooms together, and so may import anything. The first is the package's own face."""

MAY_IMPORT: dict[str, set[str]] = {
    "values": set(),
    "facts": {"values"},
    "commands": {"values"},
    "clock": set(),
    "mounts": set(),
    "presets": {"values"},
    "notes": {"values"},
    "originals": {"values", "disk"},
    "disk": WORDS,
    "models": {"disk"},
    "backdrops": {"values", "disk", "imaging"},
    "mattes": {"disk"},
    "strokes": {"values"},
    "looks": {"values", "facts", "disk", "strokes", "imaging"},
    "touchups": {"values", "disk", "strokes", "mattes", "imaging"},
    "children": WORDS | {"clock"},
    "config": WORDS
    | {
        "presets",
        "mounts",
        "backdrops",
        "rules.settling",
        "rules.lifecycle",
        "rules.placing",
        "rules.retaining",
    },
    "checkpoint": WORDS,
    "control": WORDS | {"clock"},
    "service": WORDS | {"clock"},
    "units": {"config", "mounts"},
    "floods": {"clock"},
    "reports": WORDS | {"clock", "floods"},
    "metrics": WORDS | {"clock", "checkpoint", "reports"},
    # Pure decisions: each knows the vocabulary only; these six put them together.
    "rules": WORDS,
    "rules.conductor": WORDS | {"rules"},
    "rules.dispatching": WORDS | {"rules"},
    "rules.engines": WORDS | {"rules"},
    "rules.inference": WORDS | {"rules"},
    "rules.intake": WORDS | {"rules"},
    "rules.requests": WORDS | {"rules"},
    "rules.work": WORDS | {"rules"},
    "rules.liveness": WORDS | {"rules"},
    # The shell: no stage knows another stage, or a rule.
    "stages": WORDS
    | {"imaging", "backdrops", "clock", "mounts", "disk", "notes", "originals"}
    | {"mattes", "strokes", "looks", "touchups"},
    "stages.inferring": WORDS | {"imaging", "clock", "mounts", "disk", "engine.contract"},
    "imaging": {"values"},
    "engine": {"values", "clock"},
    "training": {"values", "clock", "imaging", "engine"},
}
"""Room -> the rooms it may import. The nearest entry counts: ``rules.work`` goes before ``rules``."""

AMONG_THEMSELVES = {"config", "checkpoint", "imaging", "engine", "training"}
"""Packages whose modules may import one another."""

ONLY_IN: dict[str, set[str]] = {
    "torch": {"engine", "training"},
    "watchdog": {"stages.watching"},
    "yaml": {"config.document"},
    "sqlite3": {"checkpoint"},
    "time": {"clock"},
    "structlog": {"reports", "cli"},
    "typer": {"cli"},
    "logging_journald": {"cli.journald"},
    "prometheus_client": {"metrics"},
}
"""One third-party name (or dangerous one of the standard library), one place."""

IMPURE = (
    "asyncio io logging multiprocessing os pathlib random shutil signal socket subprocess tempfile threading "
    "time cv2 numpy PIL structlog torch"
)
"""What a rule has no use for: disk, clock, processes, chance, logging, pictures."""


def name_of(path: Path) -> str:
    """``mattingd/rules/work.py`` -> ``rules.work``; the package itself is ``""``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imported(source: str) -> Iterator[str]:
    """Every module that ``source`` imports, in full."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole.removeprefix("mattingd.") in NAMES else str(node.module)


def within(name: str, rooms: set[str] | dict[str, set[str]]) -> str | None:
    """The room of ``rooms`` that ``name`` is, or lies in; the nearest."""
    parts = name.split(".")
    around = (".".join(parts[:depth]) for depth in range(len(parts), 0, -1))
    return next((room for room in around if room in rooms), None)


def trespasses(name: str, source: str) -> list[str]:
    """Rooms and third parties that the module ``name`` imports and should not."""
    found = []
    room = within(name, MAY_IMPORT)
    for target in imported(source):
        top, _, inner = target.partition(".")
        if top != "mattingd":
            if top in ONLY_IN and not within(name, ONLY_IN[top]):
                found.append(target)
        elif within(name, JOINERS) is None:
            assert room is not None, f"{name} has no place in the table above"
            home = within(name, AMONG_THEMSELVES)
            if not (home and within(inner, {home})) and not within(inner, MAY_IMPORT[room]):
                found.append(target)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_imports_only_what_its_room_may(path: Path) -> None:
    assert trespasses(name_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("rules.settling", "from mattingd import clock", ["mattingd.clock"]),
        ("rules.settling", "from mattingd.rules.work import Work", ["mattingd.rules.work"]),
        ("rules.conductor", "from mattingd.rules.work import Work", []),
        ("rules.conductor", "import mattingd.checkpoint", ["mattingd.checkpoint"]),
        ("stages.pictures", "from mattingd.stages import watching", ["mattingd.stages.watching"]),
        ("stages.pictures", "from mattingd.rules import settling", ["mattingd.rules.settling"]),
        ("stages.pictures", "from mattingd.engine.contract import Engine", ["mattingd.engine.contract"]),
        ("stages.inferring", "from mattingd.engine.contract import Engine", []),
        ("stages.inferring", "from mattingd.engine import catalog", ["mattingd.engine.catalog"]),
        ("imaging.png", "from mattingd.imaging import reading", []),
        ("imaging.png", "def f():\n    import torch.nn", ["torch.nn"]),
        ("engine.torch_engine", "import torch", []),
        ("config.sample", "import yaml", ["yaml"]),
        ("checkpoint.journal", "import sqlite3\nfrom time import time", ["time"]),
        ("daemon", "from mattingd.stages import watching\nimport watchdog.events", ["watchdog.events"]),
    ],
)
def test_the_table_finds_a_trespasser(name: str, source: str, found: list[str]) -> None:
    assert trespasses(name, source) == found


def test_an_unknown_module_must_be_given_a_place() -> None:
    with pytest.raises(AssertionError, match="helpers has no place"):
        trespasses("helpers", "from mattingd import facts")


# --- time and purity ----------------------------------------------------------------------------------------


def reads_date(source: str) -> list[str]:
    """Calls that ask the wall clock through ``datetime``."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today"}
        and ast.unparse(node.value).split(".")[-1] in {"datetime", "date"}
    ]


def test_only_the_clock_reads_the_date() -> None:
    readers = [name_of(path) for path in MODULES if reads_date(path.read_text(encoding="utf-8"))]
    assert readers == ["clock"]
    assert reads_date("import datetime as d\nd.date.today()\nx.datetime.now(y)") == [
        "d.date.today",
        "x.datetime.now",
    ]


@pytest.mark.parametrize("path", [path for path in MODULES if within(name_of(path), {"rules"})], ids=name_of)
def test_rules_have_no_hands(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not {target.partition(".")[0] for target in imported(source)} & set(IMPURE.split())
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}
    assert not calls & {"open", "print", "input"}


# --- what is loaded -----------------------------------------------------------------------------------------


def loaded(*arguments: str) -> set[str]:
    """The third-party packages that ``python ARGUMENTS`` has loaded when it ends."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_help_loads_neither_torch_nor_opencv() -> None:
    modules = loaded("-m", "mattingd", "--help")
    assert "mattingd" in modules
    assert not modules & {"torch", "cv2", "numpy", "PIL", "watchdog", "pydantic", "yaml", "prometheus_client"}


def test_the_main_process_loads_neither_torch_nor_opencv() -> None:
    modules = loaded("-c", "import mattingd.daemon")
    assert {"mattingd", "watchdog", "sqlite3"} <= modules
    assert not modules & {"torch", "cv2"}


def test_importing_the_package_is_cheap() -> None:
    assert not loaded("-c", "import mattingd") & {
        "torch",
        "cv2",
        "numpy",
        "PIL",
        "watchdog",
        "pydantic",
        "yaml",
    }


# --- the tests themselves -----------------------------------------------------------------------------------


def sources_in(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / "tests" / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", ["rules", "sim"])
def test_tests_of_rules_neither_wait_nor_pretend(folder: str) -> None:
    paths = sources_in(folder)
    assert paths, f"tests/{folder} is empty"
    for path in paths:
        source = path.read_text(encoding="utf-8")
        words = {word for node in ast.walk(ast.parse(source)) for word in named(node)}
        assert not words & {"sleep", "mock", "Mock", "MagicMock", "patch", "monkeypatch"}, path
        assert "time" not in set(imported(source)), path


def named(node: ast.AST) -> Iterator[str]:
    """The identifiers that stand at ``node``."""
    for attribute in ("id", "attr", "arg", "module", "name"):
        if isinstance(word := getattr(node, attribute, None), str):
            yield from word.split(".")


def test_no_test_puts_a_mock_in_the_place_of_our_code() -> None:
    mocking = [
        path for path in sources_in("") if "unittest.mock" in set(imported(path.read_text(encoding="utf-8")))
    ]
    assert mocking == []
