"""Handle a picture worker that answers, reports a fault, dies or gives no answer in time."""

from collections.abc import Callable
from typing import Any

from mattingd.core.dispatch import Dispatcher
from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import WORKING, Job, State, Trigger
from mattingd.core.policy import SECOND
from mattingd.core.queue.chores import record_place
from mattingd.core.queue.offline import Offline
from mattingd.core.queue.whole_folders import WholeFolders
from mattingd.core.stopping import Shutdown
from mattingd.core.worker_pool import DEATHS, START_NS, WorkerPool, restart_delay_ns
from mattingd.domain import events
from mattingd.domain.commands import (
    Command,
    FindSame,
    KillWorker,
    LookAt,
    NextVersion,
    Prepare,
    StartWorker,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Chore, Fault, Fit, PreviousResult, StageTimes
from mattingd.domain.reasons import Reason
from mattingd.domain.text import readable

SAME_AS_LAST = Reason.of("same_content")
SAME_PICTURE = "same_picture"
"""The remark on cut-outs that are copies of earlier ones."""
_EVENT_OF = {
    Fault.CHANGED: Trigger.CHANGED,
    Fault.UNSUPPORTED: Trigger.REFUSED,
    Fault.BAD: Trigger.BROKE,
}


class WorkerAnswers:
    """Handles the messages of picture workers. One owner: the scheduler."""

    def __init__(
        self,
        work: JobStore,
        pool: WorkerPool,
        intake: Intake,
        dispatcher: Dispatcher,
        inference: Inference,
        shutdown: Shutdown,
        offline: Offline,
    ) -> None:
        self.work = work
        self.pool = pool
        self.intake = intake
        self.dispatcher = dispatcher
        self.inference = inference
        self.shutdown = shutdown
        self.offline = offline
        self.whole = WholeFolders(work, intake, shutdown)
        self._dying: set[int] = set()
        """Workers whose death is among the facts of this turn."""

    def handlers(self) -> dict[type, Callable[[Any], None]]:
        """Return the handler of each kind of fact."""
        return {
            events.WorkerUp: self._up,
            events.WorkerDied: self._died,
            events.ReadOk: self._read_ok,
            events.SameContent: self._same_content,
            events.NeedsRoom: self._needs_room,
            events.AnotherPass: self._another_pass,
            events.Finished: self._finished,
            events.SameResult: self._same_result,
            events.EarlierFound: self._earlier_found,
            events.EarlierGone: self._earlier_gone,
            events.Published: self._published,
            events.NameOccupied: self._name_occupied,
            events.VersionAssigned: self._version_assigned,
            events.TempFileMissing: self._temp_file_missing,
            events.Faulted: self._faulted,
            events.ChoreDone: self._chore_done,
            events.FolderMoved: lambda fact: self.whole.moved(self._answered(fact.worker, fact.job), fact),
            events.PartSeen: self.whole.seen,
        }

    # --- workers ---

    def start(self, worker: int) -> None:
        """Start or restart a worker."""
        self._do(StartWorker(worker))
        self.pool.slots[worker].due = due = self.work.now + START_NS
        self.work.timers.alarm("worker", worker, due)

    def foresee(self, dying: set[int]) -> None:
        """Note the workers whose end is among the facts of this turn: they get nothing more."""
        self._dying = dying
        for worker in dying:
            self.pool.slots[worker].up = False

    def overdue(self, worker: int) -> None:
        """Kill a worker that did not start or answer in time; it gets nothing more."""
        slot = self.pool.slots[worker]
        seconds = self.work.policy.picture_ns / SECOND
        why = Reason.of("took_too_long", seconds=seconds)
        if slot.job is not None and self.offline.excuses(self.work.jobs[slot.job]):
            why = Reason.of("does_not_return")
        self._do(KillWorker(worker, why if slot.up else Reason.of("did_not_come_up")))
        slot.up = False

    def publish_again(self, number: int) -> None:
        """Publish a prepared job again, unless a worker is already doing so."""
        job = self.work.jobs.get(number)
        busy = any(slot.job == number for slot in self.pool.slots)
        if job is not None and job.state is State.PREPARED and not busy:
            self.work.publishable[number] = job

    def _up(self, fact: events.WorkerUp) -> None:
        slot = self.pool.slots[fact.worker]
        slot.up, slot.due = fact.worker not in self._dying, None
        self.work.timers.alarm("worker", fact.worker, None)

    def _died(self, fact: events.WorkerDied) -> None:
        culprit, others = self.pool.died(fact.worker)
        self.work.timers.alarm("worker", fact.worker, None)
        for number in sorted(others):
            self.inference.engine.ready.pop(number, None)
            self.work.requeue(self.work.jobs[number], Reason.of("another_crashed"))
        slot = self.pool.slots[fact.worker]
        if culprit is None or not self._blamed(self.work.jobs[culprit], fact.how):
            slot.deaths += 1
        if slot.deaths >= DEATHS:
            why = f"a picture worker ended {slot.deaths} times in a row: {fact.how}"
            self.shutdown.now(why, ExitCode.CHILD)
        else:
            delay = restart_delay_ns(slot.deaths)
            self.work.timers.wake(self.work.now + delay, "start worker", fact.worker)

    def _blamed(self, job: Job, how: Reason) -> bool:
        """Handle a job over which a worker died; False when the worker itself is to blame."""
        excused = self.offline.excuses(job)
        if job.state in WORKING and excused:
            self.work.requeue(job, how)
            return True
        if job.state in WORKING:
            self.work.crashed(job, how, by_itself=job.isolated)
            return True
        if job.state is State.PREPARED:
            self.work.move(job, Trigger.CRASHED, how)
            self.work.publishable[job.id] = job
        else:
            self.work.schedule_cleanup(job)
        return excused

    def _answered(self, worker: int, job: int) -> Job:
        self.pool.end(worker)
        self.work.timers.alarm("worker", worker, None)
        return self.work.jobs[job]

    # --- read ---

    def _read_ok(self, fact: events.ReadOk) -> None:
        job = self._answered(fact.worker, fact.job)
        job.sha256, job.painted = fact.sha256, fact.painted
        if not job.forced and job.last is not None and job.follows is None and self._same(job, job.last):
            self.work.move(job, Trigger.SAME, SAME_AS_LAST, sha256=fact.sha256, painted=fact.painted)
            return
        job.waits, job.unread_since, job.fit = 0, None, fact.fit
        job.remarks, job.cut_out = fact.notes, fact.cut_out
        self.work.reserve(job, fact.room or fact.fit.pixels)
        trigger = Trigger.SUCCEEDED if fact.recalled is None else Trigger.RECALLED
        spent = StageTimes(read=fact.seconds)
        self.work.move(job, trigger, sha256=fact.sha256, painted=fact.painted, spent=spent)
        if fact.recalled is None:
            self._look_for_same(job, fact.fit)
        else:
            job.model, job.device, job.precision = fact.recalled, "", ""
            self.pool.slots[fact.worker].todo.append(job.id)

    def _look_for_same(self, job: Job, fit: Fit) -> None:
        """Send a picture to the model or, if the same one may be cut out already, ask the journal first."""
        asks = self.work.policy.reuse_same and job.maybe_same
        asks = asks and not any(preset.finisher for preset in job.presets)  # a plug-in may be another by now
        if not asks or job.forced or job.painted or job.stamp.strokes or self.work.unusable(job):
            self.inference.ready(job, fit.shape)
            return
        job.asks = True
        self._do(FindSame(job.id, job.sha256 or b"", job.recipe.hash, self.work.weights_of(job)))

    def _earlier_found(self, fact: events.EarlierFound) -> None:
        job = self.work.jobs.get(fact.job)
        if job is None or not job.asks or job.fit is None or job.worker is None:
            return  # it was read again since, or is not in work any more
        job.asks, found = False, fact.result
        if (
            found is None
            or found.model != self.work.weights_of(job)
            or len(found.outputs) != len(job.outputs)
        ):
            self.inference.ready(job, job.fit.shape)
            return
        job.same = found
        job.model, job.device, job.precision = found.model, found.device, found.precision
        self.work.move(job, Trigger.RECALLED)
        self.pool.slots[job.worker].todo.append(job.id)

    def _earlier_gone(self, fact: events.EarlierGone) -> None:
        """A user removed or changed the earlier cut-outs: this picture gets its own."""
        job = self._answered(fact.worker, fact.job)
        job.same, fit = None, job.fit
        self.work.move(job, Trigger.AGAIN)
        if fit is not None:
            self.inference.ready(job, fit.shape)

    def _same_content(self, fact: events.SameContent) -> None:
        job = self._answered(fact.worker, fact.job)
        job.sha256 = fact.sha256
        moved = job.follows is not None
        why = Reason.of("moved", before=readable(job.follows or b""))
        self.work.move(job, Trigger.SAME, why if moved else SAME_AS_LAST, sha256=fact.sha256, painted=b"")

    def _same(self, job: Job, last: PreviousResult) -> bool:
        """Whether the last result has this content, these strokes, settings and weights.

        Strokes belong to the matte that they were painted on, whichever weights are in use.
        """
        made_by = bool(job.painted) or last.model in {None, self.work.weights_of(job)}
        made_of = (last.sha256, last.painted, last.recipe)
        return made_by and made_of == (job.sha256, job.painted, job.recipe.hash)

    def _needs_room(self, fact: events.NeedsRoom) -> None:
        job = self._answered(fact.worker, fact.job)
        job.size_known = fact.pixels
        self.work.release(job)
        self.work.move(job, Trigger.CROWDED)
        self.work.enqueue(job, first=True)

    # --- finish ---

    def _another_pass(self, fact: events.AnotherPass) -> None:
        job = self._answered(fact.worker, fact.job)
        job.again = True
        self.work.move(job, Trigger.AGAIN)
        self.inference.ready(job, fact.shape)

    def _finished(self, fact: events.Finished) -> None:
        job = self._answered(fact.worker, fact.job)
        job.outputs = fact.outputs
        job.remarks += fact.notes
        if (same := job.same) is not None:
            others = (remark for remark in same.remarks if remark.code != SAME_PICTURE)
            job.remarks = (*others, Reason.of(SAME_PICTURE, place=same.place))
        if fact.device:
            job.device, job.precision = fact.device, fact.precision
        sure = _sure(job, fact.confidence) if same is None else same.confidence
        self.dispatcher.output_works()
        self._do(Prepare(job.id, fact.outputs, job.model, job.remarks, job.device, job.precision))
        self.work.release(job)
        spent = StageTimes(finish=fact.seconds - fact.write_seconds, write=fact.write_seconds)
        self.work.move(job, Trigger.SUCCEEDED, spent=spent, confidence=sure)
        self.work.publishable[job.id] = job

    def _same_result(self, fact: events.SameResult) -> None:
        job = self._answered(fact.worker, fact.job)
        job.quarantine_candidate = job.isolated = False
        why = Reason.of("same_bytes")
        spent = StageTimes(finish=fact.seconds)
        self.work.move(job, Trigger.SAME, why, spent=spent, confidence=_sure(job, fact.confidence))

    # --- publish ---

    def _published(self, fact: events.Published) -> None:
        job = self._answered(fact.worker, fact.job)
        job.quarantine_candidate = job.isolated = False
        job.blocked = 0
        self.dispatcher.output_works()
        self.work.move(job, Trigger.SUCCEEDED, spent=StageTimes(publish=fact.seconds))

    def _name_occupied(self, fact: events.NameOccupied) -> None:
        self._answered(fact.worker, fact.job)
        self._do(NextVersion(fact.job, fact.ordinal))

    def _version_assigned(self, fact: events.VersionAssigned) -> None:
        job = self.work.jobs[fact.job]
        job.outputs = tuple(fact.output if o.ordinal == fact.output.ordinal else o for o in job.outputs)
        self.work.publishable[job.id] = job

    def _temp_file_missing(self, fact: events.TempFileMissing) -> None:
        job = self._answered(fact.worker, fact.job)
        self.work.move(job, Trigger.LOST, Reason.of("temp_file_missing"))
        self.work.enqueue(job, first=True)

    def _chore_done(self, fact: events.ChoreDone) -> None:
        job = self._answered(fact.worker, fact.job)
        record_place(self.work, job, fact, self.intake.today)
        if fact.stays:
            self.whole.checked(job)
            return
        if fact.failed is None or fact.chore not in job.chores:
            self.work.chore_done(job, fact.chore)
            self.whole.go_on(job)
            if fact.chore is Chore.ORIGINAL and job.folder in self.intake.folders:
                self._do(LookAt(job.folder, job.path))  # the same file may be put there again before any scan
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
        if fact.fault in {Fault.HERE, Fault.LOST}:
            job.stays = True
            if fact.fault is Fault.HERE:
                self.work.requeue(job, fact.reason)
            else:
                self.work.crashed(job, fact.reason, by_itself=False)
        elif fact.fault is Fault.PLACE:
            self._place_failed(job, fact.reason)
        elif fact.fault is Fault.OUTPUT or job.state is State.PREPARED:
            self._output_failed(job, fact.reason)
        elif fact.fault in {Fault.BUSY, Fault.TRUNCATED}:
            self._wait_or_break(job, fact)
        elif fact.fault is Fault.GONE:
            self._missing(job, fact.reason)
        else:
            self.work.move(job, _EVENT_OF[fact.fault], fact.reason)
            if fact.fault is Fault.CHANGED:
                self._do(LookAt(job.folder, job.path))

    def _missing(self, job: Job, reason: Reason) -> None:
        """Inspect a file that was not found: it is gone or its folder is offline.

        Removed hot folders are not inspected.
        """
        self.work.wait(job, reason)
        if job.folder in self.intake.folders:
            self._do(LookAt(job.folder, job.path))
        else:
            self.work.move(job, Trigger.VANISHED, reason)

    def _output_failed(self, job: Job, reason: Reason) -> None:
        """Handle a full or read-only output folder: the picture waits as long as it takes and never fails."""
        self.dispatcher.output_fails()
        if job.state is State.PREPARED:
            job.waits += 1
            self.work.move(job, Trigger.WAITS, reason)
            self.work.timers.wake(self.work.now + self.work.backoff_ns(job.waits), "publish", job.id)
        else:
            self.work.wait(job, reason)
        self.shutdown.output_failed(self.dispatcher.output_failures, str(reason))

    def _place_failed(self, job: Job, reason: Reason) -> None:
        """Handle an output path that cannot be written: this picture waits, and no other one with it."""
        job.blocked += 1
        until = self.work.now + self.work.backoff_ns(job.blocked)
        if job.state is State.PREPARED:
            self.work.move(job, Trigger.WAITS, reason)
            self.work.timers.wake(until, "publish", job.id)
        else:
            self.work.wait(job, reason, until=until)
        self._leave(job, job.blocked, str(reason))

    def _leave(self, job: Job, failures: int, reason: str) -> None:
        """End a single run without this picture: it stays in the journal for the next run."""
        if self.shutdown.ending.gives_up(failures):
            self.whole.give_up(job, reason)
            self.shutdown.left_alone.add(reason)

    def _wait_or_break(self, job: Job, fact: events.Faulted) -> None:
        policy, cut_off = self.work.policy, fact.fault is Fault.TRUNCATED
        minutes = policy.settle.truncated_minutes if cut_off else policy.retry.give_up_minutes
        job.unread_since = self.work.now if job.unread_since is None else job.unread_since
        since = job.unchanged_since if cut_off else job.unread_since
        give_up = since + round(minutes * 60 * SECOND)
        if give_up <= self.work.now:
            self.work.move(job, Trigger.BROKE, fact.reason)
            return
        backoff = self.work.now + self.work.backoff_ns(job.waits + 1)
        self.work.wait(job, fact.reason, until=min(backoff, give_up))

    def _do(self, *commands: Command) -> None:
        self.work.out.extend(commands)


def _sure(job: Job, told: float | None) -> float | None:
    """Return the confidence in a matte: the reported one or, for a stored matte, that of the last result."""
    again = told is None and not job.batch and not job.painted
    return job.last.confidence if again and job.last is not None else told
