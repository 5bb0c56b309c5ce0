"""Change the settings of a running daemon."""

from mattingd.config import Settings
from mattingd.core.scheduler import Scheduler
from mattingd.domain import events
from mattingd.ingest.hot_folders import HotFolderScanners
from mattingd.journal import JournalWriter
from mattingd.runtime.days import Days
from mattingd.runtime.health import HealthStatus
from mattingd.runtime.in_use import InUse
from mattingd.runtime.reload import Changes, ReloadOutcome, reconciled
from mattingd.runtime.turns import Turns
from mattingd.system import clock
from mattingd.workers.resources import policy_of
from mattingd.workers.supervisor import ProcessSupervisor


class SettingsChange:
    """Applies settings that were read, and informs every part concerned. Used on the scheduler's thread."""

    def __init__(
        self,
        in_use: InUse,
        journal: JournalWriter,
        scheduler: Scheduler,
        turns: Turns,
        days: Days,
        processes: ProcessSupervisor,
        scanners: HotFolderScanners,
        health: HealthStatus,
    ) -> None:
        self.mistakes: tuple[str, ...] = ()
        """Of the configuration that was read last, if it could not be used."""
        self.restart: tuple[str, ...] = ()
        """Settings of the one in use that need a restart."""
        self._in_use = in_use
        self._journal = journal
        self._scheduler = scheduler
        self._turns = turns
        self._days = days
        self._processes = processes
        self._scanners = scanners
        self._health = health

    def take(self, read: Settings | None, mistakes: tuple[str, ...]) -> ReloadOutcome:
        """Continue with other settings, or with the old ones if the others are invalid."""
        self.mistakes = mistakes
        changed: tuple[str, ...] = ()
        if read is None:
            self._turns.tell(events.ReloadRefused(mistakes))
        else:
            changes = self._change(read)
            changed, self.restart = changes.taken, changes.restart
            self._turns.tell(events.Reloaded(changes.taken, changes.restart))
        return ReloadOutcome(mistakes, changed, self.restart)

    def _change(self, wanted: Settings) -> Changes:
        before, folders = self._in_use.settings, self._in_use.folders
        settings, changes = reconciled(before, wanted)
        self._in_use.take(settings)
        now_there = self._in_use.folders
        self._health.folders = len(now_there)
        for number in folders.keys() - now_there.keys():
            self._scanners.remove(number)
            self._turns.tell(events.FolderLeft(number))
        self._processes.change(settings, self._in_use.roots)
        now = clock.monotonic_ns()
        held, core_folders = self._journal.paused_folders(), self._in_use.core_folders()
        self._turns.obey(self._scheduler.reconfigure(policy_of(settings), core_folders, held, now))
        if settings.watch != before.watch:
            self._scanners.change(settings.watch)
        for number in now_there.keys() - folders.keys():
            self._days.seed_drops(number)
            self._scanners.add(number, now_there[number], self._journal)
        return changes
