"""The file operations the promises rest on, one small method each.

Handed to whoever touches files, so that a test can stand between any two of them. Never follows a symbolic
link inside a hot folder, never replaces a file, and makes a name durable before it says so.
"""

import ctypes
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


def identity_of(status: os.stat_result) -> tuple[int, ...]:
    """Tells a file, and its content, from any that comes in its place."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def output_root_marker(instance: str) -> str:
    """The name of the hidden file that tells our output folder from a mount point with nothing mounted."""
    return f"{TEMP_PREFIX}{instance}-home"


def wrong_output_root(what: str, root: str, mark: str) -> str:
    """What to say, and to do, where that file is missing."""
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
        pieces, done = list[bytes](), 0
        while done < size and (piece := os.pread(descriptor, size - done, done)):
            pieces.append(piece)
            done += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def part(self, descriptor: int, start: int, length: int) -> bytes:
        """So many bytes of an open file from ``start`` on; fewer where it ends."""
        return os.pread(descriptor, length, start) if start < 1 << 62 else b""

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
        return self.move(temp, final)

    def move(
        self, old: str, new: str, *, old_folder: int | None = None, new_folder: int | None = None
    ) -> bool:
        """Rename without replacing anything; False when the new name is taken.

        Args:
            old: the name there is.
            new: the name it gets.
            old_folder: an open folder that `old` goes from.
            new_folder: the same for `new`.
        """
        folders = [_AT_FDCWD if folder is None else folder for folder in (old_folder, new_folder)]
        code = _libc.renameat2(
            folders[0], os.fsencode(old), folders[1], os.fsencode(new), ctypes.c_uint(_RENAME_NOREPLACE)
        )
        if code == 0:
            return True
        number = ctypes.get_errno()
        if number == errno.EEXIST:
            return False
        if number in _NO_RENAME_FLAGS:
            return self._move_by_claim(old, new, old_folder, new_folder)
        raise OSError(number, os.strerror(number), new)

    def _move_by_claim(self, old: str, new: str, old_folder: int | None, new_folder: int | None) -> bool:
        """Where renames cannot refuse to replace: claim the name, check, rename over the claim."""
        try:
            claim = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, dir_fd=new_folder)
        except FileExistsError:
            return False
        with suppress(OSError):
            os.fsync(claim)
        ours = os.fstat(claim)
        os.close(claim)
        if not self._holds(new, new_folder, ours):
            return False
        try:
            os.rename(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder)
        except OSError:
            with suppress(OSError):
                if self._holds(new, new_folder, ours):
                    os.unlink(new, dir_fd=new_folder)
            raise
        return True

    @staticmethod
    def _holds(name: str, folder: int | None, claim: os.stat_result) -> bool:
        """Whether a name is still our empty claim to it."""
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return not there.st_size and (there.st_dev, there.st_ino) == (claim.st_dev, claim.st_ino)

    def replace(self, temp: str, final: str) -> None:
        """Give a temp file its final name over an older one. Only for our own notes."""
        os.replace(temp, final)

    def sync_directory(self, path: str) -> None:
        """Make the names in a directory durable, where the file system has that."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: str) -> None:
        """Remove one of our own files; it is no error when it is gone already."""
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
            make: make what is missing, and make that durable.
            one_disk: whether everything must lie on the disk that `within` lies on.

        Raises:
            NotADirectoryError: something on the way is a link or no folder.
            OSError: EXDEV when something on the way lies on another disk; or whatever the system says.
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
        """What lies under a name in an open folder; a link is not followed."""
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def digest_in(self, folder: int, name: str) -> tuple[os.stat_result, bytes]:
        """Status and SHA-256 of a regular file in an open folder: both of the same open file."""
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
            os.fsync(copy.fileno())

    def remove_in(self, folder: int, name: str) -> None:
        """Remove one of our own files."""
        os.unlink(name, dir_fd=folder)

    def remove_folder_in(self, folder: int, name: str) -> bool:
        """Remove a folder that holds nothing; False when it holds something, is no folder or is gone."""
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
        """Make the names in an open folder durable, where the file system has that."""
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in _NO_DIRECTORY_SYNC:
                raise

    def free_bytes(self, path: str) -> int:
        """Free space, for others than root, on the disk that holds a path or would hold it."""
        while not os.path.lexists(path):
            path = os.path.dirname(path)
        status = os.statvfs(path)
        return status.f_bavail * status.f_frsize

    def remove_directory_if_empty(self, path: str) -> bool:
        """Remove a directory that holds nothing; False when it holds something or is gone."""
        try:
            os.rmdir(path)
        except OSError:
            return False
        return True


def put(target: Path, content: bytes) -> None:
    """A whole file of the daemon's own or none, durable, its user's whoever puts it there.

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


def refuses_to_replace(old: str, taken: str) -> bool:
    """Whether the file system refuses by itself to rename over a name; where not, names are claimed first."""
    code = _libc.renameat2(
        _AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(taken), ctypes.c_uint(_RENAME_NOREPLACE)
    )
    return bool(code) and ctypes.get_errno() == errno.EEXIST
