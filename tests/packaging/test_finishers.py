"""The example of a team's own last step, installed as a person would, and plug-ins that misbehave."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mattingd.domain.jobs import PictureLimits
from mattingd.domain.presets import named
from mattingd.imaging.finishing import plugins
from mattingd.imaging.finishing.compose import Composed
from mattingd.imaging.formats import decode
from mattingd.imaging.formats.errors import PictureError
from mattingd.workers import making
from tests.daemon.harness import pictures
from tests.daemon.harness.site import surroundings

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "watermark"
BROKEN = """
import numpy as np
def fails(pixels, matte): raise ValueError("no ink")
def forgets(pixels, matte): pass
def shrinks(pixels, matte): return pixels[:4, :5]
def floats(pixels, matte): return pixels / 2
def flattens(pixels, matte): return pixels.ravel()
"""
NAMES = ("fails", "forgets", "shrinks", "floats", "flattens")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The example, in a folder of its own."""
    target = tmp_path / "installed"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*pip, "--target", target, EXAMPLE], check=True)
    return target


def process(folder: Path, *arguments: str, path: Path) -> "subprocess.CompletedProcess[str]":
    environment = surroundings(test_engine=True)
    environment["PYTHONPATH"] = os.pathsep.join([str(path), environment["PYTHONPATH"]])
    command = [sys.executable, "-m", "mattingd", "process", "in", "-o", "out", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_example_marks_each_cut_out(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "shoe.png").write_bytes(pictures.picture(7))
    assert process(tmp_path, path=tmp_path / "nowhere").returncode == 0
    plain = np.asarray(Image.open(tmp_path / "out" / "shoe.png")).astype(int)
    (tmp_path / "out").rename(tmp_path / "plain")
    done = process(tmp_path, "--set", "finisher=watermark", path=installed)
    assert done.returncode == 0, done.stderr
    marked = np.asarray(Image.open(tmp_path / "out" / "shoe.png")).astype(int)
    height, width = plain.shape[:2]
    assert marked.shape == plain.shape
    changed = (marked != plain).any(axis=2)
    assert changed[height // 2 :, width // 2 :].any()
    assert not changed[: height // 2].any()


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose finishers all go wrong."""
    (tmp_path / "broken_finishers.py").write_text(BROKEN, encoding="utf-8")
    information = tmp_path / "broken_finishers-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-finishers\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = broken_finishers:{name}" for name in NAMES)
    (information / "entry_points.txt").write_text(f"[mattingd.finishers]\n{lines}\ngone = nowhere:nothing\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fails", r"the finisher 'fails' failed \(ValueError: no ink\)"),
        ("forgets", "the finisher 'forgets' returned NoneType, not uint8 pixels"),
        ("floats", "the finisher 'floats' returned an array of float64, not uint8 pixels"),
        ("flattens", r"the finisher 'flattens' returned \[400\], not \[H,W\]"),
        ("gone", r"the finisher 'gone' cannot be loaded \(No module named 'nowhere'\)"),
        ("sepia", "there is no finisher 'sepia': install the package that has it"),
    ],
)
def test_what_a_finisher_does_wrong_is_told(broken: None, name: str, said: str) -> None:
    composed = Composed(np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10), np.uint8))
    with pytest.raises(PictureError, match=said):
        plugins.finished(composed, name)


def test_a_picture_whose_finisher_fails_is_a_failed_one_and_the_run_goes_on(
    broken: None, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("hat.png", "shoe.png"):
        (tmp_path / "in" / name).write_bytes(pictures.picture(7))
    done = process(tmp_path, "--set", "finisher=fails", path=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    note = tmp_path / "out" / "_failed" / "shoe.png.error.txt"
    said = note.read_text(encoding="utf-8")
    assert "Your team's own last step fails failed" in said
    assert "ValueError: no ink" in said


def test_a_finisher_may_change_the_size(broken: None) -> None:
    composed = Composed(np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10), np.uint8))
    assert plugins.finished(composed, "shrinks").pixels.shape == (4, 5, 4)


def test_only_a_preset_that_names_a_finisher_has_one(broken: None) -> None:
    picture = decode.read(pictures.picture(7), PictureLimits())
    alpha = np.full(picture.rgb.shape[:2], 200, np.uint8)

    def size(finisher: str | None) -> tuple[int, int]:
        (file,), _ = making.cut_out(picture, alpha, replace(named("transparent"), finisher=finisher))
        return Image.open(io.BytesIO(file.data)).size

    assert size(None) == picture.rgb.shape[1::-1]
    assert size("shrinks") == (5, 4)
