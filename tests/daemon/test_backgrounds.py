"""A background picture under a running daemon: jobs keep the one they were admitted with."""

import signal
from pathlib import Path

import numpy as np
from PIL import Image

from tests.daemon.conftest import MakeSite
from tests.daemon.harness.site import Site, wait_until
from tests.daemon.test_reloading import drop, edit, folder, said

RED, BLUE = (200, 30, 30), (30, 30, 200)


def paint(path: Path, colour: tuple[int, int, int], side: int = 300) -> None:
    """Another content at the same path, as an editor saves it."""
    beside = path.with_suffix(".new.png")
    Image.fromarray(np.full((side, side, 3), colour, np.uint8)).save(beside)
    beside.replace(path)


def ground_of(site: Site, file: Path) -> tuple[int, ...]:
    with Image.open(site.result_of(file)) as image:
        assert image.mode == "RGB"
        found = image.getpixel((0, 0))
    assert isinstance(found, tuple)
    return tuple(round(level, -1) for level in found)


def with_background(site: Site, picture: Path) -> None:
    edit(site, hot_folders=[folder(site.hot[0], settings={"background": str(picture), "format": "jpeg"})])


def reload(site: Site, lines: int) -> str:
    site.processes[-1].send_signal(signal.SIGHUP)
    wait_until(lambda: len(said(site)) == lines, "the settings were taken")
    return said(site)[-1]


def test_queued_pictures_keep_theirs_though_the_file_changes_and_goes(
    make_site: MakeSite, tmp_path: Path
) -> None:
    site, studio = make_site(), tmp_path / "studio.png"
    paint(studio, RED)
    with_background(site, studio)
    site.start()
    site.ask("pause", paused=True)
    first = drop(site.hot[0], "first.png", 1)
    wait_until(lambda: site.status()["folders"][0]["queued"] == 1, "it was queued")
    paint(studio, BLUE)
    second = drop(site.hot[0], "second.png", 2)
    wait_until(lambda: site.status()["folders"][0]["queued"] == 2, "it was queued, too")
    told = reload(site, 1)
    assert told.startswith(f"hot folder {site.hot[0]}: background {studio} (")
    assert f") -> {studio} (" in told
    third = drop(site.hot[0], "third.png", 3)
    wait_until(lambda: site.status()["folders"][0]["queued"] == 3, "so was this one")
    studio.unlink()
    site.ask("pause", paused=False)
    site.wait_ended([first, second, third])
    assert [ground_of(site, file) for file in (first, second, third)] == [RED, RED, BLUE]
    site.audit()


def test_one_that_is_gone_or_useless_is_refused_and_the_daemon_goes_on(
    make_site: MakeSite, tmp_path: Path
) -> None:
    site, studio = make_site(), tmp_path / "studio.png"
    with_background(site, studio)
    process = site.start(ready=False)
    assert process.wait(timeout=60) == 66
    assert (
        f"hot_folders[0]: the background '{studio}' does not exist; put the picture there" in site.log_tail()
    )
    paint(studio, RED)
    site.start()
    paint(studio, BLUE, side=100)
    (mistake,) = site.ask("reload")["mistakes"]
    assert mistake.startswith(f"{site.config}: hot_folders[0]: the background '{studio}' cannot stand behind")
    assert mistake.endswith("pictures: its 100 x 100 px are too few: 256 a side at least")
    assert site.command("check").returncode == 66
    file = drop(site.hot[0], "shoe.png", 1)
    site.wait_ended([file])
    assert ground_of(site, file) == RED
    paint(studio, BLUE)
    assert len(site.ask("reload")["changed"]) == 1
    assert len(list((site.state / "backgrounds").iterdir())) == 2
    assert site.stop() == 0
    site.start()
    assert len(list((site.state / "backgrounds").iterdir())) == 1, "nobody wants the red one any more"


def test_a_copy_that_was_taken_away_is_waited_for(make_site: MakeSite, tmp_path: Path) -> None:
    site, studio = make_site(), tmp_path / "studio.png"
    paint(studio, RED)
    with_background(site, studio)
    site.start()
    for copy in (site.state / "backgrounds").iterdir():
        copy.unlink()
    file = drop(site.hot[0], "shoe.png", 1)
    wait_until(
        lambda: "`mattingd reload` copies it there again" in str(site.command("status", str(file)).stdout),
        "it says so",
    )
    site.ask("reload")
    site.wait_ended([file])
    assert ground_of(site, file) == RED
    site.audit()
