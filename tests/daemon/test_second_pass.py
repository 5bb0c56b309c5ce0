"""A small subject goes through the engine twice, with all processes there are."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests.daemon.conftest import MakeSite
from tests.daemon.harness import pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import Site, wait_until

MIDDLE = slice(pictures.SIZE[1], 2 * pictures.SIZE[1]), slice(pictures.SIZE[0], 2 * pictures.SIZE[0])
"""Of a picture three times as wide and high as those of the others."""
LARGE = (1200, 900)
SPOT = slice(400, 520), slice(500, 660)
"""Where the subject is: a seventh of the width."""


def spot() -> bytes:
    """A large picture with a small light card."""
    picture = np.full((LARGE[1], LARGE[0], 3), pictures.GROUND, np.uint8)
    picture[SPOT] = pictures.CARD
    return pictures.encode(picture)


def batches(site: Site) -> list[str]:
    """Every batch as `COUNT HEIGHTxWIDTH`."""
    return (site.root / "batches").read_text(encoding="utf-8").splitlines()


def started(make_site: MakeSite, tmp_path: Path, wish: str, delay_ms: int = 0) -> Site:
    folder = {"path": str(tmp_path / "site0" / "in"), "settings": {"second_pass": wish}}
    site = make_site(hot_folders=[folder])
    (site.root / "batches").touch()
    plan = {"log": str(site.root / "batches"), "delay_ms": delay_ms}
    (site.root / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    start(site)
    return site


def start(site: Site) -> None:
    site.start(environment={"MATTINGD_TEST_PLAN": str(site.root / "plan.json")})


def dropped(site: Site, count: int) -> list[Path]:
    """So many labelled pictures, each in the middle of a larger ground."""
    paths = []
    for number in range(count):
        picture = np.full((3 * pictures.SIZE[1], 3 * pictures.SIZE[0], 3), pictures.GROUND, np.uint8)
        picture[MIDDLE] = pictures.draw(Label(number))
        path = site.hot[0] / f"{number}.png"
        path.write_bytes(pictures.encode(picture))
        paths.append(path)
    return paths


def label_of(site: Site, path: Path) -> Label:
    """What the middle of its cut-out shows; nothing stands around it."""
    with Image.open(io.BytesIO(site.result_of(path).read_bytes())) as image:
        pixels = np.asarray(image)
    middle = np.ascontiguousarray(pixels[MIDDLE])
    assert np.count_nonzero(pixels[..., 3]) == np.count_nonzero(middle[..., 3])
    return pictures.read(pictures.encode(middle))


def test_a_small_subject_is_seen_twice_and_cut_out_sharper(make_site: MakeSite, tmp_path: Path) -> None:
    site = started(make_site, tmp_path, "auto")
    path = site.hot[0] / "spot.png"
    path.write_bytes(spot())
    site.wait_ended([path])
    assert batches(site) == ["1 96x128", "1 96x128"]
    (record,) = site.records(path)
    assert record.state == "done"
    assert record.confidence is not None
    assert record.confidence > 0.5
    with Image.open(io.BytesIO(site.result_of(path).read_bytes())) as image:
        alpha = np.asarray(image)[..., 3]
    truth = np.zeros_like(alpha)
    truth[SPOT] = 255
    assert alpha.shape == (LARGE[1], LARGE[0])
    off = cv2.absdiff(alpha, truth) > 64
    assert np.count_nonzero(off) < 0.02 * np.count_nonzero(truth)


def test_whoever_wants_one_pass_gets_one(make_site: MakeSite, tmp_path: Path) -> None:
    site = started(make_site, tmp_path, "never")
    path = site.hot[0] / "spot.png"
    path.write_bytes(spot())
    site.wait_ended([path])
    assert batches(site) == ["1 96x128"]


def test_many_pictures_each_keep_their_own_two_mattes(make_site: MakeSite, tmp_path: Path) -> None:
    site = started(make_site, tmp_path, "auto")
    paths = dropped(site, 24)
    site.wait_ended(paths)
    assert [label_of(site, path) for path in paths] == [Label(number) for number in range(24)]
    assert sum(int(line.split()[0]) for line in batches(site)) == 2 * len(paths)


def test_a_kill_between_the_passes_costs_repeated_work_only(make_site: MakeSite, tmp_path: Path) -> None:
    site = started(make_site, tmp_path, "auto", delay_ms=100)
    paths = dropped(site, 12)
    for passes in (3, 8, 15):
        _kill_after(site, passes)
        start(site)
    site.wait_ended(paths)
    assert [label_of(site, path) for path in paths] == [Label(number) for number in range(12)]
    assert all(len(site.records(path)) == 1 for path in paths)


def _kill_after(site: Site, passes: int) -> None:
    wait_until(lambda: len(batches(site)) >= passes, f"{passes} batches are done")
    site.kill()
