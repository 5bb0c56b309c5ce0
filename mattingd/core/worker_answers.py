"""What follows when a picture worker answers, faults, dies or gives no answer in time."""

from collections.abc import Callable
from typing import Any

from mattingd.core.dispatch import Dispatcher
from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import SECOND, JobStore
from mattingd.core.lifecycle import WORKING, Event, Job, State
from mattingd.core.stopping import Shutdown
from mattingd.core.worker_pool import DEATHS, START_NS, WorkerPool, restart_delay_ns
from mattingd.domain import events
from mattingd.domain.commands import (
    Command,
    KillWorker,
    LookAt,
    NextVersion,
    Prepare,
    RecordArchived,
    StartWorker,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Fault, PreviousResult, StageTimes

_EVENT_OF = {
    Fault.CHANGED: Event.CHANGED,
    Fault.GONE: Event.VANISHED,
    Fault.UNSUPPORTED: Event.REFUSED,
    Fault.BAD: Event.BROKE,
}


class WorkerAnswers:
    """Handles what the picture workers say. One owner: the scheduler."""

    def __init__(
        self,
        work: JobStore,
        crew: WorkerPool,
        intake: Intake,
        dispatcher: Dispatcher,
        inference: Inference,
        shutdown: Shutdown,
    ) -> None:
        self.work = work
        self.crew = crew
        self.intake = intake
        self.dispatcher = dispatcher
        self.inference = inference
        self.shutdown = shutdown
        self._dying: set[int] = set()
        """Workers whose death is among the facts of this turn."""

    def handlers(self) -> dict[type, Callable[[Any], None]]:
        """Who handles which fact."""
        return {
            events.WorkerUp: self._up,
            events.WorkerDied: self._died,
            events.ReadOk: self._read_ok,
            events.NeedsRoom: self._needs_room,
            events.AnotherPass: self._another_pass,
            events.Finished: self._finished,
            events.SameResult: self._same_result,
            events.Published: self._published,
            events.NameOccupied: self._name_occupied,
            events.VersionAssigned: self._version_assigned,
            events.TempFileMissing: self._temp_file_missing,
            events.Faulted: self._faulted,
            events.ChoreDone: self._chore_done,
        }

    # --- workers ---

    def start(self, worker: int) -> None:
        """Start a worker, or start it again."""
        self._do(StartWorker(worker))
        self.crew.hands[worker].due = due = self.work.now + START_NS
        self.work.timers.alarm("worker", worker, due)

    def foresee(self, dying: set[int]) -> None:
        """Take note of the workers whose death is among the facts of this turn: they get nothing more."""
        self._dying = dying
        for worker in dying:
            self.crew.hands[worker].up = False

    def overdue(self, worker: int) -> None:
        """A worker did not come up, or did not answer, in time: it is killed and given nothing more."""
        hand = self.crew.hands[worker]
        seconds = self.work.policy.picture_ns / SECOND
        why = f"it took longer than the {seconds:g} s that `limits.picture_seconds` allows"
        self._do(KillWorker(worker, why if hand.up else "it did not come up"))
        hand.up = False

    def publish_again(self, number: int) -> None:
        """Try again to publish a prepared job, unless a worker does so already."""
        job = self.work.jobs.get(number)
        busy = any(hand.job == number for hand in self.crew.hands)
        if job is not None and job.state is State.PREPARED and not busy:
            self.work.publishable[number] = job

    def _up(self, fact: events.WorkerUp) -> None:
        hand = self.crew.hands[fact.worker]
        hand.up, hand.due = fact.worker not in self._dying, None
        self.work.timers.alarm("worker", fact.worker, None)

    def _died(self, fact: events.WorkerDied) -> None:
        culprit, others = self.crew.died(fact.worker)
        self.work.timers.alarm("worker", fact.worker, None)
        for number in sorted(others):
            self.inference.engine.ready.pop(number, None)
            self.work.requeue(self.work.jobs[number], "the process that held it ended over another picture")
        hand = self.crew.hands[fact.worker]
        if culprit is None or not self._blamed(self.work.jobs[culprit], fact.how):
            hand.deaths += 1
        if hand.deaths >= DEATHS:
            why = f"a picture worker ended {hand.deaths} times in a row: {fact.how}"
            self.shutdown.now(why, ExitCode.CHILD)
        else:
            delay = restart_delay_ns(hand.deaths)
            self.work.timers.wake(self.work.now + delay, "start worker", fact.worker)

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

    def _answered(self, worker: int, job: int) -> Job:
        self.crew.end(worker)
        self.work.timers.alarm("worker", worker, None)
        return self.work.jobs[job]

    # --- read ---

    def _read_ok(self, fact: events.ReadOk) -> None:
        job = self._answered(fact.worker, fact.job)
        job.sha256, job.painted = fact.sha256, fact.painted
        if not job.forced and job.last is not None and self._same(job, job.last):
            why = "content and settings are those of its last result"
            self.work.move(job, Event.SAME, why, sha256=fact.sha256, painted=fact.painted)
            return
        job.waits, job.unread_since, job.fit = 0, None, fact.fit
        job.remarks, job.cut_out = fact.notes, fact.cut_out
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
        made_by = bool(job.painted) or last.model in {None, self.inference.engines.weights()}
        made_of = (last.sha256, last.painted, last.recipe)
        return made_by and made_of == (job.sha256, job.painted, job.recipe.hash)

    def _needs_room(self, fact: events.NeedsRoom) -> None:
        job = self._answered(fact.worker, fact.job)
        job.size_known = fact.pixels
        self.work.release(job)
        self.work.move(job, Event.CROWDED)
        self.work.enqueue(job, first=True)

    # --- finish ---

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

    # --- publish ---

    def _published(self, fact: events.Published) -> None:
        job = self._answered(fact.worker, fact.job)
        job.quarantine_candidate = job.isolated = False
        job.blocked = 0
        self.dispatcher.output_works()
        self.work.move(job, Event.SUCCEEDED, "; ".join(job.remarks), spent=StageTimes(publish=fact.seconds))

    def _name_occupied(self, fact: events.NameOccupied) -> None:
        self._answered(fact.worker, fact.job)
        self._do(NextVersion(fact.job, fact.ordinal))

    def _version_assigned(self, fact: events.VersionAssigned) -> None:
        job = self.work.jobs[fact.job]
        job.outputs = tuple(fact.output if o.ordinal == fact.output.ordinal else o for o in job.outputs)
        self.work.publishable[job.id] = job

    def _temp_file_missing(self, fact: events.TempFileMissing) -> None:
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
        self.work.timers.wake(self.work.now + self.work.backoff_ns(job.waits), "chore", job.id)
        if fact.alone:
            self._leave(job, job.waits, fact.failed)
        else:
            self.shutdown.output_failed(job.waits, fact.failed)

    # --- faults ---

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
            self.work.timers.wake(self.work.now + self.work.backoff_ns(job.waits), "publish", job.id)
        else:
            self.work.wait(job, reason)
        self.shutdown.output_failed(self.dispatcher.output_failures, reason)

    def _place_failed(self, job: Job, reason: str) -> None:
        """Only this picture's place cannot be written: it waits alone, and no other picture with it."""
        job.blocked += 1
        until = self.work.now + self.work.backoff_ns(job.blocked)
        if job.state is State.PREPARED:
            self.work.move(job, Event.WAITS, reason)
            self.work.timers.wake(until, "publish", job.id)
        else:
            self.work.wait(job, reason, until=until)
        self._leave(job, job.blocked, reason)

    def _leave(self, job: Job, failures: int, reason: str) -> None:
        """A single run does not wait for this one: it stays in the journal, and the next run goes on."""
        if self.shutdown.ending.gives_up(failures):
            self.work.let_go(job)
            self.shutdown.left_alone.add(reason)

    def _wait_or_break(self, job: Job, fact: events.Faulted) -> None:
        policy, cut_off = self.work.policy, fact.fault is Fault.TRUNCATED
        minutes = policy.settle.truncated_minutes if cut_off else policy.retry.give_up_minutes
        job.unread_since = self.work.now if job.unread_since is None else job.unread_since
        since = job.unchanged_since if cut_off else job.unread_since
        give_up = since + round(minutes * 60 * SECOND)
        if give_up <= self.work.now:
            self.work.move(job, Event.BROKE, fact.reason)
            return
        backoff = self.work.now + self.work.backoff_ns(job.waits + 1)
        self.work.wait(job, fact.reason, until=min(backoff, give_up))

    def _do(self, *commands: Command) -> None:
        self.work.out.extend(commands)
