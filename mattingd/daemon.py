"""Joins everything: owns the processes, threads and queues of a running daemon, and takes no decision.

One turn: take what came in, let the conductor say what follows, write that to the journal in one transaction,
and only then do it. Pixels travel beside the facts and are kept here between the processes, keyed by job.
"""

import os
import queue
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mattingd import clock, commands, facts, values
from mattingd.checkpoint import Checkpoint, PlacingRules
from mattingd.children import Message
from mattingd.cleaning import Cleaner
from mattingd.config import HotFolder, Settings
from mattingd.control import ControlServer
from mattingd.disk import Disk
from mattingd.lookouts import Lookouts, is_remote
from mattingd.reports import Reporter
from mattingd.rules import placing
from mattingd.rules.conductor import Conductor
from mattingd.rules.liveness import Pulse, pulses_of_children
from mattingd.rules.retaining import low_space
from mattingd.service import Lock, Notifier
from mattingd.sizing import policy_of
from mattingd.staff import Programs, Staff
from mattingd.stages.sweeping import RoomWatch
from mattingd.standing import Standing

TURN = 256
"""Facts in one turn, and so in one transaction, at most."""
HEARTBEAT_NS = clock.SECOND
"""The loop turns at least this often."""
CROWD = 5_000
"""Facts that may wait; scanners pause above it."""
LAST_PAGE_SECONDS = 2.0
"""At the end, the cleaner is given so long to finish the file it is at."""
JOURNAL = "checkpoint.db"


@dataclass(frozen=True, slots=True)
class Question:
    """Something the control socket wants to know; answered on the conductor's thread."""

    request: dict[str, Any]
    reply: "queue.SimpleQueue[dict[str, Any]]"


@dataclass(frozen=True, slots=True)
class Defect:
    """A thread of ours ended by an error that must not be: the daemon ends with it."""

    error: BaseException


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
    """A running daemon. Its thread is the conductor's."""

    def __init__(
        self,
        settings: Settings,
        reporters: Sequence[Reporter] = (),
        *,
        mode: Mode = Mode(),
        answer: Answerer | None = None,
        disk: Disk | None = None,
    ) -> None:
        """Take the lock and open the journal.

        Args:
            settings: as `config.load` gives them.
            reporters: whom to tell what happens.
            mode: what kind of run this is.
            answer: answers requests of the control socket; None opens no socket.
            disk: file operations of the scanners.

        Raises:
            LockedError: another daemon works with this state directory.
            JournalError: the journal cannot be used.
        """
        self.settings = settings
        self.mode = mode
        self.started = clock.monotonic_ns()
        self._answer = answer
        self._inbox: queue.SimpleQueue[Message | Question | Defect] = queue.SimpleQueue()
        self._notifier = Notifier()
        self._standing = Standing(self._notifier, len(settings.hot_folders))
        self._reporters: tuple[Reporter, ...] = (*reporters, self._standing)
        self._remote_output = is_remote(settings.output_dir)
        self._zone = clock.zone(settings.timezone)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(settings.state_dir)
        rules = PlacingRules(placing.pick, placing.next_version, placing.folded)
        self.journal = Checkpoint(settings.state_dir / JOURNAL, rules, self._wall)
        self.folders = self._number_folders()
        policy, models = policy_of(settings, once=mode.once), self.journal.models()
        self.conductor = Conductor(policy, self._rules_folders(), models=models)
        self._staff = Staff(
            settings,
            {number: os.fsencode(folder.path) for number, folder in self.folders.items()},
            instance=self.journal.instance,
            keep=(self._lock.descriptor,),
            programs=mode.programs,
            heard=self._inbox.put,
        )
        self.lookouts = Lookouts(
            settings.watch,
            once=mode.once,
            only=mode.only or {},
            tell=self._tell_patiently,
            failed=self._defect,
            disk=disk or Disk(),
        )
        self.cleaner = Cleaner(
            lambda: self.settings, self.journal.path, self._zone, self._tell_patiently, self._defect
        )
        self._room = RoomWatch(
            str(settings.output_dir),
            lambda free, low: low_space(free, self.settings.retention, low=low),
            self._tell_patiently,
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
        self._inbox.put((facts.StopAsked(reason), None))

    def use_model(self, model: str) -> int:
        """Ask for other weights (see `values.Models`); returns the ticket by which the outcome is known."""
        self._tickets += 1
        self._inbox.put((facts.ModelAsked(model, self._tickets), None))
        return self._tickets

    # --- start and end ---

    def _number_folders(self) -> dict[int, HotFolder]:
        return {
            self.journal.folder_id(os.fsencode(folder.path)): folder for folder in self.settings.hot_folders
        }

    def _rules_folders(self) -> dict[int, values.Folder]:
        return {
            number: values.Folder(
                id=number,
                name=folder.name,
                recipe=values.Recipe(folder.recipe_hash, folder.recipe),
                layout=self.settings.layout,
                preset_name=folder.preset,
                endings=values.endings_of(folder.recipe),
            )
            for number, folder in self.folders.items()
        }

    def _begin(self) -> None:
        clean = self.journal.begin_run()
        self._new_day()
        rows = [row for row in self.journal.live() if row.folder in self.folders or row.chores]
        for row in rows:
            for reporter in self._reporters:
                reporter.fact(facts.Admitted(row))
        self._obey(self.conductor.start(rows, clean=clean, now=clock.monotonic_ns()))
        for number, folder in self.folders.items():
            self.lookouts.post(number, folder, self.journal)
        if not self.mode.once:
            self._room.start()
            self.cleaner.start()

    def _open_control(self) -> ControlServer | None:
        if self._answer is None:
            return None
        server = ControlServer(self.settings.state_dir, self._ask)
        server.start()
        return server

    def _end(self) -> None:
        self.lookouts.stop()
        self._room.stop()
        self.cleaner.stop()
        if self.cleaner.is_alive():
            self.cleaner.join(LAST_PAGE_SECONDS)
        self._staff.dismiss()
        self.journal.close()
        self._lock.release()

    # --- a turn ---

    def _turn(self) -> None:
        messages = self._take()
        self._new_day()
        self._stand()
        todo: list[commands.Command] = []
        self.conductor.foresee(message[0] for message in messages if isinstance(message, tuple))
        for message in messages:
            if isinstance(message, Defect):
                raise message.error
            if isinstance(message, Question):
                message.reply.put(self._answer(self, message.request) if self._answer else {})
            else:
                todo += self._hear(*message)
        if not messages:
            todo += self._hear(facts.Tick(), None)
        self._obey(todo)

    def _take(self) -> list[Message | Question | Defect]:
        """What came in, after waiting for it until something is due."""
        now = clock.monotonic_ns()
        wakeup = self.conductor.next_wakeup()
        until = now + HEARTBEAT_NS if wakeup is None else min(wakeup, now + HEARTBEAT_NS)
        messages: list[Message | Question | Defect] = []
        try:
            messages.append(self._inbox.get(timeout=max(0, until - now) / clock.SECOND))
            while len(messages) < TURN:
                messages.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        return messages

    def _hear(self, fact: facts.Fact, payload: bytes | None) -> list[commands.Command]:
        if payload is not None:
            self._keep(fact, payload)
        for reporter in self._reporters:
            reporter.fact(fact)
        answer = self.conductor.handle(fact, clock.monotonic_ns())
        if isinstance(fact, facts.Scanned):
            self.journal.scanned(fact.folder)
        return answer

    def _keep(self, fact: facts.Fact, payload: bytes) -> None:
        """Pixels that came beside a fact."""
        if isinstance(fact, facts.ReadOk):
            self._nets[fact.job] = payload
        elif isinstance(fact, facts.Inferred):
            _, batch = self.conductor.engine.due(fact.batch)
            size = len(payload) // len(batch.jobs)
            for index, number in enumerate(batch.jobs):
                self._mattes[number] = (fact.batch, payload[index * size : (index + 1) * size])

    def _obey(self, todo: Iterable[commands.Command]) -> None:
        """Journal first, deeds after: nothing is done that a crash could make us forget."""
        writes: list[commands.Write] = []
        deeds: list[commands.Deed] = []
        for command in todo:
            for reporter in self._reporters:
                reporter.command(command)
            if isinstance(command, commands.Write):
                writes.append(command)
            else:
                deeds.append(command)
        if writes:
            for answer in self.journal.apply(writes):
                self._inbox.put((answer, None))
        for deed in deeds:
            self._perform(deed)

    def _perform(self, deed: commands.Deed) -> None:  # noqa: C901, PLR0912 - one line for each kind of deed
        match deed:
            case commands.LookAt(folder, path):
                self.lookouts.look_at(folder, path)
            case (
                commands.Read(worker=worker)
                | commands.Publish(worker=worker)
                | commands.DoChore(worker=worker)
                | commands.Unburden(worker=worker)
            ):
                self._staff.tell_worker(worker, deed)
            case commands.Finish(worker=worker, job=number):
                self._staff.tell_worker(worker, deed, self._mattes.pop(number)[1])
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
            case commands.SweepOn():
                self.cleaner.go_on()
            case commands.StartEngine() | commands.KillEngine() | commands.EndEngine():
                self._staff.look_after_engine(deed)
            case commands.KeepModel():
                pass  # whoever asked for the model asks again, and sees
            case commands.Stop():
                self._ended = deed

    # --- small ---

    def _tell_patiently(self, fact: facts.Fact) -> None:
        """For scanners: they wait when the conductor has much to do; it never waits for them."""
        while self._inbox.qsize() > CROWD and self._ended is None:
            clock.sleep(0.05)
        self._inbox.put((fact, None))

    def _defect(self, error: BaseException) -> None:
        self._inbox.put(Defect(error))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """On the control thread: have a request answered on ours."""
        reply: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._inbox.put(Question(request, reply))
        try:
            return reply.get(timeout=30)
        except queue.Empty:
            return {"error": "the daemon is busy; try again"}

    def _wall(self) -> str:
        return clock.wall(self._zone).isoformat(timespec="seconds")

    def _new_day(self) -> None:
        today = clock.wall(self._zone).date().isoformat()
        if today == self._today:
            return
        self._today = today
        self.journal.back_up(today)
        for number in self.folders:
            self.conductor.intake.drops.seed(number, today, self.journal.drops_of(number, today))
        self._obey(self.conductor.handle(facts.Today(today), clock.monotonic_ns()))
        self.cleaner.sweep()

    def _stand(self) -> None:
        """Tell the service manager how we are, and everybody who is stuck."""
        for stuck in self._standing.turn(self.conductor, self._pulses(), clock.monotonic_ns()):
            self._inbox.put((stuck, None))

    def _pulses(self) -> Iterator[Pulse]:
        """Whoever must show life."""
        yield from self.lookouts.pulses({number: folder.name for number, folder in self.folders.items()})
        slow = self.folders.keys() if self._remote_output else self.lookouts.remote()
        conductor = self.conductor
        yield from pulses_of_children(conductor.crew, conductor.inference, conductor.work.jobs, slow)
