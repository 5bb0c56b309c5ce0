"""Owner and mode of our own files, on file systems that have them and on those that have not."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from mattingd.domain.artifacts import NO_PERMISSIONS, Permissions

_NO_OWNERS = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
"""What chmod(2) and chown(2) say on shares without owners and modes, and where this user may not do that."""


def give(path: str, permissions: Permissions, *, folder: bool = False) -> None:
    """Set owner and mode of a file or folder of ours; a file system that refuses that is tolerated.

    A folder that hands down its group (setgid) keeps doing so. A link that another user put in its place is
    not followed: this may run as root.

    Raises:
        OSError: it cannot be accessed, or is a link.
    """
    if permissions == NO_PERMISSIONS:
        return
    uid, gid = (-1 if each is None else each for each in (permissions.uid, permissions.gid))
    mode = permissions.folder_mode if folder else permissions.file_mode
    kind = os.O_DIRECTORY if folder else os.O_NONBLOCK
    with _tolerated():
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind)
        try:
            if (uid, gid) != (-1, -1):
                with _tolerated():
                    os.fchown(descriptor, uid, gid)
            if mode is not None:
                os.fchmod(descriptor, mode | _setgid(os.fstat(descriptor).st_mode))
        finally:
            os.close(descriptor)


def _setgid(mode: int) -> int:
    return mode & stat.S_ISGID if stat.S_ISDIR(mode) else 0


@contextmanager
def _tolerated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_OWNERS:
            raise
