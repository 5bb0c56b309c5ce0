"""The brain: facts in, commands out.

Knows every live job, pending file, worker and batch, and no disk, clock, process or log. `handle` takes one
fact and the time and returns what is to be done: writes for the journal, then deeds for the shell. The
journal is the truth; after any stop `start` rebuilds all this from its rows.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from mattingd.core.batching import EngineQueue
from mattingd.core.dispatch import Dispatcher
from mattingd.core.engine_supervisor import Engines
from mattingd.core.heartbeats import Pulse, pulses_of_children
from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore, Policy
from mattingd.core.lifecycle import LIVE, WORKING, Event, Job, State
from mattingd.core.settling import SourceId
from mattingd.core.snapshot import SchedulerSnapshot, StatusReader
from mattingd.core.stopping import Ending, Shutdown
from mattingd.core.user_requests import Requests
from mattingd.core.worker_answers import WorkerAnswers
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain import events
from mattingd.domain.commands import Command, ContinueRetention, RecordArtifacts
from mattingd.domain.events import Fact
from mattingd.domain.jobs import DropCount, Folder, JobRecord, Models

PACKAGED = Models()
ENDED_BEFORE = "the daemon ended while it was being processed"
TOLD_ONLY = (
    events.Overflowed,
    events.FolderLeft,
    events.Cleaned,
    events.Stuck,
    events.Reloaded,
    events.ReloadRefused,
    events.JobEnded,
    events.DropEnded,
    events.Tick,
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
            paused: those that a person holds back.
            models: which weights make the mattes.
            ending: when the run ends by itself; None for `RunUntilStopped`.
        """
        self.policy = policy
        self.crew = WorkerPool(policy.workers)
        self.engine = EngineQueue(policy.batch_wait_ns, policy.batch_cap)
        self.work = JobStore(policy, self.crew, folders)
        self.intake = Intake(self.work, folders)
        self.dispatcher = Dispatcher(self.work, self.crew, self.engine)
        self.shutdown = Shutdown(self.work, self.crew, self.engine, self.intake, self.dispatcher)
        self.shutdown.ending = ending or self.shutdown.ending
        self.engines = Engines(self.work, self.crew, self.engine, models, self.shutdown.now)
        self.inference = Inference(self.work, self.crew, self.engine, self.engines)
        self.answers = WorkerAnswers(
            self.work, self.crew, self.intake, self.dispatcher, self.inference, self.shutdown
        )
        self.requests = Requests(self.work, self.intake)
        self.status = StatusReader(self.work, self.intake, self.dispatcher, self.inference, self.shutdown)
        self._hold(paused)
        self._handlers = self._fact_handlers()
        self._due_handlers = self._timer_handlers()

    def _fact_handlers(self) -> dict[type, Callable[[Any], None]]:
        """Who handles which fact."""
        handlers: dict[type, Callable[[Any], None]] = dict.fromkeys(TOLD_ONLY, lambda _: None)
        return (
            handlers
            | self.answers.handlers()
            | {
                events.FileObserved: lambda fact: self.intake.looked(fact, self.engine.sent),
                events.Scanned: self.intake.scanned,
                events.FolderTrouble: self.shutdown.ending.folder_trouble,
                events.Today: self.intake.new_day,
                events.Admitted: self.intake.admitted,
                events.AlreadyKnown: self.intake.known,
                events.EngineUp: self.inference.came_up,
                events.EngineDied: self.inference.died,
                events.Inferred: self.inference.inferred,
                events.InferFailed: self.inference.failed,
                events.SpaceLow: self.dispatcher.space_low,
                events.Swept: self._swept,
                events.ModelAsked: lambda fact: self.engines.asked(fact, stopping=self.stopping),
                events.StopAsked: self.shutdown.ask,
                events.RetryAsked: self._retry_asked,
                events.ForgetAsked: self.requests.forget,
                events.PauseAsked: self.requests.pause,
            }
        )

    def _timer_handlers(self) -> dict[str, Callable[[int, Any], None]]:
        """Who handles which kind of deadline."""
        return {
            "settle": lambda deadline, key: self.intake.confirm(key, deadline),
            "held": self._held_due,
            "publish": lambda _, job: self.answers.publish_again(job),
            "chore": lambda _, job: self._chore_again(job),
            "worker": lambda _, worker: self.answers.overdue(worker),
            "start worker": lambda _, worker: self.answers.start(worker),
            "engine": lambda _, engine: self.inference.overdue(engine),
            "start engine": lambda *_: self.engines.restart(),
            "idle": lambda *_: self.engines.idle(),
            "window": lambda *_: None,
            "drop": lambda _, drop: self.work.close_drop(drop),
            "stop": lambda *_: self.shutdown.overdue(),
            "wake": lambda *_: None,
        }

    # --- the face ---

    def start(
        self, rows: Iterable[JobRecord], *, clean: bool, now: int, dropped: Iterable[DropCount] = ()
    ) -> list[Command]:
        """The first commands of a run: children, and what the journal says was left undone.

        Args:
            rows: all live rows, and ended ones with chores left.
            clean: whether the last run ended by itself; if not, what it had in flight is suspect.
            now: nanoseconds.
            dropped: what ended before, of drops with live rows.
        """
        self.work.now = now
        self.work.drops.seed(dropped)
        self.engines.start()
        for hand in self.crew.hands:
            self.answers.start(hand.id)
        for row in rows:
            self._resume(Job.from_row(row), clean=clean)
        return self._answer()

    def handle(self, fact: Fact, now: int) -> list[Command]:
        """What follows from `fact` at `now` (nanoseconds, never less than before); nothing after a `Stop`."""
        if self.stopped:
            return []
        self.work.now = now
        self._handlers[type(fact)](fact)
        while not self.stopped and (due := self.work.timers.due(now)) is not None:
            deadline, kind, key = due
            self._due_handlers[kind](deadline, key)
        if not self.stopped:
            self.dispatcher.dispatch(reads=not self.stopping)
            self.inference.send(self.dispatcher.on_the_way())
            self.shutdown.when_done()
        return self._answer()

    def foresee(self, turn: Iterable[Fact]) -> None:
        """Look at all facts of a turn before the first of them is handled.

        What follows from them is done only after the last one: a child that is known to have died must not be
        given work by the facts before, or a picture would get the blame for what was never begun.
        """
        deaths = [fact for fact in turn if isinstance(fact, events.WorkerDied | events.EngineDied)]
        self.answers.foresee({fact.worker for fact in deaths if isinstance(fact, events.WorkerDied)})
        self.inference.foresee({fact.engine for fact in deaths if isinstance(fact, events.EngineDied)})

    def reconfigure(
        self, policy: Policy, folders: Mapping[int, Folder], paused: Iterable[int], now: int
    ) -> list[Command]:
        """Other settings from now on: for what is decided, and for files that are admitted, later.

        Jobs keep the recipe and the place they were admitted with, those of a folder that is no hot folder
        any more included: they are finished. Nothing new is taken from such a folder.

        Args:
            policy: as at start, and with as many workers.
            folders: all hot folders that there are now.
            paused: those that a person holds back.
            now: nanoseconds.
        """
        self.policy = self.work.policy = policy
        self.engine.wait_ns = policy.batch_wait_ns
        self.work.now = now
        self.engines.rest()
        self.work.folders = folders
        self.intake.reconfigure(policy.settle, folders)
        self._hold(paused)
        return self.handle(events.Tick(), now)

    def next_wakeup(self) -> int | None:
        """When `handle(Tick(), ...)` is needed at the latest, should nothing else happen."""
        return self.work.timers.next()

    @property
    def stopping(self) -> bool:
        """Whether the end was asked for: what is in work is finished first."""
        return self.shutdown.asked

    @property
    def stopped(self) -> bool:
        """Whether the run is over."""
        return self.shutdown.stopped

    def ready(self) -> bool:
        """Whether pictures can be done: the engine is tested, and every worker is up."""
        return self.engine.up and all(hand.up for hand in self.crew.hands)

    def idle(self) -> bool:
        """Whether everything that was seen has come to an end."""
        return self.shutdown.idle()

    def snapshot(self) -> SchedulerSnapshot:
        """How everything stands, as frozen figures; `status` tells of single files."""
        return self.status.snapshot()

    def settling(self) -> int:
        """Files that are seen and not in the journal yet; may be asked on any thread."""
        return len(self.intake.settler)

    def pulses(self, remote: Container[int]) -> Iterator[Pulse]:
        """When the children must have shown life; see `pulses_of_children`."""
        return pulses_of_children(self.crew, self.inference, self.work.jobs, remote)

    def jobs_of_batch(self, batch: int) -> tuple[int, ...]:
        """The jobs of a batch that was just answered, in the order of its mattes.

        Raises:
            ValueError: no engine has it as its oldest.
        """
        return self.engine.due(batch)[1].jobs

    def seed_drops(self, folder: int, today: str, made: int) -> None:
        """So many drops were opened in this folder today before the daemon started."""
        self.intake.drops.seed(folder, today, made)

    # --- start ---

    def _hold(self, paused: Iterable[int]) -> None:
        """Of a folder that is no hot folder any more nothing is held back: nobody could let it go on."""
        wanted = self.intake.folders.keys() & set(paused)
        for number in self.work.lanes.held | wanted:
            self.work.hold(number, paused=number in wanted)

    def _resume(self, job: Job, *, clean: bool) -> None:
        """Take up a journal row: the same way after a crash and after an ordinary stop."""
        if job.state not in LIVE:
            self.work.schedule_cleanup(job)
            return
        job.unchanged_since = self.work.now
        self.work.adopt(job)
        if job.state is State.PREPARED:
            self._resume_prepared(job)
        elif job.state not in WORKING:
            if job.state is State.HELD:
                self.work.move(job, Event.DUE)
            self.work.enqueue(job)
        elif clean:
            self.work.requeue(job, ENDED_BEFORE)
        else:
            self.work.crashed(job, ENDED_BEFORE, by_itself=job.isolated)
        folder = self.work.folders.get(job.folder)
        if job.state is State.QUEUED and self.shutdown.ending.replaces(job, folder):
            self.work.move(job, Event.CHANGED, "it is asked for with other settings now")

    def _resume_prepared(self, job: Job) -> None:
        """Publish it, unless a single run is asked for something else than the one that was stopped."""
        if self.shutdown.ending.replaces(job, self.work.folders.get(job.folder)):
            self.work.move(job, Event.LOST, "it was made with other settings than are asked for now")
        else:
            self.work.move(job, Event.CRASHED, "the daemon ended before it was published")
            self.work.publishable[job.id] = job

    def _chore_again(self, number: int) -> None:
        job = self.work.jobs.get(number)
        if job is not None:
            self.work.schedule_cleanup(job)

    # --- small ---

    def _retry_asked(self, fact: events.RetryAsked) -> None:
        """Whatever a picture waits for, it is tried now: the output folder, too."""
        self.dispatcher.try_output_now()
        self.requests.retry(fact)
        job = self.work.by_path.get(SourceId(fact.folder, fact.path))
        if job is not None:
            self.answers.publish_again(job.id)

    def _swept(self, fact: events.Swept) -> None:
        self.work.out += [RecordArtifacts(fact.marks, fact.home), ContinueRetention()]

    def _held_due(self, deadline: int, number: int) -> None:
        job = self.work.jobs.get(number)
        if job is not None and job.state is State.HELD and job.due == deadline:
            self.work.move(job, Event.DUE)
            self.work.enqueue(job)

    def _answer(self) -> list[Command]:
        commands, self.work.out = self.work.out, []
        return commands
