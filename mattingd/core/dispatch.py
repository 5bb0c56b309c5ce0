"""Decide what free workers do next.

Finishing comes before publishing, publishing before cleanup, and cleanup before new pictures, so that what is
in memory leaves it first. The exception: the first picture of a folder that has none in flight does not wait.
A quarantine candidate runs with nothing else in flight.
"""

from mattingd.core.batching import EngineQueue
from mattingd.core.fleet.remote import may_leave
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State, Trigger
from mattingd.core.policy import MEGAPIXEL
from mattingd.core.queue.chores import chore_order, next_with_chore
from mattingd.core.worker_pool import WorkerPool, WorkerSlot
from mattingd.domain.commands import Finish, Publish, Read
from mattingd.domain.events import SpaceLow
from mattingd.domain.reasons import Reason


class Dispatcher:
    """Assigns operations to workers. One owner: the scheduler."""

    def __init__(self, work: JobStore, pool: WorkerPool, engine: EngineQueue) -> None:
        self.work = work
        self.pool = pool
        self.engine = engine
        self.output_failures = 0
        """Tries in a row that failed."""
        self.no_space: Reason | None = None
        """Why no cut-out may be written at present, although it could."""
        self.output_offline: Reason | None = None
        """Why the output folder cannot be reached at present."""
        self._output_pause = 0
        self._wants_room: Job | None = None
        """Next to be read as soon as there is memory for it; nobody overtakes it."""

    def dispatch(self, *, reads: bool) -> None:
        """Give every free worker its next operation. With `reads` False no new picture is started."""
        sends = reads
        for slot in self.pool.free():
            if slot.remote:
                if not self._finish(slot):
                    sends = sends and self._send_away(slot)
                continue
            if reads and self._somebody_waits_for_others() and self._read(slot):
                continue
            if not (self._finish(slot) or self._publish(slot) or self._chore(slot)):
                reads = reads and self._read(slot)  # a refusal to one worker applies to all

    def _somebody_waits_for_others(self) -> bool:
        """Whether a folder has pictures waiting but none in flight while others have: it is served next."""
        busy = self.work.busy_folders
        return bool(busy) and self.work.lanes.favour(busy)

    # --- the output side ---

    def output_works(self) -> None:
        """Resume full speed after a successful write."""
        self.output_failures = 0

    def output_fails(self) -> None:
        """Handle an output folder that cannot be written: one picture at a time retries, ever more rarely.

        Pictures that were in work together fail together: that counts as one attempt.
        """
        if self.output_failures and self._output_pause > self.work.now:
            return
        self.output_failures += 1
        self._output_pause = self.work.now + self.work.backoff_ns(self.output_failures)
        self.work.timers.wake(self._output_pause, "wake", None)

    def try_output_now(self) -> None:
        """Retry at once because the user says that the output folder can be written again."""
        self._output_pause = min(self._output_pause, self.work.now)

    def space_low(self, fact: SpaceLow) -> None:
        """Pause because disk space is low: pictures in work wait in memory and none is started.

        Waiting is not failing.
        """
        self.no_space = fact.reason

    @property
    def halted(self) -> Reason | None:
        """Return why no cut-out is written at present; None when they are."""
        return self.output_offline or self.no_space

    # --- slots ---

    def _begin(self, slot: WorkerSlot, job: Job) -> None:
        slot.job, slot.due = job.id, self.work.now + self.work.policy.picture_ns
        self.work.timers.alarm("worker", slot.id, slot.due)

    def _finish(self, slot: WorkerSlot) -> bool:
        if not slot.todo or self.halted:
            return False
        job = self.work.jobs[slot.todo.popleft()]
        self._begin(slot, job)
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
        if not self.work.publishable or self.output_offline:
            return False
        job = self.work.publishable.pop(next(iter(self.work.publishable)))
        self._begin(slot, job)
        self.work.out.append(Publish(slot.id, job.id, job.outputs))
        return True

    def _chore(self, slot: WorkerSlot) -> bool:
        job = None if self.output_offline else next_with_chore(self.work)
        if job is None:
            return False
        self._begin(slot, job)
        self.work.out.append(chore_order(self.work, job, slot.id))
        return True

    def _read(self, slot: WorkerSlot) -> bool:
        job = self._next_to_read()
        while job is not None and (why := self.work.unusable(job)):
            self.work.move(job, Trigger.BROKE, why)
            job = self._next_to_read()
        if job is None:
            return False
        grant = self._grant(job)
        if grant is None:
            self._wants_room = job
            return False
        self._begin(slot, job)
        slot.holds.add(job.id)
        if job.unread_since is not None:  # a time in which nobody tried to read it proves nothing
            job.unread_since += max(0, self.work.now - job.due)
            job.due = self.work.now
        job.worker, job.attempts = slot.id, job.attempts + 1
        self.work.reserve(job, grant)
        self.work.move(job, Trigger.STARTED)
        job.net = self.work.net_of(job)
        self.work.out.append(
            Read(
                slot.id,
                job.id,
                job.folder,
                job.path,
                job.stamp,
                grant,
                recall=not job.forced,
                model=self.work.weights_of(job) if self._made_so(job) else "",
                try_first=job.outputs if job.blocked else (),
                known=self._known(job),
                net=job.net,
                standing=job.last.outputs if job.last is not None and job.follows is not None else (),
            )
        )
        return True

    def _send_away(self, slot: WorkerSlot) -> bool:
        """Send the next picture to a remote worker; False if none may leave at present."""
        if self.halted or self.output_failures or self._one_is_isolated() or self._suspects_due():
            return False
        waiting = self._wants_room
        if waiting and waiting.state is State.QUEUED and self.work.may_begin(waiting):
            return False
        job = self._next_to_leave()
        if job is None:
            return False
        size = self._size_away(job)
        self._begin(slot, job)
        slot.holds.add(job.id)
        job.worker, job.attempts = slot.id, job.attempts + 1
        self.work.reserve(job, size)
        self.work.move(job, Trigger.STARTED)
        job.net = self.work.net_of(job)
        model = self.work.weights_of(job)
        self.work.out.append(
            Read(slot.id, job.id, job.folder, job.path, job.stamp, size, recall=False, model=model)
        )
        return True

    def _next_to_leave(self) -> Job | None:
        """Return the next picture that a remote worker can process.

        Pictures that must stay keep their turn.
        """

        def may(number: int) -> bool:
            job = self.work.jobs.get(number)
            if job is None or job.state is not State.QUEUED:
                return True
            leaves = not self.work.unusable(job) and may_leave(self.work, job, as_before=self._made_so(job))
            return leaves and self._size_away(job) <= self.work.room()

        while (number := self.work.lanes.pop_first(may)) is not None:
            job = self.work.jobs.get(number)
            if job is not None and job.state is State.QUEUED:
                return job
        return None

    @staticmethod
    def _size_away(job: Job) -> int:
        """Return the memory that a remote picture needs here: its file and its result, not its pixels."""
        return job.stamp.size // 8

    def _one_is_isolated(self) -> bool:
        """Whether a picture is in flight that must run alone."""
        in_flight = self.work.in_flight
        return len(in_flight) == 1 and self.work.jobs[next(iter(in_flight))].isolated

    def _suspects_due(self) -> list[Job]:
        """Return the quarantine candidates that are due to be tried in isolation."""
        suspects = [job for job in self.work.suspects if job.state is State.QUEUED]
        self.work.suspects = suspects
        return [job for job in suspects if job.due <= self.work.now and self.work.may_begin(job)]

    def _known(self, job: Job) -> bytes:
        """Return the hash of the content whose last result still counts; b"" when none does."""
        last = job.last
        if last is None or job.forced or job.stamp.strokes or last.painted:
            return b""
        if job.follows is not None and not last.outputs:
            return b""  # outputs that are missing are made with the present paths
        return last.sha256 if self._made_so(job) else b""

    def _made_so(self, job: Job) -> bool:
        """Whether the present settings and weights made the last result: its matte would be the same."""
        last, weights = job.last, self.work.weights_of(job)
        return last is not None and last.recipe == job.recipe.hash and last.model in {None, weights}

    def _next_to_read(self) -> Job | None:
        """Return the next picture to read.

        It is one that waits for memory, a quarantine candidate if it can be alone, or the next in turn.
        """
        in_flight = self.work.in_flight
        if self.halted:
            return None
        if self.output_failures and (self._output_pause > self.work.now or in_flight):
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
        room = len(in_flight) - self.pool.away < self._most_in_flight() or self._somebody_waits_for_others()
        return self._next_in_turn() if room else None

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

    def _most_in_flight(self) -> int:
        """Return the maximum number of pictures in flight: enough for all workers and two batches."""
        return 2 * len(self.pool.local) + self.engine.capacity

    def _grant(self, job: Job) -> int | None:
        """Return the pixels to reserve for a picture, or None while there is no room for them."""
        guess = min(max(8 * job.stamp.size, MEGAPIXEL), 24 * MEGAPIXEL)
        wanted = guess if job.size_known is None else job.size_known
        return wanted if wanted <= self.work.room() else None

    def on_the_way(self) -> int:
        """Return the pictures that may soon be ready for the engine."""
        room = len(self.work.in_flight) - self.pool.away < self._most_in_flight()
        return self.work.states[State.READING] + (len(self.work.lanes) if room else 0)
