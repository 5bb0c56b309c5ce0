"""Run a daemon that `composition` has built: start, turn after turn, end.

It makes no decisions.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeVar

from mattingd.config.backgrounds import tidy
from mattingd.core.scheduler import Scheduler
from mattingd.core.trouble.heartbeats import Pulse
from mattingd.domain import commands, events
from mattingd.domain.jobs import JobRecord
from mattingd.domain.presets import Pin
from mattingd.ingest.hot_folders import HotFolderScanners, is_remote
from mattingd.journal import JournalWriter
from mattingd.observability.job_log import Reporter
from mattingd.outputs.cleaner import Cleaner
from mattingd.outputs.output_root import RoomWatch
from mattingd.runtime.days import Days
from mattingd.runtime.executor import CommandExecutor
from mattingd.runtime.health import HealthStatus
from mattingd.runtime.in_use import InUse
from mattingd.runtime.lock import Lock
from mattingd.runtime.mailbox import Defect, HungUp, Inbox, Note, Question
from mattingd.runtime.reload import Reloads
from mattingd.runtime.sd_notify import Notifier
from mattingd.runtime.settings_change import SettingsChange
from mattingd.runtime.turns import Turns
from mattingd.shares.output import ShareOutput
from mattingd.system import clock
from mattingd.workers.protocol import Message
from mattingd.workers.supervisor import ProcessSupervisor

HEARTBEAT_NS = clock.SECOND
"""The loop turns at least this often."""
LAST_PAGE_SECONDS = 2.0
"""At the end, the cleaner is given so long to finish the file it is at."""

T = TypeVar("T")


class Service(Protocol):
    """A service that runs beside the daemon, on its own threads."""

    def start(self) -> None:
        """Start; no requests are accepted yet."""

    def close(self) -> None:
        """End."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All parts of a daemon, connected by `composition`."""

    inbox: Inbox
    notifier: Notifier
    lock: Lock
    journal: JournalWriter
    in_use: InUse
    scheduler: Scheduler
    processes: ProcessSupervisor
    scanners: HotFolderScanners
    cleaner: Cleaner
    space: RoomWatch | ShareOutput
    executor: CommandExecutor
    turns: Turns
    days: Days
    health: HealthStatus
    change: SettingsChange
    reloads: Reloads


class Daemon:
    """A daemon. Its thread is the scheduler's thread."""

    def __init__(self, parts: Parts, *, once: bool, only: Mapping[Path, frozenset[bytes]]) -> None:
        """Nothing runs yet.

        Args:
            parts: its parts.
            once: end when everything that the first scan found is done.
            only: process only the named files of these folders.
        """
        self.parts = parts
        self.started = clock.monotonic_ns()
        self._once = once
        self._only = only
        self._tickets = 0
        self._remote_output = is_remote(parts.in_use.settings.output_dir)

    # --- the face ---

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler. Use it on its own thread only, see `between_turns`."""
        return self.parts.scheduler

    @property
    def in_use(self) -> InUse:
        """The settings and hot folders in use."""
        return self.parts.in_use

    @property
    def journal(self) -> JournalWriter:
        """The journal; written on the scheduler's thread only."""
        return self.parts.journal

    def report_to(self, *reporters: Reporter) -> None:
        """Report facts and commands of the next run to these reporters, in this order."""
        self.parts.turns.reporters += reporters

    def run(self, *beside: Service) -> commands.Stop:
        """Work until stopped; returns the reason and the exit code.

        Args:
            beside: services that run as long as the daemon.

        Raises:
            JournalError: the journal cannot be written any more; nothing that it does not contain was done.
        """
        executor = self.parts.executor
        for service in beside:
            service.start()
        try:
            self._begin()
            while executor.ended is None:
                self._turn()
            self.journal.end_run(executor.ended.code, executor.ended.reason)
        finally:
            self.parts.notifier.tell(STOPPING=1)
            for service in beside:
                service.close()
            self._end()
        return executor.ended

    def settling(self) -> int:
        """Return files that were seen and are not in the journal yet, at most a second old. On any thread."""
        seen = self.parts.health.seen
        return 0 if seen is None else seen.settling

    def stop(self, reason: str) -> None:
        """Request the end; a second call requests the immediate end. May be called from a signal handler."""
        self.parts.inbox.tell(events.StopAsked(reason))

    def reload(self) -> None:
        """Read the configuration again soon. May be called from a signal handler."""
        self.parts.inbox.put(HungUp())

    def between_turns(self, work: Callable[[], T]) -> T:
        """Call `work` on the scheduler's thread and wait for it. To be called on any other thread.

        Raises:
            RefusedError: `work` raised it, or its turn did not come in time.
        """
        return self.parts.inbox.between_turns(work)

    def record(self, *writes: commands.Write) -> None:
        """Record writes in the journal and wait until it has them. To be called on any other thread.

        Raises:
            RefusedError: that turn did not come in time; it may still come.
        """
        self.between_turns(lambda: self.parts.turns.obey(writes))

    def defect(self, error: BaseException) -> None:
        """Report an unexpected error of any other thread: the daemon ends with it."""
        self.parts.inbox.defect(error)

    def tell(self, *happened: events.Fact) -> None:
        """Handle a fact on the scheduler's thread, between two turns, with everything that follows."""
        self.parts.turns.tell(*happened)

    def use_model(self, model: str, *, anew: bool = False) -> int:
        """Request weights (see `events.ModelAsked`); returns the ticket that identifies the outcome."""
        self._tickets += 1
        self.parts.inbox.tell(events.ModelAsked(model, self._tickets, anew))
        return self._tickets

    # --- start and end ---

    def _begin(self) -> None:
        parts, settings, folders = self.parts, self.in_use.settings, self.in_use.folders
        for folder in settings.hot_folders:
            if folder.uploads:
                folder.path.mkdir(mode=0o750, exist_ok=True)
        parts.turns.reporters.append(parts.health)
        clean = self.journal.begin_run()
        parts.days.look()
        rows = [row for row in self.journal.live() if self._goes_on(row)]
        used = [*(row.recipe.presets for row in rows), *(hot.recipes for hot in folders.values())]
        tidy(settings.state_dir, (Pin.of(recipe.background) for recipe in chain(*used)))
        for row in rows:
            parts.turns.report(events.Admitted(row))
        parts.turns.obey(
            self.scheduler.start(
                rows,
                clean=clean,
                now=clock.monotonic_ns(),
                dropped=self.journal.ended_of_open_drops(),
                took=self.journal.took(),
                resting=self.journal.resting(),
            )
        )
        for number, folder in folders.items():
            parts.scanners.add(number, folder, self.journal)
        if not self._once:
            parts.space.start()
            parts.cleaner.start()

    def _goes_on(self, row: JobRecord) -> bool:
        """Whether to finish the pictures of a folder, which may have been removed.

        A single run only does what it was asked for.
        """
        if not self._once or row.chores:
            return True
        folder = self.in_use.folders.get(row.folder)
        only = None if folder is None else self._only.get(folder.path)
        return folder is not None and (only is None or row.path in only)

    def _end(self) -> None:
        parts = self.parts
        parts.inbox.closed = True
        parts.scanners.stop()
        parts.space.stop()
        parts.cleaner.stop()
        if parts.cleaner.is_alive():
            parts.cleaner.join(LAST_PAGE_SECONDS)
        parts.processes.stop_all()
        parts.journal.close()
        parts.lock.release()

    # --- a turn ---

    def _turn(self) -> None:
        came_in = self.parts.inbox.take(self._seconds())
        self.parts.days.look()
        self._tell_health()
        messages = [each for each in came_in if isinstance(each, tuple)]
        if messages or not came_in:
            self.parts.turns.take(messages)
        self._have_output_marked(messages)
        for each in came_in:
            if not isinstance(each, tuple):
                self._attend(each)

    def _have_output_marked(self, messages: list[Message]) -> None:
        """Have a sweep write the output folder's marker: first cut-outs prove that it is the right one."""
        published = any(isinstance(fact, events.Published) for fact, _ in messages)
        if published and not self.parts.processes.marked:
            self.parts.cleaner.sweep()

    def _attend(self, note: Note) -> None:
        """Answer questions between two turns: whatever was sent before a question is done by then."""
        match note:
            case Defect(error):
                raise error
            case Question():
                note.answer()
            case HungUp():
                self.parts.reloads.begin()

    def _seconds(self) -> float:
        """Return how many seconds nothing needs to be done."""
        now = clock.monotonic_ns()
        wakeup = self.scheduler.next_wakeup()
        until = now + HEARTBEAT_NS if wakeup is None else min(wakeup, now + HEARTBEAT_NS)
        return max(0, until - now) / clock.SECOND

    def _tell_health(self) -> None:
        """Report our health, and every part that is stuck, to the service manager."""
        for stuck in self.parts.health.turn(self.scheduler, self._pulses(), clock.monotonic_ns()):
            self.parts.inbox.tell(stuck)

    def _pulses(self) -> Iterator[Pulse]:
        """Return the pulses of all parts that must show progress."""
        yield from self.parts.scanners.pulses(self.in_use.names)
        slow = self.in_use.folders.keys() if self._remote_output else self.parts.scanners.remote()
        yield from self.scheduler.pulses(slow)
