"""The README is true: its commands run, its table of exit codes and its map match the code.

A fenced block is executed when its first line says so:
``console runnable`` runs each ``$`` line, which must succeed; ``until=GLOB`` then waits for such a file;
``console background`` starts its one command and leaves it running until the end, which must be clean;
``python runnable`` runs as a script.
"""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from mattingd.domain.exit_codes import ExitCode
from mattingd.system import clock

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PATIENCE_SECONDS = 120
FENCE = re.compile(r"^```(\w+) (runnable|background)(?: until=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block that is executed."""

    language: str
    manner: str
    until: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What follows a ``$``."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


BLOCKS = [Block(*found) for found in FENCE.findall(README)]


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """An empty folder to work in, and an environment with a home that holds a photograph."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    Image.fromarray(data.astronaut()).save(home / "photo.jpg", quality=95)
    Image.fromarray(data.astronaut()).save(work / "photo.jpg", quality=95)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return work, {**os.environ, "HOME": str(home), "PATH": path}


@contextmanager
def running(command: str, work: Path, env: dict[str, str]) -> Iterator[None]:
    """A command beside the others; it must still run at the end, and end well when asked to."""
    log = work.parent / "background.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            shlex.split(command, comments=True), cwd=work, env=env, stdout=sink, stderr=sink
        )
    try:
        yield
        assert process.poll() is None, log.read_text()
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def succeed(command: list[str], work: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=work, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def wait_for(pattern: str, work: Path) -> None:
    deadline = clock.monotonic_ns() + PATIENCE_SECONDS * clock.SECOND
    while not list(work.glob(pattern)):
        assert clock.monotonic_ns() < deadline, f"{pattern} did not appear"
        clock.sleep(0.1)


@pytest.mark.model
@pytest.mark.timeout(900)
def test_the_commands_of_the_readme_work_one_after_the_other(world: tuple[Path, dict[str, str]]) -> None:
    work, env = world
    with ExitStack() as beside:
        for block in BLOCKS:
            if block.manner == "background":
                (command,) = block.commands
                beside.enter_context(running(command, work, env))
            elif block.language == "python":
                succeed([sys.executable, "-W", "error", "-c", block.text], work, env)
            else:
                for command in block.commands:
                    succeed(["bash", "-c", command], work, env)
            if block.until:
                wait_for(block.until, work)


def test_the_readme_has_commands_of_every_manner() -> None:
    assert {(block.language, block.manner) for block in BLOCKS} == {
        ("console", "runnable"),
        ("console", "background"),
        ("python", "runnable"),
    }
    assert sum(len(block.commands) for block in BLOCKS) >= 8
    assert any(block.until for block in BLOCKS)


def test_the_exit_codes_are_those_of_the_program() -> None:
    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)]
    assert listed == [int(code) for code in ExitCode]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", README))))
def test_the_make_targets_exist(target: str) -> None:
    command = ["make", "--dry-run", target, "DATA=x"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "path", sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")}), ids=lambda path: path.name
)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_every_dependency_is_explained_and_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        plain(line) for line in [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    }
    wanted.discard("mattingd")  # `all` names the other extras
    explained = (ROOT / "docs" / "DEPENDENCIES.md").read_text(encoding="utf-8").lower()
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len(wanted) > 15
    assert {name for name in wanted if not re.search(rf"\b{name}\b.* \|", explained)} == set()
    beside_another = {"onnxruntime-gpu"}  # it takes the place of the one that is pinned
    assert wanted - {plain(line) for line in pins if "==" in line} == beside_another


def plain(requirement: str) -> str:
    """The name in a requirement, as package indexes compare it."""
    return re.split(r"[<>=\[]", requirement)[0].lower().replace("_", "-")
