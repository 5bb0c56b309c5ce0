"""The file operations the promises rest on, one small method each.

Handed to whoever touches files, so that a test can stand between any two of them. Never follows a symbolic
link inside a hot folder, never replaces a file, and makes a name durable before it says so.
"""

import errno
import fcntl
import hashlib
import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mattingd.domain.jobs import Stamp
from mattingd.domain.reasons import Reason
from mattingd.system import no_replace

TEMP_PREFIX = ".mattingd-"
"""All our temp names begin so; watchers and scanners ignore them."""

UNKNOWN_SPACE = 1 << 62
"""Free bytes of a file system that says it has no size at all."""
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES})


class NotAFileError(OSError):
    """The path is not a regular file; `reason` says what it is."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(errno.EINVAL, str(reason))
        self.reason = reason


def kind_of(mode: int) -> Reason | None:
    """Return what a non-regular file is; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    names = (
        (stat.S_ISLNK, "link"),
        (stat.S_ISFIFO, "pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISBLK, "device"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISDIR, "folder"),
    )
    return Reason.of(next((name for test, name in names if test(mode)), "no_regular_file"))


def stamp_of(status: os.stat_result) -> Stamp:
    """Return a file's stamp. No program can set the time of an inode's change."""
    change = hashlib.blake2b(b"%d %d" % (status.st_ino, status.st_ctime_ns), digest_size=8).digest()
    mark = int.from_bytes(change) >> 1 | 1  # positive, for SQLite
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev, mark=mark)


def identity_of(status: os.stat_result) -> tuple[int, ...]:
    """Return what distinguishes a file, and its content, from any that replaces it."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def output_root_marker(instance: str) -> str:
    """Return the name of the hidden marker that distinguishes our output folder from an empty mount point."""
    return f"{TEMP_PREFIX}{instance}-home"


def wrong_output_root(what: str, root: str, mark: str) -> str:
    """Return the message and advice where that file is missing."""
    return (
        f"{what} {root} is not the one that was worked with: is its disk or share mounted?"
        f" If it is the right one, say so with: touch {shlex.quote(os.path.join(root, mark))}"
    )


class Disk:
    """The real file system."""

    # --- sources ---

    @contextmanager
    def source(self, root: bytes, path: bytes) -> Iterator[int]:
        """Open a source for reading; yields a descriptor.

        Every component is opened separately and without following links, so that nothing outside the hot
        folder can be reached, whatever is renamed meanwhile. A pipe does not block.

        Raises:
            NotAFileError: it is not a regular file.
            OSError: any error of the system.
        """
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            *directories, name = path.split(b"/")
            for directory in directories:
                inner = os.open(
                    directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor
                )
                os.close(descriptor)
                descriptor = inner
            odd = kind_of(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
            if odd:
                raise NotAFileError(odd)
            file = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor
            )
        finally:
            os.close(descriptor)
        try:
            odd = kind_of(os.fstat(file).st_mode)
            if odd:
                raise NotAFileError(odd)
            yield file
        finally:
            os.close(file)

    def stamp(self, descriptor: int) -> Stamp:
        """Return the stamp of an open file."""
        return stamp_of(os.fstat(descriptor))

    def read_all(self, descriptor: int, size: int) -> bytes:
        """Read the first `size` bytes of an open file; fewer when it is shorter."""
        pieces, done = list[bytes](), 0
        while done < size and (piece := os.pread(descriptor, size - done, done)):
            pieces.append(piece)
            done += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def part(self, descriptor: int, start: int, length: int) -> bytes:
        """Read a number of bytes of an open file from ``start`` on; fewer where it ends."""
        return os.pread(descriptor, length, start) if start < 1 << 62 else b""

    def has_gap(self, descriptor: int, size: int) -> bool:
        """Whether a part that was never written is followed by data, as far as the file system says so.

        More than a comparison of `st_blocks` with the size: compressed blocks are data, and blocks that were
        reserved and never written are none. A file system without this knowledge (most shares) says no.
        """
        try:
            hole = os.lseek(descriptor, 0, os.SEEK_HOLE)
            return hole < size and os.lseek(descriptor, hole, os.SEEK_DATA) < size
        except OSError:  # ENXIO: nothing but the hole follows
            return False

    def has_writer(self, descriptor: int) -> bool:
        """Whether another program has the file open for writing, as far as the kernel tells us.

        A read lease is refused while anybody (Samba included) writes. Only the owner of a file, or who has
        CAP_LEASE, may ask; to anybody else the answer is no.
        """
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False

    # --- outputs ---

    def make_directories(self, path: str) -> None:
        """Make a directory and its parents, each durable: a file is only as safe as its path."""
        if os.path.isdir(path):
            return
        parent = os.path.dirname(path)
        self.make_directories(parent)
        with suppress(FileExistsError):
            os.mkdir(path)
        self.sync_directory(parent)

    def write(self, path: str, data: bytes) -> None:
        """Write a complete (temp) file and make it durable; an older file of that temp name is replaced."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            view, done = memoryview(data), 0
            while done < len(data):
                done += os.write(descriptor, view[done:])
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def read_back(self, path: str) -> bytes:
        """Return the content of an output from the disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return self.read_all(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def size(self, path: str) -> int | None:
        """Return the size of a file of any kind at an output path; None when nothing is there."""
        try:
            return os.lstat(path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def publish(self, temp: str, final: str) -> bool:
        """Give a temp file its final name without replacing anything; False when the name is taken."""
        return self.move(temp, final)

    def move(
        self, old: str, new: str, *, old_folder: int | None = None, new_folder: int | None = None
    ) -> bool:
        """Rename without replacing anything; False when the new name is taken.

        Args:
            old: the present name.
            new: the other name.
            old_folder: an open folder that `old` is relative to.
            new_folder: the same for `new`.
        """
        return no_replace.rename(old, new, old_folder, new_folder)

    def move_folder(self, old: str, new: str, old_folder: int, new_folder: int) -> bool:
        """Rename a folder without replacing anything but an empty folder; False when the name is taken.

        Any file system refuses to replace a folder with something in it, and a file by a folder.

        Raises:
            NotADirectoryError: `old` is no folder.
            OSError: any other error of the system.
        """
        try:  # by its slash the system refuses a file, which could replace one
            os.rename(f"{old}/", new, src_dir_fd=old_folder, dst_dir_fd=new_folder)
        except NotADirectoryError:
            if not stat.S_ISDIR(self.status_in(old_folder, old).st_mode):
                raise
            return False
        except OSError as error:
            if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
                return False
            raise
        return True

    def is_claimed(self, path: str, temp: str) -> bool:
        """Whether a name is only claimed: the process was killed before this temp file got the name."""
        return no_replace.is_claimed(path, temp)

    def give_up_claim(self, path: str, temp: str) -> None:
        """Remove the remains of a claim to this name for this temp file."""
        no_replace.give_up_claim(path, temp)

    def replace(self, temp: str, final: str) -> None:
        """Give a temp file its final name over an older one. Only for our own notes."""
        os.replace(temp, final)

    def sync_directory(self, path: str) -> None:
        """Make the names in a directory durable, if the file system supports that."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: str) -> None:
        """Remove one of our own files, if it still exists."""
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)

    # --- the output tree, by open folders: no link on the way is followed, no other disk entered ---

    @contextmanager
    def folder(
        self, path: str, within: int | None = None, *, make: bool = False, one_disk: bool = True
    ) -> Iterator[int]:
        """Open a folder; below an open one, component by component. Yields a descriptor.

        Args:
            path: the folder; relative (empty for itself) below `within`.
            within: an open folder.
            make: make missing folders durably.
            one_disk: whether everything must be on the disk of `within`.

        Raises:
            NotADirectoryError: a component is a link or not a folder.
            OSError: EXDEV when a component is on another disk; or any error of the system.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags) if within is None else os.dup(within)
        try:
            for name in path.split("/") if within is not None and path else ():
                if make:
                    self._make_folder(name, descriptor)
                inner = os.open(name, flags, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
                if one_disk and within is not None and os.fstat(inner).st_dev != os.fstat(within).st_dev:
                    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
            yield descriptor
        finally:
            os.close(descriptor)

    def _make_folder(self, name: str, within: int) -> None:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=within)
            self.sync(within)

    def status_in(self, folder: int, name: str) -> os.stat_result:
        """Return the status of a name in an open folder; a link is not followed."""
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def digest_in(self, folder: int, name: str) -> tuple[os.stat_result, bytes]:
        """Return status and SHA-256 of a regular file in an open folder, both from the same open file."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(name, flags, dir_fd=folder), "rb", buffering=0) as file:
            return os.fstat(file.fileno()), hashlib.file_digest(file, "sha256").digest()

    def in_use(self, folder: int, name: str) -> bool:
        """Whether another program has a file open for writing; see `has_writer`."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(name, flags, dir_fd=folder), "rb", buffering=0) as file:
            return self.has_writer(file.fileno())

    def copy(self, folder: int, name: str, target: int, temp: str, mtime_ns: int) -> None:
        """Copy a file to a (temp) name in another open folder, durably and with this time."""
        reading = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            open(os.open(name, reading, dir_fd=folder), "rb", buffering=0) as source,
            open(os.open(temp, writing, 0o666, dir_fd=target), "wb", buffering=0) as copy,
        ):
            shutil.copyfileobj(source, copy, 1 << 20)
            os.utime(copy.fileno(), ns=(mtime_ns, mtime_ns))
            self.sync(copy.fileno())

    def remove_in(self, folder: int, name: str) -> None:
        """Remove one of our own files."""
        os.unlink(name, dir_fd=folder)

    def remove_folder_in(self, folder: int, name: str) -> bool:
        """Remove an empty folder; False when it is not empty, not a folder, or gone."""
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError:
            return False
        return True

    def touch_in(self, folder: int, name: str) -> None:
        """Make an empty file, durably."""
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder))
        self.sync(folder)

    def sync(self, folder: int) -> None:
        """Make an open file, or the names in an open folder, durable, if the file system supports that."""
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise

    def free_bytes(self, path: str) -> int:
        """Free bytes, for others than root, on the disk that holds a path or would hold it.

        `UNKNOWN_SPACE` where the file system does not tell, as some shares do not.
        """
        while not os.path.lexists(path):
            path = os.path.dirname(path)
        status = os.statvfs(path)
        if not status.f_blocks:
            return UNKNOWN_SPACE
        return status.f_bavail * status.f_frsize

    def remove_directory_if_empty(self, path: str) -> bool:
        """Remove an empty directory; False when it is not empty or gone."""
        try:
            os.rmdir(path)
        except OSError:
            return False
        return True


def put(target: Path, content: bytes) -> None:
    """Write one of the daemon's own files atomically and durably, owned by the daemon's user.

    Raises:
        OSError: it cannot be written.
    """
    disk, folder = Disk(), target.parent
    disk.make_directories(str(folder))
    temp = folder / f"{TEMP_PREFIX}{target.name}"
    try:
        disk.write(str(temp), content)
        owner = folder.parent.stat()
        if os.geteuid() == 0:
            for path in (folder, temp):
                os.chown(path, owner.st_uid, owner.st_gid)
        disk.replace(str(temp), str(target))
        disk.sync_directory(str(folder))
    finally:
        disk.remove(str(temp))
