"""The live jobs and what they hold: states, memory budget, lanes, suspects, chores.

Every change of a job's state goes through `move`, which walks the table and writes the journal's line for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mattingd.core.drop_ends import DropEnds, DropId
from mattingd.core.fair_queue import FairQueue
from mattingd.core.lifecycle import COUNTED_AS, LIVE, WORKING, Event, Job, RetryPolicy, State, backoff_seconds
from mattingd.core.settling import SettlePolicy, SourceId
from mattingd.core.timers import Timers
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain.commands import Command, Discard, Move, Vanished
from mattingd.domain.events import JobEnded
from mattingd.domain.jobs import NO_STAGE_TIMES, Chore, Folder, StageTimes
from mattingd.domain.picture_names import surely_dropped

SECOND = 1_000_000_000
STRIKES = 2
"""Crashes while alone after which a picture is set aside."""
MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """All that the scheduler's decisions depend on, frozen at start."""

    settle: SettlePolicy = field(default_factory=SettlePolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    workers: int = 2
    batch_cap: int | None = None
    """Never more pictures in a batch; None for what warm-up finds best."""
    batch_wait_ns: int = 50_000_000
    budget_pixels: int = 200 * MEGAPIXEL
    """Pixels of pictures in work at once. A single larger picture still runs, by itself."""
    picture_ns: int = 120 * SECOND
    """Longest time for one operation on one picture."""
    alone_pause_ns: int = 10 * SECOND
    """A picture that was alone when everything went down waits this long per strike: others come first."""
    shipped: str = ""
    """SHA-256 of the weights that the package carries."""
    idle_ns: int | None = None
    """After so long without a batch the engine's process is ended until it is needed; None: never."""
    stop_ns: int = 60 * SECOND
    """Longest time for ending cleanly."""


class JobStore:
    """All live jobs. One owner: the scheduler."""

    def __init__(self, policy: Policy, crew: WorkerPool, folders: Mapping[int, Folder]) -> None:
        self.policy = policy
        self.folders = folders
        self.crew = crew
        self.now = 0
        self.timers = Timers()
        self.drops = DropEnds()
        self.out: list[Command] = []
        self.jobs: dict[int, Job] = {}
        self.by_path: dict[SourceId, Job] = {}
        self.lanes = FairQueue()
        self.suspects: list[Job] = []
        self.publishable: dict[int, Job] = {}
        self.chores: dict[int, Job] = {}
        """Ended jobs with something to do for them right now."""
        self._owing: dict[SourceId, dict[int, Job]] = {}
        """All ended jobs that leave something to be done, by source."""
        self.in_flight: set[int] = set()
        self.busy_folders: dict[int, int] = {}
        """How many pictures of a hot folder are in flight; without those that have none."""
        self.counts: dict[str, int] = {}
        self.reading = 0
        """Pictures being read."""
        self._reserved = 0

    # --- jobs ---

    def adopt(self, job: Job) -> None:
        """A job the journal holds is now live here."""
        key = SourceId(job.folder, job.path)
        self.jobs[job.id] = self.by_path[key] = job
        self._count(job.state, 1)
        if job.drop:
            self.drops.began(DropId(job.folder, job.drop))
        for older in list(self._owing.get(key, {}).values()):
            self._call_off(older, Chore.NOTE)

    def move(
        self,
        job: Job,
        event: Event,
        reason: str = "",
        *,
        batch: int | None = None,
        sha256: bytes | None = None,
        painted: bytes | None = None,
        spent: StageTimes = NO_STAGE_TIMES,
        confidence: float | None = None,
    ) -> State:
        """Let `event` happen to a job: table, journal line, and what the job holds."""
        before = job.state
        state = job.advance(event)
        job.reason = reason
        self._count(before, -1)
        self._count(state, 1)
        if (state in WORKING) != (job.id in self.in_flight):
            self._fly(job, begins=state in WORKING)
        if state not in LIVE:
            self._settle_account(job)
        self.write(job, batch=batch, sha256=sha256, painted=painted, spent=spent, confidence=confidence)
        if job.gone and state not in LIVE:
            self.out.append(Vanished(job.folder, job.path))
        if state not in LIVE:
            self._announce(job)
        return state

    def joined(self, drop: DropId, open_until: int) -> None:
        """A file is on its way into the journal as part of a drop that is open until then."""
        self.drops.joined(drop, open_until)
        self.timers.alarm("drop", drop, open_until)

    def listed(self, job: Job) -> None:
        """The journal lists a file that is not processed: its job has ended as it began."""
        self.out.append(_ended(job))
        if job.drop:
            self.drops.ignored(DropId(job.folder, job.drop))

    def close_drop(self, drop: DropId) -> None:
        """Say that a drop has ended, if it has."""
        if (ended := self.drops.over(drop, self.now)) is not None:
            self.out.append(ended)

    def _announce(self, job: Job) -> None:
        self.out.append(_ended(job))
        if job.drop:
            drop = DropId(job.folder, job.drop)
            self.drops.ended(drop, job.state)
            self.close_drop(drop)

    def _fly(self, job: Job, *, begins: bool) -> None:
        """A picture takes off, or lands."""
        (self.in_flight.add if begins else self.in_flight.discard)(job.id)
        flying = self.busy_folders.get(job.folder, 0) + (1 if begins else -1)
        if flying:
            self.busy_folders[job.folder] = flying
        else:
            del self.busy_folders[job.folder]

    def write(
        self,
        job: Job,
        *,
        sha256: bytes | None = None,
        painted: bytes | None = None,
        batch: int | None = None,
        spent: StageTimes = NO_STAGE_TIMES,
        confidence: float | None = None,
    ) -> None:
        """Bring the journal's row up to the job."""
        self.out.append(
            Move(
                job.id,
                job.state,
                job.reason,
                attempts=job.attempts,
                isolated=job.isolated,
                quarantine_candidate=job.quarantine_candidate,
                isolated_crashes=job.isolated_crashes,
                sha256=sha256,
                painted=painted,
                batch=batch,
                chores=job.chores,
                spent=spent,
                confidence=confidence,
            )
        )

    def _settle_account(self, job: Job) -> None:
        """A job came to an end: what it leaves to be done, and what it gives back."""
        chores = set(job.chores)
        if job.wrote and job.state is not State.DONE:
            chores.add(Chore.SWEEP)
        if job.state is State.FAILED:
            chores.add(Chore.NOTE)
        elif job.stale_notes and job.state in {State.DONE, State.UNCHANGED}:
            chores.add(Chore.REMOVE_NOTE)
        if self._original_goes(job):
            chores.add(Chore.ORIGINAL)
        job.chores = frozenset(chores)
        self.release(job)
        if self.by_path.get(key := SourceId(job.folder, job.path)) is job:
            del self.by_path[key]
        self.schedule_cleanup(job)

    def _original_goes(self, job: Job) -> bool:
        """Whether the original of an ended job is not needed in its hot folder any more.

        What is the same as before has cut-outs already: it is put away, too, but never deleted for that. What
        a person did not surely drop stays.
        """
        folder = self.folders.get(job.folder)
        if folder is None or not surely_dropped(job.path):
            return False
        same = job.state is State.UNCHANGED and folder.originals == "archive"
        return same or (job.state is State.DONE and folder.originals != "keep")

    def chore_done(self, job: Job, chore: Chore) -> None:
        """One duty less."""
        job.chores -= {chore}
        self.write(job)
        self.schedule_cleanup(job)

    def schedule_cleanup(self, job: Job) -> None:
        """Queue what an ended job leaves to be done; with the last duty it leaves memory."""
        key = SourceId(job.folder, job.path)
        if job.chores:
            self.jobs[job.id] = self.chores[job.id] = job
            self._owing.setdefault(key, {})[job.id] = job
            return
        self.jobs.pop(job.id, None)
        owing = self._owing.get(key, {})
        owing.pop(job.id, None)
        if not owing:
            self._owing.pop(key, None)

    def let_go(self, job: Job) -> None:
        """Do nothing more for a job in this run; its row is as it was, for the next one."""
        key = SourceId(job.folder, job.path)
        self.jobs.pop(job.id, None)
        self._owing.get(key, {}).pop(job.id, None)
        if not self._owing.get(key):
            self._owing.pop(key, None)
        if self.by_path.get(key) is job:
            del self.by_path[key]

    def _call_off(self, job: Job, chore: Chore) -> None:
        """A duty is out of date: written after its successor's cut-out, a note would say the wrong thing.

        What a crash left half written of it is swept.
        """
        if chore in job.chores:
            job.chores = job.chores - {chore} | {Chore.SWEEP}
            self.write(job)

    def owes(self, key: SourceId) -> bool:
        """Whether an ended job of this source leaves something to be done."""
        return key in self._owing

    def hold(self, folder: int, *, paused: bool) -> None:
        """Begin no more pictures of a folder, or go on with them."""
        self.lanes.hold(folder, back=paused)

    def paused(self, folder: int) -> bool:
        """Whether a folder is held back."""
        return folder in self.lanes.held

    def enqueue(self, job: Job, *, first: bool = False) -> None:
        """A queued job waits for its turn: among the suspects, or in its folder's lane."""
        if job.quarantine_candidate:
            job.due = self.now + job.isolated_crashes * self.policy.alone_pause_ns
            self.suspects.append(job)
            if job.due > self.now:
                self.timers.wake(job.due, "wake", None)
        else:
            self.lanes.push(job.folder, job.id, first=first)

    # --- memory ---

    def reserve(self, job: Job, pixels: int) -> None:
        """Hold budget for a picture until it is published or dropped."""
        self._reserved += pixels - job.reserved
        job.reserved = pixels

    def release(self, job: Job) -> None:
        """Give the budget back and forget the arrays."""
        self.reserve(job, 0)
        if job.worker is not None:
            self.crew.drop(job.worker, job.id)
            self.out.append(Discard(job.worker, job.id))
        job.worker = job.fit = None
        job.again, job.inferred = False, 0.0

    def room(self) -> int:
        """Free pixels of the budget; a picture of any size fits an empty one."""
        return self.policy.budget_pixels - self._reserved if self._reserved else 1 << 62

    # --- trouble ---

    def wait(self, job: Job, reason: str, *, until: int | None = None) -> None:
        """Hold a job back until `until` (default: the next back-off)."""
        job.waits += 1
        job.due = until if until is not None else self.now + self.backoff_ns(job.waits)
        self.release(job)
        self.move(job, Event.WAITS, reason)
        self.timers.wake(job.due, "held", job.id)

    def backoff_ns(self, attempts: int) -> int:
        """The pause after so many attempts."""
        return round(backoff_seconds(attempts, self.policy.retry) * SECOND)

    def crashed(self, job: Job, how: str, *, by_itself: bool) -> None:
        """Whoever had this picture in hand died over it: it runs alone now; two strikes set it aside."""
        job.isolated_crashes += by_itself
        job.quarantine_candidate, job.isolated = True, False
        self.release(job)
        if self.move(job, Event.CRASHED, how) is not State.QUEUED:
            return
        if job.isolated_crashes < STRIKES:
            self.enqueue(job)
        else:
            self.move(
                job,
                Event.BROKE,
                f"its process crashed {job.isolated_crashes} times while it ran alone: {how}",
            )

    def requeue(self, job: Job, how: str) -> None:
        """Its picture went with a worker that died over another one: again, without blame."""
        self.release(job)
        if self.move(job, Event.CRASHED, how) is State.QUEUED:
            self.enqueue(job, first=True)

    def _count(self, state: State, by: int) -> None:
        if state is State.READING:
            self.reading += by
        word = COUNTED_AS[state]
        self.counts[word] = self.counts.get(word, 0) + by


def _ended(job: Job) -> JobEnded:
    note = job.note if job.state is State.FAILED else ""
    return JobEnded(job.id, job.folder, job.path, job.state, job.reason, note, job.drop)
