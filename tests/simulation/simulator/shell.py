"""One run of a simulated daemon: the real scheduler and the real journal, obeyed as `daemon.py` obeys them.

Facts come in, commands are collected, the writes of a turn are one transaction, and only then the actions are
done. A crash may strike at every step of that.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mattingd.core import output_paths
from mattingd.core.policy import Policy
from mattingd.core.scheduler import Scheduler
from mattingd.domain import commands
from mattingd.domain.commands import Action, Command, Write
from mattingd.domain.events import (
    AnotherPass,
    DropEnded,
    Fact,
    Inferred,
    JobEnded,
    ModelAsked,
    ReadOk,
    StopAsked,
    Tick,
    Today,
)
from mattingd.domain.jobs import Folder
from mattingd.journal import JournalWriter, PlacingRules
from tests.simulation.simulator.mattes import Sent, SimEngines
from tests.simulation.simulator.pictures import Content, Matte
from tests.simulation.simulator.surroundings import Surroundings
from tests.simulation.simulator.watching import FolderWatch
from tests.simulation.simulator.workers import SimWorker

RULES = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
POINTS = (
    "crash before the commit",
    "crash in the transaction",
    "crash after the commit",
    "crash between two actions",
)


class CrashError(Exception):
    """The daemon dies here."""


@dataclass
class Plan:
    """How a run ends: by a crash in this turn at this point, or of itself."""

    turn: int | None = None
    point: str = ""


@dataclass
class Payloads:
    """Arrays that came beside facts, keyed by job: here the numbers of the pictures they belong to."""

    nets: dict[int, Content] = field(default_factory=dict)
    mattes: dict[int, tuple[int, Matte]] = field(default_factory=dict)
    """Job to (batch, matte)."""


@dataclass
class Hooks:
    """Who looks on."""

    trace: Callable[[str, object], None]
    """Is told every fact and command."""
    checked: Callable[["Shell", list[Command]], None]
    """Is called when a turn is over, with its commands."""
    spares: Callable[["Shell"], bool]
    """Says whether the daemon may not crash just now."""


class Shell:
    """A running daemon."""

    def __init__(
        self,
        path: Path,
        policy: Policy,
        folders: dict[int, Folder],
        around: Surroundings,
        hooks: Hooks,
        scheduler: type[Scheduler] = Scheduler,
        plan: Plan | None = None,
    ) -> None:
        self.around = around
        self.clock = around.clock
        self.trace = hooks.trace
        self.hooks = hooks
        self.plan = plan or Plan()
        self.journal = JournalWriter(path, RULES, lambda: "2026-11-20T12:00:00+00:00")
        for number in range(1, 4):
            assert self.journal.folder_id(b"/in/%d" % number) == number
        self.scheduler = scheduler(policy, folders, self.journal.paused_folders(), self.journal.models())
        self.inbox: deque[tuple[Fact, Callable[[], None] | None]] = deque()
        self.workers = [SimWorker(number, around, self._heard_worker) for number in range(policy.workers)]
        self.engines = SimEngines(around, self._heard_engine)
        self.watches = {number: self._watch(number) for number in folders}
        self.payloads = Payloads()
        self.ended: commands.Stop | None = None
        self.turns = 0
        self._ended_jobs: set[int] = set()

    # --- the face ---

    def begin(self, today: str) -> None:
        """Start up, as `Daemon._begin` does."""
        clean = self.journal.begin_run()
        self.new_day(today)
        rows = self.journal.live()
        for row in rows:
            self.trace("found", row)
        dropped = self.journal.ended_of_open_drops()
        self._obey(self.scheduler.start(rows, clean=clean, now=self.clock.now, dropped=dropped))
        for watch in self.watches.values():
            watch.start()

    def new_day(self, today: str) -> None:
        """Tell the date."""
        for number in self.watches:
            self.scheduler.intake.drops.seed(number, today, self.journal.drops_of(number, today))
        self.put(Today(today))

    def put(self, fact: Fact) -> None:
        """Something happened."""
        self.inbox.append((fact, None))

    def ask_for(self, model: str) -> None:
        """`mattingd models reload`."""
        self.put(ModelAsked(model))

    def stop(self) -> None:
        """SIGTERM."""
        self.put(StopAsked("asked"))

    def reconfigure(self, policy: Policy, folders: dict[int, Folder]) -> None:
        """SIGHUP, as `Daemon` obeys it.

        Raises:
            CrashError: the plan says so.
        """
        for number in self.watches.keys() - folders.keys():
            self.watches.pop(number).ended = True
        held = self.journal.paused_folders()
        self._obey(self.scheduler.reconfigure(policy, folders, held, self.clock.now))
        for number in folders.keys() - self.watches.keys():
            self.watches[number] = self._watch(number)
            self.watches[number].start()

    def turn(self, limit: int) -> None:
        """Handle what came in (at most `limit` facts), then write, then do.

        Raises:
            CrashError: the plan says so.
        """
        self.turns += 1
        todo: list[Command] = []
        if not self.inbox:
            todo += self._handle(Tick())
        heard = [self.inbox.popleft() for _ in range(min(limit, len(self.inbox)))]
        self.scheduler.foresee(fact for fact, _ in heard)
        for fact, keep in heard:
            if keep is not None:
                keep()
            todo += self._handle(fact)
        self._obey(todo)

    def close(self) -> None:
        """The processes and the file are gone."""
        self.engines.stop_all()
        for worker in self.workers:
            worker.stop_all()
        for watch in self.watches.values():
            watch.ended = True
        self.journal.close()

    # --- a turn ---

    def _handle(self, fact: Fact) -> list[Command]:
        self.trace("fact", fact)
        return self.scheduler.handle(fact, self.clock.now)

    def _obey(self, todo: list[Command]) -> None:
        writes: list[Write] = []
        actions: list[Action] = []
        for command in todo:
            self.trace("command", command)
            if isinstance(command, Write):
                writes.append(command)
            elif isinstance(command, JobEnded):
                assert command.job not in self._ended_jobs, f"the end of job {command.job} is told twice"
                self._ended_jobs.add(command.job)
            elif not isinstance(command, DropEnded):
                actions.append(command)
        self._crash("crash before the commit")
        if writes:
            for answer in self.journal.apply(self._fragile(writes)):
                self.put(answer)
        self._crash("crash after the commit")
        for action in actions:
            self._perform(action)
            self._crash("crash between two actions")
        self.hooks.checked(self, todo)

    def _doomed(self, point: str) -> bool:
        plan = self.plan
        if plan.turn is None or plan.point != point or self.turns < plan.turn:
            return False
        return not self.hooks.spares(self)

    def _crash(self, point: str) -> None:
        if self._doomed(point):
            raise CrashError(point)

    def _fragile(self, writes: list[Write]) -> Iterable[Write]:
        """The writes of a turn; the machine may go down between any two of them."""
        if not self._doomed("crash in the transaction"):
            return writes
        return self._torn(writes)

    def _torn(self, writes: list[Write]) -> Iterator[Write]:
        yield from writes[: self.around.weather.rng.randrange(len(writes)) + 1]
        self.journal.close()
        raise CrashError("crash in the transaction")

    # --- actions ---

    def _perform(self, action: Action) -> None:
        match action:
            case commands.LookAt(folder, path):
                if folder in self.watches:
                    self.watches[folder].look_at(path)
            case (
                commands.Read(worker=worker)
                | commands.Publish(worker=worker)
                | commands.DoChore(worker=worker)
            ):
                self.workers[worker].obey(action)
            case commands.Finish(worker=worker, job=job):
                self.workers[worker].obey(action, self.payloads.mattes.pop(job, (0, None))[1])
            case commands.Discard(worker, job):
                self.payloads.nets.pop(job, None)
                self.payloads.mattes.pop(job, None)
                self.workers[worker].operations.discard(job)
            case commands.DropMatte(job, batch):
                if job in self.payloads.mattes and self.payloads.mattes[job][0] == batch:
                    del self.payloads.mattes[job]
            case commands.Infer():
                self.engines.infer(Sent(action, tuple(self.payloads.nets[job] for job in action.jobs)))
            case commands.Stop():
                self.ended = action
            case _:
                self._perform_on_processes(action)

    def _perform_on_processes(self, action: Action) -> None:
        match action:
            case commands.StartWorker(worker):
                self.workers[worker].start()
            case commands.KillWorker(worker, why):
                self.workers[worker].die(why)
            case commands.StartEngine():
                self.engines.start(action)
            case commands.KillEngine(engine, why):
                self.engines.kill(engine, why)
            case commands.EndEngine(engine):
                self.engines.end(engine)
            case commands.TrimMemory(worker):
                assert self.workers[worker].order is None
            case commands.TakeOutDevice() | commands.RejectModel() | commands.AnnounceShutdown():
                pass
            case _:
                raise AssertionError(action)

    # --- what the children say ---

    def _heard_worker(self, fact: Fact, net: Content | None) -> None:
        if isinstance(fact, ReadOk | AnotherPass) and net is not None:
            job, content = fact.job, net
            self.inbox.append((fact, lambda: self.payloads.nets.update({job: content})))
        else:
            self.put(fact)

    def _heard_engine(self, fact: Fact, mattes: tuple[Matte, ...]) -> None:
        if isinstance(fact, Inferred):
            batch = fact.batch
            self.inbox.append((fact, lambda: self._keep_mattes(batch, mattes)))
        else:
            self.put(fact)

    def _keep_mattes(self, batch: int, mattes: tuple[Matte, ...]) -> None:
        _, running = self.scheduler.engine.due(batch)
        for job, matte in zip(running.jobs, mattes, strict=True):
            if job not in self.payloads.mattes or self.payloads.mattes[job][0] < batch:
                self.payloads.mattes[job] = (batch, matte)

    def _watch(self, number: int) -> FolderWatch:
        known = self.journal.known(number)
        return FolderWatch(number, known, self.around.folders, self.clock, self.around.weather, self.put)
