"""Folders that lead back to a folder above them: a walk through a tree must come to its end.

On local disks a folder is known by its inode. A server may show a link as a folder, and a share may give each
path an inode of its own; then what is in the folder tells.
"""

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_ALIKE = 8
"""Folders without files, one in the other, that may hold folders of just the same names."""


class Content(NamedTuple):
    """What tells one folder from another."""

    names: frozenset[tuple[bytes, int, int]]
    """(name, size, mtime_ns) of each file; of a folder (name, -1, 0)."""
    files: bool
    """Whether there is a file."""


class Circles:
    """The folders that one walk has entered."""

    def __init__(self, root: bytes, *, by_content: bool) -> None:
        """Nothing is entered yet; `by_content`: inodes do not tell folders apart."""
        self._root = root
        self._by_content = by_content
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
        if not self._by_content:
            return False
        content = self._contents[directory] = content_of(entries)
        parts = directory.split(b"/") if directory else []
        above = [b"/".join(parts[:depth]) for depth in range(len(parts))]
        alike = [depth for depth, each in enumerate(above) if self._contents.get(each) == content]
        if not content.files:
            return len(alike) >= MOST_ALIKE
        return any(self._goes_on(directory, above[depth], parts[depth]) for depth in alike)

    def _goes_on(self, directory: bytes, above: bytes, step: bytes) -> bool:
        """Whether the next step shows the same again: a copy of a folder in itself comes to an end there."""
        try:
            with os.scandir(os.path.join(self._root, directory, step)) as entries:
                return content_of(entries) == self._contents.get(os.path.join(above, step))
        except OSError:
            return False


def content_of(entries: "Iterable[os.DirEntry[bytes]]") -> Content:
    """Return what is in a folder; what is gone at this moment is left out."""
    names, files = set(), False
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            names.add((entry.name, -1, 0))
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        files = True
        names.add((entry.name, status.st_size, status.st_mtime_ns))
    return Content(frozenset(names), files)
