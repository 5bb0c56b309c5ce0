"""Hot folders with models of their own: each cut-out is made by the one that was asked for."""

import hashlib
import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import weights

from tests.daemon.conftest import MakeSite
from tests.daemon.harness import pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import Site, wait_until
from tests.daemon.test_models import FAINT, FAINT_CARD, ONE_PASS, SHIPPED, models

PALE, PALE_CARD = 0.75, 207
"""Another strength, and what finishing makes of it."""


def installed(site: Site, name: str, strength: float, **more: object) -> str:
    """A model for the test engine in the daemon's store; returns its hash."""
    folder = site.state / "models"
    made = site.state.parent / f"{name}.safetensors"
    sha256 = weights.counting(made, strength, **more)
    data = json.loads(made.with_suffix(".json").read_text())
    data |= {"name": name, "origin": "a test", "adopted_at": "2026-11-20T12:00:00+00:00"}
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(made, folder / f"{sha256}.safetensors")
    (folder / f"{sha256}.json").write_text(json.dumps(data))
    assert hashlib.sha256(made.read_bytes()).hexdigest() == sha256
    return sha256


def by_folder(site: Site) -> dict[str, "Counter[str]"]:
    """How many cut-outs of each hot folder each model made, as the journal tells; each is its picture's."""
    with closing(sqlite3.connect(f"file:{site.state}/checkpoint.db?mode=ro", uri=True)) as journal:
        made = dict(journal.execute("SELECT path, model FROM outputs WHERE published"))
    assert {site.out / path for path in made} == set(site.results())
    cards = {SHIPPED: 255} | {
        hashlib.sha256((site.state.parent / f"{name}.safetensors").read_bytes()).hexdigest(): card
        for name, card in (("faint", FAINT_CARD), ("pale", PALE_CARD))
        if (site.state.parent / f"{name}.safetensors").exists()
    }
    found: dict[str, Counter[str]] = {}
    for path, model in made.items():
        label = pictures.read((site.out / path).read_bytes(), cards[model])
        assert label == Label(int(Path(path).stem)), path
        found.setdefault(Path(path).parts[1], Counter())[model] += 1
    return found


def test_two_folders_with_their_models_while_the_model_in_use_changes(
    make_site: MakeSite, tmp_path: Path
) -> None:
    here = tmp_path / "site0"
    folders = [
        {"path": str(here / "plain"), "settings": dict(ONE_PASS)},
        {"path": str(here / "faint"), "settings": dict(ONE_PASS), "model": "faint"},
    ]
    for folder in folders:
        Path(str(folder["path"])).mkdir(parents=True)
    site = make_site(hot_folders=folders)
    faint, pale = installed(site, "faint", FAINT), installed(site, "pale", PALE)
    site.start()
    dropped: list[Path] = []

    def drop(count: int) -> None:
        for folder in ("plain", "faint"):
            for _ in range(count):
                path = here / folder / f"{len(dropped)}.png"
                path.write_bytes(pictures.picture(len(dropped), half=True))
                dropped.append(path)

    drop(8)
    wait_until(lambda: site.status()["counts"].get("done", 0) > 3, "some were done")
    assert models(site, "use", "pale").returncode == 0
    assert "model: pale" in site.config.read_text(), "the configuration says so"
    drop(8)
    wait_until(lambda: site.status()["counts"].get("done", 0) > 24, "more were done")
    assert models(site, "reload").returncode == 0
    drop(4)
    assert models(site, "rollback").returncode == 0
    assert "model: cv-unet" in site.config.read_text() or "model: counting" in site.config.read_text()
    drop(4)
    site.wait_ended(dropped)
    made = by_folder(site)
    assert set(made["faint"]) == {faint}
    assert set(made["plain"]) == {SHIPPED, pale}
    assert sum(made["faint"].values()) + sum(made["plain"].values()) == len(dropped)
    assert site.audit()["gaps"] == []
    assert site.stop() == 0


def test_one_model_at_a_time_takes_turns(make_site: MakeSite, tmp_path: Path) -> None:
    here = tmp_path / "site0"
    names = ("faint", "pale")
    folders = [{"path": str(here / name), "settings": dict(ONE_PASS), "model": name} for name in names]
    for folder in folders:
        Path(str(folder["path"])).mkdir(parents=True)
    site = make_site(hot_folders=folders, engine={"resident_models": 1})
    hashes = {name: installed(site, name, s) for name, s in (("faint", FAINT), ("pale", PALE))}
    for number in range(6):
        (here / names[number % 2] / f"{number}.png").write_bytes(pictures.picture(number, half=True))
    site.start()
    site.wait_ended([here / names[number % 2] / f"{number}.png" for number in range(6)])
    assert {name: set(made) for name, made in by_folder(site).items()} == {
        name: {hashes[name]} for name in names
    }
    assert len(site.children()["engine"]) == 1
    assert site.stop() == 0


def test_a_model_that_ends_its_process_fails_its_own_pictures_only(
    make_site: MakeSite, tmp_path: Path
) -> None:
    here = tmp_path / "site0"
    folders = [
        {"path": str(here / "plain"), "settings": dict(ONE_PASS)},
        {"path": str(here / "deadly"), "settings": dict(ONE_PASS), "model": "deadly"},
    ]
    for folder in folders:
        Path(str(folder["path"])).mkdir(parents=True)
    site = make_site(hot_folders=folders)
    installed(site, "deadly", 0.5, wrong=True)
    (here / "plain" / "1.png").write_bytes(pictures.picture(1))
    (here / "deadly" / "2.png").write_bytes(pictures.picture(2))
    site.start()
    site.wait_ended([here / "plain" / "1.png", here / "deadly" / "2.png"])
    (note,) = (site.out).rglob("*.txt")
    assert "The model deadly that this folder wants cannot be used" in note.read_text()
    assert by_folder(site)["plain"] == Counter({SHIPPED: 1})
    assert site.stop() == 0


def test_a_model_that_is_not_installed_is_told_before_the_start(make_site: MakeSite, tmp_path: Path) -> None:
    here = tmp_path / "site0"
    site = make_site(hot_folders=[{"path": str(here / "in"), "model": "u2netp"}])
    done = site.command("check")
    assert done.returncode != 0
    assert (
        "hot_folders[0].model: the model u2netp is not installed: `mattingd models get u2netp`" in done.stderr
    )
