"""`layout: auto`: a hot folder's name is in the paths where there are several, and what was decided stays."""

import signal
from collections.abc import Callable
from pathlib import Path

import yaml

from mattingd.system import clock
from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site, wait_until

MakeSite = Callable[..., Site]


def edit(site: Site, **settings: object) -> None:
    document = yaml.safe_load(site.config.read_text(encoding="utf-8")) | settings
    site.config.write_text(yaml.safe_dump(document), encoding="utf-8")


def below(site: Site) -> list[str]:
    """Where everything lies that people find in the output folder, without its date."""
    dated = site.out / clock.wall().date().isoformat()
    return sorted(str(path.relative_to(dated)) for path in dated.rglob("*") if path.is_file())


def drop(site: Site, folder: int, name: str) -> Path:
    return people.save(site.hot[folder] / name, pictures.picture(len(name) + folder))


def bad(site: Site, folder: int, name: str) -> Path:
    return people.save(site.hot[folder] / name, b"no picture at all")


def test_one_hot_folder_has_no_name_a_second_one_has_and_both_stay_so(make_site: MakeSite) -> None:
    """Also over restarts, and when the second one is alone in its turn."""
    site = make_site(folders=("in", "more"))
    edit(site, hot_folders=[{"path": str(site.hot[0])}])
    site.start()
    site.wait_ended([drop(site, 0, "a.png"), bad(site, 0, "broken.jpg")])
    assert below(site) == ["_failed/broken.jpg.error.txt", "a.png"]
    edit(site, hot_folders=[{"path": str(folder)} for folder in site.hot])
    site.processes[-1].send_signal(signal.SIGHUP)
    wait_until(lambda: len(site.status()["folders"]) == 2, "the second hot folder was taken up")
    site.wait_ended([drop(site, 0, "bb.png"), drop(site, 1, "bb.png"), bad(site, 1, "broken.jpg")])
    assert below(site)[:3] == ["_failed/broken.jpg.error.txt", "a.png", "bb.png"]
    assert below(site)[3:] == ["more/_failed/broken.jpg.error.txt", "more/bb.png"]
    site.stop()
    edit(site, hot_folders=[{"path": str(site.hot[1])}])
    site.start()
    site.wait_ended([drop(site, 1, "ccc.png")])
    assert below(site)[-1] == "more/ccc.png"
    edit(site, hot_folders=[{"path": str(folder)} for folder in site.hot], retention={"days": 1})
    assert site.audit()["gaps"] == []


def test_hot_folders_that_begin_together_have_their_names(make_site: MakeSite) -> None:
    site = make_site(folders=("in", "more"))
    site.start()
    site.wait_ended([drop(site, 0, "a.png"), drop(site, 1, "a.png")])
    assert below(site) == ["in/a.png", "more/a.png"]


def test_pictures_that_differ_in_their_ending_only_are_named_by_it_however_often_it_restarts(
    make_site: MakeSite,
) -> None:
    site = make_site()
    jpg, tif = (
        people.save(site.hot[0] / f"shoe.{e}", pictures.picture(n)) for n, e in ((1, "jpg"), (2, "tif"))
    )
    site.start()
    site.wait_ended([jpg, tif])
    assert below(site) == ["shoe (tif).png", "shoe.png"]
    for number in (3, 4):
        site.kill()
        site.start()
        site.wait_ended([people.save(tif, pictures.picture(number))])
    assert below(site) == ["shoe (tif).png", "shoe (tif)_v2.png", "shoe (tif)_v3.png", "shoe.png"]
