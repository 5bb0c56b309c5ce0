"""Find the picture that a batch failed over, or the device: nobody else loses by it.

A failing batch is split until the culprit is alone. Running out of memory halves the batch; in the end a
device without memory for one picture is given up, and others take over or, if there is none, the CPU.
"""

from collections.abc import Callable

from mattingd.core.batching import Batch, EngineQueue, EngineSlot
from mattingd.core.engine_supervisor import Engines
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, Trigger
from mattingd.domain.events import EngineDied, InferFailed, InferFault
from mattingd.domain.reasons import Reason


class FailedBatches:
    """See the module. One owner: the scheduler."""

    def __init__(
        self,
        work: JobStore,
        engine: EngineQueue,
        engines: Engines,
        still_there: Callable[[Batch], list[Job]],
        ready: Callable[[Job, tuple[int, int]], None],
    ) -> None:
        """Nothing has failed yet.

        Args:
            work: all live jobs.
            engine: the ready pictures, and all engines.
            engines: starts engines and gives them up.
            still_there: returns the jobs of a batch whose pictures were not lost meanwhile.
            ready: takes a picture that is to run again, and its network shape.
        """
        self.work = work
        self.engine = engine
        self.engines = engines
        self._still_there = still_there
        self._ready = ready

    def failed(self, slot: EngineSlot, batch: Batch, fact: InferFailed, *, others_leave: bool) -> None:
        """Handle a batch without mattes: run it again in smaller parts until the culprit is clear.

        Args:
            slot: the engine that had it.
            batch: its pictures.
            fact: the failure.
            others_leave: whether a replaced engine still had batches then.
        """
        place = slot.key.place
        if fact.fault is InferFault.MEMORY:
            if self.engines.make_room() or (others_leave and len(batch.jobs) == 1):
                self._split(batch, single=False)  # two models shared the memory: this sets no limit for later
                return
            self.engine.halve(len(batch.jobs), place)
        if len(batch.jobs) > 1:
            self._split(batch, single=fact.fault is InferFault.BATCH)
        elif fact.fault is InferFault.MEMORY and slot.device != "cpu":
            self._split(batch, single=False)
            self.engines.without_memory(place)
        else:
            for job in self._still_there(batch):
                self.work.move(job, Trigger.BROKE, Reason.of("model_failed", error=fact.reason))

    def take_back(self, batches: list[Batch], fact: EngineDied, *, innocent: bool) -> None:
        """Run the batches of an engine that ended again; the first is to blame unless it is `innocent`.

        A picture that was alone in that batch becomes a quarantine candidate.
        """
        blamed = [] if innocent else batches[:1]
        for batch in batches[len(blamed) :]:
            self._split(batch, single=False)
        for batch in blamed:
            if len(batch.jobs) > 1:
                self._split(batch, single=True)
                continue
            for job in self._still_there(batch):
                job.single = True
                self.work.crashed(job, fact.how, by_itself=job.isolated)

    def _split(self, batch: Batch, *, single: bool) -> None:
        for job in self._still_there(batch):
            job.single = job.single or single
            self.work.move(job, Trigger.SPLIT)
            self._ready(job, batch.shape)
