"""How pictures arrive: slowly, at once with their full size, renamed, in whole trees, again and again."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mattingd.system import clock
from tests.daemon.harness import people, pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import MATTINGD, Site, wait_until

MakeSite = Callable[..., Site]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running daemon whose engine notes its batches; complete scans are far apart."""
    site = Site(
        tmp_path_factory.mktemp("arriving") / "site", watch={"settle_seconds": 0.3, "rescan_seconds": 600}
    )
    plan = site.root / "plan.json"
    plan.write_text(json.dumps({"log": str(site.root / "batches")}))
    site.start(environment={"MATTINGD_TEST_PLAN": str(plan)})
    yield site
    site.close()
    site.remove()


def inferred(site: Site) -> int:
    """Pictures that were given to the engine so far."""
    log = site.root / "batches"
    return sum(int(line.split()[0]) for line in log.read_text().splitlines()) if log.exists() else 0


def label_of(site: Site, file: Path) -> Label:
    return pictures.read(site.result_of(file).read_bytes())


@pytest.mark.parametrize("full_size_first", [False, True], ids=["growing", "full size at once"])
def test_a_slow_copy_is_read_once_and_whole(site: Site, *, full_size_first: bool) -> None:
    """The rests between its parts are longer than the quiet time, and the program keeps it open."""
    path = site.hot[0] / f"slow-{full_size_first}.png"
    with people.writing_slowly(path, pictures.picture(1), 6, full_size_first=full_size_first) as slow:
        while slow.left > 1:
            slow.step(pause=0.5)
            assert site.records(path) == [], "nobody has taken it yet"
    site.wait_ended([path])
    (only,) = site.records(path)
    assert only.state == "done"
    assert label_of(site, path) == Label(1)


def test_a_copy_that_rests_while_nobody_has_it_open_is_held_back_by_its_missing_end(site: Site) -> None:
    path, data = site.hot[0] / "resting.png", pictures.picture(2)
    for end in (len(data) // 3, len(data) // 2, len(data) - 5):
        path.write_bytes(data[:end])
        clock.sleep(0.7)
        assert site.records(path) == []
    path.write_bytes(data)
    site.wait_ended([path])
    assert [record.state for record in site.records(path)] == ["done"]
    assert label_of(site, path) == Label(2)


def test_temp_names_count_when_they_are_renamed(site: Site) -> None:
    paths = [
        people.save_by_rename(site.hot[0] / f"renamed{number}.png", pictures.picture(number), temp)
        for number, temp in enumerate((".{}.Ab3xY", "{}.part", "~${}", ".{}.tmp", "{}.crdownload"), 10)
    ]
    site.wait_ended(paths)
    assert [label_of(site, path) for path in paths] == [Label(number) for number in range(10, 15)]
    assert all(len(site.records(path)) == 1 for path in paths)


def test_trees_are_taken_whole_and_keep_their_shape(site: Site, tmp_path: Path) -> None:
    """Moved in, made there, renamed, and added to later: nothing but events tells of it."""
    outside = tmp_path / "drop"
    for number in range(20, 24):
        people.save(outside / f"{number % 2}" / "deep" / f"{number}.png", pictures.picture(number))
    (outside / "empty" / "deeper").mkdir(parents=True)
    tree = site.hot[0] / "drop"
    shutil.move(outside, tree)
    moved = sorted(tree.rglob("*.png"))
    site.wait_ended(moved)
    later = people.save(tree / "1" / "deep" / "later.png", pictures.picture(24))
    site.wait_ended([later])
    renamed = tree.rename(site.hot[0] / "renamed drop")
    again = sorted(renamed.rglob("*.png"))
    last = people.save(renamed / "0" / "last.png", pictures.picture(25))
    site.wait_ended([*again, last])
    assert site.result_of(last).as_posix().endswith("/renamed drop/0/last.png")
    for path in set(again) - {last}:
        newest, made = site.records(path)
        assert (newest.state, made.state) == ("unchanged", "done"), "what is only moved keeps its cut-out"
        (place,) = made.outputs
        assert place.endswith(f"/drop/{path.relative_to(renamed).as_posix()}")
    (later_one,) = [path for path in site.results() if path.name == "later.png"]
    assert pictures.read(later_one.read_bytes()) == Label(24)
    assert not list(site.out.rglob("empty")), "no folder is made for nothing"


def test_a_hundred_touches_are_one_run(site: Site) -> None:
    path = site.hot[0] / "touched.png"
    before = inferred(site)
    for _ in range(100):
        people.save(path, pictures.picture(40))
        clock.sleep(0.01)
    site.wait_ended([path])
    assert inferred(site) == before + 1
    assert [record.state for record in site.records(path)] == ["done"]
    for _ in range(5):
        os.utime(path)
        clock.sleep(0.01)
    site.wait_ended([path])
    assert site.records(path)[0].state == "unchanged"
    assert inferred(site) == before + 1, "a touch costs a read and no more"
    assert len(list(site.out.rglob("touched*"))) == 1


def test_new_content_under_an_old_name_is_a_new_version_beside_the_old_one(site: Site) -> None:
    path = site.hot[0] / "versions.png"
    for version in range(3):
        people.save(path, pictures.picture(50, version))
        site.wait_ended([path])
    results = [site.out / record.outputs[0] for record in reversed(site.records(path))]
    assert [result.name for result in results] == ["versions.png", "versions_v2.png", "versions_v3.png"]
    assert [pictures.read(result.read_bytes()) for result in results] == [Label(50, n) for n in range(3)]


def test_what_a_name_says_does_not_count(site: Site) -> None:
    paths = [
        people.save(site.hot[0] / "a-png-called.jpg", pictures.picture(60)),
        people.save(site.hot[0] / "a-jpeg-called.tif", pictures.picture(61, kind="jpg")),
        people.save(site.hot[0] / "without an ending", pictures.picture(62)),
    ]
    site.wait_ended(paths)
    assert [label_of(site, path) for path in paths] == [Label(60), Label(61), Label(62)]


@pytest.mark.parametrize("year", [1971, 2099], ids=["long ago", "in the future"])
def test_clocks_may_differ(site: Site, year: int) -> None:
    path = people.save(site.root / "elsewhere", pictures.picture(year))
    os.utime(path, ns=((year - 1970) * 31_556_952 * clock.SECOND,) * 2)
    path = path.rename(site.hot[0] / f"{year}.png")
    site.wait_ended([path])
    assert label_of(site, path) == Label(year)


def test_originals_stay_as_they_are(site: Site) -> None:
    """Neither the path nor the inode, the times or the content of an original changes."""
    paths = [people.save(site.hot[0] / "originals" / f"{n}.png", pictures.picture(n)) for n in range(70, 75)]
    (bad,) = [people.save(site.hot[0] / "originals" / "blank.png", pictures.encode(pictures.blank()))]
    before = [(path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in [*paths, bad]]
    site.wait_ended([*paths, bad])
    assert before == [
        (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in [*paths, bad]
    ]
    assert sorted(path.name for path in (site.hot[0] / "originals").iterdir()) == sorted(
        path.name for path in [*paths, bad]
    )


def test_without_any_notification_scans_find_everything(make_site: MakeSite) -> None:
    site = make_site(watch={"settle_seconds": 0.1, "mode": "poll", "poll_seconds": 0.5})
    early = [people.save(site.hot[0] / "early" / f"{n}.png", pictures.picture(n)) for n in range(4)]
    site.start()
    assert site.status()["folders"][0]["watched"] == "scans"
    late = [people.save(site.hot[0] / "late" / f"{n}.png", pictures.picture(n)) for n in range(4)]
    late[0].rename(site.hot[0] / "moved.png")
    late[0] = site.hot[0] / "moved.png"
    site.wait_ended([*early, *late])
    assert [label_of(site, path).number for path in [*early, *late]] == [0, 1, 2, 3] * 2
    assert site.stop() == 0


def test_files_that_lie_there_at_the_start_are_given_the_same_care(make_site: MakeSite) -> None:
    """One is whole, one is being copied while the daemon starts, one is cut off."""
    site = make_site(watch={"settle_seconds": 0.3, "rescan_seconds": 600, "truncated_minutes": 5})
    data = pictures.picture(81)
    whole = people.save(site.hot[0] / "whole.png", pictures.picture(80))
    cut = people.save(site.hot[0] / "cut.png", pictures.picture(82)[:-20])
    with people.writing_slowly(site.hot[0] / "slow.png", data, 4, full_size_first=True) as slow:
        slow.step()
        site.start()
        site.wait_ended([whole])
        while slow.left > 1:
            slow.step(pause=0.4)
        assert site.records(site.hot[0] / "slow.png") == []
    site.wait_ended([whole, site.hot[0] / "slow.png"])
    assert label_of(site, site.hot[0] / "slow.png") == Label(81)
    assert site.records(cut) == [], "it waits for its end"
    people.save(cut, pictures.picture(82))
    site.wait_ended([cut])
    assert [record.state for record in site.records(cut)] == ["done"]
    assert site.stop() == 0


def test_a_file_without_rights_waits_and_is_done_when_they_are_given(make_site: MakeSite) -> None:
    site = make_site()
    prefix = () if os.geteuid() else ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
    path = people.save(site.hot[0] / "locked.png", pictures.picture(90))
    path.chmod(0)
    site.start((*prefix, *MATTINGD))
    wait_until(lambda: bool(site.status()["held"]), "it was held back")
    assert (
        site.status()["held"][0]["why"] == "it may not be read: give the daemon's user the right to read it"
    )
    path.chmod(0o644)
    site.wait_ended([path])
    assert [record.state for record in site.records(path)] == ["done"]
    assert site.stop() == 0


@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12"])
def test_the_dated_folder_goes_by_the_configured_time_zone(make_site: MakeSite, zone: str) -> None:
    """The two never have the same date."""
    site = make_site(timezone=zone)
    path = people.save(site.hot[0] / "dated.png", pictures.picture(1))
    dates = {clock.wall(clock.zone(zone)).date().isoformat()}
    site.start()
    site.wait_ended([path])
    dates.add(clock.wall(clock.zone(zone)).date().isoformat())
    assert site.result_of(path).relative_to(site.out).parts[0] in dates
    assert site.records(path)[0].admitted_at.endswith("+14:00" if zone == "Etc/GMT-14" else "-12:00")
    assert site.stop() == 0
