"""The mattes of the last results, small, in the state directory: what strokes are worked into.

A store that may lose anything at any time: what is not there, the model makes anew. A file is whole or not
there. Knows files; what is in them, `imaging.stored` knows.
"""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mattingd.system.filesystem import TEMP_PREFIX, Disk

FOLDER = "mattes"
"""Name of the folder in the state directory."""
ENDING = ".matte"
_DAY = 86_400  # seconds
_GIGABYTE = 1_000_000_000
_NAME = 32  # hexadecimal digits


class Stored(NamedTuple):
    """A stored matte."""

    name: str
    size: int
    used: float
    """Wall-clock seconds of its last use."""


def name_of(root: bytes, path: bytes, fingerprint: bytes) -> str:
    """Return the file name for the matte of a source, from its hot folder, path and fingerprint."""
    return hashlib.sha256(b"\0".join((root, path, fingerprint))).hexdigest()[:_NAME] + ENDING


class MatteStore:
    """Stores mattes and finds them again."""

    def __init__(self, disk: Disk, root: str | None, owner: str) -> None:
        """Open the store; without a `root` nothing is stored. `owner` is part of the temp file's name."""
        self._disk = disk
        self._root = root
        self._owner = owner

    def keep(self, name: str, data: bytes) -> None:
        """Store a matte, replacing an older one.

        Raises:
            OSError: it cannot be written.
        """
        if self._root is not None:
            self._disk.make_directories(self._root)
            temp = os.path.join(self._root, f"{TEMP_PREFIX}{self._owner}-matte.tmp")
            self._disk.write(temp, data)
            self._disk.replace(temp, os.path.join(self._root, name))

    def recall(self, name: str) -> bytes | None:
        """Return a stored matte, whose time is renewed; None when it is missing or unreadable."""
        if self._root is None:
            return None
        place = os.path.join(self._root, name)
        try:
            data = self._disk.read_back(place)
        except OSError:
            return None
        with suppress(OSError):
            os.utime(place)
        return data


def too_many(found: Iterable[Stored], now: float, days: int, gigabytes: float) -> list[Stored]:
    """Return the mattes to remove: those unused for this many days, and the oldest beyond this size."""
    going, taken = [], 0
    for each in sorted(found, key=lambda each: -each.used):
        taken += each.size
        if each.used + days * _DAY < now or taken > gigabytes * _GIGABYTE:
            going.append(each)
    return going


def stored(state_dir: Path) -> list[Stored]:
    """Return everything in the store, including partial files."""
    found = []
    with suppress(OSError), os.scandir(state_dir / FOLDER) as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                found.append(Stored(entry.name, status.st_size, status.st_mtime))
    return found


def tidy(state_dir: Path, now: float, days: int, gigabytes: float, disk: Disk) -> int:
    """Remove what is too old or too much; returns the bytes removed.

    Raises:
        OSError: a file cannot be removed.
    """
    going = too_many(stored(state_dir), now, days, gigabytes)
    for each in going:
        disk.remove(str(state_dir / FOLDER / each.name))
    return sum(each.size for each in going)
