"""One daemon per state directory, and per folder: a second one waits, or both are told of each other."""

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattingd.runtime import lock
from mattingd.runtime.lock import LOCK, Lock, LockedError
from mattingd.system import clock
from tests.daemon.conftest import MakeSite
from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import wait_until

OURS = f"{os.getpid()}\n{lock.ALIVE}\n"


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """Somebody has the lock, as a child of a killed daemon has it."""
    descriptor = os.open(tmp_path / LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.pwrite(descriptor, b"4711\n", 0)
    yield descriptor
    os.close(descriptor)


def test_the_lock_of_a_daemon_that_was_just_killed_is_waited_for(tmp_path: Path, held: int) -> None:
    release = threading.Timer(0.3, fcntl.flock, (held, fcntl.LOCK_UN))
    release.start()
    lock = Lock(tmp_path)
    release.join()
    assert (tmp_path / LOCK).read_text() == OURS
    lock.release()


def test_the_lock_of_a_daemon_that_lives_is_respected(tmp_path: Path, held: int) -> None:
    with pytest.raises(LockedError, match=r"another mattingd \(process 4711\) works with"):
        Lock(tmp_path)
    assert (tmp_path / LOCK).read_text() == "4711\n"


def test_children_that_hang_in_a_share_after_their_daemon_was_killed_do_not_hold_up_the_next_one(
    tmp_path: Path, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE_NS", 0)
    monkeypatch.setattr(lock, "HANGS_NS", clock.SECOND // 5)
    os.pwrite(held, f"4711\n{lock.ALIVE}\n".encode(), 0)
    taken = Lock(tmp_path)
    assert (tmp_path / LOCK).read_text() == OURS
    with pytest.raises(LockedError, match=rf"\(process {os.getpid()}\)"):
        Lock(tmp_path)
    taken.release()
    Lock(tmp_path).release()


def test_a_daemon_of_a_version_without_the_second_lock_is_never_taken_for_one_that_ended(
    tmp_path: Path, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE_NS", clock.SECOND // 5)
    monkeypatch.setattr(lock, "HANGS_NS", 0)
    for _ in range(2):
        with pytest.raises(LockedError, match=r"\(process 4711\)"):
            Lock(tmp_path)
    assert os.path.samestat((tmp_path / LOCK).stat(), os.fstat(held)), "its file is left alone"


def test_a_second_daemon_on_the_same_folders_is_named_and_spoils_nothing(make_site: MakeSite) -> None:
    first = make_site()
    second = make_site(hot_folders=[{"path": str(first.hot[0])}], output_dir=str(first.out))
    second.hot, second.out = first.hot, first.out
    file = people.save(first.hot[0] / "a.png", pictures.picture(1))
    for site in (first, second):
        process = site.start()
        site.wait_ended([file])
    wait_until(lambda: bool(second.status()["others"]), "the first one was seen")
    name = f"another mattingd works for the same output folder: process {first.processes[-1].pid} on "
    assert second.status()["others"].startswith(name)
    assert [line["why"].startswith(name) for line in second.events("shared")] == [True]
    assert name in second.command("status").stdout
    assert f"process {process.pid} on " in first.command("doctor", "--quick").stdout
    assert {pictures.read(path.read_bytes()) for path in first.results()} == {pictures.Label(1)}
    assert [site.stop() for site in (second, first)] == [0, 0]
