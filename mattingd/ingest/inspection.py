"""Inspect a file in a hot folder, and the strokes beside it, without decoding anything.

Knows paths, stamps and the ends of files. Must not know earlier reports, or what follows from an inspection.
"""

import os
import stat
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mattingd.domain.events import FileObservation
from mattingd.domain.jobs import Stamp
from mattingd.domain.reasons import Reason
from mattingd.domain.text import readable
from mattingd.imaging.formats.sniff import HEAD, sniff
from mattingd.imaging.formats.structure.arrival import Unfinished, unfinished
from mattingd.system.filesystem import Disk, NotAFileError, kind_of, stamp_of
from mattingd.system.mounts import STEADY, file_system, mount_table, real_path
from mattingd.touchup.files import NO_PICTURE, belongs, identity, is_strokes, names_beside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


EMPTY = Unfinished(Reason.of("empty_so_far"), decoder_knows=True)
"""The Finder makes an empty file, closes it, and sends the content later."""
GAP = Reason.of("part_zeros")
DENSE = frozenset({"avif", "gif", "heic", "jp2", "jpeg", "jxl", "png", "webp"})
"""Compressed formats: a part of such a picture that was never written is missing, and not just black."""


def is_folder(status: os.stat_result) -> bool:
    """Whether something is a folder itself, and no link to one."""
    return stat.S_ISDIR(status.st_mode)


class FileInspector:
    """Inspects the files of one hot folder."""

    def __init__(self, root: bytes, disk: Disk) -> None:
        self._root = root
        self._disk = disk
        self.steady: int | None = None
        """The device on which inodes, and the times of their change, tell a changed file; None: on none."""

    def full(self, path: bytes) -> FileObservation | None:
        """Open, fstat, check the end markers and other writers, close: a picture and its strokes.

        None when nothing is there. What is wrong with a file that cannot be opened is found out when it is
        read.
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
        look = replace(look, companion=self._companion(path))
        for strokes, _ in self._strokes(path):
            with suppress(NotAFileError, OSError):
                look = _both(look, self._opened(strokes), strokes)
        return self.with_strokes(path, look)

    def _of_strokes(self, path: bytes) -> FileObservation | None:
        """Inspect strokes: they are listed when they are alone.

        Otherwise they count as part of their picture.
        """
        directory, name = os.path.split(path)
        with suppress(OSError):
            if any(belongs(name, each) for each in os.listdir(os.path.join(self._root, directory))):
                return None
        look = self._closed(path)
        return look and replace(look, odd=look.odd or NO_PICTURE)

    def shallow(self, path: bytes, status: os.stat_result) -> FileObservation:
        """Inspect without opening anything."""
        return self.with_strokes(path, self._shallow(status))

    def listed(self, path: bytes, entry: "os.DirEntry[bytes]", *, strokes: bool) -> FileObservation | None:
        """Inspect a directory entry; `strokes`: whether the directory has any. None when it is gone."""
        look = _of_entry(entry)
        look = look and replace(look, stamp=self._meant(look.stamp))
        return self.with_strokes(path, look) if look and strokes else look

    def with_strokes(self, path: bytes, look: FileObservation) -> FileObservation:
        """Add the strokes that are beside the picture at present."""
        strokes = 0 if is_strokes(path) else identity(self._strokes(path))
        return replace(look, stamp=replace(look.stamp, strokes=strokes)) if strokes else look

    def _companion(self, path: bytes) -> int:
        """Return the state of `._shoe.jpg`, which the Finder writes while it copies `shoe.jpg` to a share."""
        directory, name = os.path.split(path)
        try:
            status = os.lstat(os.path.join(self._root, directory, b"._" + name))
        except OSError:
            return 0
        return (status.st_size * 1_000_003 ^ status.st_mtime_ns) & ((1 << 62) - 1) | 1

    def _opened(self, path: bytes) -> FileObservation:
        with self._disk.source(self._root, path) as file:
            stamp = self._meant(self._disk.stamp(file))
            part = partial(self._disk.part, file)
            doubt = unfinished(stamp.size, part) if stamp.size else EMPTY
            if doubt is None and self._disk.has_gap(file, stamp.size):
                doubt = Unfinished(GAP, decoder_knows=sniff(part(0, HEAD)) not in DENSE)
            return FileObservation(
                stamp,
                full=True,
                writer=self._disk.has_writer(file),
                unfinished=None if doubt is None else doubt.why,
                decoder_knows=doubt is not None and doubt.decoder_knows,
            )

    def _closed(self, path: bytes) -> FileObservation | None:
        try:
            look = self._shallow(os.lstat(os.path.join(self._root, path)))
        except OSError:
            return None
        return replace(look, full=True)

    def _shallow(self, status: os.stat_result) -> FileObservation:
        look = _shallow(status)
        return replace(look, stamp=self._meant(look.stamp))

    def _meant(self, stamp: Stamp) -> Stamp:
        """Return a stamp without the fields that mean nothing on this file system."""
        return stamp if stamp.device == self.steady else replace(stamp, mark=0)

    def _strokes(self, path: bytes) -> list[tuple[bytes, Stamp]]:
        """Return the strokes beside a picture: at most one file to keep and one to drop."""
        found = []
        for names in names_beside(path):
            for name in names:
                with suppress(OSError):
                    found.append((name, stamp_of(os.lstat(os.path.join(self._root, name)))))
                    break
        return found


def is_steady(root: bytes) -> bool:
    """Whether a folder is on a disk where inodes and their change times are meaningful."""
    mounts = mount_table()
    return file_system(real_path(Path(os.fsdecode(root)), mounts), mounts) in STEADY


def without_picture(
    entries: "Iterable[os.DirEntry[bytes]]",
) -> "Iterator[tuple[os.DirEntry[bytes], FileObservation]]":
    """Return the strokes of a directory that belong to no picture in it."""
    names = {entry.name: entry for entry in entries}
    pictures = (name for name in names if not is_strokes(name))
    meant = {name for picture in pictures for beside in names_beside(picture) for name in beside}
    for name, entry in names.items():
        lost = is_strokes(name) and name not in meant and not entry.is_dir(follow_symlinks=False)
        if lost and (look := _of_entry(entry)):
            yield entry, replace(look, odd=look.odd or NO_PICTURE)


def _both(look: FileObservation, beside: FileObservation, strokes: bytes) -> FileObservation:
    """Combine two reasons: either of them delays both files."""
    why = beside.unfinished and beside.unfinished.about(readable(os.path.basename(strokes)))
    return replace(look, writer=look.writer or beside.writer, unfinished=look.unfinished or why)


def _shallow(status: os.stat_result) -> FileObservation:
    kind = kind_of(status.st_mode)
    return FileObservation(stamp_of(status), odd=kind)


def _of_entry(entry: "os.DirEntry[bytes]") -> FileObservation | None:
    try:
        return _shallow(entry.stat(follow_symlinks=False))
    except OSError:
        return None
