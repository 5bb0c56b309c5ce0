"""The file operations the promises rest on, one small method each.

Handed to whoever touches files, so that a test can stand between any two of them. Never follows a symbolic
link inside a hot folder, never replaces a file, and makes a name durable before it says so.
"""

import ctypes
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mattingd.values import Stamp

TEMP_PREFIX = ".mattingd-"
"""All our temp names begin so; watchers and scanners ignore them."""

_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
_NO_RENAME_FLAGS = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES})

_libc = ctypes.CDLL(None, use_errno=True)


class NotAFileError(OSError):
    """What lies at the path is no regular file; the message says what it is."""


def kind_of(mode: int) -> str | None:
    """What is not a file to process, in plain words; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    names = (
        (stat.S_ISLNK, "a symbolic link, and links are not followed"),
        (stat.S_ISFIFO, "a named pipe, not a file"),
        (stat.S_ISSOCK, "a socket, not a file"),
        (stat.S_ISBLK, "a device, not a file"),
        (stat.S_ISCHR, "a device, not a file"),
        (stat.S_ISDIR, "a folder, not a file"),
    )
    return next((name for test, name in names if test(mode)), "no regular file")


def stamp_of(status: os.stat_result) -> Stamp:
    """What a look remembers of a file."""
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)


class Disk:
    """The real file system."""

    # --- sources ---

    @contextmanager
    def source(self, root: bytes, path: bytes) -> Iterator[int]:
        """Open a source for reading; yields a descriptor.

        Every component is opened by itself and without following links, so that nothing outside the hot
        folder can be reached whatever is renamed meanwhile. A pipe does not block.

        Raises:
            NotAFileError: it is no regular file.
            OSError: whatever the system says.
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
                raise NotAFileError(errno.EINVAL, f"it is {odd}")
            file = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor
            )
        finally:
            os.close(descriptor)
        try:
            odd = kind_of(os.fstat(file).st_mode)
            if odd:
                raise NotAFileError(errno.EINVAL, f"it is {odd}")
            yield file
        finally:
            os.close(file)

    def stamp(self, descriptor: int) -> Stamp:
        """The stamp of an open file."""
        return stamp_of(os.fstat(descriptor))

    def read_all(self, descriptor: int, size: int) -> bytes:
        """The first `size` bytes of an open file; fewer when it is shorter."""
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size and (got := os.preadv(descriptor, [view[done : done + (1 << 24)]], done)):
            done += got
        return bytes(data) if done == size else bytes(data[:done])

    def edges(self, descriptor: int, size: int, head: int, tail: int) -> tuple[bytes, bytes]:
        """The first `head` and the last `tail` bytes of an open file of this size."""
        return os.pread(descriptor, head, 0), os.pread(descriptor, tail, max(0, size - tail))

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
        """Make a directory and its parents, each durable: a file is no safer than the names on its way."""
        if os.path.isdir(path):
            return
        parent = os.path.dirname(path)
        self.make_directories(parent)
        with suppress(FileExistsError):
            os.mkdir(path)
        self.sync_directory(parent)

    def write(self, path: str, data: bytes) -> None:
        """Write a whole (temp) file and make its content durable; what lay there under our temp name goes."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            view, done = memoryview(data), 0
            while done < len(data):
                done += os.write(descriptor, view[done:])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read_back(self, path: str) -> bytes:
        """The content of an output, as it lies on the disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return self.read_all(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def size(self, path: str) -> int | None:
        """Size of what lies at an output path, of whatever kind; None when nothing does."""
        try:
            return os.lstat(path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def publish(self, temp: str, final: str) -> bool:
        """Give a temp file its final name without replacing anything; False when the name is taken."""
        code = _libc.renameat2(
            _AT_FDCWD, os.fsencode(temp), _AT_FDCWD, os.fsencode(final), ctypes.c_uint(_RENAME_NOREPLACE)
        )
        if code == 0:
            return True
        number = ctypes.get_errno()
        if number == errno.EEXIST:
            return False
        if number in _NO_RENAME_FLAGS:
            return self._publish_by_claim(temp, final)
        raise OSError(number, os.strerror(number), final)

    def _publish_by_claim(self, temp: str, final: str) -> bool:
        """Where renames cannot refuse to replace: claim the name, check, rename over the claim."""
        try:
            claim = os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
        except FileExistsError:
            return False
        with suppress(OSError):
            os.fsync(claim)
        ours = os.fstat(claim)
        os.close(claim)
        there = os.lstat(final)
        if there.st_size or (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            return False
        os.rename(temp, final)
        return True

    def replace(self, temp: str, final: str) -> None:
        """Give a temp file its final name over an older one. Only for our own notes."""
        os.replace(temp, final)

    def sync_directory(self, path: str) -> None:
        """Make the names in a directory durable, where the file system has that."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NO_DIRECTORY_SYNC:
                raise
        finally:
            os.close(descriptor)

    def remove(self, path: str) -> None:
        """Remove one of our own files; it is no error when it is gone already."""
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)

    def remove_directory_if_empty(self, path: str) -> bool:
        """Remove a directory that holds nothing; False when it holds something or is gone."""
        try:
            os.rmdir(path)
        except OSError:
            return False
        return True
