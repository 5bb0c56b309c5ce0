"""Write `_STATUS.txt` into a hot folder, or remove it; as a separate program for folders on shares.

`python -m mattingd.reports.status_put ROOT`: the text on stdin; without any, the file is removed.
"""

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from mattingd.system.filesystem import TEMP_PREFIX

NAME = "_STATUS.txt"
OURS = b"mattingd"
"""A file of ours begins so."""


class NotOursError(Exception):
    """A foreign file of this name exists: it is not changed."""


def put(root: Path, text: str) -> None:
    """Write the file atomically, or remove it when there is no text.

    Raises:
        NotOursError: another file has its name.
        OSError: the folder cannot be written.
    """
    target = root / NAME
    if not _is_ours_or_free(target):
        raise NotOursError(f"{target} was not written by mattingd, so it is left alone")
    if not text:
        target.unlink(missing_ok=True)
        return
    temp = root / f"{TEMP_PREFIX}status"
    try:
        temp.unlink(missing_ok=True)
        new = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        with os.fdopen(new, "w", encoding="utf-8") as file:
            file.write(text)
        temp.replace(target)
    except OSError:
        with suppress(OSError):
            temp.unlink(missing_ok=True)
        raise


def _is_ours_or_free(path: Path) -> bool:
    """Whether it is missing or ours. Special files are neither followed nor waited for."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.read(len(OURS)) == OURS
    except FileNotFoundError:
        return True


if __name__ == "__main__":
    try:
        put(Path(sys.argv[1]), sys.stdin.buffer.read().decode())
    except OSError as error:
        sys.exit(error.strerror or type(error).__name__)
    except NotOursError as error:
        sys.exit(str(error))
