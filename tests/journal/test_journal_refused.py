"""A journal that cannot be used, and a disk that takes no more: said plainly, with the way out."""

import ctypes
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattingd.journal import JournalError, JournalWriter
from tests.journal.journals import admit_of, admitted, opened


def restore(error: JournalError, path: Path) -> None:
    """Do what the message says."""
    command = str(error).partition(": rm -f ")[2]
    assert command, error
    subprocess.run(f"rm -f {command}", shell=True, check=True, cwd=path.parent)  # noqa: S602


@pytest.mark.parametrize("copied", [True, False], ids=["with a copy", "without a copy"])
@pytest.mark.parametrize("harm", ["newer", "no database", "torn pages"])
def test_a_journal_that_cannot_be_used_is_refused_with_the_way_out(
    tmp_path: Path, harm: str, *, copied: bool
) -> None:
    path = tmp_path / "state of the art" / "checkpoint.db"
    path.parent.mkdir()
    with opened(path) as journal:
        journal.folder_id(b"/in")
        row = admitted(journal, b"a.jpg")
        if copied:
            journal.back_up("2026-11-20")
    do_harm(path, harm)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="newer" if harm == "newer" else "damaged") as refused:
        opened(path)
    assert path.read_bytes() == before, "nothing was changed"
    restore(refused.value, path)
    with opened(path) as journal:
        journal.folder_id(b"/in")
        assert journal.live() == ([row] if copied else [])


def do_harm(path: Path, harm: str) -> None:
    if harm == "newer":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    elif harm == "no database":
        path.write_bytes(b"this is no database at all, it is a text of some length" * 100)
    else:
        data = bytearray(path.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)


def test_a_directory_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be used: unable to open"):
        opened(tmp_path / "nowhere" / "checkpoint.db")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    mount = tmp_path / "tiny"
    mount.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(mount), b"tmpfs", 0, b"size=512k"):
        pytest.skip("only root may mount a small disk")
    yield mount
    assert libc.umount2(os.fsencode(mount), 2) == 0


def fill(journal: JournalWriter, turns: list[int]) -> None:
    """Admit files, twenty a turn, until the disk is full."""
    while True:
        journal.apply([admit_of(b"%d-%d" % (len(turns), number) + b"x" * 200) for number in range(20)])
        turns.append(20)


def test_a_full_disk_is_said_so_and_nothing_is_half_written(tiny_disk: Path) -> None:
    turns: list[int] = []
    with opened(tiny_disk / "checkpoint.db") as journal:
        journal.folder_id(b"/in")
        with pytest.raises(JournalError, match="the disk that holds the journal is full"):
            fill(journal, turns)
        assert len(journal.live()) == sum(turns)
    with opened(tiny_disk / "checkpoint.db") as journal:
        assert len(journal.live()) == sum(turns) > 0
