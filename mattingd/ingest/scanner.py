"""Scan one hot folder, inspect single paths, and report what differs from earlier reports.

Runs as one thread per hot folder. Events only make an inspection happen sooner; complete scans follow
regardless. Reports differences only, so that a rescan of 100,000 settled files causes no burst of facts.
Knows nothing of jobs.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable

from mattingd.domain.events import Fact, FileObservation, FileObserved, FolderTrouble, Overflowed, Scanned
from mattingd.domain.reasons import Reason
from mattingd.ingest.event_check import EventCheck
from mattingd.ingest.ignore_rules import why_ignored_at
from mattingd.ingest.inspection import FileInspector, is_folder, is_steady
from mattingd.ingest.known_files import KnownFiles
from mattingd.ingest.root_guard import RootGuard
from mattingd.ingest.scan_plan import ScanPauses, ScanPlan
from mattingd.ingest.walker import FolderWalk
from mattingd.system import clock
from mattingd.touchup.files import belongs, is_strokes

GATHER_SECONDS = 0.1
"""Events of the same burst are looked at together."""
ROOT_SECONDS = 5.0
"""So often it is made sure that the folder was not taken away or replaced: no notification tells of that."""
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 60.0
"""A folder that is offline is tried again after this, then ever more rarely, and scanned when it is back."""
EXISTED = Reason.of("existed")


class Scanner(threading.Thread):
    """Keeps the daemon's view of one hot folder up to date."""

    def __init__(
        self,
        plan: ScanPlan,
        known: Iterable[tuple[bytes, int, int, int, int]],
        tell: Callable[[Fact], None],
        looker: FileInspector,
        failed: Callable[[BaseException], None],
        watch: Callable[[], None] = lambda: None,
        ended: Callable[[], None] = lambda: None,
        deaf: Callable[[], None] = lambda: None,
    ) -> None:
        """Set up; `start()` starts with a complete scan.

        Args:
            plan: what to scan and how often.
            known: (path, size, mtime_ns, strokes, mark) of files whose jobs have ended.
            tell: takes facts; may make the scanner wait.
            looker: inspects single files.
            failed: called once if the thread ends by a defect.
            watch: called before the first scan, and whenever another folder has taken the place of this one,
                so that its notifications start before the next scan.
            ended: called last, on the thread.
            deaf: called when a scan found changes that no notification reported.
        """
        super().__init__(name=f"scanner-{plan.folder}", daemon=True)
        self.plan = plan
        self.moved = clock.monotonic_ns()
        """When the thread last got on with its work."""
        self._known = KnownFiles(known)
        self._tell = tell
        self._looker = looker
        self._failed = failed
        self._watch = watch
        self._ended = ended
        self._deaf = deaf
        self._check = EventCheck()
        self._pauses = ScanPauses()
        self._identity: tuple[int, int] | None = None
        self._guard = RootGuard(plan.root, plan.point)
        self._failures = 0
        """Scans in a row that found the folder offline."""
        self._wanted: deque[bytes] = deque()
        self._dirty: set[bytes] = set()
        self._rescan = False
        self._changed = False
        self._stopping = False
        self._called = threading.Condition()
        self._trouble: Reason | None = None
        self._ignore_existing = plan.ignore_existing

    # --- called from other threads ---

    def look_at(self, path: bytes) -> None:
        """Answer with a full inspection of this path, soon."""
        with self._called:
            self._wanted.append(path)
            self._called.notify()

    def mark_dirty(self, path: bytes) -> None:
        """Record that something may have happened at this path (relative to the root; empty for the root)."""
        with self._called:
            self._dirty.add(path)
            self._called.notify()

    def rescan(self) -> None:
        """Scan everything at the next opportunity."""
        with self._called:
            self._rescan = True
            self._called.notify()

    def overflowed(self) -> None:
        """Handle dropped notifications: watch the folder again, and scan it."""
        self._tell(Overflowed(self.plan.folder))
        self.change(self.plan)

    def change(self, plan: ScanPlan) -> None:
        """Use another plan for the same folder: `watch` is called, and everything is scanned."""
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
        """Scan, inspect and wait until stopped."""
        try:
            self._run()
            self._ended()
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            self._failed(error)

    def _run(self) -> None:
        next_scan = clock.monotonic_ns()
        while not self._stopping:
            self._got_on()
            if self._changed:
                self._changed, self._identity, self._rescan = False, None, True
            if self._root() != self._identity:
                self._rescan = True  # other threads set it as well: it must never be cleared here
            self._answer_looks()
            self._look_at_dirty()
            if self._check.missed():
                self._deaf()
            if self._rescan or next_scan <= clock.monotonic_ns():
                self._rescan = False
                next_scan = clock.monotonic_ns() + self._scan()
            self._wait(next_scan)

    def _wait(self, until: int) -> None:
        """Wait for a request; the events of one burst are collected for a moment."""
        with self._called:
            looks = self._wanted and not self._waits
            if not (looks or self._dirty or self._rescan or self._changed or self._stopping):
                seconds = max(0, until - clock.monotonic_ns()) / clock.SECOND
                self._called.wait(min(seconds, ROOT_SECONDS))
            if self._dirty and not looks and not self._stopping:
                self._called.wait(GATHER_SECONDS)

    @property
    def _waits(self) -> bool:
        """Whether inspections have to wait until the folder is back."""
        return self.plan.patient and self._trouble is not None

    def _answer_looks(self) -> None:
        while self._wanted and not self._stopping and not self._waits:
            self._got_on()
            path = self._wanted.popleft()
            look = self._looker.full(path)
            if look is None and self._offline():
                self._wanted.appendleft(path)
                return
            self._known.remember(path, look.stamp if look else None)
            self._tell(FileObserved(self.plan.folder, path, look))

    def _look_at_dirty(self) -> None:
        with self._called:
            dirty, self._dirty = self._dirty, set()
        self._check.told(dirty)
        for path in dirty:
            if self._stopping:
                return
            self._got_on()
            self._look_around(path)

    def _look_around(self, path: bytes) -> None:
        """Inspect a path where something may have happened: a file, a whole tree, or nothing any more."""
        if is_strokes(path):
            self._look_beside(path)
            return
        try:
            status = os.lstat(os.path.join(self.plan.root, path))
        except OSError:
            if self._offline():
                return
            if path in self._known:
                self._report(path, None)
            elif path:
                self._rescan = self._rescan or self._known.any_below(path)
            return
        is_dir = is_folder(status)
        if path and why_ignored_at(path, is_dir=is_dir):
            return
        if is_dir:
            for found, look in self._walk().files(path, complete=False):
                self._report(found, look)
        elif self.plan.wants(path):
            self._report(path, self._looker.shallow(path, status))

    def _look_beside(self, strokes: bytes) -> None:
        """Inspect the pictures whose strokes came, changed or went."""
        directory, name = os.path.split(strokes)
        try:
            names = os.listdir(os.path.join(self.plan.root, directory))
        except OSError:
            return
        pictures = [each for each in names if belongs(name, each)]
        self._check.told([os.path.join(directory, each) for each in pictures])
        for picture in pictures:
            self._look_around(os.path.join(directory, picture))
        if pictures or name not in names:
            self._report(strokes, None)

    # --- scans ---

    def _scan(self) -> int:
        """Scan the whole folder; returns the pause until the next scan in nanoseconds."""
        started = clock.monotonic_ns()
        first = self._meet_root()
        if self._offline():
            return self._pause_offline()
        seen: set[bytes] = set()
        news: list[bytes] = []
        walk = self._walk()
        for path, look in walk.files(complete=True):
            seen.add(path)
            if self._report(path, look) and not first:
                news.append(path)
            self._answer_looks()
            if self._stopping:
                return 0
        if b"" in walk.unreadable or self._offline():
            return self._pause_offline()
        self._failures = 0
        self._check.found(news)
        for path in [path for path in self._known if path not in seen and not _under(path, walk.unreadable)]:
            self._check_gone(path)
        self._ignore_existing = False
        duration = clock.monotonic_ns() - started
        self._tell(Scanned(self.plan.folder, len(seen), duration / clock.SECOND, walk.passed_over))
        return self._pauses.after(duration, round(self.plan.interval_seconds * clock.SECOND))

    def _offline(self) -> bool:
        """Whether the folder is missing, or is not the known one; reported once."""
        if not self.plan.patient:
            return False
        why = self._guard.away()
        if why is not None and not self._stopping:
            self._tell_trouble(why)
        return why is not None

    def _pause_offline(self) -> int:
        """Return the pause until the next scan of an offline folder, in nanoseconds."""
        self._failures += 1
        seconds = min(RETRY_SECONDS * float(2 ** min(self._failures - 1, 8)), LONGEST_RETRY_SECONDS)
        return round(seconds * clock.SECOND)

    def _root(self) -> tuple[int, int] | None:
        """Return the identity of the folder at our path; None when there is none."""
        try:
            status = os.stat(self.plan.root)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _meet_root(self) -> bool:
        """Watch the folder that is there now; returns whether it changed, or is missing."""
        root = self._root()
        other = root is None or root != self._identity
        if root is not None and other:
            self._looker.steady = None if self.plan.remote or not is_steady(self.plan.root) else root[0]
            self._check.forget()
            self._watch()
        self._identity = root
        return other

    def _check_gone(self, path: bytes) -> None:
        """Check files that a scan missed: they may have come meanwhile, and strokes may have a picture."""
        if is_strokes(path):
            self._report(path, None)
            return
        try:
            os.lstat(os.path.join(self.plan.root, path))
        except (FileNotFoundError, NotADirectoryError):
            self._report(path, None)
        except OSError:
            return

    def _walk(self) -> FolderWalk:
        return FolderWalk(self.plan, self._looker, self._got_on, self._note_trouble)

    def _got_on(self) -> None:
        self.moved = clock.monotonic_ns()

    def _note_trouble(self, error: OSError | None) -> None:
        """Report once when the folder cannot be read, and once when it can again."""
        reason = None if error is None else Reason.of("folder_unreadable", error=str(error.strerror))
        if not self._stopping:
            self._tell_trouble(reason)

    def _tell_trouble(self, reason: Reason | None) -> None:
        if reason != self._trouble:
            self._trouble = reason
            self._tell(FolderTrouble(self.plan.folder, reason))

    # --- what is told ---

    def _report(self, path: bytes, look: FileObservation | None) -> bool:
        """Report a difference from earlier reports; returns whether there was one."""
        if not self._known.remember(path, look.stamp if look else None):
            return False
        if look and self._ignore_existing:
            look = FileObservation(look.stamp, odd=EXISTED)
        self._tell(FileObserved(self.plan.folder, path, look))
        return True


def _under(path: bytes, directories: list[bytes]) -> bool:
    return any(path.startswith(directory + b"/") for directory in directories)
