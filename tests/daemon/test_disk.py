"""File operations: what a crash of the machine could still take away, and what a file system refuses."""

import ctypes
import errno
import os
from pathlib import Path

import pytest

from mattingd.system import no_replace
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
    """A file system that cannot refuse to replace, as NFS: the kernel looks for the name, then asks it."""

    class Kernel:
        def renameat2(
            self, _old_folder: int, _old: bytes, _new_folder: int, new: bytes, *_flags: object
        ) -> int:
            ctypes.set_errno(errno.EEXIST if os.path.lexists(new) else errno.EINVAL)
            return -1

    monkeypatch.setattr(no_replace, "_libc", Kernel())


@pytest.fixture
def without_links(without_flags: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where there are no hard links either, as on some shares."""

    def refuses(*_names: str, **_folders: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuses)


@pytest.mark.parametrize("kernel", ["without_flags", "without_links"])
def test_where_renames_replace_a_name_is_linked_or_claimed(
    tmp_path: Path, kernel: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(kernel)
    disk, temp, final = Disk(), tmp_path / ".temp", tmp_path / "shoe.png"
    temp.write_bytes(b"cut-out")
    final.write_bytes(b"")
    assert not disk.publish(str(temp), str(final)), "an empty file of somebody else's is one, too"
    final.unlink()
    assert disk.publish(str(temp), str(final))
    assert final.read_bytes() == b"cut-out"


@pytest.mark.usefixtures("without_links")
def test_a_rename_that_fails_leaves_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, temp, final = Disk(), tmp_path / ".temp", tmp_path / "shoe.png"
    temp.write_bytes(b"cut-out")

    def fails(*_names: str, **_folders: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", fails)
        with pytest.raises(OSError, match="Input/output error"):
            disk.publish(str(temp), str(final))
    assert [each.name for each in tmp_path.iterdir()] == [temp.name]
    assert disk.publish(str(temp), str(final))


@pytest.mark.usefixtures("without_links")
def test_a_kill_between_claim_and_rename_leaves_no_empty_file_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves is ours: it is published over, or removed when nobody wants the picture any more."""
    disk, temp, final = Disk(), tmp_path / ".temp", tmp_path / "shoe.png"

    class Killed(BaseException):
        pass

    def killed(*_names: str, **_folders: object) -> None:
        raise Killed

    for resumed in (True, False):
        temp.write_bytes(b"cut-out")
        with monkeypatch.context() as short:
            short.setattr(os, "rename", killed)
            short.setattr(os, "unlink", killed)
            with pytest.raises(Killed):
                disk.publish(str(temp), str(final))
        assert final.read_bytes() == b""
        assert disk.is_claimed(str(final), str(temp))
        if resumed:
            assert disk.publish(str(temp), str(final))
            assert final.read_bytes() == b"cut-out"
            assert [each.name for each in tmp_path.iterdir()] == [final.name]
            final.unlink()
        else:
            disk.give_up_claim(str(final), str(temp))
            assert [each.name for each in tmp_path.iterdir()] == [temp.name]


@pytest.mark.usefixtures("without_links")
def test_the_claim_of_another_process_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two daemons with one output folder: the other one is between its claim and its rename."""
    disk, final = Disk(), tmp_path / "shoe.png"
    temps = [tmp_path / f".temp-{each}" for each in "ab"]
    for temp in temps:
        temp.write_bytes(temp.name.encode())
    rename, taken = os.rename, list[bool]()

    def meanwhile(old: str, new: str, **folders: int | None) -> None:
        taken.append(disk.is_claimed(str(final), str(temps[1])) or disk.publish(str(temps[1]), str(final)))
        rename(old, new, **folders)

    with monkeypatch.context() as between:
        between.setattr(os, "rename", meanwhile)
        assert disk.publish(str(temps[0]), str(final))
    assert taken == [False]
    assert final.read_bytes() == b".temp-a"
    assert sorted(each.name for each in tmp_path.iterdir()) == [".temp-b", "shoe.png"]


@pytest.mark.usefixtures("without_links")
def test_a_claim_that_cannot_be_given_up_keeps_its_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that refuses everything for a moment: without the marker the empty file would be no one's."""
    disk, temp, final = Disk(), tmp_path / ".temp", tmp_path / "shoe.png"
    temp.write_bytes(b"cut-out")

    def fails(*_names: str, **_folders: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    unlink = os.unlink

    def fails_for_the_name(path: str, **folders: int | None) -> None:
        if path == str(final):
            fails()
        unlink(path, **folders)

    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", fails)
        broken.setattr(os, "unlink", fails_for_the_name)
        with pytest.raises(OSError, match="Input/output error"):
            disk.publish(str(temp), str(final))
    assert disk.is_claimed(str(final), str(temp))
    assert disk.publish(str(temp), str(final))
    assert [each.name for each in tmp_path.iterdir()] == [final.name]
