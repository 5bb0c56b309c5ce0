"""Who may import whom: the packages of the design, held by one short table; and how large they may grow.

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

LAYERS: dict[str, str] = {
    "words": "",
    "domain": "words",
    "system": "words domain",
    "imaging": "words domain",
    "core": "words domain",
    "journal": "words domain",
    "config": "words domain system imaging core",
    "language": "words domain config",
    "systemd": "words domain system config",
    "touchup": "words domain system imaging",
    "inference": "words domain system imaging",
    "zoo": "words domain system inference",
    "training": "words domain system imaging inference",
    "observability": "words domain system journal",
    "ingest": "words domain system imaging touchup core journal config",
    "outputs": "words domain system imaging touchup core journal config ingest",
    "workers": "words domain system imaging touchup core config inference outputs",
    "remote": "words domain system imaging touchup config inference outputs workers",
    "shares": "words domain system imaging touchup core journal config ingest outputs workers",
    "runtime": "words domain system core journal config observability ingest outputs workers shares",
    "reports": "words domain system imaging core journal config ingest outputs workers runtime",
    "notices": "words domain system journal config runtime",
    "api": "words domain system core journal config observability workers runtime",
    "audit": "words domain system ingest journal config api",
    "doctor": "words domain system imaging ingest journal config outputs workers shares runtime api audit",
    "web": "words domain system core journal config inference ingest workers runtime notices api language",
    "cli": "remote words domain system imaging touchup core journal config systemd inference training zoo "
    "observability ingest outputs workers shares runtime reports notices api audit doctor language web",
}
"""Package -> the packages it may import, from the ground up: no import runs back up. The face of the whole
(`mattingd`, `mattingd.__main__`) stands outside."""

CORE_ONLY = {"core.scheduler", "core.dispatch", "core.engine_supervisor", "core.inference", "core.intake",
             "core.user_requests", "core.job_store",
             "core.stopping", "core.worker_answers", "core.snapshot", "core.fleet.remote",
             "core.fleet.residency", "core.policy",
             "core.queue.gates", "core.queue.estimates", "core.queue.open_sets",
             "core.queue.chores", "core.queue.whole_folders", "core.queue.output_gate",
             "core.queue.reading_order", "core.queue.resuming", "core.fleet.sending", "core.earlier_results",
             "core.trouble.offline", "core.trouble.faults", "core.trouble.restarts",
             "core.trouble.heartbeats", "core.trouble.failed_batches"}  # fmt: skip
"""The decisions that put others together; all other modules of `core` know `domain` alone."""

ONLY_IN: dict[str, set[str]] = {
    "torch": {"inference.backends", "inference.networks", "training"},
    "watchdog": {"ingest.notifications"},
    "yaml": {"config.yaml_source", "zoo.catalogue"},
    "onnx": {"inference.backends", "training"},
    "onnxruntime": {"inference.backends", "training"},
    "httpx": {"zoo.fetch", "web.callbacks", "notices.delivery"},
    "tenacity": {"zoo.fetch", "web.callbacks", "notices.delivery"},
    "smtplib": {"notices.delivery"},
    "apprise": {"notices.delivery"},
    "dask": {"remote"},
    "distributed": {"remote"},
    "openai": {"language.language_model"},
    "sqlite3": {"journal"},
    "time": {"system.clock"},
    "structlog": {"observability", "cli.commands.serving", "web", "reports", "notices"},
    "fastapi": {"web"},
    "uvicorn": {"web"},
    "starlette": {"web"},
    "typer": {"cli"},
    "logging_journald": {"observability.journald"},
    "prometheus_client": {"observability.metrics"},
    "msgspec": {"workers.protocol", "api", "cli", "web"},
    "pickle": {"remote.unpickling"},  # where it is told what it may not read
    "multiprocessing": set(),
}
"""One third-party name (or dangerous one of the standard library), one place."""

LONGEST_FILE, LONGEST_FUNCTION, FULLEST_FOLDER = 400, 60, 20
"""Lines, lines, files."""

IMPURE = (
    "asyncio io logging multiprocessing os pathlib random shutil signal socket subprocess tempfile threading "
    "time cv2 numpy PIL structlog torch"
)
"""What a rule has no use for: disk, clock, processes, chance, logging, pictures."""


def name_of(path: Path) -> str:
    """``mattingd/core/job_store.py`` -> ``core.job_store``; the package itself is ``""``."""
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


def within(name: str, rooms: set[str]) -> bool:
    """Whether ``name`` is one of ``rooms``, or lies in one."""
    parts = name.split(".")
    return any(".".join(parts[:depth]) in rooms for depth in range(len(parts), 0, -1))


def aside(name: str, inner: str) -> bool:
    """Whether a decision that stands alone imports another one."""
    return name.startswith("core.") and inner.startswith("core.") and name not in CORE_ONLY


def trespasses(name: str, source: str) -> list[str]:
    """Packages and third parties that the module ``name`` imports and should not."""
    package, _, _ = name.partition(".")
    free = package in {"", "__main__"}
    assert free or package in LAYERS, f"{name} has no place in the table above"
    allowed = set() if free else {package, *LAYERS[package].split()}
    found = []
    for target in imported(source):
        top, _, inner = target.partition(".")
        if top != "mattingd":
            if top in ONLY_IN and not within(name, ONLY_IN[top]):
                found.append(target)
        elif not free and inner and (inner.partition(".")[0] not in allowed or aside(name, inner)):
            found.append(target)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_imports_only_what_its_package_may(path: Path) -> None:
    assert trespasses(name_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("core.settling", "from mattingd.system import clock", ["mattingd.system.clock"]),
        ("core.settling", "from mattingd.core.job_store import JobStore", ["mattingd.core.job_store"]),
        ("core.scheduler", "from mattingd.core.job_store import JobStore", []),
        ("core.scheduler", "import mattingd.journal", ["mattingd.journal"]),
        ("workers.picture_worker", "from mattingd.ingest import scanner", ["mattingd.ingest.scanner"]),
        ("inference.server", "from mattingd.workers import process", ["mattingd.workers.process"]),
        ("imaging.formats.png", "from mattingd.imaging.formats import decode", []),
        ("imaging.formats.png", "def f():\n    import torch.nn", ["torch.nn"]),
        ("inference.backends.torch_backend", "import torch", []),
        ("inference.registry", "import torch", ["torch"]),
        ("config.example", "import yaml", ["yaml"]),
        ("config.schema", "from mattingd.outputs import archive", ["mattingd.outputs.archive"]),
        ("journal.writer", "import sqlite3\nfrom time import time", ["time"]),
    ],
)
def test_the_table_finds_a_trespasser(name: str, source: str, found: list[str]) -> None:
    assert trespasses(name, source) == found


def test_an_unknown_package_must_be_given_a_place() -> None:
    with pytest.raises(AssertionError, match="helpers has no place"):
        trespasses("helpers", "from mattingd.domain import events")


def test_the_table_has_no_circle() -> None:
    seen: set[str] = set()
    for package, below in LAYERS.items():
        assert set(below.split()) <= seen, f"{package} may import what stands above it"
        seen.add(package)


# --- size ---------------------------------------------------------------------------------------------------


def test_files_functions_and_folders_stay_small() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in MODULES}
    long = [name_of(path) for path, source in sources.items() if source.count("\n") > LONGEST_FILE]
    assert long == []
    functions = [
        f"{name_of(path)}.{node.name}"
        for path, source in sources.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert functions == []
    folders = [
        path
        for path in {path.parent for path in MODULES}
        if len(list(path.glob("[!_]*.py"))) > FULLEST_FOLDER
    ]
    assert folders == []


def test_files_of_tests_stay_small() -> None:
    tests = sorted((ROOT / "tests").rglob("*.py"))
    assert [path.name for path in tests if path.read_text("utf-8").count("\n") > LONGEST_FILE] == []


# --- the scheduler's face ---

SCHEDULERS_VIEWS = {"snapshot", "status"}
"""What everybody may ask of the scheduler: frozen data."""
SCHEDULERS_FACE = SCHEDULERS_VIEWS | {
    "start", "handle", "foresee", "reconfigure", "know_models", "next_wakeup", "ready", "pulses",
    "jobs_of_batch", "seed_drops",
}  # fmt: skip
"""What the runtime does with it besides."""


def test_nobody_outside_the_core_reaches_into_the_scheduler() -> None:
    reaching = [
        f"{name_of(path)}: {ast.unparse(node)}"
        for path in MODULES
        if not within(name_of(path), {"core"})
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value).rpartition(".")[2] in {"scheduler", "_scheduler"}
        and ast.unparse(node.value) != "mattingd.core.scheduler"
        and node.attr not in (SCHEDULERS_FACE if within(name_of(path), {"runtime"}) else SCHEDULERS_VIEWS)
    ]
    assert reaching == []


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
    assert readers == ["system.clock"]
    assert reads_date("import datetime as d\nd.date.today()\nx.datetime.now(y)") == [
        "d.date.today",
        "x.datetime.now",
    ]


@pytest.mark.parametrize("path", [path for path in MODULES if within(name_of(path), {"core"})], ids=name_of)
def test_decisions_have_no_hands(path: Path) -> None:
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
    modules = loaded("-c", "import mattingd.runtime.composition")
    assert {"mattingd", "watchdog", "sqlite3"} <= modules
    assert not modules & {"torch", "cv2"}


def test_the_page_loads_neither_torch_nor_opencv() -> None:
    modules = loaded("-c", "import mattingd.web.app")
    assert {"mattingd", "fastapi"} <= modules
    assert not modules & {"torch", "cv2", "numpy"}


def test_a_daemon_without_notices_and_metrics_loads_none_of_their_libraries() -> None:
    modules = loaded("-c", "import mattingd.cli.commands.run, mattingd.cli.commands.serving")
    assert {"mattingd", "watchdog", "pydantic"} <= modules
    assert not modules & {"httpx", "tenacity", "prometheus_client"}


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


@pytest.mark.parametrize("folder", ["core", "simulation"])
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
