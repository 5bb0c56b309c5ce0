"""Move a sub-folder that is one job into the archive, with everything in it, by one rename.

It stays when a picture in it is not one of those that came to their end, is open for writing, or differs from
what was processed, and while a program still writes a working file in it: a copy that goes on under another
name would lose its folder. What appears in it at the last moment is put back. A crash may follow any step: a
repeated call finds the folder in the archive, and continues.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, count

from mattingd.domain.commands import MoveFolder
from mattingd.domain.drops import EndedFile
from mattingd.domain.jobs import Original, Stamp
from mattingd.ingest.ignore_rules import COPY, HIDDEN, UNFINISHED, why_ignored
from mattingd.outputs.archive import Source, painted_beside, versions
from mattingd.system import clock
from mattingd.system.filesystem import Disk, kind_of
from mattingd.touchup.files import names_beside

WORKING = frozenset({COPY, HIDDEN, UNFINISHED})
"""Ignored names under which programs write what gets another name when it is complete."""
WRITTEN_SECONDS = 60.0
"""A working file that was changed within this time is still being written."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A file that keeps the folder from being moved."""

    path: str
    why: str


class WholeFolderStore:
    """Moves whole folders into the archive, one at a time."""

    def __init__(self, disk: Disk, archive: str) -> None:
        self._disk = disk
        self._archive = archive

    def holds(self, source: Source, original: Original) -> bool:
        """Whether an original is in the archive already, moved there with its folder."""
        top = source.path.count(b"/")
        place, below = original.place.rsplit("/", top)[0], os.fsdecode(source.path).partition("/")[2]
        for version in self._versions(place):
            directory, name = os.path.split(below)
            with suppress(FileNotFoundError, NotADirectoryError), self._disk.folder(version) as folder:
                with self._disk.folder(directory, folder) as inner:
                    status, digest = self._disk.digest_in(inner, name)
                stamp = original.stamp
                same = (status.st_size, status.st_mtime_ns) == (stamp.size, stamp.mtime_ns)
                if same and digest == original.sha256:
                    return True
        return False

    def move(self, root: bytes, order: MoveFolder) -> tuple[str, tuple[bytes, ...]] | None:
        """Move a folder; None where another disk makes that impossible.

        Where an attempt whose answer was lost has moved some of the originals, that one is finished, and what
        has come into a new folder of this name since then is left to the next order.

        Returns its path in the archive, and the originals that are still in the hot folder.

        Raises:
            OSError: it stays for now; nothing has changed.
        """
        part, known = os.fsdecode(order.part), _by_path(order.files)
        originals = {path: known[path] for path in map(_below, order.originals)}
        with self._disk.folder(os.fsdecode(root)) as hot:
            here = self._found(hot, part, originals)
            missed = {path: stamp for path, stamp in originals.items() if path not in here}
            if missed and (where := self._moved_before(order.place, missed)) is not None:
                self._put_back(hot, part, where, _by_path(order.gone) | known)
                return where, tuple(path for path in order.originals if _below(path) in here)
            if not here:
                raise OSError(errno.ENOENT, "it is gone")
            with self._disk.folder(part, hot, one_disk=False) as folder:
                for stranger in self._strangers(folder, known):
                    raise OSError(errno.EBUSY, f"{stranger.path} {stranger.why}")
            where = self._renamed(hot, part, order.place)
            if where is None:
                return None
            self._put_back(hot, part, where, known)
            return where, ()

    def _found(self, within: int, name: str, known: dict[str, Stamp]) -> set[str]:
        """Return which of these files are in a folder as they were; none where there is no such folder."""
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            self._disk.folder(name, within, one_disk=False) as there,
        ):
            return {path for path, stamp in known.items() if self._is(there, path, stamp)}
        return set()

    def _is(self, folder: int, path: str, stamp: Stamp) -> bool:
        try:
            status = self._disk.status_in(folder, path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (status.st_size, status.st_mtime_ns) == (stamp.size, stamp.mtime_ns)

    # --- the archive ---

    def _versions(self, place: str) -> Iterator[str]:
        """Yield the folders in the archive that have this place, or a later version of it."""
        directory, first = os.path.split(os.path.join(self._archive, place))
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in versions(os.listdir(directory), first):
                yield os.path.join(directory, name)

    def _moved_before(self, place: str, known: dict[str, Stamp]) -> str | None:
        """Return where the folder is in the archive, if an attempt whose answer was lost moved it."""
        found: dict[str, set[str]] = {}
        for path in self._versions(place):
            directory, name = os.path.split(path)
            with self._disk.folder(directory) as target:
                found[os.path.relpath(path, self._archive)] = self._found(target, name, known)
        best = max(found, key=lambda where: len(found[where]), default=None)
        return best if best is not None and found[best] else None

    def _renamed(self, hot: int, part: str, place: str) -> str | None:
        directory = os.path.join(self._archive, os.path.dirname(place))
        self._disk.make_directories(directory)
        with self._disk.folder(directory) as target:
            for name in _names(os.path.basename(place)):
                try:
                    if self._disk.move_folder(part, name, hot, target):
                        break
                except OSError as error:
                    if error.errno == errno.EXDEV:
                        return None
                    raise
            self._disk.sync(target)
            self._disk.sync(hot)
        return os.path.join(os.path.dirname(place), name)

    def _put_back(self, hot: int, part: str, where: str, known: dict[str, Stamp]) -> None:
        """Return to the hot folder what came into the folder, or was saved again, at the last moment."""
        with self._disk.folder(os.path.join(self._archive, where)) as folder:
            for stranger in list(self._strangers(folder, known)):
                directory, name = os.path.split(stranger.path)
                home = os.path.join(part, directory).rstrip("/")
                with (
                    self._disk.folder(directory, folder) as inner,
                    self._disk.folder(home, hot, make=True, one_disk=False) as target,
                ):
                    for each in (name, *map(os.fsdecode, chain(*names_beside(os.fsencode(name))))):
                        with suppress(FileNotFoundError):
                            self._disk.move(each, each, old_folder=inner, new_folder=target)
                    self._disk.sync(target)

    # --- what is in it ---

    def _strangers(
        self, folder: int, known: dict[str, Stamp], directory: str = "", *, working: bool = False
    ) -> Iterator[Stranger]:
        """Yield pictures that are not among the known files as they were, and what is still being written.

        Args:
            folder: the folder, open.
            known: what may be in it, by path.
            directory: its path in the folder that is to move.
            working: whether a program keeps it for working files.
        """
        names = os.listdir(folder)
        lying = set(names)
        for name in names:
            path, status = os.path.join(directory, name), self._disk.status_in(folder, name)
            odd = kind_of(status.st_mode)
            is_dir = odd is not None and odd.code == "folder"
            ignored = why_ignored(os.fsencode(name), is_dir=is_dir)
            if ignored is not None and ignored not in WORKING:
                continue
            at_work = working or ignored is not None
            if is_dir:
                with ExitStack() as stack:
                    if at_work:
                        stack.enter_context(suppress(PermissionError))
                    inner = stack.enter_context(self._disk.folder(name, folder, one_disk=False))
                    yield from self._strangers(inner, known, path, working=at_work)
            elif odd is None and at_work and self._is_being_written(folder, name, status.st_mtime):
                yield Stranger(path, "is still being written")
            elif odd is None and not at_work and (why := self._strange(folder, name, known.get(path), lying)):
                yield Stranger(path, why)

    def _is_being_written(self, folder: int, name: str, changed: float) -> bool:
        """Whether a program's working file is in use; not the files in which a Mac keeps its attributes."""
        if name.lower() == ".ds_store" or name.startswith("._"):
            return False
        if abs(clock.wall().timestamp() - changed) < WRITTEN_SECONDS:
            return True
        with suppress(PermissionError):
            return self._disk.in_use(folder, name)
        return False

    def _strange(self, folder: int, name: str, stamp: Stamp | None, lying: set[str]) -> str:
        if stamp is None:
            return "has just come"
        if not self._is(folder, name, stamp):
            return "was saved again"
        if stamp.strokes != painted_beside(self._disk, folder, name, lying):
            return "has other strokes now"
        return "is open for writing in another program" if self._disk.in_use(folder, name) else ""


def _below(path: bytes) -> str:
    """Return the path of a file in its folder that is one job."""
    return os.fsdecode(path).partition("/")[2]


def _by_path(files: Iterable[EndedFile]) -> dict[str, Stamp]:
    return {_below(file.path): file.stamp for file in files}


def _names(place: str) -> Iterator[str]:
    """Yield `set`, then `set_v2`, ..."""
    yield place
    for version in count(2):
        yield f"{place}_v{version}"
