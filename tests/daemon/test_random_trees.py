"""Random trees of names and places of every kind, in random order, with kills in between: nothing is lost,
nothing of others is touched, and no bad place holds up another picture.

`make soak` tries 200; MATTINGD_TREES=20 python -m pytest tests/daemon/test_random_trees.py
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mattingd.ingest.ignore_rules import why_ignored_at
from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site, wait_until

MakeSite = Callable[..., Site]
TREES = int(os.environ.get("MATTINGD_TREES", "4"))
FOLDERS = (
    b"", b"shoe.png", b"Shoe.PNG", b"a/shoe.png", b"CVS", b"day 1", "Größe".encode(), b"\xff\xfe",
    b"locked", b"locked/deep", b".hidden", b"@eaDir/shoe.png", b".snapshots/1",
    b"(A Document Being Saved By X)", b"x.part",
)  # fmt: skip
NAMES = (
    b"shoe.jpg", b"shoe.png", b"Shoe.PNG", b"shoe.jpg.png", b"locked.png", b"caf\xe9.png",
    "café.png".encode(), "cafe\u0301.png".encode(), "heel \U0001f460.png".encode(), b"new\nline.png",
    b"x" * 240 + b".png", b"no ending", b"._shoe.png", b"shoe.png~", b"shoe.jpg_original",
    b"shoe.jpg.5f3a.partial", b"Icon\r", b".shoe.png.aB3dEf",
)  # fmt: skip


def tree(chance: random.Random, size: int) -> list[bytes]:
    """Paths of files, of which none is a folder of another."""
    wanted = {
        b"/".join(filter(None, (chance.choice(FOLDERS), chance.choice(NAMES)))) for _ in range(3 * size)
    }
    paths: list[bytes] = []
    for path in sorted(wanted, key=lambda _: chance.random()):
        if not any(path.startswith(other + b"/") or other.startswith(path + b"/") for other in paths):
            paths.append(path)
    return paths[:size]


def done(site: Site, paths: list[Path]) -> bool:
    """Whether all of them have their cut-outs."""
    return all(
        (records := site.records(path)) and records[0].state in {"done", "unchanged"} for path in paths
    )


@pytest.mark.parametrize("seed", range(TREES))
def test_no_place_holds_up_another_picture_and_nothing_is_lost(make_site: MakeSite, seed: int) -> None:
    chance = random.Random(seed)
    site = make_site(retry={"first_seconds": 0.5, "cap_seconds": 4})
    document = yaml.safe_load(site.config.read_text(encoding="utf-8"))
    originals = chance.choice(("keep", "archive", "delete"))
    document |= {"layout": "{folder}/{path}", "archive_dir": str(site.root / "archive")}
    document["hot_folders"] = [{"path": str(site.hot[0]), "originals": originals}]
    site.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    (site.root / "archive").mkdir()
    blocker = site.out / "in" / "locked"
    blocker.parent.mkdir()
    blocker.write_bytes(b"somebody's own file")
    contents: dict[Path, bytes] = {}
    names = tree(chance, 24)
    site.start()
    for number, name in enumerate(names):
        contents[site.hot[0] / os.fsdecode(name)] = pictures.picture(number + 1)
        people.save(site.hot[0] / os.fsdecode(name), pictures.picture(number + 1))
        if chance.random() < 0.12:
            site.kill()
            site.start(ready=False)
    site.wait_ready(site.processes[-1])
    relative = {path: os.fsencode(path.relative_to(site.hot[0])) for path in contents}
    theirs = [path for path, name in relative.items() if why_ignored_at(name, is_dir=False)]
    blocked = [path for path, name in relative.items() if name.startswith(b"locked/") and path not in theirs]
    others = [path for path in contents if path not in {*theirs, *blocked}]
    with site.explained():
        wait_until(lambda: done(site, others), "all others are done", 240)
    late = people.save(site.hot[0] / "late.png", pictures.picture(1000))
    wait_until(lambda: done(site, [late]), "a late one is not held up", 120)
    (late_row,) = [row for row in site.rows() if row["path"] == b"late.png"]
    assert late_row["batch"] - late_row["admitted_batches"] <= 2
    assert not any(site.records(path)[0].state == "done" for path in blocked)
    assert all(path.exists() for path in blocked)
    blocker.unlink()
    with site.explained():
        wait_until(lambda: done(site, blocked), "what was blocked is done, too", 240)
    wait_until(lambda: site.status()["counts"]["waiting"] == 0, "nothing waits", 120)
    assert all(path.read_bytes() == contents[path] for path in theirs), "what nobody dropped is as it was"
    assert all(site.records(path) == [] for path in theirs)
    cut_outs = [path for path in site.results() if path.is_file()]
    wanted = [number + 1 for number, path in enumerate(contents) if path not in theirs]
    assert sorted(pictures.read(path.read_bytes()).number for path in cut_outs) == [*wanted, 1000]
    assert site.audit()["gaps"] == []
    assert "Traceback" not in site.log_tail(100_000)
    assert site.stop() == 0
    assert site.temps() == []
