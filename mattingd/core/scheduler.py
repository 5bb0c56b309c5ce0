"""Make all decisions of the daemon: facts in, commands out.

Knows every live job, pending file, worker and batch, but no disk, clock, process or log. `handle` takes one
fact and the time and returns commands: writes for the journal, then actions for the shell. The journal is
authoritative: after any stop `start` rebuilds all this from its rows.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mattingd.core.batching import EngineQueue
from mattingd.core.dispatch import Dispatcher
from mattingd.core.engine_supervisor import Engines
from mattingd.core.fleet.remote import Remote
from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State, Trigger
from mattingd.core.policy import Policy
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.queue.pace import size_class
from mattingd.core.queue.resuming import Resuming
from mattingd.core.settling import SourceId
from mattingd.core.snapshot import SchedulerSnapshot, StatusReader
from mattingd.core.stopping import Ending, Shutdown
from mattingd.core.trouble.heartbeats import Pulse, pulses_of_children
from mattingd.core.trouble.offline import Offline
from mattingd.core.trouble.restarts import WorkerRestarts
from mattingd.core.user_requests import Requests
from mattingd.core.worker_answers import WorkerAnswers
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain import events
from mattingd.domain.commands import Command, ContinueRetention, RecordArtifacts
from mattingd.domain.earlier import DropCount, Resting, Took
from mattingd.domain.events import Fact
from mattingd.domain.jobs import Folder, JobRecord, Models

PACKAGED = Models()
TOLD_ONLY = (
    events.Overflowed,
    events.FolderLeft,
    events.Cleaned,
    events.OutputShared,
    events.Stuck,
    events.Reloaded,
    events.ReloadRefused,
    events.JobEnded,
    events.DropEnded,
    events.Tick,
    events.RemoteState,
)
"""Facts that nothing follows from here: reporters tell of them."""


class Scheduler:
    """All decisions of a running daemon. One thread owns it."""

    def __init__(
        self,
        policy: Policy,
        folders: Mapping[int, Folder],
        paused: Iterable[int] = frozenset(),
        models: Models = PACKAGED,
        ending: Ending | None = None,
    ) -> None:
        """Nothing is live yet.

        Args:
            policy: what decisions depend on.
            folders: the hot folders by number.
            paused: those that the user has paused.
            models: the weights that make the mattes.
            ending: when the run ends by itself; None for `RunUntilStopped`.
        """
        self.policy = policy
        self.pool = WorkerPool(policy.workers, policy.remote)
        self.engine = EngineQueue(policy.batch_wait_ns, policy.batch_cap)
        self.work = JobStore(policy, self.pool, folders)
        self.intake = Intake(self.work, folders)
        self.output = OutputGate(self.work)
        self.dispatcher = Dispatcher(self.work, self.pool, self.engine, self.output)
        self.shutdown = Shutdown(self.work, self.pool, self.engine, self.intake, self.output)
        self.shutdown.ending = ending or self.shutdown.ending
        self.engines = Engines(self.work, self.pool, self.engine, models, self.shutdown.now)
        self.inference = Inference(self.work, self.pool, self.engine, self.engines)
        self.offline = Offline(self.work, self.pool, self.output)
        self.workers = WorkerRestarts(self.work, self.pool, self.inference, self.shutdown, self.offline)
        self.answers = WorkerAnswers(
            self.work, self.pool, self.intake, self.output, self.inference, self.shutdown
        )
        self.remote = Remote(self.work, self.pool, self.engines)
        self.requests = Requests(self.work, self.intake)
        self.status = StatusReader(self.work, self.intake, self.output, self.inference, self.shutdown)
        self._hold(paused)
        self._handlers = self._fact_handlers()
        self._due_handlers = self._timer_handlers()

    def _fact_handlers(self) -> dict[type, Callable[[Any], None]]:
        """Return the handler of each kind of fact."""
        handlers: dict[type, Callable[[Any], None]] = dict.fromkeys(TOLD_ONLY, lambda _: None)
        return (
            handlers
            | self.answers.handlers()
            | {
                events.FileObserved: lambda fact: self.intake.looked(fact, self.engine.sent),
                events.Scanned: self.intake.scanned,
                events.FolderTrouble: self._folder_trouble,
                events.OutputTrouble: self.offline.output,
                events.Today: self.intake.new_day,
                events.TimeOfDay: self._time_of_day,
                events.Admitted: self.intake.admitted,
                events.AlreadyKnown: self.intake.known,
                events.WorkerUp: self.workers.up,
                events.WorkerDied: self.workers.died,
                events.WorkerLeft: self.remote.left,
                events.RemoteEnded: self.remote.ended,
                events.EngineUp: self.inference.came_up,
                events.EngineDied: self.inference.died,
                events.Inferred: self.inference.inferred,
                events.InferFailed: self.inference.failed,
                events.SpaceLow: self.output.space_low,
                events.Swept: self._swept,
                events.ModelAsked: lambda fact: self.engines.asked(fact, stopping=self.stopping),
                events.StopAsked: self.shutdown.ask,
                events.RetryAsked: self._retry_asked,
                events.ForgetAsked: self.requests.forget,
                events.PauseAsked: self.requests.pause,
                events.ApproveAsked: self.requests.approve,
            }
        )

    def _timer_handlers(self) -> dict[str, Callable[[int, Any], None]]:
        """Return the handler of each kind of deadline."""
        return {
            "settle": lambda deadline, key: self.intake.confirm(key, deadline),
            "held": self._held_due,
            "publish": lambda _, job: self.answers.publish_again(job),
            "chore": lambda _, job: self._chore_again(job),
            "worker": lambda _, worker: self.workers.overdue(worker),
            "start worker": lambda _, worker: self.workers.start(worker),
            "engine": lambda _, engine: self.inference.overdue(engine),
            "start remote": lambda *_: self.remote.start(),
            "start engine": lambda *_: self.engines.restart(),
            "idle": lambda *_: self.engines.idle(),
            "window": lambda *_: None,
            "room": lambda *_: None,
            "ready": lambda _, key: self.intake.marker_due(key),
            "part": lambda _, part: self.answers.whole.due(part),
            "drop": lambda _, drop: self.work.close_drop(drop),
            "stop": lambda *_: self.shutdown.overdue(),
            "wake": lambda *_: None,
        }

    # --- the face ---

    def start(
        self,
        rows: Iterable[JobRecord],
        *,
        clean: bool,
        now: int,
        dropped: Iterable[DropCount] = (),
        took: Iterable[Took] = (),
        resting: Iterable[Resting] = (),
    ) -> list[Command]:
        """Return the first commands of a run: start the processes, resume what is unfinished.

        Args:
            rows: all live rows, and ended ones with cleanup left.
            clean: whether the last run ended by itself; if not, its pictures in flight are quarantine
                candidates.
            now: nanoseconds.
            dropped: jobs that ended before, of drops whose end was not reported.
            took: how long pictures took in earlier runs, the oldest first.
            resting: files that the run before held back.
        """
        self.work.now = now
        self.work.drops.seed(dropped)
        self.work.pace.seed((size_class(each.path, each.size), each.seconds) for each in took)
        self.intake.seed(resting)
        self.engines.start()
        for slot in self.pool.local:
            self.workers.start(slot.id)
        self.remote.start()
        resuming = Resuming(self.work, self.shutdown)
        for row in rows:
            resuming.resume(Job.from_row(row, now), clean=clean)
        for drop in self.work.drops.seeded():
            self.work.close_drop(drop)
        return self._answer()

    def handle(self, fact: Fact, now: int) -> list[Command]:
        """Return the commands that follow from `fact` at `now` (ns, never decreases); none after `Stop`."""
        if self.stopped:
            return []
        self.work.now = now
        self._handlers[type(fact)](fact)
        while not self.stopped and (due := self.work.timers.due(now)) is not None:
            deadline, kind, key = due
            self._due_handlers[kind](deadline, key)
        if not self.stopped:
            self.dispatcher.dispatch(reads=not self.stopping)
            self.inference.send(self.dispatcher.order.on_the_way())
            self.shutdown.when_done()
        return self._answer()

    def foresee(self, turn: Iterable[Fact]) -> None:
        """Look at all facts of a turn before the first of them is handled.

        What follows from them is done only after the last one. A process that is known to have died must not
        get work from an earlier fact of the turn, or a picture would be blamed for an operation that never
        started.
        """
        deaths = [fact for fact in turn if isinstance(fact, events.WorkerDied | events.EngineDied)]
        self.workers.foresee({fact.worker for fact in deaths if isinstance(fact, events.WorkerDied)})
        self.inference.foresee({fact.engine for fact in deaths if isinstance(fact, events.EngineDied)})

    def reconfigure(
        self, policy: Policy, folders: Mapping[int, Folder], paused: Iterable[int], now: int
    ) -> list[Command]:
        """Use other settings for decisions, and for files admitted from now on.

        Jobs keep the recipe and the output paths that they were admitted with. Jobs of a removed hot folder
        are finished, but no further files are taken from it.

        Args:
            policy: as at start, and with as many workers.
            folders: all hot folders.
            paused: those that the user has paused.
            now: nanoseconds.
        """
        self.policy = self.work.policy = policy
        self.engines.try_again()
        self.engine.wait_ns = policy.batch_wait_ns
        self.work.now = now
        self.engines.rest()
        self.work.use_folders(folders)
        self.intake.reconfigure(policy.settle, folders)
        self._hold(paused)
        self._past_hours()
        return self.handle(events.Tick(), now)

    def know_models(self, found: Policy) -> None:
        """Let presets name the models of `found`, which were installed since the start."""
        self.policy = self.work.policy = replace(
            self.policy, installed=found.installed, nets=found.nets, loaded=found.loaded
        )

    def next_wakeup(self) -> int | None:
        """Return when `handle(Tick(), ...)` is needed at the latest if nothing else happens."""
        return self.work.timers.next()

    @property
    def stopping(self) -> bool:
        """Whether the end was requested: pictures in work are finished first."""
        return self.shutdown.asked

    @property
    def stopped(self) -> bool:
        """Whether the run is over."""
        return self.shutdown.stopped

    def ready(self) -> bool:
        """Whether pictures can be processed: the engine is tested, and every worker is up."""
        return self.engine.up and all(slot.up for slot in self.pool.local)

    def idle(self) -> bool:
        """Whether everything that was seen has ended."""
        return self.shutdown.idle()

    def snapshot(self) -> SchedulerSnapshot:
        """Return the state of everything as frozen figures; `status` reports single files."""
        return self.status.snapshot()

    def pulses(self, remote: Container[int]) -> Iterator[Pulse]:
        """Return when the processes must have shown progress; see `pulses_of_children`."""
        return pulses_of_children(self.pool, self.inference, self.work.jobs, remote)

    def jobs_of_batch(self, batch: int) -> tuple[int, ...]:
        """Return the jobs of a batch that was just answered, in the order of its mattes.

        Raises:
            ValueError: no engine has it as its oldest.
        """
        return self.engine.due(batch)[1].jobs

    def seed_drops(self, folder: int, today: str, made: int) -> None:
        """Set how many drops were opened in this folder today before the daemon started."""
        self.intake.drops.seed(folder, today, made)

    def _time_of_day(self, fact: events.TimeOfDay) -> None:
        """Hot folders open and close; a run that ends by itself was started by a person, who waits for it."""
        if not self.shutdown.ending.ends_when_idle and self.work.gates.at(fact.minute):
            self._past_hours()

    def _past_hours(self) -> None:
        """Take what a person wants out of the queues of folders that have closed."""
        for job in self.work.by_path.values():
            self.work.past_hours(job)

    # --- start ---

    def _hold(self, paused: Iterable[int]) -> None:
        """Pause a folder, unless it is not a hot folder any more: nobody could resume it."""
        wanted = self.intake.folders.keys() & set(paused)
        for number in self.work.gates.offline.keys() - self.intake.folders.keys():
            self.work.gates.set_offline(number, None)
        for number in self.work.lanes.held | wanted:
            self.work.gates.pause(number, paused=number in wanted)

    def _chore_again(self, number: int) -> None:
        job = self.work.jobs.get(number)
        if job is not None:
            self.work.schedule_cleanup(job)

    # --- small ---

    def _retry_asked(self, fact: events.RetryAsked) -> None:
        """Retry a picture now whatever it waits for, including the output folder."""
        self.output.try_now()
        self.requests.retry(fact)
        job = self.work.by_path.get(SourceId(fact.folder, fact.path))
        if job is not None:
            self.answers.publish_again(job.id)

    def _folder_trouble(self, fact: events.FolderTrouble) -> None:
        """Handle a folder that cannot be read: a run that ends by itself does not wait for it.

        Any other does.
        """
        self.shutdown.ending.folder_trouble(fact)
        if not self.shutdown.ending.ends_when_idle:
            self.offline.folder(fact)

    def _swept(self, fact: events.Swept) -> None:
        self.work.out += [RecordArtifacts(fact.marks, fact.home), ContinueRetention()]

    def _held_due(self, deadline: int, number: int) -> None:
        job = self.work.jobs.get(number)
        if job is not None and job.state is State.HELD and job.due == deadline:
            self.work.move(job, Trigger.DUE)
            self.work.enqueue(job)

    def _answer(self) -> list[Command]:
        commands, self.work.out = self.work.out, []
        return commands
