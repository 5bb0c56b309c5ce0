"""The variant `rembg` beside rembg itself, in an environment of its own, with the same file."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import networks
import numpy as np
import onnxruntime
import PIL
import pytest
from PIL import Image

from mattingd.imaging.matting.preprocess import fit, to_net
from mattingd.imaging.matting.second_pass import all_passes
from mattingd.inference import model_store, registry
from mattingd.zoo import catalogue, install
from tests.bench.against_rembg import ENVIRONMENT, REQUIREMENTS

if TYPE_CHECKING:
    from mattingd.inference.backend import Engine
    from mattingd.zoo.catalogue import CatalogueEntry

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]
NOW = "2026-11-20T12:00:00+00:00"
ROOT = Path(__file__).parent.parent.parent
PICTURES = 20
FEW = 4
"""Pictures for a network that needs seconds for each."""


def engine_of(folder: Path, variant: str, entry: CatalogueEntry | None = None) -> Engine:
    """U-2-Net (small), or what an entry says of a file."""
    file = Path(entry.files[0].url) if entry else networks.u2netp()
    wish = install.Wish(entry or catalogue.published()["u2netp"], variant, str(file))
    model = install.get(wish, folder, NOW)
    assert model_store.placed(folder, model.sha256) == model
    return registry.load(file=str(folder / f"{model.sha256}.onnx"), device="cpu", threads=1)


def general_isnet() -> CatalogueEntry:
    """The entry of IS-Net with the file that is at hand: an export may differ in its bytes."""
    file = networks.isnet()
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    known = catalogue.published()["isnet-general"]
    return catalogue.like(known, "isnet-general", str(file), file.stat().st_size, sha256)


def photographs(folder: Path, count: int = PICTURES) -> list[Path]:
    """Parts of the demo's photographs, at many sizes."""
    rng = np.random.default_rng(20)
    sources = sorted((ROOT / "mattingd" / "cli" / "demo_pictures").glob("*.jpg"))
    folder.mkdir()
    paths = []
    for number in range(count):
        picture = Image.open(sources[number % len(sources)]).convert("RGB")
        wide, high = (int(length * rng.uniform(0.6, 1)) for length in picture.size)
        left, top = (int(rng.uniform(0, a - b)) for a, b in zip(picture.size, (wide, high), strict=True))
        part = picture.crop((left, top, left + wide, top + high))
        part.thumbnail((int(rng.uniform(200, 700)),) * 2)
        paths.append(folder / f"{number}.png")
        part.save(paths[-1])
    return paths


SCRIPT = """
import sys
from pathlib import Path
from PIL import Image
from rembg import new_session, remove
kind, network, pictures, results = sys.argv[1], *map(Path, sys.argv[2:])
session = new_session(kind, model_path=str(network))
results.mkdir()
for path in pictures.iterdir():
    remove(Image.open(path), session=session, only_mask=True).save(results / path.name)
"""


def rembg() -> str:
    """Its Python, installed if it is not there: in CI always, elsewhere when it was installed before.

    Pillow is the same version as here: what LANCZOS gives differs between versions.
    """
    python = ROOT / ENVIRONMENT / "bin" / "python"
    if not (python.parent / "rembg").exists():
        if not os.environ.get("CI"):
            pytest.skip("rembg is not installed in build/rembg: `make bench-rembg`")
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, f"pillow=={PIL.__version__}"], check=True)
    return str(python)


def beside_rembg(tmp_path: Path, kind: str, network: Path, engine: Engine, count: int) -> tuple[float, int]:
    """The share of pixels that differ from rembg's by one level at most, and the largest difference."""
    python, home = rembg(), tmp_path / "home"
    home.mkdir()
    here = shutil.copy(network, home / "network.onnx")
    pictures = photographs(tmp_path / "in", count)
    command = [python, "-c", SCRIPT, kind, str(here), str(tmp_path / "in"), str(tmp_path / "out")]
    environment = {**os.environ, "U2NET_HOME": str(home), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    differences = []
    for path in pictures:
        ours = all_passes(np.asarray(Image.open(path)), engine.matte, engine.spec.net).matte()
        theirs = np.asarray(Image.open(tmp_path / "out" / path.name).convert("L"))
        assert ours.shape == theirs.shape
        differences.append(np.abs(ours.astype(int) - theirs).ravel())
    off = np.concatenate(differences)
    return float(np.mean(off <= 1)), int(off.max())


def test_the_variant_gives_the_mattes_that_rembg_gives(tmp_path: Path) -> None:
    engine = engine_of(tmp_path / "models", "rembg")
    share, most = beside_rembg(tmp_path, "u2net_custom", networks.u2netp(), engine, PICTURES)
    assert share >= 0.999, f"one pixel differs by {most} levels"


def test_so_does_the_variant_of_isnet(tmp_path: Path) -> None:
    engine = engine_of(tmp_path / "models", "rembg", general_isnet())
    share, most = beside_rembg(tmp_path, "dis_custom", networks.isnet(), engine, FEW)
    assert share >= 0.999, f"one pixel differs by {most} levels"


PLAIN_SCRIPT = """
import sys
import numpy as np
import onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
for path, result in zip(sys.argv[2::2], sys.argv[3::2]):
    picture = Image.open(path).convert("RGB").resize((1024, 1024), Image.Resampling.BILINEAR)
    x = (np.asarray(picture, np.float32) / 255 - 0.5).transpose(2, 0, 1)[None]
    y = session.run(None, {session.get_inputs()[0].name: x})[0][0, 0]
    Image.fromarray(np.rint((y - y.min()) / (y.max() - y.min()) * 255).astype(np.uint8)).save(result)
"""


def test_isnet_gives_the_mattes_of_a_plain_script_of_onnxruntime(tmp_path: Path) -> None:
    engine = engine_of(tmp_path / "models", "author", general_isnet())
    net, pictures = engine.spec.net, photographs(tmp_path / "in", FEW)
    pairs = [str(each) for path in pictures for each in (path, tmp_path / path.name)]
    subprocess.run([sys.executable, "-c", PLAIN_SCRIPT, str(networks.isnet()), *pairs], check=True)
    for path in pictures:
        srgb = np.asarray(Image.open(path))
        small = to_net(srgb, fit(srgb.shape[1], srgb.shape[0], net), net)
        ours = np.rint(engine.matte(small[None])[0] * 255).astype(int)
        assert np.abs(ours - np.asarray(Image.open(tmp_path / path.name))).max() <= 1


def test_the_authors_contract_is_a_plain_script_of_onnxruntime(tmp_path: Path) -> None:
    engine = engine_of(tmp_path / "models", "author")
    session = onnxruntime.InferenceSession(str(networks.u2netp()), providers=["CPUExecutionProvider"])
    for path in photographs(tmp_path / "in")[:5]:
        small = Image.open(path).resize((320, 320), Image.Resampling.BILINEAR)
        x = np.asarray(small) / np.asarray(small).max()
        x = ((x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)[None].astype(np.float32)
        plain = session.run(None, {session.get_inputs()[0].name: x})[0][0, 0]
        plain = (plain - plain.min()) / (plain.max() - plain.min())
        ours = engine.matte(np.asarray(small)[None])[0]
        assert np.abs(ours - plain).max() * 255 <= 1


def test_a_picture_without_a_subject_stays_empty_but_not_in_the_variant(tmp_path: Path) -> None:
    grey = np.full((1, 320, 320, 3), 127, np.uint8)
    assert engine_of(tmp_path / "a", "author").matte(grey).max() == 0, "stretching would invent a subject"
    assert engine_of(tmp_path / "r", "rembg").matte(grey).max() == 1, "as rembg does it"


def test_the_file_is_the_one_that_rembg_pins() -> None:
    content = networks.u2netp().read_bytes()
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == networks.U2NETP_MD5
