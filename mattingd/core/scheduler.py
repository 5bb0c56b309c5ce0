"""The brain: facts in, commands out.

Knows every live job, resting file, worker and batch, and no disk, clock, process or log. `handle` takes one
fact and the time and returns what is to be done: writes for the journal, then deeds for the shell. The
journal is the truth; after any stop `start` rebuilds all this from its rows.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mattingd.core.batching import EngineQueue
from mattingd.core.dispatch import Dispatcher
from mattingd.core.engine_supervisor import Engines
from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import SECOND, JobStore, Policy
from mattingd.core.lifecycle import LIVE, WORKING, Event, Job, State
from mattingd.core.settling import SourceId
from mattingd.core.user_requests import Requests
from mattingd.core.worker_pool import DEATHS, START_NS, WorkerPool, restart_delay_ns
from mattingd.domain import events
from mattingd.domain.commands import (
    AnnounceShutdown,
    Command,
    ContinueRetention,
    KillWorker,
    LookAt,
    NextVersion,
    Prepare,
    RecordArchived,
    RecordArtifacts,
    StartWorker,
    Stop,
)
from mattingd.domain.events import Fact
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Fault, Folder, JobRecord, Models, PreviousResult, StageTimes

PACKAGED = Models()
OUTPUT_TRIES = 3
"""So many failures to write in a row end a run that is not meant to wait (`Policy.once`)."""


class Scheduler:
    """All decisions of a running daemon. One thread owns it."""

    def __init__(
        self,
        policy: Policy,
        folders: Mapping[int, Folder],
        paused: Iterable[int] = frozenset(),
        models: Models = PACKAGED,
    ) -> None:
        """Nothing is live yet.

        Args:
            policy: what decisions depend on.
            folders: the hot folders by number.
            paused: those that a person holds back.
            models: which weights make the mattes.
        """
        self.policy = policy
        self.crew = WorkerPool(policy.workers)
        self.engine = EngineQueue(policy.batch_wait_ns, policy.batch_cap)
        self.work = JobStore(policy, self.crew, folders)
        self.intake = Intake(self.work, folders)
        self.engines = Engines(self.work, self.crew, self.engine, models, self._stop_now)
        self.inference = Inference(self.work, self.crew, self.engine, self.engines)
        self.dispatcher = Dispatcher(self.work, self.crew, self.engine)
        self.requests = Requests(self.work, self.intake)
        self._hold(paused)
        self.unscanned = set(folders)
        self.stopping = False
        self.stop_at = 0
        """When an ordinary end is given up, once it was asked for."""
        self.stopped = False
        self._dying: set[int] = set()
        """Workers whose death is among the facts of this turn, ..."""
        self._dying_engines: set[int] = set()
        """... and engines."""
        self._given_up: dict[int, str] = {}
        """Folders that cannot be read at present, in a run that does not wait for them (`Policy.once`)."""
        self._left_alone: set[str] = set()
        """Why single pictures were left to the next run, in such a run."""
        self._handlers: dict[type, Callable[[Any], None]] = {
            events.FileObserved: lambda fact: self.intake.looked(fact, self.engine.sent),
            events.Scanned: lambda fact: self.unscanned.discard(fact.folder),
            events.Overflowed: lambda _: None,
            events.FolderTrouble: self._folder_trouble,
            events.FolderLeft: lambda _: None,
            events.Today: self._new_day,
            events.Admitted: self.intake.admitted,
            events.AlreadyKnown: self.intake.known,
            events.VersionAssigned: self._placed,
            events.WorkerUp: self._worker_up,
            events.WorkerDied: self._worker_died,
            events.ReadOk: self._read_ok,
            events.NeedsRoom: self._needs_room,
            events.AnotherPass: self._another_pass,
            events.Finished: self._finished,
            events.SameResult: self._same_result,
            events.Published: self._published,
            events.NameOccupied: self._taken,
            events.TempFileMissing: self._lost,
            events.Faulted: self._faulted,
            events.ChoreDone: self._chore_done,
            events.EngineUp: self._engine_up,
            events.EngineDied: self.inference.died,
            events.Inferred: self.inference.inferred,
            events.InferFailed: self.inference.failed,
            events.SpaceLow: self._space_low,
            events.Swept: lambda fact: self._do(RecordArtifacts(fact.marks, fact.home), ContinueRetention()),
            events.Cleaned: lambda _: None,
            events.ModelAsked: lambda fact: self.engines.asked(fact, stopping=self.stopping),
            events.StopAsked: self._stop_asked,
            events.Stuck: lambda _: None,
            events.Reloaded: lambda _: None,
            events.ReloadRefused: lambda _: None,
            events.RetryAsked: self._retry_asked,
            events.ForgetAsked: self.requests.forget,
            events.PauseAsked: self.requests.pause,
            events.Tick: lambda _: None,
        }
        self._due_handlers: dict[str, Callable[[int, Any], None]] = {
            "settle": lambda deadline, key: self.intake.confirm(key, deadline),
            "held": self._held_due,
            "publish": lambda _, job: self._publish_again(job),
            "chore": lambda _, job: self._chore_again(job),
            "worker": lambda _, worker: self._worker_overdue(worker),
            "start worker": lambda _, worker: self._start_worker(worker),
            "engine": lambda _, engine: self.inference.overdue(engine),
            "start engine": lambda *_: self.engines.restart(),
            "idle": lambda *_: self.engines.idle(),
            "window": lambda *_: None,
            "stop": lambda *_: self._stop_is_due(),
            "wake": lambda *_: None,
        }

    # --- the face ---

    def start(self, rows: Iterable[JobRecord], *, clean: bool, now: int) -> list[Command]:
        """The first commands of a run: children, and what the journal says was left undone.

        Args:
            rows: all live rows, and ended ones with chores left.
            clean: whether the last run ended by itself; if not, what it had in flight is suspect.
            now: nanoseconds.
        """
        self.work.now = now
        self.engines.start()
        for hand in self.crew.hands:
            self._start_worker(hand.id)
        for row in rows:
            self._resume(Job.from_row(row), clean=clean)
        return self._answer()

    def handle(self, fact: Fact, now: int) -> list[Command]:
        """What follows from `fact` at `now` (nanoseconds, never less than before); nothing after a `Stop`."""
        if self.stopped:
            return []
        self.work.now = now
        self._handlers[type(fact)](fact)
        while not self.stopped and (due := self.work.due()) is not None:
            deadline, kind, key = due
            self._due_handlers[kind](deadline, key)
        if not self.stopped:
            self.dispatcher.dispatch(reads=not self.stopping)
            self.inference.send(self.dispatcher.on_the_way())
            self._stop_when_done()
        return self._answer()

    def foresee(self, turn: Iterable[Fact]) -> None:
        """Be told of all facts of a turn before the first of them is handled.

        What follows from them is done only after the last one: a child that is known to have died must not be
        given work by the facts before, or a picture would get the blame for what was never begun.
        """
        deaths = [fact for fact in turn if isinstance(fact, events.WorkerDied | events.EngineDied)]
        self._dying = {fact.worker for fact in deaths if isinstance(fact, events.WorkerDied)}
        self._dying_engines = {fact.engine for fact in deaths if isinstance(fact, events.EngineDied)}
        for worker in self._dying:
            self.crew.hands[worker].up = False
        if self.engines.current in self._dying_engines:
            self.engine.up = False

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
        self.unscanned = (self.unscanned & folders.keys()) | (folders.keys() - self.intake.folders.keys())
        self.work.folders = folders
        self.intake.reconfigure(policy.settle, folders)
        self._hold(paused)
        return self.handle(events.Tick(), now)

    def next_wakeup(self) -> int | None:
        """When `handle(Tick(), ...)` is needed at the latest, should nothing else happen."""
        return self.work.next_deadline()

    def ready(self) -> bool:
        """Whether pictures can be done: the engine is tested, and every worker is up."""
        return self.engine.up and all(hand.up for hand in self.crew.hands)

    def idle(self) -> bool:
        """Whether everything that was seen has come to an end."""
        unscanned = self.unscanned - self._given_up.keys()
        intake, work = self.intake, self.work
        return not (unscanned or len(intake.settler) or intake.admitting or work.jobs or self.crew.busy)

    def _hold(self, paused: Iterable[int]) -> None:
        """Of a folder that is no hot folder any more nothing is held back: nobody could let it go on."""
        wanted = self.intake.folders.keys() & set(paused)
        for number in self.work.lanes.held | wanted:
            self.work.hold(number, paused=number in wanted)

    # --- start and stop ---

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
            self.work.requeue(job, "the daemon ended while it was being processed")
        else:
            self.work.crashed(job, "the daemon ended while it was being processed", by_itself=job.isolated)
        if self.policy.once and job.state is State.QUEUED and self._asked_otherwise(job):
            self.work.move(job, Event.CHANGED, "it is asked for with other settings now")

    def _resume_prepared(self, job: Job) -> None:
        """Publish it, unless a single run is asked for something else than the one that was stopped."""
        if self.policy.once and self._asked_otherwise(job):
            self.work.move(job, Event.LOST, "it was made with other settings than are asked for now")
        else:
            self.work.move(job, Event.CRASHED, "the daemon ended before it was published")
            self.work.publishable[job.id] = job

    def _asked_otherwise(self, job: Job) -> bool:
        """Whether a single run wants something else of a picture than the one before, which did not end."""
        folder = self.work.folders.get(job.folder)
        return folder is not None and folder.recipe.hash != job.recipe.hash

    def _stop_asked(self, _: events.StopAsked) -> None:
        """The first request finishes what is in flight; a second one ends now."""
        if self.stopping:
            self._stop_now("stopped at once; interrupted pictures are done again after the next start")
            return
        self.stopping, self.intake.open = True, False
        self.stop_at = self.work.now + self.policy.stop_ns
        self.work.wake(self.stop_at, "stop", None)
        self._do(AnnounceShutdown(tuple(sorted(self.waited_for())), self.policy.stop_ns / SECOND))

    def waited_for(self) -> set[int]:
        """The jobs that are finished before an ordinary end."""
        busy = {hand.job for hand in self.crew.hands if hand.job is not None}
        return busy | self.work.in_flight | self.work.publishable.keys()

    def _stop_is_due(self) -> None:
        """The time for ending cleanly is over."""
        left, seconds = len(self.waited_for()), self.policy.stop_ns / SECOND
        pictures = "1 picture in work was" if left == 1 else f"{left} pictures in work were"
        self._stop_now(
            f"{pictures} not finished within the {seconds:g} s that `stop_seconds` allows;"
            " that is done after the next start"
        )

    def _stop_now(self, reason: str, code: ExitCode = ExitCode.OK) -> None:
        """End without waiting; what was in flight is marked as interrupted, which blames no picture."""
        for number in sorted(self.work.in_flight):
            job = self.work.jobs[number]
            job.isolated = False
            self.work.move(job, Event.CRASHED, "interrupted")
        self._stop(code, reason)

    def _stop(self, code: ExitCode, reason: str) -> None:
        if not self.stopped:
            self.stopped = True
            self._do(Stop(code, reason))

    def _stop_when_done(self) -> None:
        if self.stopping:
            work, intake = self.work, self.intake
            if not (work.in_flight or work.publishable or intake.admitting or self.crew.busy):
                self._stop(ExitCode.OK, "stopped")
            elif self.dispatcher.no_space and not (work.publishable or self.crew.busy or self.engine.running):
                self._stop_now(
                    "stopped; the output disk is short of space, the rest is done after the next start"
                )
        elif self.policy.once and self.idle():
            reasons = "; ".join(sorted({*self._given_up.values(), *self._left_alone}))
            self._stop(ExitCode.PARTIAL if reasons else ExitCode.OK, reasons or "everything is done")

    def _folder_trouble(self, fact: events.FolderTrouble) -> None:
        if fact.reason is None:
            self._given_up.pop(fact.folder, None)
        elif self.policy.once:
            self._given_up[fact.folder] = fact.reason

    def _space_low(self, fact: events.SpaceLow) -> None:
        """What is in work waits in memory, and no more is begun: to wait is not to fail."""
        self.dispatcher.no_space = fact.reason

    def _retry_asked(self, fact: events.RetryAsked) -> None:
        """Whatever a picture waits for, it is tried now: the output folder, too."""
        self.dispatcher.try_output_now()
        self.requests.retry(fact)
        job = self.work.by_path.get(SourceId(fact.folder, fact.path))
        if job is not None:
            self._publish_again(job.id)

    def _new_day(self, fact: events.Today) -> None:
        self.intake.today = fact.date

    # --- answers of the workers ---

    def _worker_up(self, fact: events.WorkerUp) -> None:
        hand = self.crew.hands[fact.worker]
        hand.up, hand.due = fact.worker not in self._dying, None
        self.work.alarm("worker", fact.worker, None)

    def _engine_up(self, fact: events.EngineUp) -> None:
        if fact.engine not in self._dying_engines:
            self.inference.came_up(fact)

    def _answered(self, worker: int, job: int) -> Job:
        self.crew.end(worker)
        self.work.alarm("worker", worker, None)
        return self.work.jobs[job]

    def _read_ok(self, fact: events.ReadOk) -> None:
        job = self._answered(fact.worker, fact.job)
        job.sha256, job.painted = fact.sha256, fact.painted
        if not job.forced and job.last is not None and self._same(job, job.last):
            why = "content and settings are those of its last result"
            self.work.move(job, Event.SAME, why, sha256=fact.sha256, painted=fact.painted)
            return
        job.waits, job.unread_since, job.fit = 0, None, fact.fit
        job.remarks = fact.notes
        self.work.reserve(job, fact.room or fact.fit.pixels)
        event = Event.SUCCEEDED if fact.recalled is None else Event.RECALLED
        spent = StageTimes(read=fact.seconds)
        self.work.move(job, event, sha256=fact.sha256, painted=fact.painted, spent=spent)
        if fact.recalled is None:
            self.inference.ready(job, fact.fit.shape)
        else:
            job.model = fact.recalled
            self.crew.hands[fact.worker].todo.append(job.id)

    def _same(self, job: Job, last: PreviousResult) -> bool:
        """Whether the last result was made of this content and strokes, by these settings and weights.

        Strokes go into the matte that they were painted for, whichever weights are in use by now.
        """
        made_by = bool(job.painted) or last.model in {None, self.engines.weights()}
        made_of = (last.sha256, last.painted, last.recipe)
        return made_by and made_of == (job.sha256, job.painted, job.recipe.hash)

    def _needs_room(self, fact: events.NeedsRoom) -> None:
        job = self._answered(fact.worker, fact.job)
        job.size_known = fact.pixels
        self.work.release(job)
        self.work.move(job, Event.CROWDED)
        self.work.enqueue(job, first=True)

    def _another_pass(self, fact: events.AnotherPass) -> None:
        job = self._answered(fact.worker, fact.job)
        job.again = True
        self.work.move(job, Event.AGAIN)
        self.inference.ready(job, fact.shape)

    def _finished(self, fact: events.Finished) -> None:
        job = self._answered(fact.worker, fact.job)
        job.outputs = fact.outputs
        job.remarks += fact.notes
        self.dispatcher.output_works()
        self._do(Prepare(job.id, fact.outputs, job.model, job.remarks))
        self.work.release(job)
        spent = StageTimes(finish=fact.seconds - fact.write_seconds, write=fact.write_seconds)
        self.work.move(job, Event.SUCCEEDED, spent=spent, confidence=fact.confidence)
        self.work.publishable[job.id] = job

    def _same_result(self, fact: events.SameResult) -> None:
        job = self._answered(fact.worker, fact.job)
        job.quarantine_candidate = job.isolated = False
        why = "the cut-out that stands is byte for byte what was made"
        spent = StageTimes(finish=fact.seconds)
        self.work.move(job, Event.SAME, why, spent=spent, confidence=fact.confidence)

    def _published(self, fact: events.Published) -> None:
        job = self._answered(fact.worker, fact.job)
        job.quarantine_candidate = job.isolated = False
        job.blocked = 0
        self.dispatcher.output_works()
        self.work.move(job, Event.SUCCEEDED, "; ".join(job.remarks), spent=StageTimes(publish=fact.seconds))

    def _taken(self, fact: events.NameOccupied) -> None:
        self._answered(fact.worker, fact.job)
        self._do(NextVersion(fact.job, fact.ordinal))

    def _placed(self, fact: events.VersionAssigned) -> None:
        job = self.work.jobs[fact.job]
        job.outputs = tuple(fact.output if o.ordinal == fact.output.ordinal else o for o in job.outputs)
        self.work.publishable[job.id] = job

    def _lost(self, fact: events.TempFileMissing) -> None:
        job = self._answered(fact.worker, fact.job)
        self.work.move(job, Event.LOST, "its finished file was removed before it was published")
        self.work.enqueue(job, first=True)

    def _chore_done(self, fact: events.ChoreDone) -> None:
        job = self._answered(fact.worker, fact.job)
        if fact.where:
            self._do(RecordArchived(job.id, fact.where, self.intake.today))
        if fact.failed is None or fact.chore not in job.chores:
            self.work.chore_done(job, fact.chore)
            return
        job.waits += 1
        self.work.wake(self.work.now + self.work.backoff_ns(job.waits), "chore", job.id)
        if self.policy.once and job.waits >= OUTPUT_TRIES:
            if fact.alone:
                self._leave(job, fact.failed)
            else:
                self._stop_now(fact.failed, ExitCode.PARTIAL)

    def _faulted(self, fact: events.Faulted) -> None:
        job = self._answered(fact.worker, fact.job)
        if fact.fault is Fault.PLACE:
            self._place_failed(job, fact.reason)
        elif fact.fault is Fault.OUTPUT or job.state is State.PREPARED:
            self._output_failed(job, fact.reason)
        elif fact.fault in {Fault.BUSY, Fault.TRUNCATED}:
            self._wait_or_break(job, fact)
        else:
            self.work.move(job, _EVENT_OF[fact.fault], fact.reason)
            if fact.fault in {Fault.CHANGED, Fault.GONE}:
                self._do(LookAt(job.folder, job.path))

    def _output_failed(self, job: Job, reason: str) -> None:
        """A full or read-only output is never a failed picture: it waits as long as it takes."""
        self.dispatcher.output_fails()
        if job.state is State.PREPARED:
            job.waits += 1
            self.work.move(job, Event.WAITS, reason)
            self.work.wake(self.work.now + self.work.backoff_ns(job.waits), "publish", job.id)
        else:
            self.work.wait(job, reason)
        if self.policy.once and self.dispatcher.output_failures >= OUTPUT_TRIES:
            self._stop_now(reason, ExitCode.PARTIAL)

    def _place_failed(self, job: Job, reason: str) -> None:
        """Only this picture's place cannot be written: it waits alone, and nobody waits with it."""
        job.blocked += 1
        until = self.work.now + self.work.backoff_ns(job.blocked)
        if job.state is State.PREPARED:
            self.work.move(job, Event.WAITS, reason)
            self.work.wake(until, "publish", job.id)
        else:
            self.work.wait(job, reason, until=until)
        if self.policy.once and job.blocked >= OUTPUT_TRIES:
            self._leave(job, reason)

    def _leave(self, job: Job, reason: str) -> None:
        """A single run does not wait for this one: it stays in the journal, and the next run goes on."""
        self.work.let_go(job)
        self._left_alone.add(reason)

    def _wait_or_break(self, job: Job, fact: events.Faulted) -> None:
        cut_off = fact.fault is Fault.TRUNCATED
        minutes = self.policy.settle.truncated_minutes if cut_off else self.policy.retry.give_up_minutes
        job.unread_since = self.work.now if job.unread_since is None else job.unread_since
        since = job.unchanged_since if cut_off else job.unread_since
        give_up = since + round(minutes * 60 * SECOND)
        if give_up <= self.work.now:
            self.work.move(job, Event.BROKE, fact.reason)
            return
        backoff = self.work.now + self.work.backoff_ns(job.waits + 1)
        self.work.wait(job, fact.reason, until=min(backoff, give_up))

    def _worker_died(self, fact: events.WorkerDied) -> None:
        culprit, others = self.crew.died(fact.worker)
        self.work.alarm("worker", fact.worker, None)
        for number in sorted(others):
            self.engine.ready.pop(number, None)
            self.work.requeue(self.work.jobs[number], "the process that held it ended over another picture")
        hand = self.crew.hands[fact.worker]
        if culprit is None or not self._blamed(self.work.jobs[culprit], fact.how):
            hand.deaths += 1
        if hand.deaths >= DEATHS:
            self._stop_now(f"a picture worker ended {hand.deaths} times in a row: {fact.how}", ExitCode.CHILD)
        else:
            self.work.wake(self.work.now + restart_delay_ns(hand.deaths), "start worker", fact.worker)

    def _blamed(self, job: Job, how: str) -> bool:
        """Take up a job over which a worker died; whether its picture gets the blame, which has an end."""
        if job.state in WORKING:
            self.work.crashed(job, how, by_itself=job.isolated)
            return True
        if job.state is State.PREPARED:
            self.work.move(job, Event.CRASHED, how)
            self.work.publishable[job.id] = job
        else:
            self.work.schedule_cleanup(job)
        return False

    # --- deadlines ---

    def _held_due(self, deadline: int, number: int) -> None:
        job = self.work.jobs.get(number)
        if job is not None and job.state is State.HELD and job.due == deadline:
            self.work.move(job, Event.DUE)
            self.work.enqueue(job)

    def _publish_again(self, number: int) -> None:
        job = self.work.jobs.get(number)
        busy = any(hand.job == number for hand in self.crew.hands)
        if job is not None and job.state is State.PREPARED and not busy:
            self.work.publishable[number] = job

    def _chore_again(self, number: int) -> None:
        job = self.work.jobs.get(number)
        if job is not None:
            self.work.schedule_cleanup(job)

    def _start_worker(self, worker: int) -> None:
        self._do(StartWorker(worker))
        self.crew.hands[worker].due = due = self.work.now + START_NS
        self.work.alarm("worker", worker, due)

    def _worker_overdue(self, worker: int) -> None:
        """It has not come up, or not answered, for far too long; it is given nothing more to die over."""
        hand = self.crew.hands[worker]
        seconds = self.policy.picture_ns / SECOND
        why = f"it took longer than the {seconds:g} s that `limits.picture_seconds` allows"
        self._do(KillWorker(worker, why if hand.up else "it did not come up"))
        hand.up = False

    # --- small ---

    def _do(self, *commands: Command) -> None:
        self.work.out.extend(commands)

    def _answer(self) -> list[Command]:
        commands, self.work.out = self.work.out, []
        return commands


_EVENT_OF = {
    Fault.CHANGED: Event.CHANGED,
    Fault.GONE: Event.VANISHED,
    Fault.UNSUPPORTED: Event.REFUSED,
    Fault.BAD: Event.BROKE,
}
