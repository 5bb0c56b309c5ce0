"""Decide what free workers do next.

Finishing comes before publishing, publishing before cleanup, and cleanup before new pictures, so that what is
in memory leaves it first. The exception: the first picture of a folder that has none in flight does not wait.
"""

from mattingd.core.batching import EngineQueue
from mattingd.core.earlier_results import known, made_so
from mattingd.core.fleet.sending import Sending
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Trigger
from mattingd.core.queue.chores import chore_order, next_with_chore
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.queue.reading_order import ReadingOrder, occupy
from mattingd.core.worker_pool import WorkerPool, WorkerSlot
from mattingd.domain.commands import Finish, Publish, Read


class Dispatcher:
    """Assigns operations to workers. One owner: the scheduler."""

    def __init__(self, work: JobStore, pool: WorkerPool, engine: EngineQueue, output: OutputGate) -> None:
        self.work = work
        self.pool = pool
        self.output = output
        self.order = ReadingOrder(work, pool, engine, output)
        self._sending = Sending(work, self.order, output)

    def dispatch(self, *, reads: bool) -> None:
        """Give every free worker its next operation. With `reads` False no new picture is started."""
        sends = reads
        for slot in self.pool.free():
            if slot.remote:
                if not self._finish(slot):
                    sends = sends and self._sending.send(slot)
                continue
            if reads and self.order.somebody_waits_for_others() and self._read(slot):
                continue
            if not (self._finish(slot) or self._publish(slot) or self._chore(slot)):
                reads = reads and self._read(slot)  # a refusal to one worker applies to all

    def _finish(self, slot: WorkerSlot) -> bool:
        if not slot.todo or self.output.halted:
            return False
        job = self.work.jobs[slot.todo.popleft()]
        occupy(self.work, slot, job)
        job.wrote = True
        self.work.move(job, Trigger.STARTED)
        before = job.last.outputs if job.last is not None and not job.forced else ()
        presets, threads = job.presets, self._idle_workers() + 1
        same = () if job.same is None else job.same.outputs
        self.work.out.append(Finish(slot.id, job.id, presets, job.outputs, job.model, before, same, threads))
        return True

    def _idle_workers(self) -> int:
        """Return how many workers are idle while a single picture is being processed."""
        alone = len(self.work.in_flight) == 1 and not len(self.work.lanes) and not self.work.publishable
        return sum(slot.job is None for slot in self.pool.local) if alone else 0

    def _publish(self, slot: WorkerSlot) -> bool:
        if not self.work.publishable or self.output.offline:
            return False
        job = self.work.publishable.pop(next(iter(self.work.publishable)))
        occupy(self.work, slot, job)
        self.work.out.append(Publish(slot.id, job.id, job.outputs))
        return True

    def _chore(self, slot: WorkerSlot) -> bool:
        job = None if self.output.offline else next_with_chore(self.work)
        if job is None:
            return False
        occupy(self.work, slot, job)
        self.work.out.append(chore_order(self.work, job, slot.id))
        return True

    def _read(self, slot: WorkerSlot) -> bool:
        if (found := self.order.next()) is None:
            return False
        job, grant = found
        if job.unread_since is not None:  # a time in which nobody tried to read it proves nothing
            job.unread_since += max(0, self.work.now - job.due)
            job.due = self.work.now
        self.order.begin(slot, job, grant)
        self.work.out.append(
            Read(
                slot.id,
                job.id,
                job.folder,
                job.path,
                job.stamp,
                grant,
                recall=not job.forced,
                model=self.work.weights_of(job) if made_so(self.work, job) else "",
                try_first=job.outputs if job.blocked else (),
                known=known(self.work, job),
                net=job.net,
                standing=job.last.outputs if job.last is not None and job.follows is not None else (),
            )
        )
        return True
