"""Archive or delete originals that do not stay in their hot folder; never lose one.

A crash may follow any step: a repeated call finds out how far it came and continues. At any moment the
complete content exists under its own name, under a hidden name beside it, or in the archive. Only the very
file that the cut-outs were made from is touched: same size, time and content, and not open for writing.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count

from mattingd.domain.jobs import Original, Stamp
from mattingd.system.filesystem import TEMP_PREFIX, Disk, identity_of, kind_of, stamp_of
from mattingd.touchup.files import belongs, names_beside, renamed
from mattingd.touchup.files import identity as identity_of_strokes

Identity = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The path of an original."""

    root: bytes
    path: bytes
    job: int


@dataclass(frozen=True, slots=True)
class Found:
    """The original, under its present name."""

    name: str
    identity: Identity


class OriginalsStore:
    """Archives or deletes originals, one at a time."""

    def __init__(self, disk: Disk, archive: str | None, instance: str) -> None:
        self._disk = disk
        self._archive = archive
        self._instance = instance

    def put_away(self, source: Source, original: Original) -> str:
        """Archive or delete an original; returns its path in the archive, or "".

        A file that differs from what the job was made from stays unchanged.

        Raises:
            OSError: it cannot be done at present; nothing is lost.
        """
        if original.action == "archive" and self._archive is None:
            return ""
        hidden = self._hidden(source)
        directory, name = os.path.split(os.fsdecode(source.path))
        with ExitStack() as stack:
            root = stack.enter_context(self._disk.folder(os.fsdecode(source.root)))
            try:
                folder = stack.enter_context(self._disk.folder(directory, root, one_disk=False))
            except (FileNotFoundError, NotADirectoryError):  # the whole original was taken away
                return self._in_archive(original, hidden)
            if self._painted_since(folder, name, original):
                return ""  # the picture is processed again, and its strokes leave with it then
            for each in (name, hidden):
                if identity := self._find(folder, each, original):
                    where = self._take(folder, Found(each, identity), hidden, original)
                    break
            else:
                where = self._in_archive(original, hidden)
            if where:
                self._take_strokes(folder, name, where, hidden)
            return where

    def is_there(self, source: Source, original: Original) -> bool:
        """Whether an original is in its hot folder as it was read, with the same strokes beside it."""
        directory, name = os.path.split(os.fsdecode(source.path))
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            self._disk.folder(os.fsdecode(source.root)) as root,
            self._disk.folder(directory, root, one_disk=False) as folder,
        ):
            found = self._find(folder, name, original)
            return found is not None and not self._painted_since(folder, name, original)
        return False

    def put_back(self, source: Source) -> None:
        """Restore an original that is to stay after all: an earlier attempt may have hidden it.

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
        """Return its name between two steps: the same at every attempt."""
        return f"{TEMP_PREFIX}{self._instance}-{source.job}-original"

    def _find(self, folder: int, name: str, original: Original) -> Identity | None:
        """Return the identity of the original, if it has this name."""
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
        if original.action == "archive":
            where, moved = self._store(folder, found, hidden, original)
            if moved:
                return where
        if found.name != hidden:
            self._move_just_this(folder, found, folder, hidden)
        self._disk.remove_in(folder, hidden)
        self._disk.sync(folder)
        return where

    def _move_just_this(self, folder: int, found: Found, target: int, new: str) -> None:
        """Rename the original; a file that replaced it at the last moment is moved back."""
        if not self._disk.move(found.name, new, old_folder=folder, new_folder=target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
        # renaming changes the last part of an identity: the inode's change time
        if identity_of(self._disk.status_in(target, new))[:-1] != found.identity[:-1]:
            self._disk.move(new, found.name, old_folder=target, new_folder=folder)
            raise OSError(errno.EBUSY, "it was saved again just now")

    def _painted_since(self, folder: int, name: str, original: Original) -> bool:
        """Whether the strokes beside an original differ from those that its cut-outs were made with."""
        lying = set(os.listdir(folder))
        return name in lying and painted_beside(self._disk, folder, name, lying) != original.stamp.strokes

    def _take_strokes(self, folder: int, name: str, where: str, hidden: str) -> None:
        """Archive the strokes beside an archived original, under names that match its own.

        This happens after the original, and not while another picture here needs them: without its strokes it
        would be cut out again.
        """
        picture, lying = os.fsencode(name), {os.fsencode(each) for each in os.listdir(folder)}
        for number, strokes in enumerate(sum(names_beside(picture), ())):
            between = f"{hidden}-{number}"
            for each in lying.intersection((strokes, between.encode())):
                if not any(belongs(strokes, other) for other in lying):
                    place = os.fsdecode(renamed(strokes, picture, os.fsencode(where)))
                    self._take_painted(folder, os.fsdecode(each), between, place)

    def _take_painted(self, folder: int, name: str, hidden: str, place: str) -> None:
        if kind_of(self._disk.status_in(folder, name).st_mode):
            return
        status, digest = self._disk.digest_in(folder, name)
        painted = Original("archive", place, stamp_of(status), digest)
        self._take(folder, Found(name, identity_of(status)), hidden, painted)

    # --- the archive ---

    def _store(self, folder: int, found: Found, hidden: str, original: Original) -> tuple[str, bool]:
        """Put the original into the archive.

        Returns its path, and whether it was moved and is gone from here.
        """
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
        """Rename it, if the archive is on the same disk."""
        try:
            self._move_just_this(folder, found, target, new)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        return True

    def _copy(self, folder: int, name: str, target: int, names: tuple[str, str], original: Original) -> None:
        """Copy between disks: write under a hidden name, read back, then rename."""
        temp, new = names
        self._disk.copy(folder, name, target, temp, original.stamp.mtime_ns)
        if not self._find(target, temp, original):
            raise OSError(errno.EIO, "what was read back from the archive is not what was written")
        if not self._disk.move(temp, new, old_folder=target, new_folder=target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)

    def _in_archive(self, original: Original, hidden: str) -> str:
        """Return its path if an earlier attempt, whose answer was lost, got there; remove partial copies."""
        if original.action != "archive":
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
        """Return the name that it has or would get in its folder of the archive, and whether it has it."""
        for name in _names(original.place):
            if self._find(target, name, original):
                return name, True
            try:
                self._disk.status_in(target, name)
            except FileNotFoundError:
                break
        for later in versions(os.listdir(target), *os.path.splitext(os.path.basename(original.place))):
            if self._find(target, later, original):
                return later, True
        return name, False


def painted_beside(disk: Disk, folder: int, name: str, lying: set[str]) -> int:
    """Return the identity of the strokes beside a picture in an open folder in which these names are."""
    found = list[tuple[bytes, Stamp]]()
    for kind in names_beside(os.fsencode(name)):
        if strokes := next((each for each in kind if os.fsdecode(each) in lying), None):
            status = disk.status_in(folder, os.fsdecode(strokes))
            found += [] if kind_of(status.st_mode) else [(strokes, stamp_of(status))]
    return identity_of_strokes(found)


def versions(lying: Iterable[str], stem: str, ending: str = "") -> Iterator[str]:
    """Return the names among these that are versions of one; others in between may have been removed."""
    version = re.compile(f"{re.escape(stem)}(_v[0-9]+)?{re.escape(ending)}")
    return filter(version.fullmatch, sorted(lying))


def _names(place: str) -> Iterator[str]:
    """Yield `shoe.jpg`, then `shoe_v2.jpg`, ..."""
    stem, ending = os.path.splitext(os.path.basename(place))
    yield f"{stem}{ending}"
    for version in count(2):
        yield f"{stem}_v{version}{ending}"
