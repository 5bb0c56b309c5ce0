"""The live jobs and what they hold: states, memory budget, lanes, quarantine candidates, cleanup.

Every change of a job's state goes through `move`, which follows the transition table and writes the journal.
"""

from collections import Counter
from collections.abc import Mapping

from mattingd.core.drop_ends import DropEnds, DropId
from mattingd.core.lifecycle import LIVE, WORKING, Job, State, Trigger, backoff_seconds
from mattingd.core.policy import SECOND, Policy
from mattingd.core.queue.fair_queue import FairQueue
from mattingd.core.queue.gates import FolderGates
from mattingd.core.queue.open_sets import OpenSets
from mattingd.core.queue.pace import Pace, SizeClass, size_class
from mattingd.core.settling import SourceId
from mattingd.core.timers import Timers
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain.commands import Command, Discard, EndDrop, Move, Vanished
from mattingd.domain.drops import NO_DROP
from mattingd.domain.events import JobEnded
from mattingd.domain.jobs import NO_STAGE_TIMES, Chore, Folder, Geometry, StageTimes
from mattingd.domain.picture_names import surely_dropped
from mattingd.domain.reasons import NO_REASON, Reason

STRIKES = 2  # crashes while alone after which a picture is set aside
UNKNOWN = "not installed"  # the reference of a model that a preset names and that is not there


class JobStore:
    """All live jobs. One owner: the scheduler."""

    def __init__(self, policy: Policy, pool: WorkerPool, folders: Mapping[int, Folder]) -> None:
        self.policy = policy
        self.pool = pool
        self.now = 0
        self.timers = Timers()
        self.drops = DropEnds()
        self.sets = OpenSets(self.drops, self.timers)
        self.out: list[Command] = []
        self.jobs: dict[int, Job] = {}
        self.by_path: dict[SourceId, Job] = {}
        self.lanes = FairQueue()
        self.gates = FolderGates(self.lanes)
        self.use_folders(folders)
        self.wanted: set[SourceId] = set()
        """Files that a person wants done now, and that are not jobs yet."""
        self.express: list[Job] = []
        """Queued jobs that a person wants done, where their folder is outside its hours."""
        self.suspects: list[Job] = []
        self.publishable: dict[int, Job] = {}
        self.chores: dict[int, Job] = {}
        """Ended jobs with something to do for them right now."""
        self._owing: dict[SourceId, dict[int, Job]] = {}
        """All ended jobs that leave something to be done, by source."""
        self.in_use = ""
        """The model that makes the mattes of presets that name none, as in `Models`."""
        self.nets: dict[str, Geometry] = {}
        """What engines said of the models that they loaded."""
        self.broken_models: dict[str, str] = {}
        """Models that only some presets name and that cannot be used, and why."""
        self.in_flight: set[int] = set()
        self.busy_folders: dict[int, int] = {}
        """How many pictures of a hot folder are in flight; without those that have none."""
        self.pace = Pace()
        self.queued: dict[int, Counter[SizeClass]] = {}
        """Jobs that are queued, by hot folder."""
        self.states: Counter[State] = Counter()
        """Jobs by state; those that ended before this run are not among them."""
        self._reserved = 0

    # --- which model ---

    def model_of(self, job: Job) -> str:
        """Return the model that makes a job's matte, as in `Models`: its preset's own, or the one in use."""
        name = job.recipe.preset.model
        return self.in_use if name is None else self.policy.installed.get(name, UNKNOWN)

    def weights_of(self, job: Job) -> str:
        """SHA-256 of the weights of that model."""
        return self.model_of(job) or self.policy.shipped

    def net_of(self, job: Job) -> Geometry | None:
        """Return the network geometry for the job's picture; None: that of the bundled model."""
        model = self.model_of(job)
        return self.nets.get(model, self.policy.nets.get(model))

    def unusable(self, job: Job) -> Reason:
        """Why the job's model cannot make mattes; empty when it can."""
        name, model = job.recipe.preset.model or "", self.model_of(job)
        if model == UNKNOWN:
            return Reason.of("model_missing", name=name)
        if model in self.broken_models:
            return Reason.of("model_unusable", name=name, error=self.broken_models[model])
        return NO_REASON

    # --- jobs ---

    def adopt(self, job: Job) -> None:
        """Make a job of the journal live."""
        key = SourceId(job.folder, job.path)
        self.jobs[job.id] = self.by_path[key] = job
        job.wished = job.wished or key in self.wanted
        self.wanted.discard(key)
        self._count(job, job.state, 1)
        if job.drop:
            self.drops.began(DropId(job.folder, job.drop))
        for older in list(self._owing.get(key, {}).values()):
            self._call_off(older, Chore.NOTE)

    def move(
        self,
        job: Job,
        trigger: Trigger,
        reason: Reason = NO_REASON,
        *,
        batch: int | None = None,
        sha256: bytes | None = None,
        painted: bytes | None = None,
        spent: StageTimes = NO_STAGE_TIMES,
        confidence: float | None = None,
    ) -> State:
        """Apply `trigger` to a job: the table, the journal's line, and what the job holds."""
        before = job.state
        state = job.advance(trigger)
        job.reason = reason
        self._count(job, before, -1)
        self._count(job, state, 1)
        job.spent.update(spent.told())
        if (state in WORKING) != (job.id in self.in_flight):
            self._fly(job, begins=state in WORKING)
        if state not in LIVE:
            self._settle_account(job)
        self.write(job, batch=batch, sha256=sha256, painted=painted, spent=spent, confidence=confidence)
        if state not in LIVE:
            if job.gone:
                self.out.append(Vanished(job.folder, job.path))
            self._announce(job)
        return state

    def joined(self, drop: DropId, open_until: int) -> None:
        """Record that a file is being admitted to a drop that is open until then."""
        self.drops.joined(drop, open_until)
        self.timers.alarm("drop", drop, open_until)

    def listed(self, job: Job) -> None:
        """Record a file that the journal lists without processing: its job ended as it began."""
        self.out.append(_ended(job))
        if job.drop and not job.drop.endswith(NO_DROP):
            self.drops.ignored(DropId(job.folder, job.drop))

    def use_folders(self, folders: Mapping[int, Folder]) -> None:
        """Use these hot folders from now on."""
        self.folders = folders
        self.lanes.first = frozenset(number for number, folder in folders.items() if folder.first)
        self.lanes.weights = {number: folder.weight for number, folder in folders.items()}
        self.gates.use_folders(folders)
        for job in self.sets.use_folders(folders):
            self.schedule_cleanup(job)

    def close_drop(self, drop: DropId) -> None:
        """Report the end of a drop, if it has ended."""
        if (ended := self.drops.over(drop, self.now)) is not None:
            self.out += [EndDrop(ended.folder, ended.drop), ended]
        self.sets.closed(drop, self.now)

    def _announce(self, job: Job) -> None:
        self._measure(job)
        self.out.append(_ended(job))
        if job.drop:
            drop = DropId(job.folder, job.drop)
            self.drops.ended(drop, job.state)
            self.close_drop(drop)

    def _fly(self, job: Job, *, begins: bool) -> None:
        """Count a picture as in flight, or no longer in flight."""
        if begins and not self.in_flight:
            self.pace.began(self.now)
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
        """Update the journal's row of the job."""
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
                patience=job.patience_to_keep(self.now),
            )
        )

    def _settle_account(self, job: Job) -> None:
        """End a job: schedule its cleanup, and free what it held."""
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
        self.lanes.remove(job.folder, job.id)
        self.schedule_cleanup(job)

    def _original_goes(self, job: Job) -> bool:
        """Whether the original of an ended job should leave its hot folder.

        An original with unchanged cut-outs is archived, too, but never deleted for that reason.
        An original that the user may not have dropped stays.
        """
        folder = self.folders.get(job.folder)
        if folder is None or not surely_dropped(job.path):
            return False
        same = job.state is State.UNCHANGED and folder.originals == "archive"
        return same or (job.state is State.DONE and folder.originals != "keep")

    def chore_done(self, job: Job, chore: Chore) -> None:
        """Record that one cleanup task is done."""
        job.chores -= {chore}
        self.write(job)
        self.schedule_cleanup(job)

    def schedule_cleanup(self, job: Job) -> None:
        """Queue the cleanup of an ended job; after the last task the job leaves memory."""
        if not job.chores:
            self.let_go(job)
            return
        self.jobs[job.id] = job
        if not self.sets.keep(job, self.now):
            self.chores[job.id] = job
        self._owing.setdefault(SourceId(job.folder, job.path), {})[job.id] = job

    def let_go(self, job: Job) -> None:
        """Drop a job from this run; its row stays as it is."""
        key = SourceId(job.folder, job.path)
        self.sets.left(job)
        self.jobs.pop(job.id, None)
        self._owing.get(key, {}).pop(job.id, None)
        if not self._owing.get(key):
            self._owing.pop(key, None)
        if self.by_path.get(key) is job:
            del self.by_path[key]

    def _call_off(self, job: Job, chore: Chore) -> None:
        """Cancel an outdated cleanup task: an error note would be wrong after its successor's cut-out.

        A temp file that a crash left is removed.
        """
        if chore in job.chores:
            job.chores = job.chores - {chore} | {Chore.SWEEP}
            self.write(job)

    def owes(self, key: SourceId) -> bool:
        """Whether an ended job of this source still has cleanup to do."""
        return key in self._owing

    def enqueue(self, job: Job, *, first: bool = False) -> None:
        """Put a queued job among the quarantine candidates or into its folder's lane."""
        if job.quarantine_candidate:
            job.due = self.now + job.isolated_crashes * self.policy.alone_pause_ns
            self.suspects.append(job)
            if job.due > self.now:
                self.timers.wake(job.due, "wake", None)
        elif job.wished and self.gates.opens(job.folder):
            self.express.append(job)
        else:
            self.lanes.push(job.folder, job.id, first=first)

    def hasten(self, key: SourceId) -> None:
        """A person wants a file done now: it does not wait for the hours of its folder."""
        if (job := self.by_path.get(key)) is not None:
            job.wished = True
            self.past_hours(job)
        elif self.gates.opens(key.folder):
            self.wanted.add(key)

    def past_hours(self, job: Job) -> None:
        """Take a queued job that a person wants out of the queue of a folder that is closed."""
        if job.wished and self.gates.opens(job.folder) and self.lanes.remove(job.folder, job.id):
            self.enqueue(job)

    def may_begin(self, job: Job) -> bool:
        """Whether its folder holds a job up at present."""
        if job.wished:
            return not self.gates.barred(job.folder)
        return not self.gates.waits(job.folder)

    def next_express(self) -> Job | None:
        """The next job that a person wants in spite of the hours, out of the queue; None without one."""
        self.express = [job for job in self.express if job.state is State.QUEUED]
        found = next((job for job in self.express if self.may_begin(job)), None)
        if found is not None:
            self.express.remove(found)
        return found

    # --- memory ---

    def reserve(self, job: Job, pixels: int) -> None:
        """Reserve memory budget for a picture until it is published or dropped."""
        self._reserved += pixels - job.reserved
        job.reserved = pixels

    def release(self, job: Job) -> None:
        """Free the budget and forget the arrays."""
        self.reserve(job, 0)
        if job.worker is not None:
            self.pool.drop(job.worker, job.id)
            self.out.append(Discard(job.worker, job.id))
        job.worker = job.fit = None
        job.again, job.inferred, job.asks, job.same = False, 0.0, False, None

    def room(self) -> int:
        """Free pixels of the budget. A picture of any size fits an empty budget."""
        return self.policy.budget_pixels - self._reserved if self._reserved else 1 << 62

    # --- trouble ---

    def wait(self, job: Job, reason: Reason, *, until: int | None = None) -> None:
        """Hold a job until `until` (default: the next back-off)."""
        job.waits += 1
        job.due = until if until is not None else self.now + self.backoff_ns(job.waits)
        self.release(job)
        self.move(job, Trigger.WAITS, reason)
        self.timers.wake(job.due, "held", job.id)

    def backoff_ns(self, attempts: int) -> int:
        """Return the pause after this many attempts, in ns."""
        return round(backoff_seconds(attempts, self.policy.retry) * SECOND)

    def crashed(self, job: Job, how: Reason, *, by_itself: bool) -> None:
        """Handle a crash over this picture: it runs in isolation, and two isolated crashes quarantine it."""
        job.isolated_crashes += by_itself
        job.quarantine_candidate, job.isolated = True, False
        self.release(job)
        if self.move(job, Trigger.CRASHED, how) is not State.QUEUED:
            return
        if job.isolated_crashes < STRIKES:
            self.enqueue(job)
        else:
            self.move(job, Trigger.BROKE, how.within("crashed_alone", times=job.isolated_crashes))

    def requeue(self, job: Job, how: Reason) -> None:
        """Queue a picture again, without blame, whose worker died over another one."""
        self.release(job)
        if self.move(job, Trigger.CRASHED, how) is State.QUEUED:
            self.enqueue(job, first=True)

    def _count(self, job: Job, state: State, by: int) -> None:
        self.states[state] += by
        if state is State.QUEUED:
            which = size_class(job.path, job.stamp.size)
            of_folder = self.queued.setdefault(job.folder, Counter())
            of_folder[which] += by
            if not of_folder[which]:
                del of_folder[which]

    def seconds_of(self, job: Job) -> float | None:
        """Seconds of work that a job takes; None before any was measured."""
        return self.pace.seconds(size_class(job.path, job.stamp.size))

    def _measure(self, job: Job) -> None:
        """What a picture took that went all the way, the network included."""
        if job.state is State.DONE and "infer" in job.spent:
            seconds = sum(job.spent.values())
            self.pace.ended(size_class(job.path, job.stamp.size), seconds, self.now)


def _ended(job: Job) -> JobEnded:
    note = job.note if job.state is State.FAILED else ""
    reasons = job.remarks if job.state is State.DONE else (job.reason,) if job.reason else ()
    return JobEnded(job.id, job.folder, job.path, job.state, reasons, note, job.drop)
