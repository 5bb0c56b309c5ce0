"""File operations: what a crash of the machine could still take away, and what a file system refuses."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

from mattingd.system import filesystem as disk_module
from mattingd.system.filesystem import Disk


class Noting(Disk):
    """The real file system, and which folders were made durable."""

    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync_directory(self, path: str) -> None:
        super().sync_directory(path)
        self.synced.append(path)


def test_every_new_folder_on_the_way_is_durable(tmp_path: Path) -> None:
    disk, inner = Noting(), tmp_path / "2026-11-20" / "in" / "day 1"
    disk.make_directories(str(inner))
    assert inner.is_dir()
    assert disk.synced == [str(tmp_path), str(tmp_path / "2026-11-20"), str(tmp_path / "2026-11-20" / "in")]
    disk.make_directories(str(inner))
    assert len(disk.synced) == 3, "what was there already costs nothing"


@pytest.fixture
def without_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel whose renames cannot refuse to replace, as on NFS."""

    class Kernel:
        def renameat2(self, *_arguments: object) -> int:
            ctypes.set_errno(errno.EINVAL)
            return -1

    monkeypatch.setattr(disk_module, "_libc", Kernel())


@pytest.mark.usefixtures("without_flags")
def test_where_renames_replace_a_name_is_claimed_first(tmp_path: Path) -> None:
    disk, temp, final = Disk(), tmp_path / ".temp", tmp_path / "shoe.png"
    temp.write_bytes(b"cut-out")
    final.write_bytes(b"")
    assert not disk.publish(str(temp), str(final)), "an empty file of somebody else's is one, too"
    final.unlink()
    assert disk.publish(str(temp), str(final))
    assert final.read_bytes() == b"cut-out"


@pytest.mark.usefixtures("without_flags")
def test_a_rename_that_fails_leaves_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, temp, final = Disk(), tmp_path / ".temp", tmp_path / "shoe.png"
    temp.write_bytes(b"cut-out")

    def fails(*_names: str, **_folders: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", fails)
        with pytest.raises(OSError, match="Input/output error"):
            disk.publish(str(temp), str(final))
    assert not final.exists()
    assert disk.publish(str(temp), str(final))
