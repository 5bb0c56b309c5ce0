"""The notifications of a folder: every change is noted, nothing that reading causes is, and noting is all."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mattingd.ingest.notifications import Watcher, WatchError
from mattingd.system import clock

FEW = 5_000


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    watcher.stop()


@pytest.fixture
def noted() -> list[bytes]:
    return []


def nobody() -> None:
    pytest.fail("no notification was dropped here")


def wait_for(noted: list[bytes], enough: Callable[[], bool]) -> None:
    deadline = clock.monotonic_ns() + 20 * clock.SECOND
    while not enough():
        assert clock.monotonic_ns() < deadline, noted[-5:]
        clock.sleep(0.02)


def test_changes_are_noted_with_their_path(watcher: Watcher, noted: list[bytes], tmp_path: Path) -> None:
    watcher.watch(os.fsencode(tmp_path), noted.append, nobody)
    name = os.fsdecode(b"odd-\xff\n.png")
    steps: list[tuple[Callable[[], object], bytes]] = [
        ((tmp_path / "new").mkdir, b"new"),
        ((tmp_path / "new" / name).touch, b"new/" + os.fsencode(name)),
        (lambda: (tmp_path / "new").rename(tmp_path / "old"), b"old"),
        ((tmp_path / "old" / name).unlink, b"old/" + os.fsencode(name)),
    ]
    for step, path in steps:
        step()
        wait_for(noted, lambda path=path: path in noted)  # type: ignore[misc]


def test_reading_is_not_noted(watcher: Watcher, noted: list[bytes], tmp_path: Path) -> None:
    """Else the daemon would trigger itself."""
    picture = tmp_path / "shoe.png"
    picture.write_bytes(b"a")
    watcher.watch(os.fsencode(tmp_path), noted.append, nobody)
    for _ in range(50):
        picture.read_bytes()
        list(tmp_path.iterdir())
        picture.stat()
    (tmp_path / "last").touch()
    wait_for(noted, lambda: b"last" in noted)
    assert set(noted) <= {b"last", b""}


def test_it_keeps_up_while_nobody_looks(watcher: Watcher, tmp_path: Path) -> None:
    """What is noted is a set of paths: many changes of one file are one, and noting never waits."""
    noted: set[bytes] = set()
    watcher.watch(os.fsencode(tmp_path), noted.add, nobody)
    for number in range(FEW):
        (tmp_path / str(number % 100)).write_bytes(b"a")
    wait_for([], lambda: len(noted - {b""}) == 100)
    assert threading.active_count() < 20
    assert watcher.alive()


def test_a_folder_in_the_place_of_another_is_watched_anew(
    watcher: Watcher, noted: list[bytes], tmp_path: Path
) -> None:
    hot = tmp_path / "hot"
    hot.mkdir()
    watcher.watch(os.fsencode(hot), noted.append, nobody)
    hot.rename(tmp_path / "away")
    hot.mkdir()
    watcher.watch(os.fsencode(hot), noted.append, nobody)
    (tmp_path / "away" / "old").touch()
    (hot / "new").touch()
    wait_for(noted, lambda: b"new" in noted)
    assert b"old" not in noted


def test_a_folder_that_is_not_there_is_said_so(watcher: Watcher, tmp_path: Path) -> None:
    with pytest.raises(WatchError, match="it cannot be watched: No such file or directory"):
        watcher.watch(os.fsencode(tmp_path / "gone"), lambda _: None, nobody)
