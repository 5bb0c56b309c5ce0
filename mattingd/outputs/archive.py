"""Originals that are not to stay in their hot folder: put into the archive, or deleted, never lost.

Every step may be the last: done again, it finds out how far it came and goes on from there. At any moment the
content lies whole under its own name, under a hidden name beside it, or in the archive. Only the very file
that the cut-outs were made from is touched: same size, time and content, and open for writing by nobody.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count

from mattingd.domain.jobs import Original
from mattingd.system.filesystem import TEMP_PREFIX, Disk, identity_of, kind_of

Identity = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an original lies, or lay."""

    root: bytes
    path: bytes
    job: int


@dataclass(frozen=True, slots=True)
class Found:
    """The very file, under the name it has at present."""

    name: str
    identity: Identity


class OriginalsStore:
    """Puts originals away, one at a time."""

    def __init__(self, disk: Disk, archive: str | None, instance: str) -> None:
        self._disk = disk
        self._archive = archive
        self._instance = instance

    def put_away(self, source: Source, original: Original) -> str:
        """Archive or delete an original; returns where in the archive it lies, or nothing.

        What is not the file that the job was made from any more stays as it is.

        Raises:
            OSError: it cannot be done at present; nothing is lost.
        """
        if original.deed == "archive" and self._archive is None:
            return ""
        hidden = self._hidden(source)
        directory, name = os.path.split(os.fsdecode(source.path))
        with ExitStack() as stack:
            root = stack.enter_context(self._disk.folder(os.fsdecode(source.root)))
            try:
                folder = stack.enter_context(self._disk.folder(directory, root, one_disk=False))
            except (FileNotFoundError, NotADirectoryError):  # it was taken away as a whole
                return self._in_archive(original, hidden)
            for each in (name, hidden):
                if identity := self._find(folder, each, original):
                    return self._take(folder, Found(each, identity), hidden, original)
        return self._in_archive(original, hidden)

    def put_back(self, source: Source) -> None:
        """It is to stay after all: an earlier attempt may have hidden it already.

        Raises:
            OSError: it cannot be done at present.
        """
        directory, name = os.path.split(os.fsdecode(source.path))
        with (
            self._disk.folder(os.fsdecode(source.root)) as root,
            suppress(FileNotFoundError, NotADirectoryError),
            self._disk.folder(directory, root, one_disk=False) as folder,
        ):
            self._disk.move(self._hidden(source), name, old_folder=folder, new_folder=folder)
            self._disk.sync(folder)

    def _hidden(self, source: Source) -> str:
        """Its name between two steps: the same at every attempt."""
        return f"{TEMP_PREFIX}{self._instance}-{source.job}-original"

    def _find(self, folder: int, name: str, original: Original) -> Identity | None:
        """The identity of the very file, if it lies under this name."""
        try:
            odd = kind_of(self._disk.status_in(folder, name).st_mode)
            status, digest = (None, b"") if odd else self._disk.digest_in(folder, name)
        except FileNotFoundError:
            return None
        stamp = original.stamp
        if status is None or (status.st_size, status.st_mtime_ns) != (stamp.size, stamp.mtime_ns):
            return None
        return identity_of(status) if digest == original.sha256 else None

    def _take(self, folder: int, found: Found, hidden: str, original: Original) -> str:
        if self._disk.in_use(folder, found.name):
            raise OSError(errno.EBUSY, "another program has it open for writing")
        where = ""
        if original.deed == "archive":
            where, moved = self._store(folder, found, hidden, original)
            if moved:
                return where
        if found.name != hidden:
            self._move_just_this(folder, found, folder, hidden)
        self._disk.remove_in(folder, hidden)
        self._disk.sync(folder)
        return where

    def _move_just_this(self, folder: int, found: Found, target: int, new: str) -> None:
        """Rename; what had taken the file's place in the last moment goes back."""
        if not self._disk.move(found.name, new, old_folder=folder, new_folder=target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
        # a rename changes the last part of an identity, the time of the last change of the inode
        if identity_of(self._disk.status_in(target, new))[:-1] != found.identity[:-1]:
            self._disk.move(new, found.name, old_folder=target, new_folder=folder)
            raise OSError(errno.EBUSY, "it was saved again just now")

    # --- the archive ---

    def _store(self, folder: int, found: Found, hidden: str, original: Original) -> tuple[str, bool]:
        """See that the archive holds it: where, and whether it was moved there and is gone from here."""
        directory = os.path.join(self._archive or "", os.path.dirname(original.place))
        self._disk.make_directories(directory)
        with self._disk.folder(directory) as target:
            new, there = self._place_for(target, original)
            moved = False
            if not there:
                moved = self._moved(folder, found, target, new)
                if not moved:
                    self._copy(folder, found.name, target, (f"{hidden}.tmp", new), original)
                self._disk.sync(target)
                self._disk.sync(folder)
        return os.path.join(os.path.dirname(original.place), new), moved

    def _moved(self, folder: int, found: Found, target: int, new: str) -> bool:
        """Rename it, if the archive lies on the same disk."""
        try:
            self._move_just_this(folder, found, target, new)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        return True

    def _copy(self, folder: int, name: str, target: int, names: tuple[str, str], original: Original) -> None:
        """Between disks: copied under a hidden name, read back, and only then given its own."""
        temp, new = names
        self._disk.copy(folder, name, target, temp, original.stamp.mtime_ns)
        if not self._find(target, temp, original):
            raise OSError(errno.EIO, "what was read back from the archive is not what was written")
        if not self._disk.move(temp, new, old_folder=target, new_folder=target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)

    def _in_archive(self, original: Original, hidden: str) -> str:
        """Where it lies, if an earlier attempt, whose answer was lost, came so far; half a copy goes."""
        if original.deed != "archive":
            return ""
        directory = os.path.join(self._archive or "", os.path.dirname(original.place))
        with suppress(FileNotFoundError, NotADirectoryError), self._disk.folder(directory) as target:
            name, there = self._place_for(target, original)
            with suppress(FileNotFoundError):
                self._disk.remove_in(target, f"{hidden}.tmp")
            if there:
                return os.path.join(os.path.dirname(original.place), name)
        return ""

    def _place_for(self, target: int, original: Original) -> tuple[str, bool]:
        """The name it has in its folder of the archive, or would get there; and whether it has it."""
        for name in _names(original.place):
            if self._find(target, name, original):
                return name, True
            try:
                self._disk.status_in(target, name)
            except FileNotFoundError:
                break
        return name, False


def _names(place: str) -> Iterator[str]:
    """`shoe.jpg`, then `shoe_v2.jpg`, ..."""
    stem, ending = os.path.splitext(os.path.basename(place))
    yield f"{stem}{ending}"
    for version in count(2):
        yield f"{stem}_v{version}{ending}"
