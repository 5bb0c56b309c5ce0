"""Places of single cut-outs that cannot be written: each waits alone, with a line, and the others go on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hostile
import pytest
import yaml

from tests.daemon.harness.site import Site, surroundings, wait_until

MakeSite = Callable[..., Site]
PICTURE = hostile.encoded("PNG")


def drop(site: Site, name: str) -> Path:
    path = site.hot[0] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PICTURE)
    return path


def dated(site: Site) -> Path:
    """The folder of today's cut-outs."""
    (found,) = site.out.glob("2*")
    return found


def test_a_folder_named_like_a_cut_out_and_a_cut_out_named_like_a_folder(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    names = ("shoe.jpg", "shoe.png/detail.jpg", "shoe.png/more/detail.jpg", "Bag.PNG/a.jpg", "bag.jpg")
    paths = []
    for name in names:
        paths.append(drop(site, name))
        site.wait_ended(paths)
    found = sorted(str(path.relative_to(dated(site))) for path in site.results())
    assert found == [
        "Bag.PNG/a.png",
        "bag (jpg).png",
        "shoe.png",
        "shoe.png_folder/detail.png",
        "shoe.png_folder/more/detail.png",
    ]
    assert site.audit()["gaps"] == []


def test_what_is_in_the_way_of_one_delays_nobody_else_and_heals(make_site: MakeSite) -> None:
    site = make_site(retry={"first_seconds": 0.2, "cap_seconds": 600})
    site.start()
    site.wait_ended([drop(site, "first.png")])
    in_the_way = dated(site) / "locked"
    in_the_way.write_bytes(b"somebody's own file")
    blocked = [drop(site, f"locked/{number}.png") for number in range(3)]
    wait_until(lambda: len(site.events("waiting")) == len(blocked), "each of them is told once")
    others = [drop(site, f"other/{number}.png") for number in range(3)]
    wait_until(lambda: all(site.records(path) for path in others), "the others were taken")
    wait_until(lambda: {site.records(path)[0].state for path in others} == {"done"}, "they are done", 5)
    told = site.command("status", str(blocked[0])).stdout
    assert "locked/0.png' cannot be written: Not a directory; a file has the name of a folder" in told
    assert in_the_way.read_bytes() == b"somebody's own file"
    in_the_way.unlink()
    assert site.command("retry", *map(str, blocked)).returncode == 0
    site.wait_ended([*blocked, *others])
    assert {site.records(path)[0].state for path in blocked} == {"done"}
    assert site.temps() == []
    assert site.audit()["gaps"] == []


NAMES = ("heel \U0001f460.png".encode(), "Größe/schön.png".encode(), b"caf\xe9.png", b"\xff\xfe/\xe4.png")
"""As UTF-8, as Latin-1, and as nothing."""


@pytest.fixture(params=["C", "latin-1"])
def other_locale(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """A locale that is not UTF-8, where Python does not help itself."""
    if request.param == "C":
        return {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    made = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / "de_DE")]
    if (
        shutil.which("localedef") is None
        or subprocess.run(made, check=False, capture_output=True).returncode > 1
    ):
        pytest.skip("no other locale can be made here")
    return {"LC_ALL": "de_DE", "LOCPATH": str(tmp_path), "PYTHONUTF8": "0"}


def test_names_keep_their_bytes_in_any_locale(make_site: MakeSite, other_locale: dict[str, str]) -> None:
    site = make_site(folders=["Tür", "in"])
    out, archive = site.out / "Ausgänge", site.root / "Archiv für alle"
    document = yaml.safe_load(site.config.read_text(encoding="utf-8"))
    document |= {"output_dir": str(out), "archive_dir": str(archive)}
    document["hot_folders"][1]["originals"] = "archive"
    site.config.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    for folder in (out, archive):
        folder.mkdir()
    site.start(environment=other_locale)
    kept, gone = ([hot / os.fsdecode(name) for name in NAMES] for hot in site.hot)
    for source in (*kept, *gone):
        source.parent.mkdir(exist_ok=True)
        source.write_bytes(PICTURE)
    wait_until(lambda: not any(path.exists() for path in gone), "the originals are in the archive")
    wait_until(lambda: site.status()["counts"]["done"] == 2 * len(NAMES), "all are done")
    assert all(path.exists() for path in kept)
    for hot in site.hot:
        made = {
            bytes(path.relative_to(*out.glob(f"*/{hot.name}")))
            for path in out.rglob(f"*/{hot.name}/**/*.png")
        }
        assert len(made) == len(NAMES)
        assert {NAMES[0], NAMES[1]} <= made, "names that every system can show are as they were"
    assert {path.name for path in archive.rglob("*.png")} >= {"schön.png", "heel \U0001f460.png"}
    assert "Traceback" not in site.log_tail()
    assert site.command("audit", "--json", **other_locale).returncode == 0
    shown = site.command("status", str(kept[1]), **other_locale, PYTHONIOENCODING="utf-8").stdout
    assert shown.startswith("done at"), shown
    assert "Größe/schön.png" in shown


def test_a_single_run_does_the_others_and_the_next_one_goes_on(make_site: MakeSite) -> None:
    site = make_site()
    sources, out = site.root / "sources", site.root / "cut-outs"
    (sources / "locked").mkdir(parents=True)
    for name in ("a.png", "locked/b.png", "locked/bad.png", "z.png"):
        (sources / name).write_bytes(b"no picture at all" if "bad" in name else PICTURE)
    out.mkdir()
    (out / "locked").write_bytes(b"somebody's own file")

    def process() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "mattingd", "process", str(sources), "-o", str(out), "-q"],
            capture_output=True,
            text=True,
            check=False,
            env=surroundings(test_engine=True),
            timeout=120,
        )

    first = process()
    assert first.returncode != 0
    assert "Traceback" not in first.stderr
    assert "'locked/b.png' cannot be written: Not a directory" in first.stdout
    assert sorted(path.name for path in out.glob("*.png")) == ["a.png", "z.png"]
    (out / "locked").unlink()
    second = process()
    assert (out / "locked" / "b.png").exists(), second.stdout
