"""Retention while the daemon runs: a thread that sweeps on a schedule and on request."""

import contextlib
import queue
import threading
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path
from typing import Protocol

from mattingd.config import Settings
from mattingd.core import retention
from mattingd.domain.events import Fact, Swept
from mattingd.outputs.retention import Commit, Places, Report, StoppedError
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.touchup import matte_cache

EVERY_SECONDS = 3600.0
"""The daemon cleans this often, and at the turn of every day."""


class Sweeper(Protocol):
    """Does a whole sweep, here or elsewhere; see `mattingd.outputs.retention.sweep_here`."""

    def __call__(
        self,
        places: Places,
        journal: Path,
        today: str,
        *,
        confirmed: bool,
        commit: Commit,
        stopped: Callable[[], bool],
    ) -> Report:
        """What it came to."""


class Cleaner(threading.Thread):
    """Sweeps while the daemon runs: at its start, at midnight, every hour, and on request."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        journal: Path,
        zone: tzinfo | None,
        tell: Callable[[Fact], None],
        failed: Callable[[BaseException], None],
        sweeper: Sweeper,
    ) -> None:
        """Set up; `start()` starts with a sweep.

        Args:
            settings: returns the present settings.
            journal: path of the journal.
            zone: time zone for dates.
            tell: takes facts.
            failed: called once if the thread ends by a defect.
            sweeper: does a sweep.
        """
        super().__init__(name="cleaner", daemon=True)
        self.done = 0
        """The newest request that was dealt with."""
        self.report = Report()
        """Of the last sweep."""
        self._settings = settings
        self._journal = journal
        self._zone = zone
        self._tell = tell
        self._failed = failed
        self._sweeper = sweeper
        self._asked = threading.Condition()
        self._wanted = 1
        self._confirmed = False
        self._stopping = False
        self._written: queue.SimpleQueue[None] = queue.SimpleQueue()

    # --- called from other threads ---

    def sweep(self, *, confirmed: bool = False) -> int:
        """Sweep soon; returns the number that `done` will have reached then."""
        with self._asked:
            self._wanted += 1
            self._confirmed |= confirmed
            self._asked.notify()
            return self._wanted

    def go_on(self) -> None:
        """Continue: the journal holds what was told last."""
        self._written.put(None)

    def stop(self) -> None:
        """End the thread soon."""
        with self._asked:
            self._stopping = True
            self._asked.notify()
        self._written.put(None)

    # --- the thread ---

    def run(self) -> None:
        """Sweep until stopped."""
        try:
            while not self._stopping:
                self._sweep()
                with self._asked:
                    self._asked.wait_for(lambda: self._stopping or self._wanted > self.done, EVERY_SECONDS)
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            self._failed(error)

    def _sweep(self) -> None:
        with self._asked:
            number, confirmed, self._confirmed = self._wanted, self._confirmed, False
        settings = self._settings()
        self._tidy(settings)
        today = clock.wall(self._zone).date().isoformat()
        report = self._sweeper(
            settings,
            self._journal,
            today,
            confirmed=confirmed,
            commit=self._commit,
            stopped=lambda: self._stopping,
        )
        if retention.removes(settings.retention):
            self.report = report
            self._tell(report.fact())
        self.done = number

    def _tidy(self, settings: Settings) -> None:
        """Remove stored mattes for touch-ups. The model can make them again, so this is not reported."""
        policy = settings.retention
        with contextlib.suppress(OSError):
            now = clock.wall(self._zone).timestamp()
            matte_cache.tidy(settings.state_dir, now, policy.matte_days, policy.matte_gb, Disk())

    def _commit(self, swept: Swept) -> None:
        self._tell(swept)
        self._written.get()
        if self._stopping:
            raise StoppedError
