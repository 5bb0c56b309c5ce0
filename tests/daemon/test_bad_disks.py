"""Disks that are full, read-only, damaged or gone: told in one line, healed without doing anything."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hostile
import pytest
import yaml

from mattingd.system.filesystem import wrong_output_root
from tests.daemon.harness.manager import listening
from tests.daemon.harness.site import Site, wait_until

MakeSite = Callable[..., Site]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@contextmanager
def bound(disk: Path, path: Path) -> Iterator[None]:
    """A folder mounted at this path, as a disk or share is."""
    subprocess.run(["mount", "--bind", disk, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A disk of its own, in memory, at this path."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "mattingd-test", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def fill(path: Path) -> Path:
    """Write a file until nothing more fits."""
    filler = path / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def drop(site: Site, name: str) -> Path:
    path = site.hot[0] / name
    path.write_bytes(hostile.encoded("PNG"))
    return path


def where(site: Site, path: Path) -> dict[str, object]:
    root, name = os.fsencode(path.parent), os.fsencode(path.name)
    return site.ask("where", root=root.hex(), path=name.hex())


def wait_for(site: Site, path: Path, why: str) -> None:
    wait_until(lambda: where(site, path).get("why") == why, f"{path.name} waits because {why}", 20)


@needs_root
def test_a_read_only_or_full_output_holds_pictures_back_until_it_heals(make_site: MakeSite) -> None:
    site = make_site(retry={"first_seconds": 2, "cap_seconds": 2}, retention={"min_free_gb": 0})
    with small_disk(site.out, "2m"):
        process = site.start()
        subprocess.run(["mount", "-o", "remount,ro", site.out], check=True)
        first = drop(site, "first.png")
        wait_for(site, first, "the cut-out cannot be written: Read-only file system")
        told = site.command("status", str(first)).stdout
        assert re.fullmatch(
            r"waiting: the cut-out cannot be written: Read-only file system \(next try in \d\.\d s\)  #1\n",
            told,
        )
        subprocess.run(["mount", "-o", "remount,rw", site.out], check=True)
        site.wait_ended([first])
        filler = fill(site.out)
        second = drop(site, "second.png")
        wait_for(site, second, "the cut-out cannot be written: No space left on device")
        filler.unlink()
        site.wait_ended([second])
        assert [site.records(path)[0].state for path in (first, second)] == ["done", "done"]
        assert len(site.events("waiting")) == 2, "each trouble is told once"
        assert len(site.events("writing")) == 2, "and that it is over"
        assert site.temps() == []
        assert site.audit()["gaps"] == []
        assert process.poll() is None
        assert site.stop() == 0
        assert "Traceback" not in site.log_tail()


@needs_root
def test_nothing_is_written_where_the_output_disk_is_not_mounted(make_site: MakeSite) -> None:
    site = make_site(retry={"first_seconds": 0.5, "cap_seconds": 0.5})
    document = yaml.safe_load(site.config.read_text(encoding="utf-8"))
    document["hot_folders"] = [{"path": str(site.hot[0]), "originals": "delete"}]
    site.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    disk = site.root / "disk"
    disk.mkdir()
    with bound(disk, site.out):
        site.start()
        first = drop(site, "first.png")
        wait_until(lambda: not first.exists(), "its cut-out stands")
        wait_until(lambda: any(disk.glob(".mattingd-*-home")), "the output folder bears its mark")
        (mark,) = disk.glob(".mattingd-*-home")
    second = drop(site, "second.png")
    told = wrong_output_root("the output folder", str(site.out), mark.name)
    wait_for(site, second, told)
    assert not list(site.out.iterdir()), "nothing lies on the bare mount point"
    assert second.exists()
    with bound(disk, site.out):
        wait_until(lambda: not second.exists(), "it goes on by itself")
        assert [path.name for path in sorted(disk.rglob("*.png"))] == ["first.png", "second.png"]
        assert site.audit()["gaps"] == []
        site.close()


def test_an_output_folder_that_was_chosen_anew_is_marked_anew(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    first = drop(site, "first.png")
    site.wait_ended([first])
    wait_until(lambda: any(site.out.glob(".mattingd-*-home")), "the output folder bears its mark")
    assert site.stop() == 0
    site.out = site.root / "elsewhere"
    document = yaml.safe_load(site.config.read_text(encoding="utf-8")) | {"output_dir": str(site.out)}
    site.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    site.start()
    second = drop(site, "second.png")
    site.wait_ended([second])
    assert site.result_of(second).exists()
    wait_until(lambda: any(site.out.glob(".mattingd-*-home")), "the other output folder bears one, too")


@needs_root
def test_too_little_free_space_pauses_until_there_is_enough(make_site: MakeSite) -> None:
    site = make_site(retention={"min_free_gb": 0.004})
    with small_disk(site.out, "8m"):
        process = site.start()
        ballast = site.out / "ballast"
        ballast.write_bytes(bytes(5_000_000))
        wait_until(lambda: bool(site.status()["space"]), "the daemon paused", 20)
        paths = [drop(site, f"{number}.png") for number in range(6)]
        reason = str(site.status()["space"])
        assert "`retention.min_free_gb` keeps 0.004 GB free: make room; it then goes on by itself" in reason
        wait_for(site, paths[-1], reason)
        assert f"paused    {reason}" in site.command("status").stdout
        assert site.results() == []
        ballast.unlink()
        site.wait_ended(paths)
        assert [site.records(path)[0].state for path in paths] == ["done"] * 6
        assert [len(site.events(event)) for event in ("paused", "resumed", "waiting")] == [1, 1, 0]
        assert site.audit()["present"] == 6
        assert process.poll() is None
        assert site.stop() == 0


@needs_root
def test_a_full_journal_disk_ends_the_daemon_and_loses_nothing(make_site: MakeSite) -> None:
    site = make_site()
    with small_disk(site.state, "12m"):
        process = site.start()
        filler = fill(site.state)
        paths = [drop(site, f"{number}.png") for number in range(60)]
        assert process.wait(30) == 74
        assert f"{site.state}/checkpoint.db: the disk that holds the journal is full" in site.log_tail()
        assert "Traceback" not in site.log_tail()
        filler.unlink()
        site.start()
        site.wait_ended(paths)
        assert site.audit()["present"] == 60
        assert site.stop() == 0


def test_a_damaged_journal_is_refused_and_the_line_says_how_to_go_on(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    first = drop(site, "first.png")
    site.wait_ended([first])
    assert site.stop() == 0
    journal = site.state / "checkpoint.db"
    with journal.open("r+b") as file:
        file.write(b"no journal any more" * 10)
    damaged = journal.read_bytes()
    answer = site.command("run")
    assert answer.returncode == 74
    said = re.fullmatch(
        r"mattingd: (.+) is damaged; nothing was changed\. To go on with the newest copy: (.+)\n",
        answer.stderr,
    )
    assert said, answer.stderr
    assert journal.read_bytes() == damaged
    subprocess.run(["bash", "-c", said[2]], check=True)
    site.start()
    second = drop(site, "second.png")
    site.wait_ended([first, second])
    assert site.audit()["gaps"] == []
    assert site.stop() == 0


def test_a_journal_of_a_newer_version_is_refused(make_site: MakeSite) -> None:
    site = make_site()
    site.start()
    assert site.stop() == 0
    journal = site.state / "checkpoint.db"
    with journal.open("r+b") as file:  # `PRAGMA user_version` stands at byte 60 of the header
        file.seek(60)
        file.write((99).to_bytes(4, "big"))
    before = journal.read_bytes()
    for verb in ("run", "status", "audit"):
        answer = site.command(verb)
        assert answer.returncode == 74
        assert "journal version 99" in answer.stderr
        assert answer.stderr.count("\n") == 1
    assert journal.read_bytes() == before


def test_a_missing_hot_folder_is_a_line_and_no_start(make_site: MakeSite) -> None:
    site = make_site()
    site.hot[0].rmdir()
    with listening(site.root / "notify") as manager:
        answer = site.command("run", NOTIFY_SOCKET=str(site.root / "notify"))
        assert manager.until("STATUS=").endswith("does not exist; create it, or mount its share")
    assert answer.returncode == 66
    said = f"hot_folders[0].path: '{site.hot[0]}' does not exist; create it, or mount its share"
    assert answer.stderr == f"mattingd: {said}\n"


def test_an_output_inside_an_input_is_a_line_and_no_start(make_site: MakeSite) -> None:
    site = make_site()
    text = site.config.read_text().replace(str(site.out), str(site.hot[0] / "out"))
    site.config.write_text(text)
    answer = site.command("run")
    assert answer.returncode == 78
    assert re.fullmatch(
        r"mattingd: .+: output_dir: is inside hot_folders\[0\]\.path \('.+'\);"
        r" cut-outs would be processed as new pictures\n",
        answer.stderr,
    )


def test_a_hot_folder_may_go_and_come_back_while_the_daemon_runs(make_site: MakeSite) -> None:
    """Also as another folder in its place, whose notifications count from then on: the next scan is far."""
    site = make_site(watch={"settle_seconds": 0.1, "rescan_seconds": 600})
    process = site.start()
    away = site.root / "away"
    site.hot[0].rename(away)
    wait_until(lambda: bool(site.status()["folders"][0]["trouble"]), "the folder was missed", 20)
    assert "cannot be read: No such file or directory" in site.status()["folders"][0]["trouble"]
    site.hot[0].mkdir()
    first = drop(site, "first.png")
    site.wait_ended([first], 30)
    wait_until(lambda: not site.status()["folders"][0]["trouble"], "the trouble was over", 20)
    second = drop(site, "second.png")
    site.wait_ended([second], 4)
    assert [line["event"] for line in site.events("offline") + site.events("online")] == ["offline", "online"]
    assert process.poll() is None
    assert site.stop() == 0
