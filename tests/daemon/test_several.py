"""Several outputs of each picture: one job makes them all, or none of them has its name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile
import mattingd_killing
import numpy as np
import pytest
import yaml
from PIL import Image

from tests.daemon.conftest import MakeSite
from tests.daemon.harness.site import KILLING, Site, wait_until
from tests.daemon.test_touchups import after, painted, two_discs

ALSO: list[dict[str, Any]] = [
    {"preset": "marketplace", "suffix": "_shop"},
    {"preset": "avatar", "settings": {"format": "webp", "matte_file": True}},
    {"preset": "mask-only"},
]
OWN: dict[str, Any] = {"settle_seconds": 0.1, "rescan_seconds": 2, "reuse_same": False}
"""All of these pictures have the same bytes, and each is made anew."""
ENDINGS = [".png", "_shop.jpg", "_avatar.webp", "_avatar_matte.png", "_mask-only.png"]


def entry(path: Path, **more: Any) -> dict[str, Any]:
    return {"path": str(path), "also": ALSO, **more}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running daemon whose hot folder makes five files of a picture."""
    root = tmp_path_factory.mktemp("several") / "site"
    tiny = {"preset": "marketplace", "settings": {"max_kb": 5}}
    more = {"path": str(root / "more"), "also": [{"preset": "mask-only"}, tiny]}
    site = Site(root, ("in", "more"), hot_folders=[entry(root / "in"), more], watch=OWN)
    site.start()
    yield site
    site.close()
    site.remove()


def loaded(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


def outputs(site: Site, source: Path) -> list[Path]:
    """Those of a file's newest job, when that is done."""
    site.wait_ended([source])
    return outputs_now(site, source)


def outputs_now(site: Site, source: Path) -> list[Path]:
    newest = site.records(source)[0]
    assert (newest.state, newest.reason) == ("done", "")
    return [site.out / output for output in newest.outputs]


def dropped(site: Site, name: str, picture: bytes) -> list[Path]:
    source = site.hot[0] / name
    source.write_bytes(picture)
    return outputs(site, source)


def test_each_preset_makes_its_own_file_of_one_picture(site: Site) -> None:
    made = dropped(site, "shoe.png", hostile.encoded("PNG"))
    assert [path.name for path in made] == [f"shoe{ending}" for ending in ENDINGS]
    cutout, shop, avatar, avatar_matte, mask = map(loaded, made)
    assert (cutout.mode, cutout.size) == ("RGBA", (200, 150))
    assert (shop.format, shop.mode, shop.size) == ("JPEG", "RGB", (1000, 1000))
    assert shop.getpixel((0, 0)) == (255, 255, 255)
    assert (avatar.format, avatar_matte.mode) == ("WEBP", "L")
    assert avatar.size == avatar_matte.size < cutout.size, "this one is trimmed"
    assert (mask.mode, mask.size) == ("L", cutout.size)
    assert np.array_equal(np.asarray(mask), np.asarray(cutout)[..., 3]), "all are of the same matte"


def test_they_go_through_versions_together_and_leave_foreign_files_alone(site: Site) -> None:
    first = dropped(site, "hat.png", hostile.encoded("PNG"))
    foreign = first[0].with_name("cap_shop.jpg")
    foreign.write_bytes(b"somebody's own")
    again = dropped(site, "hat.png", two_discs())
    assert [path.name for path in again] == [f"hat_v2{ending}" for ending in ENDINGS]
    other = dropped(site, "hat.jpg", hostile.encoded("JPEG"))
    assert [path.name for path in other] == [f"hat (jpg){ending}" for ending in ENDINGS]
    taken = dropped(site, "cap.png", hostile.encoded("PNG"))
    assert [path.name for path in taken] == ["cap.png", "cap_v2_shop.jpg", *(f"cap{e}" for e in ENDINGS[2:])]
    assert foreign.read_bytes() == b"somebody's own"
    foreign.unlink()


def test_a_picture_that_is_called_like_another_ones_output_gives_way(site: Site) -> None:
    made = dropped(site, "bag.png", hostile.encoded("PNG"))
    like = dropped(site, "bag_mask-only.png", two_discs())
    assert [path.name for path in like] == [f"bag_mask-only (png){ending}" for ending in ENDINGS]
    assert all(path.exists() for path in made)


def test_strokes_change_them_all(site: Site) -> None:
    before = dropped(site, "pair.png", two_discs())
    source, drop = site.hot[0] / "pair.png", site.hot[0] / "pair.drop.png"
    state, _, _ = after(site, source, lambda: drop.write_bytes(painted((300, 150))))
    again = [site.out / output for output in site.records(source)[0].outputs]
    assert (state, [path.name for path in again]) == ("done", [f"pair_v2{ending}" for ending in ENDINGS])
    for ordinal, band in ((0, 3), (4, 0)):
        old, new = (np.atleast_3d(np.asarray(loaded(each[ordinal])))[..., band] for each in (before, again))
        assert (old[150, 300], new[150, 300], new[150, 100]) == (255, 0, 255)


def test_if_one_cannot_be_made_none_is_published(site: Site) -> None:
    """No JPEG of 1000 px is this small: the last of them fails, and what was written before it goes."""
    folder = site.root / "more"
    source = folder / "shoe.png"
    source.write_bytes(hostile.encoded("PNG"))
    site.wait_ended([source])
    newest = site.records(source)[0]
    assert (newest.state, newest.outputs) == ("failed", ())
    assert newest.reason.startswith("shoe_marketplace.jpg: it is larger than 5 kB at any quality")
    wait_until(lambda: site.temps() == [], "what was written before is gone")
    assert not list(site.out.glob("*/more/shoe*"))
    assert (site.out / newest.note).exists()


def test_every_one_is_accounted_for_and_status_names_the_presets(site: Site) -> None:
    assert site.temps() == []
    assert site.audit()["gaps"] == []
    assert site.status()["folders"][0]["preset"] == "transparent + marketplace + avatar + mask-only"


@pytest.mark.parametrize(
    ("point", "nth"), [("cut-out written", 3), ("after the rename", 2), ("before the commit of done", 1)]
)
def test_killed_in_the_midst_of_them_the_rest_follows_once(make_site: MakeSite, point: str, nth: int) -> None:
    site = make_site(archive_dir="archive")
    document = yaml.safe_load(site.config.read_text(encoding="utf-8"))
    document["hot_folders"] = [entry(site.hot[0], originals="archive")]
    site.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    order, source = site.root / "order.json", site.hot[0] / "shoe.png"
    order.write_text(json.dumps({"point": point, "nth": nth, "log": str(site.root / "killed")}))
    source.write_bytes(hostile.encoded("PNG"))
    process = site.start(KILLING, environment={mattingd_killing.ORDER: str(order)}, ready=False)
    process.wait(60)
    assert (site.root / "killed").read_text(encoding="utf-8") == f"{point}\n"
    assert source.exists(), "an original stays until all of its outputs stand"
    site.start()
    wait_until(lambda: not source.exists(), "its original is in the archive")
    site.wait_ended([])
    made = outputs_now(site, source)
    assert [path.name for path in made] == [f"shoe{ending}" for ending in ENDINGS]
    assert sorted(made[0].parent.iterdir()) == sorted(made)
    assert site.temps() == []
    assert site.audit()["gaps"] == []
