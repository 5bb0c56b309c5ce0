"""What a failure to write means: this one place cannot be written, or nothing can be.

Knows error numbers and one trial write. Must not know jobs, nor when anything is tried again.
"""

import errno
import os
from contextlib import suppress

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
    errno.ENOTDIR: "a file has the name of a folder on its way: rename or move that file",
    errno.EISDIR: "a folder has its name: rename or move that folder",
    errno.ENAMETOOLONG: "the name is too long for that disk: shorten it",
    errno.EILSEQ: "that disk does not take the name: rename the picture",
    errno.EINVAL: "that disk does not take the name: rename the picture",
    errno.EACCES: "give the daemon's user the right to write there",
    errno.EPERM: "give the daemon's user the right to write there",
}


def only_this_place(error: OSError | UnicodeError, disk: Disk, root: str, trial: str) -> bool:
    """Whether a failure concerns one place only: a fault of its name, or a trial write elsewhere succeeds.

    Args:
        error: what writing to that place gave.
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


def told_of_place(error: OSError | UnicodeError, what: str, place: str) -> str:
    """One line on a place that cannot be written: what happened, where, and what to do."""
    if isinstance(error, UnicodeError):
        return (
            f"{what} {place!r} cannot be written: its name cannot be told to the system; rename the picture"
        )
    advice = _ADVICE.get(error.errno or 0)
    reason = f"{what} {place!r} cannot be written: {error.strerror or error}"
    return f"{reason}; {advice}" if advice else reason
