"""Walk through a hot folder: all files that a user may have dropped, each directory entered once.

Reads the disk and remembers nothing between two walks.
"""

import os
from collections.abc import Callable, Iterator
from operator import attrgetter

from mattingd.domain.events import FileObservation
from mattingd.ingest.circles import Circles
from mattingd.ingest.ignore_rules import STROKES, why_ignored
from mattingd.ingest.inspection import FileInspector, without_picture
from mattingd.ingest.scan_plan import ScanPlan
from mattingd.touchup.files import is_strokes


class FolderWalk:
    """One walk through a folder, or a part of it."""

    def __init__(
        self,
        plan: ScanPlan,
        looker: FileInspector,
        got_on: Callable[[], None],
        root_read: Callable[[OSError | None], None],
    ) -> None:
        """Prepare a walk.

        Args:
            plan: where, and what is wanted of it.
            looker: inspects single files.
            got_on: called at each step.
            root_read: called when the hot folder itself was read, or with the error when it could not be.
        """
        self.unreadable: list[bytes] = []
        """Directories that could not be read."""
        self.passed_over = 0
        """What was met that no person dropped."""
        self._plan = plan
        self._looker = looker
        self._got_on = got_on
        self._root_read = root_read

    def files(self, top: bytes = b"", *, complete: bool) -> Iterator[tuple[bytes, FileObservation]]:
        """Yield the files below `top`.

        Strokes without their picture are included in a complete walk only, because they may have come first.
        """
        circles = Circles(self._plan.root, inodes=not self._plan.remote)
        stack = [top]
        while stack:
            directory = stack.pop()
            try:
                entries = self._entries(directory, circles)
            except OSError as error:
                self.unreadable.append(directory)
                if not directory:
                    self._root_read(error)
                continue
            if not directory:
                self._root_read(None)
            yield from self._files(directory, entries, complete=complete)
            if self._plan.only is None:
                stack += [os.path.join(directory, entry.name) for entry in entries if self._enters(entry)]

    def _files(
        self, directory: bytes, entries: "list[os.DirEntry[bytes]]", *, complete: bool
    ) -> Iterator[tuple[bytes, FileObservation]]:
        """Yield the files of one directory."""
        strokes = [entry for entry in entries if is_strokes(entry.name)]
        for entry in entries:
            self._got_on()
            path = os.path.join(directory, entry.name)
            if entry.is_dir(follow_symlinks=False):
                continue
            if reason := why_ignored(entry.name, is_dir=False):
                self.passed_over += reason is not STROKES and self._plan.only is None
                continue
            if self._plan.wants(path) and (look := self._looker.listed(path, entry, strokes=bool(strokes))):
                yield path, look
        if strokes and complete and self._plan.only is None:
            for entry, look in without_picture(entries):
                yield os.path.join(directory, entry.name), look

    def _enters(self, entry: "os.DirEntry[bytes]") -> bool:
        """Whether this is a folder to enter."""
        if not entry.is_dir(follow_symlinks=False):
            return False
        ignored = why_ignored(entry.name, is_dir=True) is not None
        self.passed_over += ignored
        return not ignored

    def _entries(self, directory: bytes, circles: Circles) -> list["os.DirEntry[bytes]"]:
        """Return a folder's entries sorted by name, so that the same files get the same output paths."""
        full = os.path.join(self._plan.root, directory)
        status = os.stat(full) if not directory else os.lstat(full)
        if not circles.enter(status):
            return []
        found = []
        with os.scandir(full) as entries:
            for entry in entries:
                self._got_on()
                found.append(entry)
        return [] if circles.lead_back(directory, found) else sorted(found, key=attrgetter("name"))
