"""A rename that never replaces anything, on file systems of every kind.

`renameat2` refuses to replace by itself. Where it cannot (NFS, some shares), a hard link does: two names for
a moment, never an empty one. Where there are no links either, the new name is claimed by an empty file, and a
hidden marker beside it says whose claim that is: what a kill leaves between the steps is taken up again.
"""

import ctypes
import errno
import hashlib
import os
from contextlib import suppress

CLAIM_PREFIX = ".mattingd-claim-"
"""Markers begin so; scanners ignore them."""
_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
_NO_FLAGS = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
_NO_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EIO, errno.EMLINK, errno.EACCES}
)
"""What link(2) says where there are no hard links; a real fault comes again from the rename."""

_libc = ctypes.CDLL(None, use_errno=True)


def rename(old: str, new: str, old_folder: int | None = None, new_folder: int | None = None) -> bool:
    """Rename a file without replacing anything; False when the name is taken.

    Args:
        old: the present name.
        new: the other name.
        old_folder: an open folder that `old` is relative to.
        new_folder: the same for `new`.

    Raises:
        OSError: any error of the system.
    """
    number = _renamed(old, new, old_folder, new_folder)
    if number == errno.EEXIST and _is_ours(
        old, new, new_folder
    ):  # said by the kernel, without asking the share
        return _by_claim(old, new, old_folder, new_folder)
    if number in _NO_FLAGS:
        return _by_link(old, new, old_folder, new_folder)
    if number not in {0, errno.EEXIST}:
        raise OSError(number, os.strerror(number), new)
    return number == 0


def refuses_to_replace(old: str, free: str) -> bool:
    """Whether the file system itself can refuse to replace a name; otherwise a link or a claim is used.

    The file gets the free name if so. A name that is taken would not tell: the kernel knows that by itself.
    """
    return _renamed(old, free, None, None) == 0


def is_claimed(path: str, temp: str) -> bool:
    """Whether an empty file of this name is a claim for this temp file that was left by a kill.

    Raises:
        OSError: the file system does not say at the moment.
    """
    return _is_ours(temp, path, None)


def give_up_claim(path: str, temp: str) -> None:
    """Remove the remains of a claim to this name for this temp file.

    Raises:
        OSError: it cannot be removed.
    """
    if is_claimed(path, temp):
        os.unlink(path)
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(_marker(temp, path))


def _renamed(old: str, new: str, old_folder: int | None, new_folder: int | None) -> int:
    """Return 0, or the error number."""
    folders = [_AT_FDCWD if folder is None else folder for folder in (old_folder, new_folder)]
    code = _libc.renameat2(
        folders[0], os.fsencode(old), folders[1], os.fsencode(new), ctypes.c_uint(_RENAME_NOREPLACE)
    )
    return ctypes.get_errno() if code else 0


def _by_link(old: str, new: str, old_folder: int | None, new_folder: int | None) -> bool:
    try:
        os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, follow_symlinks=False)
    except FileExistsError:
        if not _same(old, new, old_folder, new_folder):  # a server may say so of a link that it has just made
            return _is_ours(old, new, new_folder) and _by_claim(old, new, old_folder, new_folder)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _by_claim(old, new, old_folder, new_folder)
    os.unlink(old, dir_fd=old_folder)
    return True


def _same(old: str, new: str, old_folder: int | None, new_folder: int | None) -> bool:
    one = os.stat(old, dir_fd=old_folder, follow_symlinks=False)
    other = os.stat(new, dir_fd=new_folder, follow_symlinks=False)
    return (one.st_dev, one.st_ino, one.st_size) == (other.st_dev, other.st_ino, other.st_size)


def _by_claim(old: str, new: str, old_folder: int | None, new_folder: int | None) -> bool:
    marker = _marker(old, new)
    if not _is_ours(old, new, new_folder):
        _make(marker, new_folder, exclusive=False)
        try:
            _make(new, new_folder, exclusive=True)
        except FileExistsError:
            os.unlink(marker, dir_fd=new_folder)
            return False
    try:
        ours = not os.stat(new, dir_fd=new_folder, follow_symlinks=False).st_size
        if ours:  # no other program wrote into it
            os.rename(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder)
    except OSError:
        with suppress(OSError):  # the marker goes last: without it an empty file would be no one's
            if not os.stat(new, dir_fd=new_folder, follow_symlinks=False).st_size:
                os.unlink(new, dir_fd=new_folder)
            os.unlink(marker, dir_fd=new_folder)
        raise
    with suppress(OSError):
        os.unlink(marker, dir_fd=new_folder)
    return ours


def _is_ours(old: str, new: str, folder: int | None) -> bool:
    """Whether the name is an empty file with our marker beside it."""
    try:
        os.stat(_marker(old, new), dir_fd=folder, follow_symlinks=False)
        return not os.stat(new, dir_fd=folder, follow_symlinks=False).st_size
    except (FileNotFoundError, NotADirectoryError):
        return False


def _make(name: str, folder: int | None, *, exclusive: bool) -> None:
    """Make an empty file, as durably as the file system allows."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_EXCL if exclusive else 0)
    descriptor = os.open(name, flags, 0o666, dir_fd=folder)
    with suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)


def _marker(old: str, new: str) -> str:
    """Return the path of the marker: hidden, short whatever the length of the name, and of this file alone.

    Another process that claims the same name for a file of its own has another marker.
    """
    folder, name = os.path.split(new)
    both = b"%s/%s" % (os.fsencode(name), os.fsencode(os.path.basename(old)))
    return os.path.join(folder, CLAIM_PREFIX + hashlib.sha256(both).hexdigest()[:16])
