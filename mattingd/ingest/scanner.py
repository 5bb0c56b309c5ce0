"""One hot folder as it really is: scans, single looks, and what differs from what was told before.

Runs as a thread per hot folder. Events only shorten the way to a look; a complete scan comes round
regardless. Tells differences only, so that a rescan of 100,000 settled files is no burst of facts.
Knows nothing of jobs.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mattingd.domain.events import Fact, FileObservation, FileObserved, FolderTrouble, Overflowed, Scanned
from mattingd.domain.jobs import Stamp
from mattingd.ingest.ignore_rules import STROKES, why_ignored, why_ignored_at
from mattingd.ingest.inspection import FileInspector, is_folder, without_picture
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.touchup.files import belongs, is_strokes

STRETCH = 20
"""A folder that takes long to scan is scanned more rarely: the pause is at least so many scan durations."""
GATHER_SECONDS = 0.1
"""Events of the same burst are looked at together."""
ROOT_SECONDS = 5.0
"""So often it is made sure that the folder was not taken away or replaced: no notification tells of that."""
RETRY_SECONDS = 5.0
"""A folder that cannot be read is tried again after this."""
EXISTED = "it was here before the first start, and `existing: ignore` is set"


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What a scanner is to do."""

    folder: int
    root: bytes
    interval_seconds: float
    only: frozenset[bytes] | None = None
    """Of the files in the root itself only these; None for the whole tree."""
    ignore_existing: bool = False
    """Report what the first scan finds as not to be processed."""
    remote: bool = False
    """It lies on a share, which may hang for reasons outside this machine."""


class Scanner(threading.Thread):
    """Keeps the daemon's picture of one hot folder true."""

    def __init__(
        self,
        plan: ScanPlan,
        known: Iterable[tuple[bytes, int, int, int]],
        tell: Callable[[Fact], None],
        disk: Disk,
        failed: Callable[[BaseException], None],
        watch: Callable[[], None] = lambda: None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """Set up; `start()` begins with a complete scan.

        Args:
            plan: what to scan, and how often.
            known: (path, size, mtime_ns, strokes) of files whose jobs have ended.
            tell: takes facts; may make the scanner wait.
            disk: file operations.
            failed: called once if the thread ends by a defect.
            watch: called before the first scan, and whenever another folder has taken the place of this one,
                so that its notifications come before the scan that follows.
            ended: called last, on the thread.
        """
        super().__init__(name=f"scanner-{plan.folder}", daemon=True)
        self.plan = plan
        self.moved = clock.monotonic_ns()
        """When the thread last got on with its work."""
        self._known = {path: _compact(size, mtime_ns, strokes) for path, size, mtime_ns, strokes in known}
        self._tell = tell
        self._looker = FileInspector(plan.root, disk)
        self._failed = failed
        self._watch = watch
        self._ended = ended
        self._identity: tuple[int, int] | None = None
        self._wanted: deque[bytes] = deque()
        self._dirty: set[bytes] = set()
        self._rescan = False
        self._changed = False
        self._stopping = False
        self._called = threading.Condition()
        self._trouble: str | None = None
        self._ignore_existing = plan.ignore_existing
        self._passed_over = 0
        """What the running scan has met that no person dropped."""

    # --- called from other threads ---

    def look_at(self, path: bytes) -> None:
        """Answer with a full look at this path, soon."""
        with self._called:
            self._wanted.append(path)
            self._called.notify()

    def mark_dirty(self, path: bytes) -> None:
        """Something may have happened at this path (relative to the root; empty for the root itself)."""
        with self._called:
            self._dirty.add(path)
            self._called.notify()

    def rescan(self) -> None:
        """Scan everything at the next opportunity."""
        with self._called:
            self._rescan = True
            self._called.notify()

    def overflowed(self) -> None:
        """Notifications were dropped: the folder is watched anew, and scanned."""
        self._tell(Overflowed(self.plan.folder))
        self.change(self.plan)

    def change(self, plan: ScanPlan) -> None:
        """Look by another plan of the same folder: `watch` is called, and everything scanned."""
        with self._called:
            self.plan = plan
            self._changed = True
            self._called.notify()

    def stop(self) -> None:
        """End the thread soon."""
        with self._called:
            self._stopping = True
            self._called.notify()

    # --- the thread ---

    def run(self) -> None:
        """Scan, look and wait until stopped."""
        try:
            self._run()
            self._ended()
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            self._failed(error)

    def _run(self) -> None:
        next_scan = clock.monotonic_ns()
        while not self._stopping:
            self.moved = clock.monotonic_ns()
            if self._changed:
                self._changed, self._identity, self._rescan = False, None, True
            if self._root() != self._identity:
                self._rescan = True  # others ask for it as well: it must never be taken back here
            self._answer_looks()
            self._look_at_dirty()
            if self._rescan or next_scan <= clock.monotonic_ns():
                self._rescan = False
                next_scan = clock.monotonic_ns() + self._scan()
            self._wait(next_scan)

    def _wait(self, until: int) -> None:
        """Sleep until something is asked for; events of one burst gather for a moment."""
        with self._called:
            if not (self._wanted or self._dirty or self._rescan or self._changed or self._stopping):
                seconds = max(0, until - clock.monotonic_ns()) / clock.SECOND
                self._called.wait(min(seconds, ROOT_SECONDS))
            if self._dirty and not self._wanted and not self._stopping:
                self._called.wait(GATHER_SECONDS)

    def _answer_looks(self) -> None:
        while self._wanted and not self._stopping:
            self.moved = clock.monotonic_ns()
            path = self._wanted.popleft()
            look = self._looker.full(path)
            self._remember(path, look.stamp if look else None)
            self._tell(FileObserved(self.plan.folder, path, look))

    def _look_at_dirty(self) -> None:
        with self._called:
            dirty, self._dirty = self._dirty, set()
        for path in dirty:
            if self._stopping:
                return
            self.moved = clock.monotonic_ns()
            self._look_around(path)

    def _look_around(self, path: bytes) -> None:
        """A path something may have happened to: a file, a whole tree, or nothing any more."""
        if is_strokes(path):
            self._look_beside(path)
            return
        try:
            status = os.lstat(os.path.join(self.plan.root, path))
        except OSError:
            if path in self._known:
                self._report(path, None)
            elif path:
                self._rescan = self._rescan or self._below_is_known(path)
            return
        is_dir = is_folder(status)
        if path and why_ignored_at(path, is_dir=is_dir):
            return
        if is_dir:
            for found, look in self._walk(path):
                self._report(found, look)
        elif self._wants(path):
            self._report(path, self._looker.shallow(path, status))

    def _look_beside(self, strokes: bytes) -> None:
        """Strokes came, changed or went: the pictures that they belong to are others now."""
        directory, name = os.path.split(strokes)
        try:
            names = os.listdir(os.path.join(self.plan.root, directory))
        except OSError:
            return
        pictures = [each for each in names if belongs(name, each)]
        for picture in pictures:
            self._look_around(os.path.join(directory, picture))
        if pictures or name not in names:
            self._report(strokes, None)

    def _below_is_known(self, directory: bytes) -> bool:
        prefix = directory + b"/"
        return any(path.startswith(prefix) for path in self._known)

    # --- scans ---

    def _scan(self) -> int:
        """Scan the whole folder; returns the pause until the next scan in nanoseconds."""
        started = clock.monotonic_ns()
        self._meet_root()
        unreadable: list[bytes] = []
        seen: set[bytes] = set()
        self._passed_over = 0
        for path, look in self._walk(b"", unreadable):
            seen.add(path)
            self._report(path, look)
            self._answer_looks()
            if self._stopping:
                return 0
        if b"" in unreadable:
            return round(RETRY_SECONDS * clock.SECOND)
        for path in [path for path in self._known if path not in seen and not _under(path, unreadable)]:
            self._check_gone(path)
        self._ignore_existing = False
        duration = clock.monotonic_ns() - started
        self._tell(Scanned(self.plan.folder, len(seen), duration / clock.SECOND, self._passed_over))
        return max(round(self.plan.interval_seconds * clock.SECOND), STRETCH * duration)

    def _root(self) -> tuple[int, int] | None:
        """Which folder it is that lies at our path; None when there is none."""
        try:
            status = os.stat(self.plan.root)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _meet_root(self) -> None:
        root = self._root()
        if root is not None and root != self._identity:
            self._watch()
        self._identity = root

    def _check_gone(self, path: bytes) -> None:
        """Not met by a scan; it may have come while the scan ran, and strokes may have got their picture."""
        if is_strokes(path):
            self._report(path, None)
            return
        try:
            os.lstat(os.path.join(self.plan.root, path))
        except (FileNotFoundError, NotADirectoryError):
            self._report(path, None)
        except OSError:
            return

    def _walk(
        self, top: bytes, unreadable: list[bytes] | None = None
    ) -> Iterator[tuple[bytes, FileObservation]]:
        """All files below `top` that a person may have dropped; a directory met twice is entered once.

        Strokes without their picture are among them in a complete scan only: they may just have come first.
        """
        visited: set[tuple[int, int]] = set()
        stack = [top]
        while stack:
            directory = stack.pop()
            try:
                entries = self._entries(directory, visited)
            except OSError as error:
                if unreadable is not None:
                    unreadable.append(directory)
                self._note_trouble(directory, error)
                continue
            if not directory:
                self._note_trouble(directory, None)
            yield from self._files(directory, entries, complete=unreadable is not None)
            if self.plan.only is None:
                stack += [os.path.join(directory, entry.name) for entry in entries if self._enters(entry)]

    def _files(
        self, directory: bytes, entries: "list[os.DirEntry[bytes]]", *, complete: bool
    ) -> Iterator[tuple[bytes, FileObservation]]:
        """The files of one directory."""
        strokes = [entry for entry in entries if is_strokes(entry.name)]
        for entry in entries:
            self.moved = clock.monotonic_ns()
            path = os.path.join(directory, entry.name)
            if entry.is_dir(follow_symlinks=False):
                continue
            if reason := why_ignored(entry.name, is_dir=False):
                self._passed_over += reason is not STROKES and self.plan.only is None
                continue
            if self._wants(path) and (look := self._looker.listed(path, entry, strokes=bool(strokes))):
                yield path, look
        if strokes and complete and self.plan.only is None:
            for entry, look in without_picture(entries):
                yield os.path.join(directory, entry.name), look

    def _enters(self, entry: "os.DirEntry[bytes]") -> bool:
        """Whether it is a folder to go into."""
        if not entry.is_dir(follow_symlinks=False):
            return False
        ignored = why_ignored(entry.name, is_dir=True) is not None
        self._passed_over += ignored
        return not ignored

    def _entries(self, directory: bytes, visited: set[tuple[int, int]]) -> list["os.DirEntry[bytes]"]:
        full = os.path.join(self.plan.root, directory)
        status = os.stat(full) if not directory else os.lstat(full)
        place = status.st_dev, status.st_ino
        if place in visited:
            return []
        visited.add(place)
        with os.scandir(full) as entries:
            return list(entries)

    def _wants(self, path: bytes) -> bool:
        return self.plan.only is None or path in self.plan.only

    def _note_trouble(self, directory: bytes, error: OSError | None) -> None:
        """Tell once when the folder cannot be read, and once when it can again."""
        if directory:
            return
        reason = None if error is None else f"the hot folder cannot be read: {error.strerror}"
        if reason != self._trouble and not self._stopping:
            self._trouble = reason
            self._tell(FolderTrouble(self.plan.folder, reason))

    # --- what is told ---

    def _report(self, path: bytes, look: FileObservation | None) -> None:
        """Tell what differs from what was told before."""
        if not self._remember(path, look.stamp if look else None):
            return
        if look and self._ignore_existing:
            look = FileObservation(look.stamp, odd=EXISTED)
        self._tell(FileObserved(self.plan.folder, path, look))

    def _remember(self, path: bytes, stamp: Stamp | None) -> bool:
        if stamp is None:
            return self._known.pop(path, None) is not None
        new = _compact(stamp.size, stamp.mtime_ns, stamp.strokes)
        if self._known.get(path) == new:
            return False
        self._known[path] = new
        return True


def _compact(size: int, mtime_ns: int, strokes: int) -> int:
    """All that counts in one number: 100,000 files cost megabytes, not tens of them."""
    return (strokes << 128) | (size << 64) | (mtime_ns & 0xFFFF_FFFF_FFFF_FFFF)


def _under(path: bytes, directories: list[bytes]) -> bool:
    return any(path.startswith(directory + b"/") for directory in directories)
