"""Children that start before the daemon is built: who takes them, and that none is left behind."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mattingd.config import Limits
from mattingd.journal import JournalError
from mattingd.runtime.composition import Mode, compose
from mattingd.runtime.launch import JOURNAL, launched
from mattingd.runtime.lock import LockedError
from mattingd.workers.ahead import ChildrenAhead
from mattingd.workers.capacity import engine_environment, worker_environment
from mattingd.workers.spawning import Programs
from tests.cli.conftest import run
from tests.daemon.harness.site import wait_until
from tests.workers.test_resources import SETTINGS

PROGRAMS = Programs()
WAITING = Programs(worker=(sys.executable, "-c", "import time; time.sleep(600)"), engine=("sleep", "600"))


def children() -> set[int]:
    """Our child processes."""
    told = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text(encoding="ascii")
    return set(map(int, told.split()))


def test_each_child_is_taken_once_and_only_by_who_wants_it_so(tmp_path: Path) -> None:
    settings = replace(SETTINGS, state_dir=tmp_path, limits=Limits(workers=2))
    ahead = ChildrenAhead()
    ahead.start(settings, WAITING, ())
    try:
        view, device = worker_environment(settings), settings.engine.devices[0]
        assert ahead.take(WAITING.worker, view | {"OMP_NUM_THREADS": "7"}) is None
        assert ahead.take(PROGRAMS.worker, view) is None
        taken = [ahead.take(WAITING.worker, view) for _ in range(3)]
        taken.append(ahead.take(WAITING.engine, engine_environment(settings, device)))
        processes = [each.process for each in taken if each is not None]
        assert taken[2] is None
        assert len({process.pid for process in processes}) == 3
        ahead.end()
        assert [process.poll() for process in processes] == [None] * 3
    finally:
        for each in filter(None, taken):
            each.process.kill()
            each.process.wait()
            each.end.close()


def test_where_a_model_can_be_chosen_no_engine_starts_ahead(tmp_path: Path) -> None:
    settings = replace(SETTINGS, state_dir=tmp_path, limits=Limits(workers=1))
    told = {"name": "mine", "origin": "here", "adopted_at": "2026-01-01"}
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / f"{'a' * 64}.json").write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "models" / f"{'a' * 64}.onnx").touch()
    ahead = ChildrenAhead()
    ahead.start(settings, WAITING, ())
    assert ahead.take(WAITING.engine, engine_environment(settings, settings.engine.devices[0])) is None
    ahead.end()


@pytest.mark.parametrize("fault", ["journal", "defect", "interrupt"])
def test_what_fails_before_the_daemon_runs_leaves_no_child(tmp_path: Path, fault: str) -> None:
    settings = replace(SETTINGS, state_dir=tmp_path, output_dir=tmp_path / "out")
    before = children()
    raised = {"journal": JournalError, "defect": ZeroDivisionError, "interrupt": KeyboardInterrupt}[fault]

    def start() -> None:
        with launched(settings, WAITING) as launch:
            assert len(children() - before) > 1
            if fault == "journal":
                (tmp_path / JOURNAL).write_bytes(b"no database at all" * 1000)
                compose(settings, mode=Mode(once=True, programs=WAITING, launch=launch))
            raise raised

    with pytest.raises(raised):
        start()
    assert children() <= before


def test_beside_a_running_daemon_nothing_starts(tmp_path: Path) -> None:
    settings = replace(SETTINGS, state_dir=tmp_path)
    with launched(settings, WAITING):
        before = children()
        with pytest.raises(LockedError), launched(settings, WAITING):
            pass
        assert children() == before


def test_they_end_with_a_process_that_is_killed_before_it_builds_a_daemon(tmp_path: Path) -> None:
    code = (
        "import sys; from dataclasses import replace; from pathlib import Path;"
        " from tests.workers.test_resources import SETTINGS; from mattingd.runtime.launch import launched;"
        " from mattingd.workers.spawning import Programs\n"
        "with launched(replace(SETTINGS, state_dir=Path(sys.argv[1])), Programs()) as launch:\n"
        "    print(*(each[2].process.pid for each in launch.ahead._waiting), flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        started = [Path(f"/proc/{pid}") for pid in process.stdout.readline().decode().split()]
        assert len(started) > 1
        assert all(path.exists() for path in started)
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(path.exists() for path in started), "the children are gone")


@pytest.mark.parametrize(
    "wrong",
    [
        ("in", "--set", "canvas=nonsense"),
        ("missing.jpg",),
        ("in", "--preset", "none such"),
        ("in", "-o", "in/out"),
    ],
)
def test_a_mistake_on_the_command_line_starts_nothing(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    (tmp_path / "in").mkdir()
    answer = run("process", "-o", "out", *wrong, cwd=tmp_path)
    assert answer.code == 2
    assert not (tmp_path / "out").exists(), "before anything starts, the lock is taken there"
    assert not (tmp_path / "in" / "out").exists()


@pytest.mark.model
def test_an_engine_without_orders_loads_what_the_shipped_model_needs(tmp_path: Path) -> None:
    settings = replace(SETTINGS, state_dir=tmp_path, limits=Limits(workers=1))
    with launched(settings, PROGRAMS) as launch:
        engine = launch.ahead.take(PROGRAMS.engine, engine_environment(settings, settings.engine.devices[0]))
        assert engine is not None
        maps = Path(f"/proc/{engine.process.pid}/maps")
        wait_until(lambda: "libtorch" in maps.read_text(encoding="utf-8"), "torch is loaded")
        engine.process.kill()
        engine.process.wait()
        engine.end.close()
