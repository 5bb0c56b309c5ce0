"""What goes to the engine, what comes back, and what becomes of pictures whose batch failed.

A failing batch is split until the culprit stands alone; a lack of memory halves the batch, and on the last
resort moves everything to the processor. Which engine that is stands in `engines`.
"""

from mattingd.core.batching import Batch, EngineQueue, EngineSlot, Ready, Run, SleepUntil
from mattingd.core.engine_supervisor import Engines
from mattingd.core.job_store import SECOND, JobStore
from mattingd.core.lifecycle import Event, Job, State
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain import events
from mattingd.domain.commands import DropMatte, Infer
from mattingd.domain.events import InferFault
from mattingd.domain.jobs import NO_SUBJECT, StageTimes

BATCH_DEADLINE_NS = 120 * SECOND
"""A batch is given at least this long, ..."""
BATCH_DEADLINE_FACTOR = 10
"""... and ten times what warm-up measured."""


class Inference:
    """The engine's side of the scheduler. One owner: the scheduler."""

    def __init__(self, work: JobStore, crew: WorkerPool, engine: EngineQueue, engines: Engines) -> None:
        self.work = work
        self.crew = crew
        self.engine = engine
        self.engines = engines
        self._dying: set[int] = set()
        """Engines whose death is among the facts of this turn."""

    @property
    def due(self) -> int | None:
        """When an engine must have answered, come up or ended; None while nothing is expected of any."""
        return min((slot.due for slot in self.engine.slots.values() if slot.due is not None), default=None)

    def ready(self, job: Job, shape: tuple[int, int]) -> None:
        """A picture could be inferred now."""
        by_itself = job.single or job.isolated
        self.engine.ready[job.id] = Ready(job.id, job.folder, shape, self.work.now, by_itself)

    def send(self, on_the_way: int) -> None:
        """Send what should go now; `on_the_way`: pictures that may become ready soon."""
        while isinstance(choice := self.engine.choose(on_the_way, self.work.now), Run):
            batch = self.engine.begin(choice)
            for number in batch.jobs:
                job = self.work.jobs[number]
                job.batch = batch.id
                self.work.move(job, Event.STARTED, batch=batch.id)
            slot = self.engine.slots[choice.engine]
            self.work.out.append(Infer(batch.id, batch.jobs, batch.shape, slot.id, choice.why))
            if len(slot.batches) == 1:
                self._watch(slot)
        if isinstance(choice, SleepUntil):
            self.work.timers.alarm("window", None, choice.deadline)
        if self.engine.ready:
            self.engines.wake()

    def overdue(self, engine: int) -> None:
        """An engine has not come up, or not answered its oldest batch, for far too long."""
        slot = self.engine.slots[engine]
        working = slot.leaving or (slot.serving and slot.up)
        seconds = _batch_ns(slot) // SECOND
        self.engines.kill(
            engine, f"the model gave no answer within {seconds} s" if working else "it did not come up"
        )

    # --- answers ---

    def foresee(self, dying: set[int]) -> None:
        """Take note of the engines whose death is among the facts of this turn: they get nothing more."""
        self._dying = dying
        for slot in self.engine.slots.values():
            slot.up = slot.up and slot.id not in dying

    def came_up(self, fact: events.EngineUp) -> None:
        """An engine is ready."""
        if fact.engine in self._dying:
            return
        self.engines.came_up(fact)

    def inferred(self, fact: events.Inferred) -> None:
        """A batch gave its mattes: whoever holds the pictures can finish them."""
        slot, batch = self._end(fact.batch)
        self.engine.deaths[slot.key] = 0
        confidence = dict(zip(batch.jobs, fact.confidence, strict=False))
        for number, empty in zip(batch.jobs, fact.empty, strict=True):
            job = self._still_there(batch, number)
            if job is None:
                self.work.out.append(DropMatte(number, batch.id))
            elif job.again and job.model != batch.model:
                self.work.requeue(job, "other weights came into use between its two passes")
            elif empty and self._must_show_a_subject(job):
                self.work.move(job, Event.BROKE, NO_SUBJECT)
            elif job.worker is not None:
                job.model = batch.model
                job.inferred += fact.seconds / len(batch.jobs)
                sure = None if job.again else confidence.get(number)
                self.work.move(job, Event.SUCCEEDED, spent=StageTimes(infer=job.inferred), confidence=sure)
                self.crew.hands[job.worker].todo.append(job.id)

    def _must_show_a_subject(self, job: Job) -> bool:
        """Strokes and an alpha of its own say where the subject is; else the first pass alone decides."""
        preset = job.recipe.preset
        told = job.painted or (job.cut_out and preset.own_alpha == "keep")
        return preset.on_empty == "fail" and not (job.again or told)

    def failed(self, fact: events.InferFailed) -> None:
        """A batch gave no mattes: in smaller parts again, until it is clear whose fault it is."""
        others_leave = bool(self.engine.leaving)
        _, batch = self._end(fact.batch)
        if fact.fault is InferFault.MEMORY:
            if self.engines.make_room() or (others_leave and len(batch.jobs) == 1):
                self._split(batch, single=False)  # two models shared the memory: no limit for later
                return
            self.engine.halve(len(batch.jobs))
        if len(batch.jobs) > 1:
            self._split(batch, single=fact.fault is InferFault.BATCH)
        elif fact.fault is InferFault.MEMORY and not self._on_processor():
            self._split(batch, single=False)
            self.engines.on_cpu = True
            for slot in self.engine.serving:
                if slot.up:
                    self.engines.kill(slot.id, "the GPU has no memory for even one picture")
        else:
            for job in self._members(batch):
                self.work.move(job, Event.BROKE, f"the model failed on it: {fact.reason}")

    def died(self, fact: events.EngineDied) -> None:
        """The batch it was working on is split; a picture that was the only one in it becomes a suspect.

        Nothing follows from the end of an engine that is not needed any more, or not yet.
        """
        self.engines.expect(fact.engine, None)
        slot = self.engine.slots.get(fact.engine)
        if self.engines.failed(fact.engine, fact.how) or slot is None:
            return
        self._take_back(self.engine.died(fact.engine), fact)
        if slot.serving:
            self.engines.died(fact, slot.key)

    def _take_back(self, batches: list[Batch], fact: events.EngineDied) -> None:
        blamed = [] if fact.wrong else batches[:1]  # no picture makes a device calculate wrongly
        for batch in batches[len(blamed) :]:
            self._split(batch, single=False)
        for batch in blamed:
            if len(batch.jobs) > 1:
                self._split(batch, single=True)
                continue
            for job in self._members(batch):
                job.single = True
                self.work.crashed(job, fact.how, by_itself=job.isolated)

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
        """Give the oldest batch its time; it begins when the one before it ends."""
        self.engines.expect(slot.id, self.work.now + _batch_ns(slot) if slot.batches else None)

    def _on_processor(self) -> bool:
        return self.engines.up is not None and self.engines.up.device == "cpu"

    def _still_there(self, batch: Batch, number: int) -> Job | None:
        """The job, unless its picture was lost meanwhile; it may even be in a newer batch by now."""
        job = self.work.jobs.get(number)
        return job if job and job.state is State.INFERRING and job.batch == batch.id else None

    def _members(self, batch: Batch) -> list[Job]:
        return [job for number in batch.jobs if (job := self._still_there(batch, number))]

    def _split(self, batch: Batch, *, single: bool) -> None:
        for job in self._members(batch):
            job.single = job.single or single
            self.work.move(job, Event.SPLIT)
            self.ready(job, batch.shape)


def _batch_ns(slot: EngineSlot) -> int:
    """The longest time for one batch of an engine."""
    return max(BATCH_DEADLINE_NS, BATCH_DEADLINE_FACTOR * slot.batch_ns)
