"""Joins everything: owns the processes, threads and queues of a running daemon, and takes no decision.

One turn: take what came in, let the scheduler say what follows, write that to the journal in one transaction,
and only then do it. Pixels travel beside the facts and are kept here between the processes, keyed by job.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from mattingd.api.socket_server import ControlServer
from mattingd.config import HotFolder, Settings
from mattingd.core import output_paths
from mattingd.core.heartbeats import Pulse
from mattingd.core.retention import low_space
from mattingd.core.scheduler import Scheduler
from mattingd.core.stopping import ExitWhenIdle
from mattingd.domain import commands, events
from mattingd.domain.jobs import Folder, JobRecord, Recipe
from mattingd.domain.presets import Pin
from mattingd.domain.text import readable
from mattingd.ingest.hot_folders import HotFolderScanners, is_remote
from mattingd.journal import JournalWriter, PlacingRules
from mattingd.observability.job_log import Reporter
from mattingd.outputs.backgrounds import tidy
from mattingd.outputs.output_root import RoomWatch
from mattingd.outputs.retention import Cleaner
from mattingd.runtime.health import HealthStatus
from mattingd.runtime.lock import Lock
from mattingd.runtime.mailbox import Defect, HungUp, Inbox, Note, Question, Reread
from mattingd.runtime.reload import Changes, Reloads, Source, reconciled
from mattingd.runtime.sd_notify import Notifier
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.workers.protocol import Message
from mattingd.workers.resources import policy_of
from mattingd.workers.supervisor import ProcessSupervisor, Programs

HEARTBEAT_NS = clock.SECOND
"""The loop turns at least this often."""
LAST_PAGE_SECONDS = 2.0
"""At the end, the cleaner is given so long to finish the file it is at."""
JOURNAL = "checkpoint.db"


@dataclass(frozen=True, slots=True)
class Mode:
    """What kind of run this is."""

    once: bool = False
    """End when everything the first scan found is done."""
    only: Mapping[Path, frozenset[bytes]] | None = None
    """Of these folders only the named files."""
    programs: Programs = field(default_factory=Programs)


Answerer = Callable[["Daemon", dict[str, Any]], dict[str, Any]]


class Daemon:
    """A running daemon. Its thread is the scheduler's."""

    def __init__(
        self,
        settings: Settings,
        reporters: Sequence[Reporter] = (),
        *,
        mode: Mode = Mode(),
        answer: Answerer | None = None,
        source: Source | None = None,
        disk: Disk | None = None,
    ) -> None:
        """Take the lock and open the journal.

        Args:
            settings: as `config.load` gives them.
            reporters: whom to tell what happens.
            mode: what kind of run this is.
            answer: answers requests of the control socket; None opens no socket.
            source: where the settings can be read anew; None for settings that never change.
            disk: file operations of the scanners.

        Raises:
            LockedError: another daemon works with this state directory.
            JournalError: the journal cannot be used.
        """
        self.settings = settings
        self.mode = mode
        self.started = clock.monotonic_ns()
        self._answer = answer
        self._inbox = Inbox()
        self._notifier = Notifier()
        self.reloads = Reloads(source, lambda: self.settings, self._inbox, self._notifier)
        self._standing = HealthStatus(self._notifier, len(settings.hot_folders))
        self._reporters: tuple[Reporter, ...] = (*reporters, self._standing)
        self._remote_output = is_remote(settings.output_dir)
        self._zone = clock.zone(settings.timezone)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(settings.state_dir)
        rules = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
        self.journal = JournalWriter(settings.state_dir / JOURNAL, rules, self._wall)
        self.folders: dict[int, HotFolder] = {}
        self.names: dict[int, str] = {}
        """What hot folders are called, those included that are none any more."""
        self._number_folders()
        policy, models = policy_of(settings), self.journal.models()
        self.scheduler = Scheduler(
            policy, self._rules_folders(), self.journal.held(), models, ExitWhenIdle() if mode.once else None
        )
        self._staff = ProcessSupervisor(
            settings,
            self.journal.roots(),
            instance=self.journal.instance,
            marked=self.journal.is_home(os.fsencode(settings.output_dir)),
            keep=(self._lock.descriptor,),
            programs=mode.programs,
            heard=self._inbox.put,
        )
        self.lookouts = HotFolderScanners(
            settings.watch,
            once=mode.once,
            only=mode.only or {},
            tell=self._inbox.tell_patiently,
            failed=self._defect,
            disk=disk or Disk(),
        )
        self.cleaner = Cleaner(
            lambda: self.settings, self.journal.path, self._zone, self._inbox.tell_patiently, self._defect
        )
        self._room = RoomWatch(
            str(settings.output_dir),
            lambda free, low: low_space(free, self.settings.retention, low=low),
            self._inbox.tell_patiently,
            disk or Disk(),
            self._defect,
        )
        self._nets: dict[int, bytes] = {}
        self._mattes: dict[int, tuple[int, bytes]] = {}
        self._ended: commands.Stop | None = None
        self._today = ""
        self._tickets = 0

    # --- the face ---

    def run(self) -> commands.Stop:
        """Work until stopped; returns why and with which exit code.

        Raises:
            JournalError: the journal can no longer be written; nothing that is not in it was done.
        """
        control = self._open_control()
        try:
            self._begin()
            while self._ended is None:
                self._turn()
            self.journal.end_run(self._ended.code, self._ended.reason)
        finally:
            self._notifier.tell(STOPPING=1)
            if control is not None:
                control.close()
            self._end()
        return self._ended

    def stop(self, reason: str) -> None:
        """Ask for the end; a second time, for the immediate end. May be called from a signal handler."""
        self._inbox.tell(events.StopAsked(reason))

    def reload(self) -> None:
        """Read the configuration anew, soon. May be called from a signal handler."""
        self._inbox.put(HungUp())

    def tell(self, *happened: events.Fact) -> None:
        """On the scheduler's thread, between two turns: let something happen, and all that follows."""
        self._obey([command for fact in happened for command in self._hear(fact, None)])

    def use_model(self, model: str, *, anew: bool = False) -> int:
        """Ask for weights (see `facts.ModelAsked`); returns the ticket by which the outcome is known."""
        self._tickets += 1
        self._inbox.tell(events.ModelAsked(model, self._tickets, anew))
        return self._tickets

    # --- start and end ---

    def _number_folders(self) -> None:
        self.folders = {
            self.journal.folder_id(os.fsencode(folder.path)): folder for folder in self.settings.hot_folders
        }
        self.names |= {number: folder.name for number, folder in self.folders.items()}
        for number, root in self.journal.roots().items():
            self.names.setdefault(number, readable(root.rpartition(b"/")[2]))

    def _rules_folders(self) -> dict[int, Folder]:
        return {
            number: Folder(
                id=number,
                name=folder.name,
                recipe=Recipe(folder.recipe_hash, folder.recipe, folder.recipes[1:]),
                layout=self.settings.layout,
                preset_name=folder.preset,
                endings=folder.endings,
                originals=folder.originals,
            )
            for number, folder in self.folders.items()
        }

    def _begin(self) -> None:
        clean = self.journal.begin_run()
        self._new_day()
        rows = [row for row in self.journal.live() if self._goes_on(row)]
        used = [*(row.recipe.presets for row in rows), *(hot.recipes for hot in self.folders.values())]
        tidy(self.settings.state_dir, (Pin.of(recipe.background) for recipe in chain(*used)))
        for row in rows:
            for reporter in self._reporters:
                reporter.fact(events.Admitted(row))
        now, dropped = clock.monotonic_ns(), self.journal.ended_of_live_drops()
        self._obey(self.scheduler.start(rows, clean=clean, now=now, dropped=dropped))
        for number, folder in self.folders.items():
            self.lookouts.post(number, folder, self.journal)
        if not self.mode.once:
            self._room.start()
            self.cleaner.start()

    def _goes_on(self, row: JobRecord) -> bool:
        """Whether to finish what was taken from a folder, be it a hot folder still or not.

        A single run does only what it was asked for.
        """
        if not self.mode.once or row.chores:
            return True
        folder = self.folders.get(row.folder)
        only = None if folder is None else (self.mode.only or {}).get(folder.path)
        return folder is not None and (only is None or row.path in only)

    def _open_control(self) -> ControlServer | None:
        if self._answer is None:
            return None
        server = ControlServer(self.settings.state_dir, self._ask)
        server.start()
        return server

    def _end(self) -> None:
        self._inbox.closed = True
        self.lookouts.stop()
        self._room.stop()
        self.cleaner.stop()
        if self.cleaner.is_alive():
            self.cleaner.join(LAST_PAGE_SECONDS)
        self._staff.stop_all()
        self.journal.close()
        self._lock.release()

    # --- a turn ---

    def _turn(self) -> None:
        messages = self._inbox.take(self._seconds())
        self._new_day()
        self._stand()
        todo: list[commands.Command] = []
        self.scheduler.foresee(message[0] for message in messages if isinstance(message, tuple))
        for message in messages:
            if isinstance(message, tuple):
                todo += self._hear(*message)
        if not messages:
            todo += self._hear(events.Tick(), None)
        self._obey(todo)
        self._have_output_marked(messages)
        for message in messages:
            if not isinstance(message, tuple):
                self._attend(message)

    def _have_output_marked(self, messages: Iterable[Message | Note]) -> None:
        """The first cut-outs prove that the output folder is the right one: a sweep marks it."""
        published = (isinstance(each, tuple) and isinstance(each[0], events.Published) for each in messages)
        if not self._staff.marked and any(published):
            self.cleaner.sweep()

    def _attend(self, note: Note) -> None:
        """Between two turns: whoever is answered here finds everything that was said before him done."""
        match note:
            case Defect(error):
                raise error
            case Question(request, reply):
                reply.put(self._answer(self, request) if self._answer else {})
            case Reread():
                note.reply.put(self._take_settings(note))
            case HungUp():
                self.reloads.begin()

    def _seconds(self) -> float:
        """How long nothing needs to be done."""
        now = clock.monotonic_ns()
        wakeup = self.scheduler.next_wakeup()
        until = now + HEARTBEAT_NS if wakeup is None else min(wakeup, now + HEARTBEAT_NS)
        return max(0, until - now) / clock.SECOND

    def _hear(self, fact: events.Fact, payload: bytes | None) -> list[commands.Command]:
        if payload is not None:
            self._keep(fact, payload)
        for reporter in self._reporters:
            reporter.fact(fact)
        answer = self.scheduler.handle(fact, clock.monotonic_ns())
        if isinstance(fact, events.Scanned):
            self.journal.scanned(fact.folder)
        return answer

    def _keep(self, fact: events.Fact, payload: bytes) -> None:
        """Pixels that came beside a fact."""
        if isinstance(fact, events.ReadOk | events.AnotherPass):
            self._nets[fact.job] = payload
        elif isinstance(fact, events.Inferred):
            jobs = self.scheduler.jobs_of_batch(fact.batch)
            size = len(payload) // len(jobs)
            for index, number in enumerate(jobs):
                self._mattes[number] = (fact.batch, payload[index * size : (index + 1) * size])

    def _obey(self, todo: Iterable[commands.Command]) -> None:
        """Journal first, deeds after: nothing is told or done that a crash could make us forget."""
        commands_of_turn = list(todo)
        writes = [command for command in commands_of_turn if isinstance(command, commands.Write)]
        if writes:
            for answer in self.journal.apply(writes):
                self._inbox.tell(answer)
        for command in commands_of_turn:
            self._report(command)
        for command in commands_of_turn:
            if not isinstance(command, commands.Write | commands.Announcement):
                self._perform(command)

    def _report(self, command: commands.Command) -> None:
        for reporter in self._reporters:
            if isinstance(command, commands.Announcement):
                reporter.fact(command)
            else:
                reporter.command(command)

    def _perform(self, deed: commands.RetentionAction) -> None:  # noqa: C901, PLR0912 - one line for each kind of deed
        match deed:
            case commands.LookAt(folder, path):
                self.lookouts.look_at(folder, path)
            case (
                commands.Read(worker=worker)
                | commands.Publish(worker=worker)
                | commands.DoChore(worker=worker)
                | commands.TrimMemory(worker=worker)
            ):
                self._staff.tell_worker(worker, deed)
            case commands.Finish(worker=worker, job=number):
                self._staff.tell_worker(worker, deed, self._mattes.pop(number, (0, None))[1])
            case commands.Discard(worker, number):
                self._nets.pop(number, None)
                self._mattes.pop(number, None)
                self._staff.tell_worker(worker, deed)
            case commands.DropMatte(number, batch):
                if self._mattes.get(number, (0, b""))[0] == batch:
                    del self._mattes[number]
            case commands.Infer():
                self._staff.tell_engine(deed, b"".join(self._nets[number] for number in deed.jobs))
            case commands.StartWorker(worker):
                self._staff.start_worker(worker)
            case commands.KillWorker(worker, why):
                self._staff.kill_worker(worker, why)
            case commands.ContinueRetention():
                if self.journal.is_home(os.fsencode(self.settings.output_dir)):
                    self._staff.look_for_mark()
                self.cleaner.go_on()
            case commands.StartEngine() | commands.KillEngine() | commands.EndEngine():
                self._staff.look_after_engine(deed)
            case commands.RejectModel() | commands.AnnounceShutdown():
                pass  # told by reporters; whoever asked for the model asks again, and sees
            case commands.Stop():
                self._ended = deed

    # --- other settings ---

    def _take_settings(self, read: Reread) -> dict[str, Any]:
        """Go on with other settings, or with the old ones where those make no sense."""
        self.reloads.mistakes = read.mistakes
        changed: tuple[str, ...] = ()
        if read.settings is None:
            self.tell(events.ReloadRefused(read.mistakes))
        else:
            changes = self._change(read.settings)
            changed, self.reloads.restart = changes.taken, changes.restart
            self.tell(events.Reloaded(changes.taken, changes.restart))
        self._notifier.reloaded()
        return {"mistakes": read.mistakes, "changed": changed, "restart": self.reloads.restart}

    def _change(self, wanted: Settings) -> Changes:
        before, folders = self.settings, self.folders
        self.settings, changes = reconciled(before, wanted)
        self._number_folders()
        self._standing.folders = len(self.folders)
        for number in folders.keys() - self.folders.keys():
            self.lookouts.withdraw(number)
            self.tell(events.FolderLeft(number))
        self._staff.change(self.settings, self.journal.roots())
        policy = policy_of(self.settings)
        now = clock.monotonic_ns()
        self._obey(self.scheduler.reconfigure(policy, self._rules_folders(), self.journal.held(), now))
        if self.settings.watch != before.watch:
            self.lookouts.change(self.settings.watch)
        for number in self.folders.keys() - folders.keys():
            self._seed_drops(number)
            self.lookouts.post(number, self.folders[number], self.journal)
        return changes

    # --- small ---

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """On the control thread: have a request answered, on ours unless it takes long."""
        if isinstance(request, dict) and request.get("verb") == "reload":
            return self.reloads.read()
        return self._inbox.ask(lambda reply: Question(request, reply))

    def _defect(self, error: BaseException) -> None:
        self._inbox.put(Defect(error))

    def _wall(self) -> str:
        return clock.wall(self._zone).isoformat(timespec="seconds")

    def _new_day(self) -> None:
        today = clock.wall(self._zone).date().isoformat()
        if today == self._today:
            return
        self._today = today
        self.journal.back_up(today)
        for number in self.folders:
            self._seed_drops(number)
        self._obey(self.scheduler.handle(events.Today(today), clock.monotonic_ns()))
        self.cleaner.sweep()

    def _seed_drops(self, number: int) -> None:
        drops = self.journal.drops_of(number, self._today)
        self.scheduler.seed_drops(number, self._today, drops)

    def _stand(self) -> None:
        """Tell the service manager how we are, and everybody who is stuck."""
        for stuck in self._standing.turn(self.scheduler, self._pulses(), clock.monotonic_ns()):
            self._inbox.tell(stuck)

    def _pulses(self) -> Iterator[Pulse]:
        """Whoever must show life."""
        yield from self.lookouts.pulses(self.names)
        slow = self.folders.keys() if self._remote_output else self.lookouts.remote()
        yield from self.scheduler.pulses(slow)
