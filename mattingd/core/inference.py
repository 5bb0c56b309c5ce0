"""Send batches to the engine and handle its answers.

Which engines there are is known to `engine_supervisor`; what follows from a failed batch, to `trouble`.
"""

from dataclasses import replace

from mattingd.core.batching import Batch, EngineQueue, EngineSlot, Ready, Run, SleepUntil
from mattingd.core.engine_supervisor import Engines
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State, Trigger
from mattingd.core.policy import SECOND
from mattingd.core.trouble.failed_batches import FailedBatches
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain import events
from mattingd.domain.commands import DropMatte, Infer
from mattingd.domain.jobs import NO_SUBJECT, StageTimes
from mattingd.domain.reasons import Reason

BATCH_DEADLINE_NS = 120 * SECOND
"""A batch is given at least this long, ..."""
BATCH_DEADLINE_FACTOR = 10
"""... and ten times what warm-up measured."""


class Inference:
    """The scheduler's side of the engines. One owner: the scheduler."""

    def __init__(self, work: JobStore, pool: WorkerPool, engine: EngineQueue, engines: Engines) -> None:
        self.work = work
        self.pool = pool
        self.engine = engine
        self.engines = engines
        self.failures = FailedBatches(work, engine, engines, self._members, self.ready)
        self._dying: set[int] = set()
        """Engines whose death is among the facts of this turn."""

    @property
    def due(self) -> int | None:
        """Return when an engine must have answered, started or ended; None while nothing is expected."""
        return min((slot.due for slot in self.engine.slots.values() if slot.due is not None), default=None)

    def ready(self, job: Job, shape: tuple[int, int]) -> None:
        """Add a picture that is ready for inference."""
        if self._misfit(job):
            return
        by_itself = job.single or job.isolated
        model = self.work.model_of(job)
        self.engine.ready[job.id] = Ready(job.id, job.folder, shape, self.work.now, by_itself, model)

    def _misfit(self, job: Job) -> bool:
        """Whether its picture must be read again, because another model is in use or its own is unusable."""
        if job.net == self.work.net_of(job) and not self.work.unusable(job):
            return False
        self.work.requeue(job, Reason.of("another_model"))
        return True

    def _sort_anew(self) -> None:
        """Assign waiting pictures to the models that they need after a change of models."""
        for number in list(self.engine.ready):
            job, ready = self.work.jobs[number], self.engine.ready.pop(number)
            if not self._misfit(job):
                self.engine.ready[number] = replace(ready, model=self.work.model_of(job))

    def send(self, on_the_way: int) -> None:
        """Send the batches that are due; `on_the_way` are pictures that may be ready soon."""
        self.engines.provide()
        while isinstance(choice := self.engine.choose(on_the_way, self.work.now), Run):
            batch = self.engine.begin(choice)
            for number in batch.jobs:
                job = self.work.jobs[number]
                job.batch = batch.id
                self.work.move(job, Trigger.STARTED, batch=batch.id)
            slot = self.engine.slots[choice.engine]
            self.work.out.append(Infer(batch.id, batch.jobs, batch.shape, slot.id, choice.why))
            if len(slot.batches) == 1:
                self._watch(slot)
        if isinstance(choice, SleepUntil):
            self.work.timers.alarm("window", None, choice.deadline)
        if self.engine.ready:
            self.engines.wake()

    def overdue(self, engine: int) -> None:
        """Kill an engine that has not started, or has not answered its oldest batch, for far too long."""
        slot = self.engine.slots[engine]
        working = slot.leaving or (slot.serving and slot.up)
        seconds = _batch_ns(slot) // SECOND
        self.engines.kill(
            engine,
            Reason.of("no_answer", seconds=seconds) if working else Reason.of("did_not_come_up"),
        )

    # --- answers ---

    def foresee(self, dying: set[int]) -> None:
        """Note the engines whose end is among the facts of this turn: they get nothing more."""
        self._dying = dying
        for slot in self.engine.slots.values():
            slot.up = slot.up and slot.id not in dying

    def came_up(self, fact: events.EngineUp) -> None:
        """Handle an engine that is ready."""
        if fact.engine in self._dying:
            return
        if self.engines.came_up(fact):
            self._sort_anew()

    def inferred(self, fact: events.Inferred) -> None:
        """Handle the mattes of a batch: the workers that hold the pictures can finish them."""
        slot, batch = self._end(fact.batch)
        self.engine.deaths[slot.key] = 0
        self.engines.devices[slot.key.place].pictures += len(batch.jobs)
        confidence = dict(zip(batch.jobs, fact.confidence, strict=False))
        for number, empty in zip(batch.jobs, fact.empty, strict=True):
            job = self._still_there(batch, number)
            if job is None:
                self.work.out.append(DropMatte(number, batch.id))
            elif job.again and job.model != batch.model:
                self.work.requeue(job, Reason.of("other_weights"))
            elif empty and self._must_show_a_subject(job):
                self.work.move(job, Trigger.BROKE, NO_SUBJECT)
            elif job.worker is not None:
                job.model, job.device, job.precision = batch.model, batch.device, batch.precision
                job.inferred += fact.seconds / len(batch.jobs)
                sure = None if job.again else confidence.get(number)
                self.work.move(job, Trigger.SUCCEEDED, spent=StageTimes(infer=job.inferred), confidence=sure)
                self.pool.slots[job.worker].todo.append(job.id)

    def _must_show_a_subject(self, job: Job) -> bool:
        """Whether an empty matte means that there is no subject.

        Strokes or an alpha channel of its own say where the subject is; otherwise the first pass alone
        decides.
        """
        preset = job.presets[0]
        told = job.painted or (job.cut_out and preset.own_alpha == "keep")
        return preset.on_empty == "fail" and not (job.again or told)

    def failed(self, fact: events.InferFailed) -> None:
        """Handle a batch without mattes."""
        others_leave = bool(self.engine.leaving)
        slot, batch = self._end(fact.batch)
        self.failures.failed(slot, batch, fact, others_leave=others_leave)

    def died(self, fact: events.EngineDied) -> None:
        """Split the batch that an engine was working on when it ended.

        The end of an engine that is not needed any more, or not yet, has no consequences.
        """
        self.engines.expect(fact.engine, None)
        slot = self.engine.slots.get(fact.engine)
        if self.engines.failed(fact.engine, str(fact.how)) or slot is None:
            return
        # a picture never makes a device calculate wrongly or fail altogether
        innocent = fact.wrong or self.engines.devices[slot.key.place].out is not None
        self.failures.take_back(self.engine.died(fact.engine), fact, innocent=innocent)
        if slot.serving and self.engines.died(fact, slot.key):
            self._sort_anew()

    # --- small ---

    def _end(self, number: int) -> tuple[EngineSlot, Batch]:
        slot, batch = self.engine.end(number)
        if slot.serving:
            self._watch(slot)
            self.engines.rest()
        elif slot.batches:
            self._watch(slot)
        else:
            self.engines.retire(slot.id)
        return slot, batch

    def _watch(self, slot: EngineSlot) -> None:
        """Set the deadline of the oldest batch, which starts when the one before it ends."""
        self.engines.expect(slot.id, self.work.now + _batch_ns(slot) if slot.batches else None)

    def _still_there(self, batch: Batch, number: int) -> Job | None:
        """Return the job, unless its picture was lost meanwhile; it may already be in a newer batch."""
        job = self.work.jobs.get(number)
        return job if job and job.state is State.INFERRING and job.batch == batch.id else None

    def _members(self, batch: Batch) -> list[Job]:
        return [job for number in batch.jobs if (job := self._still_there(batch, number))]


def _batch_ns(slot: EngineSlot) -> int:
    """Return the time limit for one batch of an engine."""
    return max(BATCH_DEADLINE_NS, BATCH_DEADLINE_FACTOR * slot.batch_ns)
