"""Extras that are not installed: the program goes without them, and what needs one says so in one line."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mattingd.imaging.formats import further, raw
from mattingd.imaging.formats.errors import PictureError
from mattingd.training.data import closed_form
from tests.daemon.harness import pictures
from tests.daemon.harness.site import REPOSITORY, surroundings

ROOMS = (
    "mattingd.web.",
    "mattingd.inference.backends.onnx_",
    "mattingd.remote.",
)
"""The modules that need an extra when they are imported; all else imports one where it is used."""
HIDDEN = """
from importlib.machinery import PathFinder
found = PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name.partition(".")[0] in {names!r} else found(name, path, target)
)
"""
WALK = """
import importlib, pkgutil, mattingd
for module in pkgutil.walk_packages(mattingd.__path__, "mattingd.", onerror=lambda name: None):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ImportError:
            print(module.name)
"""
IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "pillow-jxl-plugin": "pillow_jxl",
    "python-multipart": "python_multipart",
    "sse-starlette": "sse_starlette",
    "zipstream-ng": "zipstream",
    "onnxruntime-gpu": "onnxruntime",
}
CONFIG = """\
output_dir: out
state_dir: state
hot_folders: [{path: in}]
web: {listen: "127.0.0.1:7860"}
language: {base_url: "http://127.0.0.1:9/v1", model: none}
"""
SENTENCE = ("say", "white background", "--json")
COMMANDS: dict[tuple[str, ...], str] = {
    ("web",): "web",
    ("web", "password", "password"): "web",
    ("models", "get", "u2netp"): "onnx",
    ("models", "add", "other.onnx", "--like", "u2netp"): "onnx",
    ("models", "export", "--to", "onnx", "-o", "own.onnx"): "onnx",
    ("process", "picture.png", "-o", "cut", "--format", "jxl"): "jxl",
    ("dask-worker", "tcp://127.0.0.1:9"): "dask",
    SENTENCE: "language",
}


def extras() -> dict[str, set[str]]:
    """Names to import of what each extra alone brings, as the package declares it."""
    wanted = [Requirement(text) for text in requires("mattingd") or ()]
    always = {each.name for each in wanted if each.marker is None}
    return {
        extra: {
            IMPORTED_AS.get(each.name, each.name)
            for each in wanted
            if each.marker is not None
            and each.marker.evaluate({"extra": extra})
            and each.name not in {*always, "mattingd"}
        }
        for extra in metadata("mattingd").get_all("Provides-Extra") or ()
    }


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process for which no extra is installed, whatever is."""
    place = tmp_path_factory.mktemp("hidden")
    names = set().union(*(found for extra, found in extras().items() if extra not in {"dev", "release"}))
    (place / "sitecustomize.py").write_text(HIDDEN.format(names=names))
    env = surroundings(test_engine=False)
    return env | {"PYTHONPATH": os.pathsep.join([str(place), str(REPOSITORY)])}


def run(env: dict[str, str], folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, input="password\n"
    )


def test_all_is_every_extra_but_the_second_onnx_runtime_the_one_under_the_gpl_and_ours() -> None:
    found = extras()
    others = found.keys() - {"all", "dev", "jxl", "onnx-gpu", "release"}
    assert found["all"] == set().union(*(found[extra] for extra in others))
    declared = [Requirement(text) for text in requires("mattingd") or ()]
    names = {each.name for each in declared if each.marker and each.marker.evaluate({"extra": "all"})}
    assert "onnxruntime" in names
    assert "onnxruntime-gpu" not in names, "both together silently take the processor"


def test_only_the_rooms_of_extras_need_them_to_be_imported(without: dict[str, str], tmp_path: Path) -> None:
    done = run(without, tmp_path, "-c", WALK)
    assert done.returncode == 0, done.stderr
    failed = done.stdout.split()
    assert [name for name in failed if not name.startswith(ROOMS)] == []
    assert {room for room in ROOMS if any(name.startswith(room) for name in failed)} == set(ROOMS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_without_its_extra_says_so_in_one_line(
    words: tuple[str, ...], without: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "picture.png").write_bytes(pictures.picture(1))
    (tmp_path / "other.onnx").write_bytes(b"whatever")
    done = run(without, tmp_path, "-m", "mattingd", *words)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "pip install" in line]
    assert len(said) == 1, done.stdout + done.stderr
    assert f"pip install 'mattingd[{COMMANDS[words]}]'" in said[0]
    assert "Traceback" not in done.stderr
    assert (done.returncode == 0) == (words == SENTENCE), (
        "sentences are understood without a language model, too"
    )


def solve() -> None:
    import numpy as np  # noqa: PLC0415

    closed_form.solved(np.zeros((2, 2, 3), np.uint8), np.array([[0, 128], [128, 255]], np.uint8))


def read_raw() -> None:
    with raw.opened(b""):
        raise AssertionError


@pytest.mark.parametrize(
    ("use", "extra"),
    [(read_raw, "raw"), (further.jxl_is_there, "jxl"), (solve, "train")],
    ids=("raw", "jxl", "train"),
)
def test_a_part_without_its_extra_says_so(
    use: Callable[[], None], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rawpy", "pillow_jxl", "pymatting"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises((PictureError, SystemExit), match=rf"pip install 'mattingd\[{extra}\]'"):
        use()
