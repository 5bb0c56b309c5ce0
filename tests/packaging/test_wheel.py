"""The wheel is whole: installed with the pinned versions into a fresh environment, it cuts out a picture.

Nothing is borrowed from the environment that the tests run in, and no source of ours is on the path there.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from skimage import data

from mattingd.cli.commands.demo import PHOTOGRAPHS

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]  # torch alone takes a minute to install

ROOT = Path(__file__).parents[2]
MOST_WEIGHTS = 12_000_000
"""Bytes of all weights in the package at most."""


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed, without our own path and settings around it."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "MATTINGD", "VIRTUAL"))
    }
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, cwd=ROOT)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that holds the wheel and what it needs, nothing else."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=True)
    pip = (
        home / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        ROOT / "constraints.txt",
    )
    run(*pip, wheel, cwd=home)
    return home / "bin"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.jpg", quality=95)
    return tmp_path / "astronaut.jpg"


def assert_person(alpha: npt.NDArray[np.floating]) -> None:
    """The astronaut's face and suit are kept, the wall beside her is not."""
    assert alpha.shape == (512, 512)
    assert alpha[60:160, 190:260].mean() > 0.95
    assert alpha[350:500, 150:270].mean() > 0.95
    assert alpha[10:200, 340:360].mean() < 0.1


def test_the_wheel_holds_the_package_with_its_weights_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {item.filename: item.file_size for item in archive.infolist()}
    weights = {name: size for name, size in sizes.items() if name.endswith(".safetensors")}
    assert "mattingd/inference/weights/cv-unet.safetensors" in weights
    assert sum(weights.values()) <= MOST_WEIGHTS
    assert "mattingd/py.typed" in sizes
    units = {f"mattingd/systemd/{path.name}" for path in (ROOT / "systemd").iterdir()}
    assert "mattingd/systemd/mattingd.service" in units <= sizes.keys()
    assert any(name.endswith("/licenses/LICENSE") for name in sizes)
    assert {name.partition("/")[0].partition("-")[0] for name in sizes} == {"mattingd"}
    assert {f"mattingd/cli/demo_pictures/{name}" for name in PHOTOGRAPHS} <= sizes.keys()
    assert "mattingd/cli/demo_pictures/README.md" in sizes, "it names sources and licences"
    assert "mattingd/imaging/finishing/face_weights/face_detection_full_range.tflite" in sizes
    assert "mattingd/imaging/finishing/face_weights/README.md" in sizes, "source, licence, SHA-256"


def test_the_same_sources_give_the_same_bytes_elsewhere_and_later(wheel: Path, tmp_path: Path) -> None:
    """In another folder, with other times and rights of the files, and caches among them."""
    place = tmp_path / "elsewhere"
    for name in ("mattingd", "systemd"):
        shutil.copytree(ROOT / name, place / name, copy_function=shutil.copyfile)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copyfile(ROOT / name, place / name)
    for file in place.rglob("*.py"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
        file.chmod(0o600)
    (place / "mattingd" / "__pycache__").mkdir(exist_ok=True)
    (place / "mattingd" / "__pycache__" / "left.cpython-311.pyc").write_bytes(b"left over")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", cwd=place)
    (again,) = (tmp_path / "dist").iterdir()
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()


def test_the_installed_demo_runs_without_anything_else(programs: Path, tmp_path: Path) -> None:
    missing = "import importlib.util; print(importlib.util.find_spec('skimage'))"
    assert run(programs / "python", "-c", missing, cwd=tmp_path) == "None\n"
    said = run(programs / "mattingd", "demo", "shown", cwd=tmp_path)
    assert said.count(" done") == len(PHOTOGRAPHS)
    assert (tmp_path / "shown" / "contact-sheet.png").exists()


def test_the_installed_package_cuts_out_an_array(programs: Path, photo: Path) -> None:
    code = f"""
import numpy, PIL.Image, mattingd
picture = numpy.asarray(PIL.Image.open({photo.name!r}))
alpha = mattingd.alpha_matte(picture)
assert alpha.dtype == numpy.float32, alpha.dtype
cut = mattingd.cut_out(picture)
assert (cut.dtype, cut.shape) == (numpy.uint8, (*alpha.shape, 4)), (cut.dtype, cut.shape)
assert (cut[..., 3] == numpy.rint(alpha * 255)).all()
assert (cut[..., :3] == picture)[cut[..., 3] == 255].all(), "opaque pixels keep their colours"
numpy.save("alpha.npy", alpha)
print(mattingd.__file__)
"""
    where = run(programs / "python", "-c", code, cwd=photo.parent)
    assert where.startswith(str(programs.parent))
    assert_person(np.load(photo.parent / "alpha.npy"))


def test_the_installed_command_knows_its_unit(programs: Path, photo: Path) -> None:
    run(programs / "mattingd", "init", cwd=photo.parent)
    unit = run(programs / "mattingd", "service", "print", cwd=photo.parent)
    assert (
        f"\nExecStart={programs / 'python'} -P -m mattingd run --config {photo.parent}/config.yaml\n" in unit
    )


def test_the_installed_command_cuts_out_a_file(programs: Path, photo: Path) -> None:
    run(programs / "mattingd", "process", photo.name, "-o", "out", cwd=photo.parent)
    (made,) = (photo.parent / "out").rglob("astronaut*.png")
    with Image.open(made) as cut_out:
        assert cut_out.mode == "RGBA"
        assert_person(np.asarray(cut_out.getchannel("A"), dtype=np.float32) / 255)
