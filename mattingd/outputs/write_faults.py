"""Decide what a failure to write means: this path cannot be written, or nothing can be.

Knows error numbers and one trial write. Must not know jobs, or when anything is retried.
"""

import errno
import os
from contextlib import suppress

from mattingd.domain.reasons import Reason
from mattingd.system.filesystem import Disk

OF_A_NAME = frozenset(
    {
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.ENOTEMPTY,
        errno.ENAMETOOLONG,
        errno.EILSEQ,
        errno.EINVAL,
        errno.ELOOP,
    }
)
"""Errors that say something about a name and nothing about the disk."""
TRIAL_BYTES = 1 << 20
"""Size of the trial write: a disk with less free space than this counts as full."""

_ADVICE = {
    errno.ENOTDIR: "file_in_the_way",
    errno.EISDIR: "folder_in_the_way",
    errno.ENAMETOOLONG: "name_too_long",
    errno.EILSEQ: "name_not_taken",
    errno.EINVAL: "name_not_taken",
    errno.EACCES: "no_right_there",
    errno.EPERM: "no_right_there",
}


def only_this_place(error: OSError | UnicodeError, disk: Disk, root: str, trial: str) -> bool:
    """Whether a failure concerns one path only: its name is faulty, or a trial write elsewhere succeeds.

    Args:
        error: the error of writing to that path.
        disk: file operations.
        root: the output folder.
        trial: the name of a temp file in it; it is removed again.
    """
    if isinstance(error, UnicodeError) or error.errno in OF_A_NAME:
        return True
    return _can_write(disk, root, f"{root}/{trial}")


def _can_write(disk: Disk, root: str, trial: str) -> bool:
    data = os.urandom(1) * TRIAL_BYTES
    try:
        disk.make_directories(root)
        disk.write(trial, data)
        return disk.read_back(trial) == data
    except OSError:
        return False
    finally:
        with suppress(OSError):
            disk.remove(trial)


def refused_place(error: OSError | UnicodeError, place: str) -> Reason:
    """Return a message about a path that cannot be written: what happened, where, and what to do."""
    if isinstance(error, UnicodeError):
        return Reason.of("place_refused_for", detail="name_unwritable", place=place, error="")
    said, advice = error.strerror or str(error), _ADVICE.get(error.errno or 0)
    if advice is None:
        return Reason.of("place_refused", place=place, error=said)
    return Reason.of("place_refused_for", detail=advice, place=place, error=said)
