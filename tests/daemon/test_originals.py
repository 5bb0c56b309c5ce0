"""Originals that are archived or deleted by a real daemon, also one that is killed: none is ever lost."""

import json
from collections.abc import Callable
from pathlib import Path

import hostile
import mattingd_killing
import yaml

from tests.daemon.harness.pictures import picture, read
from tests.daemon.harness.site import KILLING, Site, wait_until

MakeSite = Callable[..., Site]


def site_with_both(make_site: MakeSite) -> tuple[Site, Path]:
    """Originals of the first hot folder are archived, those of the second deleted."""
    site = make_site(folders=("in", "gone"))
    document, archive = yaml.safe_load(site.config.read_text()), site.root / "archive"
    document["archive_dir"] = str(archive)
    for folder, originals in zip(document["hot_folders"], ("archive", "delete"), strict=True):
        folder["originals"] = originals
    site.config.write_text(yaml.safe_dump(document))
    return site, archive


def drop(folder: Path, numbers: range) -> dict[str, bytes]:
    contents = {f"sub/p{number}.png": picture(number) for number in numbers}
    (folder / "sub").mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return contents


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_originals_go_only_behind_their_cut_outs_whatever_kills_the_daemon(make_site: MakeSite) -> None:
    site, archive = site_with_both(make_site)
    bad = [folder / "bad.png" for folder in site.hot]
    for path in bad:
        path.write_bytes(hostile.encoded("PNG")[:-40] + b"x" * 40)
    kept, deleted = (
        drop(folder, numbers) for folder, numbers in zip(site.hot, (range(12), range(12, 16)), strict=True)
    )
    site.start(ready=False)
    wait_until(lambda: len(site.results()) >= 5, "it was in the middle of it")
    site.kill()
    held = [path.read_bytes() for path in files(site.hot[0]) + files(archive)]
    assert all(content in held for content in kept.values())
    there = [path.read_bytes() for path in files(site.hot[1])]
    shown = {read(path.read_bytes()).number for path in site.results()}
    assert all(content in there or number in shown for number, content in enumerate(deleted.values(), 12))
    site.start()
    with site.explained():
        wait_until(
            lambda: files(site.root / "in") + files(site.root / "gone") == bad, "all that was done had gone"
        )
    assert len(files(archive)) == len(kept)
    assert len(site.results()) == len(kept) + len(deleted)
    for name, content in kept.items():
        (place,) = archive.glob(f"*/in/{name}")
        assert place.read_bytes() == content
    (place,) = archive.glob("*/in/sub/p0.png")
    assert f"original: {place}" in site.command("status", str(site.hot[0] / "sub" / "p0.png")).stdout
    result = site.audit()
    assert (result["present"], result["gaps"]) == (16, [])
    assert site.temps() == []
    assert site.stop() == 0


def test_a_job_folder_is_archived_as_a_whole_also_when_the_daemon_is_killed_over_it(
    make_site: MakeSite,
) -> None:
    site = make_site(watch={"drop_seconds": 1, "truncated_minutes": 0})
    document, archive = yaml.safe_load(site.config.read_text()), site.root / "archive"
    document["archive_dir"] = str(archive)
    document["hot_folders"][0] |= {"originals": "archive", "drops": "subfolder", "status_file": True}
    site.config.write_text(yaml.safe_dump(document))
    names = sorted([*drop(site.hot[0], range(3)), "sub/READY", "sub/order.txt"])
    for name in names[:2]:
        (site.hot[0] / name).write_text("as it is")
    bad = site.hot[0] / "sub" / "bad.png"
    bad.write_bytes(hostile.encoded("PNG")[:-40] + b"x" * 40)
    order, log = site.root / "order.json", site.root / "killed"
    order.write_text(json.dumps({"point": mattingd_killing.FOLDER_MOVED, "nth": 1, "log": str(log)}))
    process = site.start(KILLING, environment={mattingd_killing.ORDER: str(order)})
    stays = [{"name": "sub", "waits_for": ["sub/bad.png"]}]
    with site.explained():
        wait_until(lambda: site.status()["folders"][0]["staying"] == stays, "it said what keeps the folder")
        told = site.hot[0] / "_STATUS.txt"
        wait_until(lambda: told.is_file() and "folder sub stays" in told.read_text(), "also in the folder")
        assert not archive.exists()
        bad.unlink()
        wait_until(lambda: process.poll() is not None and log.is_file(), "it was killed at the rename")
    assert not (site.hot[0] / "sub").exists()
    site.start()
    with site.explained():
        wait_until(
            lambda: all(row["original"] for row in site.rows() if row["state"] == "done"),
            "the journal knows where all is",
        )
    (day,) = archive.iterdir()
    assert [str(path.relative_to(day / "in")) for path in files(day)] == names
    place = day / "in" / "sub" / "p0.png"
    assert f"original: {place}" in site.command("status", str(site.hot[0] / "sub" / "p0.png")).stdout
    assert site.audit()["gaps"] == []
    assert site.temps() == []
    assert site.stop() == 0
