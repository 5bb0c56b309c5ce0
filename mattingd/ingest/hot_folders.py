"""The scanners of all hot folders, and notifications where the kernel supports them.

Folders are added, removed and changed while the daemon runs. Nothing here waits for a disk: slow calls run on
the scanners' own threads.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mattingd.config import HotFolder, Watch
from mattingd.core.trouble.heartbeats import Pulse, pulse_of_scan
from mattingd.domain.events import Fact
from mattingd.ingest.inspection import FileInspector
from mattingd.ingest.mount_points import MountPoints
from mattingd.ingest.notifications import Watcher, WatchError
from mattingd.ingest.scan_plan import ScanPlan
from mattingd.ingest.scanner import Scanner
from mattingd.ingest.uploads import Asked, UploadInspector
from mattingd.journal import JournalWriter
from mattingd.system.filesystem import Disk
from mattingd.system.mounts import not_ready

MISSED = (
    "the kernel's notifications miss files here, because another machine writes them or because the limit of"
    " watched folders is reached (sysctl fs.inotify.max_user_watches)"
)
MISSES = 2
"""A folder with files that notifications missed is watched anew once; then it is polled."""


class FolderScanner(Protocol):
    """The interface of a hot folder's scanner."""

    plan: ScanPlan
    moved: int

    def start(self) -> None:
        """Start with a complete scan."""

    def stop(self) -> None:
        """Stop scanning."""

    def look_at(self, path: bytes) -> None:
        """Answer with a full inspection of this path, soon."""

    def rescan(self) -> None:
        """Scan everything at the next opportunity."""

    def change(self, plan: ScanPlan) -> None:
        """Use another plan for the same folder, and scan everything."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How hot folders on shares are scanned."""

    scanner: Callable[[ScanPlan], FolderScanner]
    """Makes the scanner of such a folder."""
    points: MountPoints


class HotFolderScanners:
    """All scanners of a daemon, by the number of their hot folder. Used on the scheduler's thread."""

    def __init__(
        self,
        watch: Watch,
        *,
        once: bool,
        only: Mapping[Path, frozenset[bytes]],
        tell: Callable[[Fact], None],
        failed: Callable[[BaseException], None],
        disk: Disk,
        asked: Asked,
        shares: Shares | None = None,
    ) -> None:
        """Create without scanners.

        Args:
            watch: how and how often to scan.
            once: whether each folder is scanned only once, which needs no notifications.
            only: process only the named files of these folders.
            tell: takes facts; may make a scanner wait.
            failed: called when a scanner ends by a defect.
            disk: file operations.
            asked: makes settings from the options of an upload.
            shares: how folders on shares are scanned; by default like any other.
        """
        self.how: dict[int, str] = {}
        """How each folder is watched by more than scans, in words."""
        self._settings = watch
        self._once = once
        self._only = only
        self._tell = tell
        self._failed = failed
        self._disk = disk
        self._asked = asked
        self._shares = shares
        self._scanners: dict[int, FolderScanner] = {}
        self._remote: set[int] = set()
        self._missing: dict[int, int] = {}
        """How often each folder had files that no notification told of."""
        self._watcher = Watcher()

    def add(self, number: int, folder: HotFolder, journal: JournalWriter) -> None:
        """Start scanning a folder."""
        path = folder.path
        plan = ScanPlan(
            folder=number,
            root=os.fsencode(path),
            interval_seconds=self._interval(path),
            only=self._only.get(path),
            ignore_existing=folder.existing == "ignore" and journal.first_scan(number),
            remote=is_remote(path),
            point=self._shares.points.of(path) if self._shares else "",
            patient=not self._once,
        )
        if plan.remote:
            self._remote.add(number)
        if plan.remote and self._shares is not None:
            self._scanners[number] = self._shares.scanner(plan)
        else:
            self._scanners[number] = self._here(plan, journal.known(number), uploads=folder.uploads)
        self._scanners[number].start()

    def _here(
        self, plan: ScanPlan, known: Iterable[tuple[bytes, int, int, int, int]], *, uploads: bool
    ) -> Scanner:
        """Return a scanner on a thread of this process."""
        looker = FileInspector(plan.root, self._disk)
        if uploads:
            looker = UploadInspector(plan.root, self._disk, self._asked)
        scanner = Scanner(
            plan,
            known,
            self._tell,
            looker,
            self._failed,
            watch=lambda: self._watch(scanner),
            ended=lambda: self._watcher.unwatch(plan.root, scanner.mark_dirty),
            deaf=lambda: self._missed(scanner),
        )
        return scanner

    def remove(self, number: int) -> None:
        """Stop scanning a folder."""
        self._scanners.pop(number).stop()
        self.how.pop(number, None)
        self._missing.pop(number, None)

    def change(self, watch: Watch) -> None:
        """Use other settings from now on; each folder is scanned at once."""
        self._settings = watch
        self._missing.clear()
        for scanner in self._scanners.values():
            seconds = self._interval(Path(os.fsdecode(scanner.plan.root)))
            scanner.change(replace(scanner.plan, interval_seconds=seconds))

    def look_at(self, number: int, path: bytes) -> None:
        """Request an inspection of one path. A folder that is no hot folder any more gives no answer."""
        if number in self._scanners:
            self._scanners[number].look_at(path)

    def scanned(self, number: int) -> None:
        """Handle the end of a complete scan: remember where the folder's file system is mounted."""
        if self._shares is not None and number in self._scanners:
            self._shares.points.seen(Path(os.fsdecode(self._scanners[number].plan.root)))

    def rescan(self, numbers: Collection[int]) -> None:
        """Scan these folders at once."""
        for number in numbers:
            self._scanners[number].rescan()

    def remote(self) -> set[int]:
        """Return the folders on a share; removed ones may still have pictures in work."""
        return self._remote

    def pulses(self, names: Mapping[int, str]) -> Iterator[Pulse]:
        """Return the pulses of all scanners that nothing outside this machine can block."""
        for number, scanner in self._scanners.items():
            if not scanner.plan.remote:
                yield pulse_of_scan(names[number], scanner.moved)

    def stop(self) -> None:
        """Stop all scanners."""
        for scanner in self._scanners.values():
            scanner.stop()
        self._watcher.stop()

    # --- small ---

    def _interval(self, path: Path) -> float:
        return self._settings.poll_seconds if self._polled(path) else self._settings.rescan_seconds

    def _polled(self, path: Path) -> bool:
        return self._settings.mode == "poll" or (self._settings.mode == "auto" and is_remote(path))

    def _watch(self, scanner: Scanner) -> None:
        """Watch a folder on its scanner's thread, before it scans, so that no change is missed."""
        number, root = scanner.plan.folder, scanner.plan.root
        if self._once or self._polled(Path(os.fsdecode(root))):
            self._watcher.unwatch(root, scanner.mark_dirty)
            self.how.pop(number, None)
            return
        if self._missing.get(number, 0) >= MISSES:
            self._watcher.unwatch(root, scanner.mark_dirty)
            self._only_scan(scanner, MISSED)
            return
        try:
            self._watcher.watch(root, scanner.mark_dirty, scanner.overflowed)
            self.how[number] = "events"
        except WatchError as error:
            self._only_scan(scanner, str(error))

    def _only_scan(self, scanner: Scanner, why: str) -> None:
        self.how[scanner.plan.folder] = f"scans only: {why}"
        scanner.plan = replace(scanner.plan, interval_seconds=self._settings.poll_seconds)

    def _missed(self, scanner: Scanner) -> None:
        """Watch the folder anew on its scanner's thread; if that does not help, rely on scans."""
        number = scanner.plan.folder
        if self.how.get(number) == "events":
            self._missing[number] = self._missing.get(number, 0) + 1
            scanner.overflowed()


def is_remote(path: Path) -> bool:
    """Whether a folder is on a share, has one mounted below it, or is on a disk that is not mounted yet."""
    return bool(not_ready(path))
