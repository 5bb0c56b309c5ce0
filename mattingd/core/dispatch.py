"""Who does what next: the order in which free hands get work.

Finishing comes before publishing, publishing before chores, chores before new pictures, so that what is in
memory leaves it first; but the first picture of a folder that has none in flight waits for nobody. A suspect
runs with nothing else in flight.
"""

from mattingd.core.batching import EngineQueue
from mattingd.core.job_store import MEGAPIXEL, JobStore
from mattingd.core.lifecycle import Event, Job, State
from mattingd.core.output_paths import archive_place
from mattingd.core.worker_pool import WorkerPool, WorkerSlot
from mattingd.domain.commands import DoChore, Finish, Publish, Read
from mattingd.domain.events import SpaceLow
from mattingd.domain.jobs import Chore, Original
from mattingd.domain.picture_names import surely_dropped


class Dispatcher:
    """Hands out operations. One owner: the scheduler."""

    def __init__(self, work: JobStore, crew: WorkerPool, engine: EngineQueue) -> None:
        self.work = work
        self.crew = crew
        self.engine = engine
        self.output_failures = 0
        """Tries in a row that failed."""
        self.no_space: str | None = None
        """Why no cut-out may be written at present, although it could."""
        self._output_pause = 0
        self._wants_room: Job | None = None
        """Next to be read as soon as there is memory for it; nobody overtakes it."""

    def dispatch(self, *, reads: bool) -> None:
        """Give every free hand its next work; `reads` False takes no new picture."""
        for hand in self.crew.free():
            if reads and self._somebody_waits_for_others() and self._read(hand):
                continue
            if not (self._finish(hand) or self._publish(hand) or self._chore(hand)):
                reads = reads and self._read(hand)  # what is refused to one hand is refused to all

    def _somebody_waits_for_others(self) -> bool:
        """Whether a folder has pictures waiting and none in flight while others have: its turn is now."""
        busy = self.work.busy_folders
        return bool(busy) and self.work.lanes.favour(busy)

    # --- the output side ---

    def output_works(self) -> None:
        """Something was written: full speed again."""
        self.output_failures = 0

    def output_fails(self) -> None:
        """Nothing can be written at present: one picture at a time tries again, ever more rarely.

        Pictures that were in work together fail together: that counts as one try.
        """
        if self.output_failures and self._output_pause > self.work.now:
            return
        self.output_failures += 1
        self._output_pause = self.work.now + self.work.backoff_ns(self.output_failures)
        self.work.timers.wake(self._output_pause, "wake", None)

    def try_output_now(self) -> None:
        """Somebody says that the output can be written again: the next picture will tell."""
        self._output_pause = min(self._output_pause, self.work.now)

    def space_low(self, fact: SpaceLow) -> None:
        """What is in work waits in memory, and no more is begun: to wait is not to fail."""
        self.no_space = fact.reason

    # --- hands ---

    def _begin(self, hand: WorkerSlot, job: Job) -> None:
        hand.job, hand.due = job.id, self.work.now + self.work.policy.picture_ns
        self.work.timers.alarm("worker", hand.id, hand.due)

    def _finish(self, hand: WorkerSlot) -> bool:
        if not hand.todo or self.no_space:
            return False
        job = self.work.jobs[hand.todo.popleft()]
        self._begin(hand, job)
        job.wrote = True
        self.work.move(job, Event.STARTED)
        before = job.last.outputs if job.last is not None and not job.forced else ()
        self.work.out.append(Finish(hand.id, job.id, job.recipe.presets, job.outputs, job.model, before))
        return True

    def _publish(self, hand: WorkerSlot) -> bool:
        if not self.work.publishable:
            return False
        job = self.work.publishable.pop(next(iter(self.work.publishable)))
        self._begin(hand, job)
        self.work.out.append(Publish(hand.id, job.id, job.outputs))
        return True

    def _chore(self, hand: WorkerSlot) -> bool:
        if not self.work.chores:
            return False
        job = self.work.chores.pop(next(iter(self.work.chores)))
        self._begin(hand, job)
        chore = Chore(min(job.chores, key=lambda chore: (chore == Chore.ORIGINAL, chore)))
        notes = job.stale_notes if chore is Chore.REMOVE_NOTE else (job.note,)
        outputs = () if job.state is State.UNCHANGED and chore is Chore.ORIGINAL else job.outputs
        original = self._original(job) if chore is Chore.ORIGINAL else None
        self.work.out.append(
            DoChore(hand.id, job.id, chore, outputs, notes, job.folder, job.path, job.reason, original)
        )
        return True

    def _original(self, job: Job) -> Original | None:
        """What becomes of an original by the settings as they are now; None when it stays after all."""
        folder = self.work.folders.get(job.folder)
        if folder is None or folder.originals == "keep" or job.sha256 is None or not surely_dropped(job.path):
            return None
        if folder.originals == "delete" and job.state is not State.DONE:
            return None
        place = archive_place(folder, job.path, job.date)
        return Original(folder.originals, place, job.stamp, job.sha256)

    def _read(self, hand: WorkerSlot) -> bool:
        job = self._next_to_read()
        if job is None:
            return False
        grant = self._grant(job)
        if grant is None:
            self._wants_room = job
            return False
        self._begin(hand, job)
        hand.holds.add(job.id)
        job.worker, job.attempts = hand.id, job.attempts + 1
        self.work.reserve(job, grant)
        self.work.move(job, Event.STARTED)
        recall, try_first = not job.forced, job.outputs if job.blocked else ()
        self.work.out.append(Read(hand.id, job.id, job.folder, job.path, job.stamp, grant, recall, try_first))
        return True

    def _next_to_read(self) -> Job | None:
        """Whoever waits for memory, a suspect when it can be alone, else the next in turn."""
        in_flight = self.work.in_flight
        if self.no_space:
            return None
        if self.output_failures and (self._output_pause > self.work.now or in_flight):
            return None
        if len(in_flight) == 1 and self.work.jobs[next(iter(in_flight))].isolated:
            return None
        waiting, self._wants_room = self._wants_room, None
        if waiting is not None and waiting.state is State.QUEUED:
            if not self.work.paused(waiting.folder):
                return waiting
            self.work.enqueue(waiting, first=True)
        suspects = [job for job in self.work.suspects if job.state is State.QUEUED]
        self.work.suspects = suspects
        due = [job for job in suspects if job.due <= self.work.now and not self.work.paused(job.folder)]
        if due:
            return self._alone(min(due, key=lambda job: (job.isolated_crashes, job.id)))
        room = len(in_flight) < self._most_in_flight() or self._somebody_waits_for_others()
        return self._next_in_turn() if room else None

    def _alone(self, job: Job) -> Job | None:
        if self.work.in_flight or self.crew.busy or self.engine.busy:
            return None
        self.work.suspects.remove(job)
        job.isolated = True
        return job

    def _next_in_turn(self) -> Job | None:
        while (number := self.work.lanes.pop()) is not None:
            job = self.work.jobs.get(number)
            if job is not None and job.state is State.QUEUED:
                return job
        return None

    def _most_in_flight(self) -> int:
        """Enough to keep all hands and two batches busy, no more: who comes later must not wait for many."""
        return 2 * len(self.crew.hands) + self.engine.capacity

    def _grant(self, job: Job) -> int | None:
        """Pixels the picture may have; None when it has to wait for memory.

        Before anybody read its header the file's size is the guess: photographs have two to twelve pixels a
        byte. A wrong guess costs one look at the header.
        """
        guess = min(max(8 * job.stamp.size, MEGAPIXEL), 24 * MEGAPIXEL)
        wanted = guess if job.size_known is None else job.size_known
        return wanted if wanted <= self.work.room() else None

    def on_the_way(self) -> int:
        """Pictures that may become ready for the engine soon."""
        more = len(self.work.lanes) if len(self.work.in_flight) < self._most_in_flight() else 0
        return self.work.reading + more
