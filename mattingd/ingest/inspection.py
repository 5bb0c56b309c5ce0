"""What can be seen of a file in a hot folder, and of the strokes beside it, without decoding anything.

Knows paths, stamps and the ends of files. Must not know what was told before, or what follows from a look.
"""

import os
import stat
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mattingd.domain.events import FileObservation
from mattingd.domain.jobs import Stamp
from mattingd.domain.text import readable
from mattingd.imaging.formats.structure.arrival import unfinished
from mattingd.system.filesystem import Disk, NotAFileError, kind_of, stamp_of
from mattingd.touchup.files import NO_PICTURE, belongs, identity, is_strokes, names_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def is_folder(status: os.stat_result) -> bool:
    """Whether something is a folder itself, and no link to one."""
    return stat.S_ISDIR(status.st_mode)


class FileInspector:
    """The looks at one hot folder."""

    def __init__(self, root: bytes, disk: Disk) -> None:
        self._root = root
        self._disk = disk

    def full(self, path: bytes) -> FileObservation | None:
        """Open, fstat, check the ends and for writers, close: a picture and its strokes.

        None when nothing is there. Of what cannot be opened, whoever reads it will find out the rest.
        """
        if is_strokes(path):
            return self._of_strokes(path)
        try:
            look = self._opened(path)
        except (NotAFileError, OSError):
            closed = self._closed(path)
            if closed is None:
                return None
            look = closed
        for strokes, _ in self._strokes(path):
            with suppress(NotAFileError, OSError):
                look = _both(look, self._opened(strokes), strokes)
        return self.with_strokes(path, look)

    def _of_strokes(self, path: bytes) -> FileObservation | None:
        """They are listed where they lie alone; else they are part of the picture, and nothing themselves."""
        directory, name = os.path.split(path)
        with suppress(OSError):
            if any(belongs(name, each) for each in os.listdir(os.path.join(self._root, directory))):
                return None
        look = self._closed(path)
        return look and replace(look, odd=look.odd or NO_PICTURE)

    def shallow(self, path: bytes, status: os.stat_result) -> FileObservation:
        """Without opening anything."""
        return self.with_strokes(path, _shallow(status))

    def listed(self, path: bytes, entry: "os.DirEntry[bytes]", *, strokes: bool) -> FileObservation | None:
        """Of an entry of a directory, in which there are any strokes or not; None when it is gone."""
        look = _of_entry(entry)
        return self.with_strokes(path, look) if look and strokes else look

    def with_strokes(self, path: bytes, look: FileObservation) -> FileObservation:
        """The look, with the strokes that lie beside the picture now."""
        strokes = 0 if is_strokes(path) else identity(self._strokes(path))
        return replace(look, stamp=replace(look.stamp, strokes=strokes)) if strokes else look

    def _opened(self, path: bytes) -> FileObservation:
        with self._disk.source(self._root, path) as file:
            stamp = self._disk.stamp(file)
            doubt = unfinished(stamp.size, partial(self._disk.part, file))
            return FileObservation(
                stamp,
                full=True,
                writer=self._disk.has_writer(file),
                unfinished=None if doubt is None else doubt.why,
                decoder_knows=doubt is not None and doubt.decoder_knows,
            )

    def _closed(self, path: bytes) -> FileObservation | None:
        try:
            look = _shallow(os.lstat(os.path.join(self._root, path)))
        except OSError:
            return None
        return replace(look, full=True)

    def _strokes(self, path: bytes) -> list[tuple[bytes, Stamp]]:
        """What lies beside a picture: of what is kept and of what is dropped, at most one file each."""
        found = []
        for names in names_beside(path):
            for name in names:
                with suppress(OSError):
                    found.append((name, stamp_of(os.lstat(os.path.join(self._root, name)))))
                    break
        return found


def without_picture(
    entries: "Iterable[os.DirEntry[bytes]]",
) -> "Iterator[tuple[os.DirEntry[bytes], FileObservation]]":
    """The strokes of a directory that belong to nothing in it."""
    names = {entry.name: entry for entry in entries}
    pictures = (name for name in names if not is_strokes(name))
    meant = {name for picture in pictures for beside in names_beside(picture) for name in beside}
    for name, entry in names.items():
        lost = is_strokes(name) and name not in meant and not entry.is_dir(follow_symlinks=False)
        if lost and (look := _of_entry(entry)):
            yield entry, replace(look, odd=look.odd or NO_PICTURE)


def _both(look: FileObservation, beside: FileObservation, strokes: bytes) -> FileObservation:
    """What holds back one, holds back both."""
    why = beside.unfinished and f"{readable(os.path.basename(strokes))}: {beside.unfinished}"
    return replace(look, writer=look.writer or beside.writer, unfinished=look.unfinished or why)


def _shallow(status: os.stat_result) -> FileObservation:
    kind = kind_of(status.st_mode)
    return FileObservation(stamp_of(status), odd=None if kind is None else f"it is {kind}")


def _of_entry(entry: "os.DirEntry[bytes]") -> FileObservation | None:
    try:
        return _shallow(entry.stat(follow_symlinks=False))
    except OSError:
        return None
