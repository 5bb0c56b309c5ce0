"""The eyes on the hot folders: a scanner for each, and notifications where the kernel can give them.

Folders come and go, and are looked at in another way, while the daemon runs. Nothing here waits for a disk:
what may take long happens on the scanners' own threads.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mattingd.config import HotFolder, Watch
from mattingd.core.heartbeats import Pulse, pulse_of_scan
from mattingd.domain.events import Fact
from mattingd.ingest.notifications import Watcher, WatchError
from mattingd.ingest.scanner import Scanner, ScanPlan
from mattingd.journal import JournalWriter
from mattingd.system.filesystem import Disk
from mattingd.system.mounts import NETWORK, file_system, mount_table


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
    ) -> None:
        """Nobody looks yet.

        Args:
            watch: how, and how often.
            once: there is a single scan, and so no use for notifications.
            only: of these folders only the named files.
            tell: takes what is seen; may make a scanner wait.
            failed: is told when a scanner ends by a defect.
            disk: file operations.
        """
        self.how: dict[int, str] = {}
        """How each folder is watched by more than scans, in words."""
        self._settings = watch
        self._once = once
        self._only = only
        self._tell = tell
        self._failed = failed
        self._disk = disk
        self._scanners: dict[int, Scanner] = {}
        self._remote: set[int] = set()
        self._watcher = Watcher()

    def post(self, number: int, folder: HotFolder, journal: JournalWriter) -> None:
        """Begin to look at a folder."""
        path = folder.path
        plan = ScanPlan(
            folder=number,
            root=os.fsencode(path),
            interval_seconds=self._interval(path),
            only=self._only.get(path),
            ignore_existing=folder.existing == "ignore" and journal.first_scan(number),
            remote=is_remote(path),
        )
        scanner = Scanner(
            plan,
            journal.known(number),
            self._tell,
            self._disk,
            self._failed,
            watch=lambda: self._watch(scanner),
            ended=lambda: self._watcher.unwatch(plan.root, scanner.mark_dirty),
        )
        if plan.remote:
            self._remote.add(number)
        self._scanners[number] = scanner
        scanner.start()

    def withdraw(self, number: int) -> None:
        """Look no more at a folder."""
        self._scanners.pop(number).stop()
        self.how.pop(number, None)

    def change(self, watch: Watch) -> None:
        """Look at all folders in another way, or at other times, from now on; each is scanned at once."""
        self._settings = watch
        for scanner in self._scanners.values():
            seconds = self._interval(Path(os.fsdecode(scanner.plan.root)))
            scanner.change(replace(scanner.plan, interval_seconds=seconds))

    def look_at(self, number: int, path: bytes) -> None:
        """Have one path looked at. Nobody answers for a folder that is no hot folder any more."""
        if number in self._scanners:
            self._scanners[number].look_at(path)

    def rescan(self, numbers: Collection[int]) -> None:
        """Look through these folders at once."""
        for number in numbers:
            self._scanners[number].rescan()

    def remote(self) -> set[int]:
        """The folders that lie on a share; those that were withdrawn may still have pictures in work."""
        return self._remote

    def pulses(self, names: Mapping[int, str]) -> Iterator[Pulse]:
        """Of all scanners that nothing outside this machine can hold up."""
        for number, scanner in self._scanners.items():
            if not scanner.plan.remote:
                yield pulse_of_scan(names[number], scanner.moved)

    def stop(self) -> None:
        """Look no more."""
        for scanner in self._scanners.values():
            scanner.stop()
        self._watcher.stop()

    # --- small ---

    def _interval(self, path: Path) -> float:
        return self._settings.poll_seconds if self._polled(path) else self._settings.rescan_seconds

    def _polled(self, path: Path) -> bool:
        return self._settings.mode == "poll" or (self._settings.mode == "auto" and is_remote(path))

    def _watch(self, scanner: Scanner) -> None:
        """On a scanner's thread, before it scans: nothing falls between."""
        number, root = scanner.plan.folder, scanner.plan.root
        if self._once or self._polled(Path(os.fsdecode(root))):
            self._watcher.unwatch(root, scanner.mark_dirty)
            self.how.pop(number, None)
            return
        try:
            self._watcher.watch(root, scanner.mark_dirty, scanner.overflowed)
            self.how[number] = "events"
        except WatchError as error:
            self.how[number] = f"scans only: {error}"
            scanner.plan = replace(scanner.plan, interval_seconds=self._settings.poll_seconds)


def is_remote(path: Path) -> bool:
    """Whether a folder lies on a share."""
    return file_system(path, mount_table()) in NETWORK
