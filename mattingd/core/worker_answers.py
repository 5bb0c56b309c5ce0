"""Handle what picture workers answer, from a picture that was read to one that is published."""

from collections.abc import Callable
from typing import Any, Protocol

from mattingd.core.earlier_results import SAME_AS_LAST, EarlierResults
from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State, Trigger
from mattingd.core.queue.chores import record_place
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.queue.whole_folders import WholeFolders
from mattingd.core.stopping import Shutdown
from mattingd.core.trouble.faults import Faults
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain import events
from mattingd.domain.commands import LookAt, NextVersion, Prepare
from mattingd.domain.jobs import Chore, StageTimes
from mattingd.domain.reasons import Reason

SAME_PICTURE = "same_picture"
"""The remark on cut-outs that are copies of earlier ones."""


class Answer(Protocol):
    """A fact that answers an operation."""

    @property
    def worker(self) -> int:
        """The worker that had it."""

    @property
    def job(self) -> int:
        """The job that it was for."""


class WorkerAnswers:
    """Handles the messages of picture workers. One owner: the scheduler."""

    def __init__(
        self,
        work: JobStore,
        pool: WorkerPool,
        intake: Intake,
        output: OutputGate,
        inference: Inference,
        shutdown: Shutdown,
    ) -> None:
        self.work = work
        self.pool = pool
        self.intake = intake
        self.output = output
        self.inference = inference
        self.shutdown = shutdown
        self.whole = WholeFolders(work, intake, shutdown)
        self.earlier = EarlierResults(work, pool, inference)
        self.faults = Faults(work, intake, output, shutdown, self.whole)

    def handlers(self) -> dict[type, Callable[[Any], None]]:
        """Return the handler of each kind of fact."""
        return {
            events.ReadOk: self._read_ok,
            events.SameContent: lambda fact: self.earlier.same_content(self._job_of(fact), fact),
            events.NeedsRoom: self._needs_room,
            events.AnotherPass: self._another_pass,
            events.Finished: self._finished,
            events.SameResult: self._same_result,
            events.EarlierFound: self.earlier.found,
            events.EarlierGone: lambda fact: self.earlier.gone(self._job_of(fact)),
            events.Published: self._published,
            events.NameOccupied: self._name_occupied,
            events.VersionAssigned: self._version_assigned,
            events.TempFileMissing: self._temp_file_missing,
            events.Faulted: lambda fact: self.faults.faulted(self._job_of(fact), fact),
            events.ChoreDone: self._chore_done,
            events.FolderMoved: lambda fact: self.whole.moved(self._job_of(fact), fact),
            events.PartSeen: self.whole.seen,
        }

    def publish_again(self, number: int) -> None:
        """Publish a prepared job again, unless a worker is already doing so."""
        job = self.work.jobs.get(number)
        busy = any(slot.job == number for slot in self.pool.slots)
        if job is not None and job.state is State.PREPARED and not busy:
            self.work.publishable[number] = job

    def _job_of(self, fact: Answer) -> Job:
        """Return the job of an operation that was answered; its worker is free again."""
        self.pool.end(fact.worker)
        self.work.timers.alarm("worker", fact.worker, None)
        return self.work.jobs[fact.job]

    # --- read ---

    def _read_ok(self, fact: events.ReadOk) -> None:
        job = self._job_of(fact)
        job.sha256, job.painted = fact.sha256, fact.painted
        if self.earlier.is_as_last(job):
            self.work.move(job, Trigger.SAME, SAME_AS_LAST, sha256=fact.sha256, painted=fact.painted)
            return
        job.waits, job.unread_since, job.fit = 0, None, fact.fit
        job.remarks, job.cut_out = fact.notes, fact.cut_out
        self.work.reserve(job, fact.room or fact.fit.pixels)
        trigger = Trigger.SUCCEEDED if fact.recalled is None else Trigger.RECALLED
        spent = StageTimes(read=fact.seconds)
        self.work.move(job, trigger, sha256=fact.sha256, painted=fact.painted, spent=spent)
        if fact.recalled is None and job.maybe_same:
            self.earlier.look_for_same(job, fact.fit)
        elif fact.recalled is None:
            self.inference.ready(job, fact.fit.shape)
        else:
            job.model, job.device, job.precision = fact.recalled, "", ""
            self.pool.slots[fact.worker].todo.append(job.id)

    def _needs_room(self, fact: events.NeedsRoom) -> None:
        job = self._job_of(fact)
        job.size_known = fact.pixels
        self.work.release(job)
        self.work.move(job, Trigger.CROWDED)
        self.work.enqueue(job, first=True)

    # --- finish ---

    def _another_pass(self, fact: events.AnotherPass) -> None:
        job = self._job_of(fact)
        job.again = True
        self.work.move(job, Trigger.AGAIN)
        self.inference.ready(job, fact.shape)

    def _finished(self, fact: events.Finished) -> None:
        job = self._job_of(fact)
        job.outputs = fact.outputs
        job.remarks += fact.notes
        if (same := job.same) is not None:
            others = (remark for remark in same.remarks if remark.code != SAME_PICTURE)
            job.remarks = (*others, Reason.of(SAME_PICTURE, place=same.place))
        if fact.device:
            job.device, job.precision = fact.device, fact.precision
        sure = _sure(job, fact.confidence) if same is None else same.confidence
        self.output.works()
        self.work.out.append(Prepare(job.id, fact.outputs, job.model, job.remarks, job.device, job.precision))
        self.work.release(job)
        spent = StageTimes(finish=fact.seconds - fact.write_seconds, write=fact.write_seconds)
        self.work.move(job, Trigger.SUCCEEDED, spent=spent, confidence=sure)
        self.work.publishable[job.id] = job

    def _same_result(self, fact: events.SameResult) -> None:
        job = self._job_of(fact)
        job.quarantine_candidate = job.isolated = False
        why = Reason.of("same_bytes")
        spent = StageTimes(finish=fact.seconds)
        self.work.move(job, Trigger.SAME, why, spent=spent, confidence=_sure(job, fact.confidence))

    # --- publish ---

    def _published(self, fact: events.Published) -> None:
        job = self._job_of(fact)
        job.quarantine_candidate = job.isolated = False
        job.blocked = 0
        self.output.works()
        self.work.move(job, Trigger.SUCCEEDED, spent=StageTimes(publish=fact.seconds))

    def _name_occupied(self, fact: events.NameOccupied) -> None:
        self._job_of(fact)
        self.work.out.append(NextVersion(fact.job, fact.ordinal))

    def _version_assigned(self, fact: events.VersionAssigned) -> None:
        job = self.work.jobs[fact.job]
        job.outputs = tuple(fact.output if o.ordinal == fact.output.ordinal else o for o in job.outputs)
        self.work.publishable[job.id] = job

    def _temp_file_missing(self, fact: events.TempFileMissing) -> None:
        job = self._job_of(fact)
        self.work.move(job, Trigger.LOST, Reason.of("temp_file_missing"))
        self.work.enqueue(job, first=True)

    def _chore_done(self, fact: events.ChoreDone) -> None:
        job = self._job_of(fact)
        record_place(self.work, job, fact, self.intake.today)
        if fact.stays:
            self.whole.checked(job)
            return
        if fact.failed is None or fact.chore not in job.chores:
            self.work.chore_done(job, fact.chore)
            self.whole.go_on(job)
            if fact.chore is Chore.ORIGINAL and job.folder in self.intake.folders:
                # the same file may be put there again before any scan
                self.work.out.append(LookAt(job.folder, job.path))
            return
        job.waits += 1
        self.work.timers.wake(self.work.now + self.work.backoff_ns(job.waits), "chore", job.id)
        if fact.alone:
            self.faults.leave(job, job.waits, fact.failed)
        else:
            self.shutdown.output_failed(job.waits, fact.failed)


def _sure(job: Job, told: float | None) -> float | None:
    """Return the confidence in a matte: the reported one or, for a stored matte, that of the last result."""
    again = told is None and not job.batch and not job.painted
    return job.last.confidence if again and job.last is not None else told
