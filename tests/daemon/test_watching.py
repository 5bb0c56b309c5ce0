"""How files are noticed: by looking alone, in a folder that was replaced, beyond a limit of notifications."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mattingd.ingest.event_check import LATE_SECONDS
from mattingd.system import clock
from tests.daemon.conftest import MakeSite
from tests.daemon.harness import people, pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import MATTINGD, Site, surroundings, wait_until

NEVER = 3600
EVENTS = {"mode": "events", "rescan_seconds": NEVER, "settle_seconds": 0.3}
"""Nothing but notifications."""
POLL = {"mode": "poll", "poll_seconds": 0.3, "rescan_seconds": NEVER, "settle_seconds": 0.3}
"""Nothing but looking."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon without notifications for all tests that only drop files: each has names of its own."""
    site = Site(tmp_path_factory.mktemp("watching") / "site", watch=POLL)
    site.start()
    yield site
    assert site.stop() == 0
    site.audit()
    site.close()
    site.remove()


def rows_of(site: Site, file: Path) -> list[dict[str, object]]:
    name = os.fsencode(file.relative_to(site.hot[0]))
    return [row for row in site.rows() if row["path"] == name]


def check_read_once(site: Site, file: Path, label: Label) -> None:
    """Done at the first attempt, as the only job there ever was for it."""
    (row,) = rows_of(site, file)
    assert (row["state"], row["attempts"]) == ("done", 1)
    assert pictures.read(site.result_of(file).read_bytes()) == label


# --- copies under way ---


def test_slow_copies_are_read_once_and_whole(running: Site) -> None:
    """With pauses longer than the quiet period; half of them with their full size from the first moment."""
    names = {Label(10): "a.png", Label(11): "b.jpg", Label(12): "full-a.png", Label(13): "full-b.jpg"}
    files = {label: running.hot[0] / "slow" / name for label, name in names.items()}
    with ExitStack() as stack:
        copies = []
        for label, file in files.items():
            data = pictures.picture(label.number, kind=file.suffix[1:])
            full = file.name.startswith("full")
            copies.append(stack.enter_context(people.writing_slowly(file, data, 6, full_size_first=full)))
        for pause in (0.1, 0.1, 0.1, 1.2, 0.1):
            for copy in copies:
                copy.step()
            clock.sleep(pause)
        assert not any(rows_of(running, file) for file in files.values())
    running.wait_ended(files.values())
    for label, file in files.items():
        check_read_once(running, file, label)


def test_a_copy_that_was_broken_off_waits_for_its_second_try(running: Site) -> None:
    """Its full size was set and its writer is gone: what is missing are zeros at its end."""
    data, file = pictures.picture(20, kind="jpg"), running.hot[0] / "cut.jpg"
    half = data[: len(data) // 2]
    people.save(file, half + bytes(len(data) - len(half)))
    wait_until(lambda: why_it_waits(running, file) not in {"", "still settling"}, "it says why it waits")
    clock.sleep(1)
    assert rows_of(running, file) == []
    people.save(file, data)
    running.wait_ended([file])
    check_read_once(running, file, Label(20))


def why_it_waits(site: Site, file: Path) -> str:
    name = os.fsencode(file.relative_to(site.hot[0])).hex()
    answer = site.ask("where", root=os.fsencode(site.hot[0]).hex(), path=name)
    return str(answer.get("why", ""))


def test_temp_then_rename_is_one_file(running: Site) -> None:
    temps = (".{}.part", "{}.crdownload", "~{}.tmp", ".{}.aB3xY9")
    files = {running.hot[0] / "renamed" / f"{n}.png": temp for n, temp in enumerate(temps)}
    parts = {file: file.with_name(temp.format(file.name)) for file, temp in files.items()}
    for number, part in enumerate(parts.values()):
        people.save(part, pictures.picture(30 + number)[:-20])
    clock.sleep(1)
    for number, (file, part) in enumerate(parts.items()):
        with part.open("ab") as rest:
            rest.write(pictures.picture(30 + number)[-20:])
        part.rename(file)
    running.wait_ended(files)
    for number, file in enumerate(files):
        check_read_once(running, file, Label(30 + number))
    assert not any(rows_of(running, part) for part in parts.values())


# --- folders ---


def test_a_tree_moved_in_and_what_is_added_to_it_later(running: Site) -> None:
    outside, tree = running.root / "outside", running.hot[0] / "tree"
    people.save(outside / "a.png", pictures.picture(40))
    people.save(outside / "deep" / "er" / "b.png", pictures.picture(41))
    outside.rename(tree)
    files = [tree / "a.png", tree / "deep" / "er" / "b.png"]
    running.wait_ended(files)
    files.append(people.save(tree / "deep" / "er" / "c.png", pictures.picture(42)))
    files.append(people.save(tree / "new" / "and" / "deep" / "d.png", pictures.picture(43)))
    running.wait_ended(files)
    for number, file in enumerate(files, 40):
        check_read_once(running, file, Label(number))
    tree.rename(running.hot[0] / "tree again")
    files = [running.hot[0] / "tree again" / file.relative_to(tree) for file in files]
    files.append(people.save(running.hot[0] / "tree again" / "deep" / "e.png", pictures.picture(44)))
    running.wait_ended(files)
    check_read_once(running, files[-1], Label(44))


def test_a_hot_folder_replaced_by_another_is_watched(make_site: MakeSite) -> None:
    """In one instant: nobody could see that there was none in between."""
    site = make_site(watch=EVENTS)
    site.start()
    (folder,) = site.hot
    site.wait_ended([people.save(folder / "before.png", pictures.picture(1))])
    folder.rename(site.root / "moved away")
    folder.mkdir()
    first = people.save(folder / "first.png", pictures.picture(2))
    site.wait_ended([first])
    second = people.save(folder / "sub" / "second.png", pictures.picture(3))
    site.wait_ended([second], seconds=20)
    check_read_once(site, second, Label(3))
    assert site.stop() == 0


def test_files_that_came_while_no_daemon_ran(make_site: MakeSite) -> None:
    site = make_site(watch=EVENTS)
    site.start()
    old = people.save(site.hot[0] / "old.png", pictures.picture(1))
    site.wait_ended([old])
    assert site.stop() == 0
    new = people.save(site.hot[0] / "sub" / "new.png", pictures.picture(2))
    people.save(old, pictures.picture(3))
    site.start()
    site.wait_ended([old, new])
    assert site.result_of(old).name == "old_v2.png"
    assert pictures.read(site.result_of(old).read_bytes()) == Label(3)
    assert len(site.results()) == 3
    assert site.stop() == 0


# --- one file, many notifications ---


def test_a_file_touched_100_times_while_it_waits_is_inferred_once(make_site: MakeSite) -> None:
    site = make_site(watch=EVENTS | {"settle_seconds": 0.02})
    plan = people.save(site.root / "plan.json", b'{"delay_ms": 250}')
    site.start(environment={"MATTINGD_TEST_PLAN": str(plan)})
    crowd = [people.save(site.hot[0] / f"{n}.png", pictures.picture(n)) for n in range(30)]
    wait_until(lambda: len(site.rows()) == len(crowd), "the others were admitted")
    file = people.save(site.hot[0] / "touched.png", pictures.picture(100))
    for _ in range(100):
        os.utime(file)
        clock.sleep(0.03)
    site.wait_ended([*crowd, file])
    rows = [row for row in site.rows() if row["path"] == b"touched.png"]
    assert len(rows) > 1, "it was never admitted before it was touched again"
    assert [row["state"] for row in rows if row["batch"] is not None] == ["done"]
    assert {row["state"] for row in rows[:-1]} == {"superseded"}
    assert len(site.results()) == len(crowd) + 1
    os.utime(file)
    site.wait_ended([file])
    assert site.rows()[-1]["state"] == "unchanged"
    assert site.rows()[-1]["batch"] is None
    assert site.stop() == 0


# --- the kernel's limits ---


def limited(number: int, what: str = "watches", program: tuple[str, ...] = MATTINGD) -> tuple[str, ...]:
    """A program where only so many folders may be watched, or so many programs watch, by notifications."""
    limit = f'echo {number} > /proc/sys/user/max_inotify_{what} && exec "$@"'
    return ("unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh", *program)


needs_namespaces = pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run([*limited(1)[:6], "sh", "true"], check=False).returncode != 0,
    reason="this system lets nobody limit notifications: no user namespaces",
)


@needs_namespaces
@pytest.mark.parametrize("watches", [0, 1], ids=["none", "not for sub-folders"])
def test_beyond_the_limit_of_notifications_scans_find_everything(make_site: MakeSite, watches: int) -> None:
    site = make_site(watch={"mode": "events", "rescan_seconds": 1})
    site.start(limited(watches))
    file = people.save(site.hot[0] / "sub" / "deep" / "a.png", pictures.picture(1))
    site.wait_ended([file], seconds=30)
    check_read_once(site, file, Label(1))
    for number in (2, 3):
        later = people.save(file.with_name(f"{number}.png"), pictures.picture(number))
        site.wait_ended([later], seconds=30)
        clock.sleep(LATE_SECONDS + 1 if watches else 0)
    told = "it is told that the kernel's limit is reached"
    wait_until(lambda: "fs.inotify.max_user_watches" in site.status()["folders"][0]["watched"], told)
    assert site.stop() == 0


needs_mounts = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@needs_mounts
def test_a_folder_of_which_notifications_do_not_tell_is_polled_and_that_is_said(make_site: MakeSite) -> None:
    """As where another machine, or another mount, writes: here it is the layer below an overlay."""
    site = make_site(watch={"mode": "events", "rescan_seconds": 1, "poll_seconds": 1})
    layers = {name: site.root / name for name in ("lowerdir", "upperdir", "workdir")}
    for layer in layers.values():
        layer.mkdir()
    options = ",".join(f"{name}={layer}" for name, layer in layers.items())
    mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, site.hot[0]], check=False)
    if mounted.returncode:
        pytest.skip("no overlay can be mounted on this file system")
    try:
        site.start()
        assert site.status()["folders"][0]["watched"] == "events"
        for number in (1, 2, 3):
            people.save(layers["upperdir"] / f"{number}.png", pictures.picture(number))
            file = site.hot[0] / f"{number}.png"
            site.wait_ended([file], seconds=30)
            clock.sleep(LATE_SECONDS + 1)
        watched = site.status()["folders"][0]["watched"]
        assert watched.startswith("scans only: the kernel's notifications miss files here")
        assert site.stop() == 0
    finally:
        subprocess.run(["umount", "--lazy", site.hot[0]], check=True)


@needs_namespaces
@pytest.mark.parametrize("mode", ["events", "poll"])
def test_without_any_notification_it_starts_and_polls(make_site: MakeSite, mode: str) -> None:
    """Other programs of the user hold all instances: what only makes it quicker is not needed."""
    site = make_site(watch={"mode": mode, "rescan_seconds": 600, "poll_seconds": 1})
    site.start(limited(0, "instances"))
    file = people.save(site.hot[0] / "sub" / "a.png", pictures.picture(1))
    site.wait_ended([file], seconds=30)
    check_read_once(site, file, Label(1))
    assert site.status()["folders"][0]["watched"].startswith("scans")
    assert "Traceback" not in site.log_tail()
    assert site.stop() == 0


@needs_namespaces
def test_a_single_run_needs_no_notifications(tmp_path: Path) -> None:
    people.save(tmp_path / "in" / "a.png", pictures.picture(1))
    process = (sys.executable, "-m", "mattingd", "process", str(tmp_path / "in"), "-o", str(tmp_path / "out"))
    done = subprocess.run(
        limited(0, "instances", process),
        capture_output=True,
        text=True,
        check=False,
        env=surroundings(test_engine=True),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "a.png").exists()
