"""Decide which picture is read next, and when there is memory for it.

It is one that waits for memory, a quarantine candidate if it can be alone, or the next in turn.
"""

from mattingd.core.batching import EngineQueue
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State, Trigger
from mattingd.core.policy import MEGAPIXEL
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.worker_pool import WorkerPool, WorkerSlot


class ReadingOrder:
    """The order in which pictures are begun. One owner: the scheduler."""

    def __init__(self, work: JobStore, pool: WorkerPool, engine: EngineQueue, output: OutputGate) -> None:
        self.work = work
        self.pool = pool
        self.engine = engine
        self.output = output
        self._wants_room: Job | None = None
        """Next to be read as soon as there is memory for it; nobody overtakes it."""

    def next(self) -> tuple[Job, int] | None:
        """Return the next picture and the pixels to reserve for it; None if none can be read now."""
        job = self._next()
        while job is not None and (why := self.work.unusable(job)):
            self.work.move(job, Trigger.BROKE, why)
            job = self._next()
        if job is None:
            return None
        if (grant := self._grant(job)) is None:
            self._wants_room = job
            return None
        return job, grant

    def begin(self, slot: WorkerSlot, job: Job, pixels: int) -> None:
        """Give a picture to the worker that reads it."""
        occupy(self.work, slot, job)
        slot.holds.add(job.id)
        job.worker, job.attempts = slot.id, job.attempts + 1
        self.work.reserve(job, pixels)
        self.work.move(job, Trigger.STARTED)
        job.net = self.work.net_of(job)

    def on_the_way(self) -> int:
        """Return the pictures that may soon be ready for the engine."""
        return self.work.states[State.READING] + (len(self.work.lanes) if self._has_room() else 0)

    def somebody_waits_for_others(self) -> bool:
        """Whether a folder has pictures waiting but none in flight while others have: it is served next."""
        busy = self.work.busy_folders
        return bool(busy) and self.work.lanes.favour(busy)

    def keeps_all_here(self) -> bool:
        """Whether no picture may leave for another machine, because one here is to come first."""
        waiting = self._wants_room
        first = waiting is not None and waiting.state is State.QUEUED and self.work.may_begin(waiting)
        return first or self._one_is_isolated() or bool(self._suspects_due())

    def _next(self) -> Job | None:
        """Return the next picture, whether its model can be used or not."""
        in_flight = self.work.in_flight
        if self.output.halted:
            return None
        if self.output.failures and (self.output.rests or in_flight):
            return None
        if self._one_is_isolated():
            return None
        waiting, self._wants_room = self._wants_room, None
        if waiting is not None and waiting.state is State.QUEUED:
            if self.work.may_begin(waiting):
                return waiting
            self.work.enqueue(waiting, first=True)
        if due := self._suspects_due():
            return self._alone(min(due, key=lambda job: (job.isolated_crashes, job.id)))
        return self._next_in_turn() if self._has_room() or self.somebody_waits_for_others() else None

    def _one_is_isolated(self) -> bool:
        """Whether a picture is in flight that must run alone."""
        in_flight = self.work.in_flight
        return len(in_flight) == 1 and self.work.jobs[next(iter(in_flight))].isolated

    def _suspects_due(self) -> list[Job]:
        """Return the quarantine candidates that are due to be tried in isolation."""
        suspects = [job for job in self.work.suspects if job.state is State.QUEUED]
        self.work.suspects = suspects
        return [job for job in suspects if job.due <= self.work.now and self.work.may_begin(job)]

    def _alone(self, job: Job) -> Job | None:
        if self.work.in_flight or self.pool.busy or self.engine.busy:
            return None
        self.work.suspects.remove(job)
        job.isolated = True
        return job

    def _next_in_turn(self) -> Job | None:
        if (wanted := self.work.next_express()) is not None:
            return wanted
        while (number := self.work.lanes.pop()) is not None:
            job = self.work.jobs.get(number)
            if job is not None and job.state is State.QUEUED:
                return job
        return None

    def _has_room(self) -> bool:
        """Whether fewer pictures are in flight than keep all workers and two batches busy."""
        most = 2 * len(self.pool.local) + self.engine.capacity
        return len(self.work.in_flight) - self.pool.away < most

    def _grant(self, job: Job) -> int | None:
        """Return the pixels to reserve for a picture, or None while there is no room for them."""
        guess = min(max(8 * job.stamp.size, MEGAPIXEL), 24 * MEGAPIXEL)
        wanted = guess if job.size_known is None else job.size_known
        return wanted if wanted <= self.work.room() else None


def occupy(work: JobStore, slot: WorkerSlot, job: Job) -> None:
    """Record that a worker has begun an operation of a job, and by when it must have answered."""
    slot.job, slot.due = job.id, work.now + work.policy.picture_ns
    work.timers.alarm("worker", slot.id, slot.due)
