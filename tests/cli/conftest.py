"""The command line as people use it: in this process where that is enough, else as a program of its own."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hostile
import pytest
from typer.testing import CliRunner

from mattingd.cli import app
from tests.daemon.harness.site import Site, surroundings


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Say = Callable[..., Answer]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a verb in this process, in an empty folder: `say("check", "--json")`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MATTINGD_CONFIG", raising=False)
    return here


def here(*arguments: object) -> Answer:
    """Run a verb in this process."""
    result = CliRunner().invoke(app, [str(each) for each in arguments], prog_name="mattingd")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def environment(**more: str) -> dict[str, str]:
    """Of a program with the test engine."""
    return surroundings(test_engine=True) | more


@contextmanager
def started(*arguments: object, cwd: Path, **more: str) -> Iterator["subprocess.Popen[str]"]:
    """The program under way; ended afterwards if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "mattingd", *map(str, arguments)],
        cwd=cwd,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: object, cwd: Path, **more: str) -> Answer:
    """Run the program to its end."""
    with started(*arguments, cwd=cwd, **more) as process:
        out, err = process.communicate(timeout=120)
    return Answer(process.returncode, out, err)


def on_terminal(*arguments: object, cwd: Path) -> tuple[int, str]:
    """Run the program on a terminal of 100 columns: its exit code, and all it wrote there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mattingd", *map(str, arguments)],
        cwd=cwd,
        env=environment(COLUMNS="100", LINES="30", TERM="xterm-256color"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = bytearray()
    with suppress(OSError):
        while data := os.read(ours, 65536):
            written += data
    os.close(ours)
    return process.wait(30), written.decode()


def pictures(folder: Path, count: int) -> list[Path]:
    """So many good pictures, no two files of the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"p{number:02}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(hostile.named(path.name))
    return paths


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., str]:
    """Orders for the test engine; returns the file for MATTINGD_TEST_PLAN."""

    def write(**orders: Any) -> str:
        path = tmp_path / "plan.json"
        path.write_text(json.dumps(orders))
        return str(path)

    return write


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Lay out sites; their daemons end with the test."""
    sites: list[Site] = []

    def make(folders: Mapping[str, None] | tuple[str, ...] = ("in",), **settings: Any) -> Site:
        sites.append(Site(tmp_path / f"site{len(sites)}", folders, **settings))
        return sites[-1]

    yield make
    for site in sites:
        site.close()
