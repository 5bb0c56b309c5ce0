"""One daemon per state directory: who comes too soon waits, who comes too late is told who is there."""

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattingd.runtime.lock import LOCK, Lock, LockedError


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
    assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    lock.release()


def test_the_lock_of_a_daemon_that_lives_is_respected(tmp_path: Path, held: int) -> None:
    with pytest.raises(LockedError, match=r"another mattingd \(process 4711\) works with"):
        Lock(tmp_path)
    assert (tmp_path / LOCK).read_text() == "4711\n"
