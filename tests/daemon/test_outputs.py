"""What comes out: every format, its depth, and the matte beside the cut-out, through one real daemon."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pillow_jxl  # noqa: F401 - for Pillow to know JPEG XL
import pytest
from PIL import Image
from tifffile import imread

from mattingd.core.output_paths import place
from mattingd.domain.commands import Publish, WorkerConfig
from mattingd.domain.events import NameOccupied, Published, TempFileMissing
from mattingd.domain.jobs import Geometry, Output, PictureLimits
from mattingd.domain.presets import MATTE_ENDING
from mattingd.imaging.formats import png
from mattingd.system.filesystem import Disk
from mattingd.workers.picture_worker import Worker
from tests.daemon.harness.site import Site

SETTINGS: dict[str, dict[str, Any]] = {
    "deep": {"format": "tiff", "bits": 16, "compression": "zstd", "matte_file": True},
    "webp": {"format": "webp", "matte_file": True},
    "avif": {"format": "avif"},
    "jxl": {"format": "jxl", "quality": 100},
}
ENDINGS = {"deep": ".tif", "webp": ".webp", "avif": ".avif", "jxl": ".jxl"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running daemon with a hot folder for each format."""
    root = tmp_path_factory.mktemp("outputs") / "site"
    entries = [{"path": str(root / name), "settings": each} for name, each in SETTINGS.items()]
    site = Site(root, tuple(SETTINGS), hot_folders=entries)
    site.start()
    yield site
    site.close()
    site.remove()


def dropped(site: Site, folder: str, name: str, picture: bytes | None = None) -> list[Path]:
    """The outputs of a new picture in a hot folder."""
    path = site.root / folder / name
    path.write_bytes(hostile.named(name) if picture is None else picture)
    site.wait_ended([path])
    newest = site.records(path)[0]
    assert (newest.state, newest.reason) == ("done", "")
    return [site.out / output for output in newest.outputs]


@pytest.mark.parametrize("folder", SETTINGS)
def test_each_format_comes_out(site: Site, folder: str) -> None:
    made, *rest = dropped(site, folder, "shoe.png")
    assert made.name == "shoe" + ENDINGS[folder]
    assert [path.name for path in rest] == ["shoe_matte.png"] * ("matte_file" in SETTINGS[folder])
    pixels = imread(made) if folder == "deep" else np.asarray(Image.open(made))
    assert pixels.dtype == (np.uint16 if folder == "deep" else np.uint8)
    assert (pixels.shape, pixels[75, 100, 3]) == ((150, 200, 4), np.iinfo(pixels.dtype).max)
    for path in rest:
        with Image.open(path) as matte:
            assert (matte.mode, matte.size, matte.getpixel((100, 75)), matte.getpixel((0, 0))) == (
                "L",
                (200, 150),
                255,
                0,
            )


def test_what_a_person_should_know_of_a_cut_out_is_told(site: Site) -> None:
    animation, deep = site.root / "avif" / "moving.gif", site.root / "webp" / "deep.png"
    frames = [hostile.picture(), hostile.picture(marker=(1, 2, 3))]
    frames[0].save(animation, save_all=True, append_images=frames[1:])
    deep.write_bytes(png.encode(np.asarray(hostile.picture()).astype(np.uint16) * 257))
    site.wait_ended([animation, deep])
    told = {path.name: site.records(path)[0].reason for path in (animation, deep)}
    assert told == {
        "moving.gif": "first of 2 frames",
        "deep.png": "16 bits a channel were reduced to the 8 that webp holds",
    }
    assert [line["why"] for line in site.events("done") if "moving.gif" in line["file"]] == [
        "first of 2 frames"
    ]
    (line, *_) = site.command("status", str(animation)).stdout.splitlines()
    assert ": first of 2 frames" in line


def test_cut_out_and_matte_go_through_versions_together(site: Site) -> None:
    dropped(site, "webp", "hat.png")
    again = dropped(site, "webp", "hat.png", hostile.encoded("JPEG"))
    assert [path.name for path in again] == ["hat_v2.webp", "hat_v2_matte.png"]
    others = dropped(site, "webp", "hat.jpg")
    assert [path.name for path in others] == ["hat (jpg).webp", "hat (jpg)_matte.png"]


def test_a_foreign_file_in_the_way_of_the_matte_stays_and_both_come_out(site: Site) -> None:
    first = dropped(site, "webp", "first.png")
    foreign = first[0].with_name("coat_matte.png")
    foreign.write_bytes(b"somebody's own")
    made = dropped(site, "webp", "coat.png")
    assert [path.name for path in made] == ["coat.webp", "coat_v2_matte.png"]
    assert foreign.read_bytes() == b"somebody's own"
    foreign.unlink()


def test_nothing_is_left_over_and_every_output_is_accounted_for(site: Site) -> None:
    assert site.temps() == []
    assert site.audit()["gaps"] == []


def prepared(folder: Path, there_already: tuple[int, ...]) -> tuple[Worker, Publish]:
    """A worker, and its order to publish two outputs; some have their final names already."""
    root = str(folder)
    worker = Worker(
        WorkerConfig(0, {1: os.fsencode(root)}, root, "x", PictureLimits(), Geometry(416, 32)), Disk()
    )
    outputs = []
    for ordinal, ending in enumerate((".png", MATTE_ENDING)):
        wanted = Output(ordinal, place("shoe", 1, ending))
        content = f"content {ordinal}".encode()
        temp = Path(worker._files.temp(7, wanted))
        (folder / wanted.place.path if ordinal in there_already else temp).write_bytes(content)
        digest = hashlib.sha256(content).digest()
        outputs.append(Output(ordinal, wanted.place, temp.name, digest, len(content)))
    return worker, Publish(0, 7, tuple(outputs))


@pytest.mark.parametrize("there_already", [(), (0,), (1,), (0, 1)])
def test_publishing_goes_on_wherever_it_was_interrupted(
    tmp_path: Path, there_already: tuple[int, ...]
) -> None:
    worker, order = prepared(tmp_path, there_already)
    fact, _ = worker.perform(order, None) or (None, None)
    assert isinstance(fact, Published)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "shoe.png": b"content 0",
        "shoe_matte.png": b"content 1",
    }


def test_no_output_gets_its_name_before_all_can(tmp_path: Path) -> None:
    worker, order = prepared(tmp_path, ())
    matte = tmp_path / "shoe_matte.png"
    matte.write_bytes(b"somebody's own")
    fact, _ = worker.perform(order, None) or (None, None)
    assert fact == NameOccupied(0, 7, 1)
    assert not (tmp_path / "shoe.png").exists()
    matte.unlink()
    (tmp_path / str(order.outputs[1].temp)).unlink()
    fact, _ = worker.perform(order, None) or (None, None)
    assert fact == TempFileMissing(0, 7)
    assert not (tmp_path / "shoe.png").exists()
