"""Folders that lead back to a folder above them: a walk through a tree must come to its end.

On local disks a folder is known by its inode. A server may show a link as a folder, and a share may give each
path an inode of its own; there a circle is known by having no end.
"""

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDLESS = 8
"""A way that can be gone so often again leads in a circle: copies of a folder in itself end sooner."""
LONGEST_PATH = 1000
"""Bytes: servers refuse longer paths; a long way is gone less often, twice at least."""


class Content(NamedTuple):
    """What tells one folder from another, also while files are dropped there and change."""

    folders: frozenset[bytes]
    files: frozenset[bytes]


class Circles:
    """The folders that one walk has entered."""

    def __init__(self, root: bytes, *, inodes: bool) -> None:
        """Nothing is entered yet; `inodes`: they tell folders apart."""
        self._root = root
        self._inodes = inodes
        self._places: set[tuple[int, int]] = set()
        self._contents: dict[bytes, Content] = {}

    def enter(self, status: os.stat_result) -> bool:
        """Whether this folder, by its inode, was not entered before."""
        place = status.st_dev, status.st_ino
        new = place not in self._places
        self._places.add(place)
        return new

    def lead_back(self, directory: bytes, entries: "Iterable[os.DirEntry[bytes]]") -> bool:
        """Whether a folder with these entries shows a folder above it once more."""
        if self._inodes:
            return False
        content = content_of(entries)
        if not content.folders:
            return False
        self._contents[directory] = content
        parts = directory.split(b"/") if directory else []
        return any(
            parts[depth] in content.folders
            and self._endless(directory, b"/".join(parts[depth:]))
            and self._alike(b"/".join(parts[:depth]), content)
            for depth in range(len(parts))
        )

    def _endless(self, directory: bytes, way: bytes) -> bool:
        """Whether the way that led here can be gone again and again."""
        times = max(2, min(ENDLESS, LONGEST_PATH // len(way)))
        return os.path.isdir(os.path.join(self._root, directory, *[way] * times))

    def _alike(self, above: bytes, content: Content) -> bool:
        """Whether the folder above has a file of the same name, now or when it was entered."""
        return alike(self._contents.get(above), content) or alike(self._now(above), content)

    def _now(self, above: bytes) -> Content | None:
        try:
            with os.scandir(os.path.join(self._root, above)) as entries:
                return content_of(entries)
        except OSError:
            return None


def alike(one: Content | None, other: Content) -> bool:
    """Whether two folders have a file of the same name, or both none."""
    return one is not None and (bool(one.files & other.files) or not (one.files or other.files))


def content_of(entries: "Iterable[os.DirEntry[bytes]]") -> Content:
    """Return the names in a folder."""
    folders: set[bytes] = set()
    files: set[bytes] = set()
    for entry in entries:
        (folders if entry.is_dir(follow_symlinks=False) else files).add(entry.name)
    return Content(frozenset(folders), frozenset(files))
