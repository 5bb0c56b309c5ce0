"""A FUSE file system that shows a folder: `faulty_fs.py BEHIND MOUNTPOINT ORDERS`. See `faulty_share.py`.

What it is to do stands in the JSON file ORDERS, read anew before each operation:

    {"errors": {"rename": "EBUSY"}, "times": 3, "only": "in/", "hang": ["all"], "abilities": ["link"]}

`errors` gives an operation (or "all") its error, for the first `times` calls or for good, and for paths below
`only` alone; `hang` keeps operations until the file says otherwise. Without the ability `noreplace` no rename
can refuse to replace, without `link` there are no hard links, as on many shares; without `fsync` and `chmod`
both are refused. A file that is open for writing alone is never truncated, as smbnetfs cannot do that.
`ORDERS.callers` has the number of each process that made a call, `ORDERS.hung` exists when one was kept.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mfusepy

from mattingd.system import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_SECONDS = 0.05


class Keeper(mfusepy.FUSE):  # type: ignore[misc]
    """The binding drops the flags of a rename and the file of a truncation, which ours must not."""

    def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
        self.operations.rename_with(os.fsdecode(old), os.fsdecode(new), flags)
        return 0

    def truncate_fuse_3(self, path: bytes, length: int, fip: Any) -> int:
        return self.operations.truncate(os.fsdecode(path), length, fip.contents.fh if fip else None)  # type: ignore[no-any-return]


class Faulty(mfusepy.Operations):  # type: ignore[misc]
    """The folder behind, with faults."""

    use_ns = True

    def __init__(self, behind: str, orders: str) -> None:
        self._behind, self._file = behind, orders
        self._told: tuple[int, int] = (0, 0)
        self._orders: dict[str, Any] = {}
        self._failed = 0
        self._lock = threading.Lock()
        self._callers: set[int] = set()
        self._write_only: set[int] = set()

    # --- orders ---

    def _read(self) -> dict[str, Any]:
        status = os.stat(self._file)
        with self._lock:
            if (status.st_mtime_ns, status.st_ino) != self._told:
                self._told = (status.st_mtime_ns, status.st_ino)
                self._orders = json.loads(Path(self._file).read_text(encoding="utf-8"))
                self._failed = 0
            return self._orders

    def _to(self, operation: str, path: str) -> str:
        """Where a path lies behind; raises, or waits, as ordered."""
        self._note_caller()
        now = self._read()
        while {operation, "all"}.intersection(now["hang"]):
            Path(f"{self._file}.hung").touch()
            clock.sleep(LOOK_SECONDS)
            now = self._read()
        wanted = now["errors"].get(operation) or now["errors"].get("all")
        if wanted and path.lstrip("/").startswith(now["only"]):
            with self._lock:
                self._failed += 1
                due = not now["times"] or self._failed <= now["times"]
            if due:
                raise OSError(getattr(errno, wanted), wanted)
        return self._behind + path

    def _note_caller(self) -> None:
        """Write down which process called: the kernel names the thread."""
        thread = mfusepy.fuse_get_context()[2]
        if thread not in self._callers:
            self._callers.add(thread)
            try:
                lines = Path(f"/proc/{thread}/status").read_text(encoding="ascii").splitlines()
            except OSError:
                return
            process = next(line.split()[1] for line in lines if line.startswith("Tgid:"))
            with self._lock, open(f"{self._file}.callers", "a", encoding="ascii") as file:
                file.write(f"{process}\n")

    def _can(self, ability: str) -> bool:
        return ability in self._read()["abilities"]

    # --- files ---

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        status = os.fstat(fh) if fh else os.lstat(self._to("getattr", path))
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino", "st_blocks")
        times = {f"st_{what}time": _time_ns(status, what) for what in "amc"}
        return {name: getattr(status, name) for name in names} | times

    def readdir(self, path: str, fh: int) -> Iterator[tuple[str, dict[str, int], int]]:
        yield from ((name, {"st_ino": 1}, 0) for name in (".", ".."))
        with os.scandir(self._to("readdir", path)) as entries:
            yield from ((each.name, {"st_ino": each.inode(), "st_mode": _kind(each)}, 0) for each in entries)

    def open(self, path: str, flags: int) -> int:
        return self._noted(os.open(self._to("open", path), flags & ~os.O_CREAT), flags)

    def create(self, path: str, mode: int, fi: int | None = None) -> int:
        flags = (fi or 0) & ~os.O_ACCMODE | os.O_CREAT | os.O_RDWR
        return self._noted(os.open(self._to("create", path), flags, mode), fi or 0)

    def _noted(self, file: int, flags: int) -> int:
        if flags & os.O_ACCMODE == os.O_WRONLY:
            self._write_only.add(file)
        return file

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._to("read", path)
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._to("write", path)
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        if fh in self._write_only:
            raise OSError(errno.EIO, "truncate")
        os.truncate(self._to("truncate", path), length)
        return 0

    def release(self, path: str, fh: int) -> int:
        self._write_only.discard(fh)
        os.close(fh)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._to("fsync", path)
        if not self._can("fsync"):
            raise OSError(errno.EINVAL, "fsync")
        os.fsync(fh)
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        return self.fsync(path, datasync, -1) if not self._can("fsync") else 0

    def unlink(self, path: str) -> int:
        os.unlink(self._to("unlink", path))
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._to("mkdir", path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._to("rmdir", path))
        return 0

    def rename(self, old: str, new: str) -> int:
        return self.rename_with(old, new, 0)

    def rename_with(self, old: str, new: str, flags: int) -> int:
        if flags and not (flags == 1 and self._can("noreplace")):
            raise OSError(errno.EINVAL, "rename")
        source = self._to("rename", old)
        if flags and os.path.lexists(self._behind + new):
            raise OSError(errno.EEXIST, "rename")
        os.rename(source, self._behind + new)
        return 0

    def link(self, target: str, source: str) -> int:
        if not self._can("link"):
            raise OSError(errno.EPERM, "link")
        os.link(self._behind + source, self._to("link", target))
        return 0

    def symlink(self, target: str, source: str) -> int:
        os.symlink(source, self._to("symlink", target))
        return 0

    def readlink(self, path: str) -> str:
        return os.readlink(self._to("readlink", path))

    def chmod(self, path: str, mode: int) -> int:
        if not self._can("chmod"):
            raise OSError(errno.EPERM, "chmod")
        os.chmod(self._to("chmod", path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        if not self._can("chmod"):
            raise OSError(errno.EPERM, "chown")
        os.chown(self._to("chown", path), uid, gid, follow_symlinks=False)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        place = self._to("utimens", path)
        if times is None:
            os.utime(place)
        else:
            os.utime(place, ns=times)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        status = os.statvfs(self._to("statfs", path))
        names = (
            "f_bavail",
            "f_bfree",
            "f_blocks",
            "f_bsize",
            "f_frsize",
            "f_files",
            "f_ffree",
            "f_namemax",
        )
        return {name: getattr(status, name) for name in names}


def serve(behind: str, point: str, orders: str) -> None:
    """Mount, and answer until unmounted."""
    Keeper(
        Faulty(behind, orders),
        point,
        foreground=True,
        fsname="faulty",
        subtype="faulty",
        allow_other=True,
        default_permissions=True,
        attr_timeout=0,
        entry_timeout=0,
        hard_remove=True,
        use_ino=True,
    )


def _kind(entry: os.DirEntry[str]) -> int:
    return stat.S_IFDIR if entry.is_dir(follow_symlinks=False) else stat.S_IFREG


def _time_ns(status: os.stat_result, what: str) -> int:
    """A time in nanoseconds, as the binding wants it."""
    return int(getattr(status, f"st_{what}time_ns"))


if __name__ == "__main__":
    serve(*sys.argv[1:4])
