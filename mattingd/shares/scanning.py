"""Scan a hot folder on a share: the interface of `Scanner`, with the work in a child process."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from mattingd.domain.commands import LookAt
from mattingd.domain.events import Fact, FileObserved, FolderTrouble, Scanned
from mattingd.domain.reasons import Reason
from mattingd.domain.shares import KnownFiles, RescanShare, ScanShare, ShareAlive
from mattingd.ingest.scan_plan import ScanPlan
from mattingd.shares.keeper import ShareKeeper
from mattingd.system import clock

KNOWN_AT_ONCE = 5_000
"""Known files in one message."""
Known = Callable[[], Iterable[tuple[bytes, int, int, int, int]]]


class ShareScanner:
    """Keeps the daemon's view of one hot folder on a share up to date, as far as the share answers."""

    def __init__(
        self,
        plan: ScanPlan,
        known: Known,
        tell: Callable[[Fact], None],
        failed: Callable[[BaseException], None],
        seconds: Callable[[], float],
    ) -> None:
        """Set up; `start()` starts with a complete scan.

        Args:
            plan: what to scan and how often.
            known: returns, on any thread, the journal's files whose jobs have ended.
            tell: takes facts; may make the child wait.
            failed: called once if a thread ends by a defect.
            seconds: how long the share may be silent.
        """
        self.plan = plan
        self.moved = clock.monotonic_ns()
        """When the share answered last."""
        self._known = known
        self._tell = tell
        self._asked: dict[bytes, None] = {}
        """Looks that are not answered yet: each child gets them anew."""
        self._asking = threading.Lock()
        self._why: Reason | None = None
        """Why the folder is offline, as was told last."""
        self._keeper = ShareKeeper(
            f"share-{plan.folder}",
            orders=self._orders,
            heard=self._heard,
            trouble=self._trouble,
            failed=failed,
            seconds=seconds,
        )

    def start(self) -> None:
        """Start scanning."""
        self._keeper.start()

    def stop(self) -> None:
        """Stop scanning."""
        self._keeper.stop()

    def look_at(self, path: bytes) -> None:
        """Answer with a full inspection of this path, as soon as the share answers."""
        with self._asking:
            self._asked[path] = None
        self._keeper.say(LookAt(self.plan.folder, path))

    def rescan(self) -> None:
        """Scan everything at the next opportunity."""
        self._keeper.say(RescanShare(self.plan.interval_seconds))

    def change(self, plan: ScanPlan) -> None:
        """Use another plan for the same folder, and scan everything."""
        self.plan = plan
        self.rescan()

    def mark_dirty(self, path: bytes) -> None:
        """Do nothing: shares send no notifications."""

    def overflowed(self) -> None:
        """Do nothing: shares send no notifications."""

    # --- the child ---

    def _orders(self) -> Iterator[Any]:
        known = iter(self._known())
        while part := tuple(islice(known, KNOWN_AT_ONCE)):
            yield KnownFiles(part)
        plan = self.plan
        yield ScanShare(
            folder=plan.folder,
            root=plan.root,
            interval_seconds=plan.interval_seconds,
            only=None if plan.only is None else tuple(sorted(plan.only)),
            ignore_existing=plan.ignore_existing,
            point=plan.point,
        )
        with self._asking:
            asked = tuple(self._asked)
        yield from (LookAt(plan.folder, path) for path in asked)

    def _heard(self, said: Any) -> None:
        self.moved = clock.monotonic_ns()
        match said:
            case ShareAlive():
                return
            case FileObserved(path=path, look=look) if look is None or look.full:
                with self._asking:
                    self._asked.pop(path, None)
                self._back(answered=look is not None)
            case FileObserved(look=look):
                self._back(answered=look is not None)
            case FolderTrouble(reason=reason):
                self._trouble(reason)
                return
            case Scanned():
                self.plan = replace(self.plan, ignore_existing=False)
                self._back(answered=True)
        self._tell(said)

    def _back(self, *, answered: bool) -> None:
        """Report that the share answers again, even before a long scan has ended."""
        if answered:
            self._trouble(None)

    def _trouble(self, why: Reason | None) -> None:
        """Report a change: each child that gets no answer says so anew."""
        if why != self._why:
            self._why = why
            self._tell(FolderTrouble(self.plan.folder, why))
