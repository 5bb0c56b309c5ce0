"""The state of the scheduler as frozen data: for status, health, metrics, progress and the API's answers.

Everything here is built on the scheduler's thread. `snapshot` is cheap, however much is waiting; `held` and
`pending` go through everything that waits.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import LIVE, Job, State
from mattingd.core.policy import SECOND
from mattingd.core.queue.estimates import Estimates
from mattingd.core.queue.gates import FolderGates
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.settling import STILL_SETTLING, PendingFile, SourceId
from mattingd.core.stopping import Shutdown
from mattingd.domain.events import EngineUp
from mattingd.domain.reasons import Reason

BEING_TAKEN = Reason.of("being_taken")


@dataclass(frozen=True, slots=True)
class JobView:
    """A live job."""

    job: int
    source: SourceId
    state: State
    why: Reason
    """Why it makes no progress; empty when nothing is in the way."""
    isolated: bool
    next_try: int | None = None
    """When a blocked step is retried, in ns."""
    before_it: int | None = None
    """Pictures of its hot folder that are queued before it; None when it is not in that queue."""
    eta_seconds: float | None = None
    """Until it is done, at the measured pace; None while that is unknown, or something holds it up."""


@dataclass(frozen=True, slots=True)
class PendingView:
    """A file that was seen and is not a job yet."""

    source: SourceId
    why: Reason
    settled: bool = False
    """The journal was asked to admit it."""
    next_look: int | None = None
    """When it is inspected again, in ns; None while an inspection is under way."""
    since: int | None = None
    """Since when it has not changed, in ns."""


@dataclass(frozen=True, slots=True)
class SourceView:
    """What is known of one source file."""

    job: JobView | None
    pending: PendingView | None
    busy: bool
    """An ended job of it still has cleanup to do."""


@dataclass(frozen=True, slots=True)
class StayingView:
    """A sub-folder that is one job and stays in its hot folder because of single pictures."""

    name: bytes
    waits_for: tuple[bytes, ...]
    """Paths of pictures that failed, or wait for a reason of their own; only some of them."""


@dataclass(frozen=True, slots=True)
class FolderView:
    """A hot folder."""

    paused: bool
    queued: int
    scanned: bool
    """Its first scan is complete."""
    offline: bool = False
    """It does not answer at present."""
    opens: str | None = None
    """When it opens, if it is outside its hours: `20:00`."""
    staying: tuple[StayingView, ...] = ()
    """Its sub-folders that are not archived yet, and for which pictures they wait."""


@dataclass(frozen=True, slots=True)
class WaitingView:
    """Pictures that have no cut-out yet, each counted once."""

    settling: int
    """Files that are not completely copied, or not in the journal yet."""
    queued: int
    """They start as soon as it is their turn."""
    in_work: int
    """At a worker or at the engine, or about to be published."""
    held: int
    """A picture is blocked for a reason of its own; it is retried automatically."""
    paused: int
    """Queued in hot folders that the user has paused."""
    share: int
    """Queued while their hot folder, or the output folder, does not answer."""
    hours: int
    """Queued outside the hours of their hot folder."""

    @property
    def can_run(self) -> int:
        """Pictures that nothing but work is in the way of."""
        return self.queued + self.in_work


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device that engines run on."""

    name: str
    """As in the configuration."""
    state: str
    """`asleep`, `ready`, `restarting`, `starting` or `taken out`."""
    up: EngineUp | None
    why: str
    """Why it is not ready."""
    in_work: int
    """Pictures at its engines at present."""
    pictures: int
    """Network inputs that it has processed in this run."""


@dataclass(frozen=True, slots=True)
class EngineView:
    """The engine that gets the pictures."""

    state: str
    """`asleep`, `ready`, `restarting` or `starting`."""
    ready: bool
    weights: str
    """SHA-256 of those in use; "" for those of the package."""
    why: str
    """How the last engine failed; empty without a failure."""
    up: EngineUp | None
    max_batch: int
    coming: str | None
    """Weights that are being brought into use."""
    devices: tuple[DeviceView, ...] = ()
    """All devices of the configuration."""


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """The outcome of the last request for other weights."""

    ticket: int
    refused: str | None
    """Why they are not used; None: they are used."""


@dataclass(frozen=True, slots=True)
class SchedulerSnapshot:
    """The scheduler between two turns."""

    stopping: bool
    stopped: bool
    stop_deadline: int
    """When an ordinary end is given up, in ns, once it was requested."""
    stop_seconds: float
    finishing: int
    """Pictures that are finished before an ordinary end."""
    in_work: int
    waiting: int
    """Live jobs, those in work included."""
    waits: WaitingView
    """What they wait for; includes files that are not jobs yet."""
    settling: int
    admitting: int
    no_space: Reason | None
    """Why no cut-out may be written at present."""
    output_fails: bool
    """The output folder could not be written and is retried."""
    engine: EngineView
    model_outcome: ModelOutcome | None
    folders: Mapping[int, FolderView]
    eta_seconds: float | None
    """Until the pictures are done that nothing holds up; None while that is unknown, or there are none."""

    @property
    def runs(self) -> int:
        """Number of pictures that nothing blocks: the remaining time is for them."""
        return 0 if self.no_space or self.output_fails else self.waits.can_run

    @property
    def paused(self) -> int:
        """Hot folders that are paused."""
        return sum(folder.paused for folder in self.folders.values())


class StatusReader:
    """Reports the scheduler's state and changes nothing."""

    def __init__(
        self, work: JobStore, intake: Intake, output: OutputGate, inference: Inference, shutdown: Shutdown
    ) -> None:
        self._work = work
        self._intake = intake
        self._output = output
        self._inference = inference
        self._shutdown = shutdown
        self._estimates = Estimates(work)

    def snapshot(self) -> SchedulerSnapshot:
        """Return the whole state in figures."""
        outcome = self._inference.engines.outcome
        waits, halted = self._waits(), self._output.halted
        waits_for_nobody = waits.can_run and not halted and not self._output.failures
        return SchedulerSnapshot(
            stopping=self._shutdown.asked,
            stopped=self._shutdown.stopped,
            stop_deadline=self._shutdown.deadline,
            stop_seconds=self._work.policy.stop_ns / SECOND,
            finishing=len(self._shutdown.waited_for()),
            in_work=len(self._work.in_flight),
            waiting=sum(self._work.states[state] for state in LIVE),
            waits=waits,
            settling=len(self._intake.settler),
            admitting=len(self._intake.admitting),
            no_space=halted,
            output_fails=bool(self._output.failures),
            engine=self._engine(),
            model_outcome=None if outcome is None else ModelOutcome(outcome.asked.ticket, outcome.refused),
            folders={number: self._folder(number) for number in self._intake.folders},
            eta_seconds=self._estimates.all() if waits_for_nobody else None,
        )

    def in_work(self, most: int) -> list[JobView]:
        """Return the pictures in work, the oldest first."""
        return [self._job(self._work.jobs[number]) for number in sorted(self._work.in_flight)[:most]]

    def jobs(self, numbers: Iterable[int]) -> list[JobView]:
        """Return those of these jobs that are live, without their positions in the queues."""
        live = (self._work.jobs.get(number) for number in numbers)
        return [self._job(job, place=False) for job in live if job is not None]

    def held(self, most: int) -> list[JobView | PendingView]:
        """Return blocked jobs, then blocked files."""
        waits = {State.HELD, State.PREPARED}
        jobs = (self._job(job) for job in self._work.jobs.values() if job.state in waits and job.reason)
        files = (
            _pending(source, file)
            for source, file in self._intake.settler.waiting()
            if file.why != STILL_SETTLING
        )
        return list(islice(chain[JobView | PendingView](jobs, files), most))

    def pending(self) -> Iterator[PendingView]:
        """Return all files that were seen and are not in the journal yet."""
        for source, file in self._intake.settler.waiting():
            yield _pending(source, file)
        for source in self._intake.admitting:
            yield PendingView(source, BEING_TAKEN, settled=True)

    def source(self, source: SourceId) -> SourceView:
        """Return what is known of one file."""
        job = self._work.by_path.get(source)
        return SourceView(
            None if job is None else self._job(job), self._pending_at(source), self._work.owes(source)
        )

    # --- parts ---

    def _pending_at(self, source: SourceId) -> PendingView | None:
        if source in self._intake.admitting:
            return PendingView(source, BEING_TAKEN, settled=True)
        file = self._intake.settler.pending(source)
        return None if file is None else _pending(source, file)

    def _waits(self) -> WaitingView:
        work, states = self._work, self._work.states
        of_folder = Counter({folder: work.lanes.queued(folder) for folder in work.lanes.folders})
        of_folder.update(job.folder for job in work.suspects if job.state is State.QUEUED)
        wanted = [job for job in work.express if job.state is State.QUEUED]
        of_folder.update(job.folder for job in wanted if not work.may_begin(job))
        paused = sum(number for folder, number in of_folder.items() if work.gates.paused(folder))
        hours = sum(number for folder, number in of_folder.items() if _only_closed(work.gates, folder))
        runs = sum(number for folder, number in of_folder.items() if not work.gates.waits(folder))
        share = of_folder.total() - paused - runs - hours
        runs += sum(map(work.may_begin, wanted))
        if self._output.offline:
            runs, hours, share = 0, 0, share + runs + hours
        publishing = {slot.job for slot in work.pool.slots} | work.publishable.keys()
        blocked = states[State.PREPARED] - sum(
            number in work.jobs and work.jobs[number].state is State.PREPARED
            for number in publishing
            if number is not None
        )
        settling = len(self._intake.settler) + len(self._intake.admitting)
        held = states[State.HELD] + blocked
        in_work = sum(states[state] for state in LIVE) - (runs + paused + share + hours) - held
        return WaitingView(settling, runs, in_work, held, paused, share, hours)

    def _folder(self, number: int) -> FolderView:
        wanted = sum(job.folder == number and job.state is State.QUEUED for job in self._work.express)
        return FolderView(
            self._work.gates.paused(number),
            self._work.lanes.queued(number) + wanted,
            number not in self._intake.unscanned,
            number in self._work.gates.offline,
            self._work.gates.opens(number),
            tuple(StayingView(name, one.waits_for) for name, one in self._work.sets.waiting(number)),
        )

    def _engine(self) -> EngineView:
        engines, queue = self._inference.engines, self._inference.engine
        return EngineView(
            state=engines.state,
            ready=queue.up,
            weights=engines.models.current,
            why=engines.why,
            up=engines.up,
            max_batch=queue.max_pictures,
            coming=None if engines.candidate is None else engines.candidate.asked.model,
            devices=tuple(map(self._device, range(len(engines.devices.all)))),
        )

    def _device(self, place: int) -> DeviceView:
        engines = self._inference.engines
        device = engines.devices[place]
        there = [slot for slot in self._inference.engine.slots.values() if slot.key.place == place]
        in_work = sum(len(batch.jobs) for slot in there for batch in slot.batches)
        state = "restarting" if device.why else "starting"
        if device.out is not None:
            state = "taken out"
        elif engines.asleep:
            state = "asleep"
        elif any(slot.up and slot.serving for slot in there):
            state = "ready"
        why = device.out or device.why
        return DeviceView(device.name, state, device.up, why, in_work, device.pictures)

    def _job(self, job: Job, *, place: bool = True) -> JobView:
        before, halted = self._before(job) if place else None, self._output.halted
        return JobView(
            job=job.id,
            source=SourceId(job.folder, job.path),
            state=job.state,
            why=self._why(job),
            isolated=job.isolated,
            next_try=job.due if job.state is State.HELD else None,
            before_it=before,
            eta_seconds=None if halted else self._estimates.of(job, before),
        )

    def _closed(self, job: Job) -> Reason | None:
        """Why its folder holds a job up that is queued."""
        gates = self._work.gates
        if gates.paused(job.folder):
            return Reason.of("folder_paused")
        if offline := gates.offline.get(job.folder):
            return offline.within("folder_offline")
        if not self._work.may_begin(job):
            return Reason.of("outside_hours", opens=gates.opens(job.folder) or "")
        return None

    def _before(self, job: Job) -> int | None:
        if job.state is not State.QUEUED or job.quarantine_candidate:
            return None
        try:
            return self._work.lanes.place(job.folder, job.id)
        except ValueError:  # wanted at once, or the next to be read as soon as there is memory
            return None

    def _why(self, job: Job) -> Reason:
        """Return why a job makes no progress."""
        queued, no_space = job.state is State.QUEUED, self._output.halted
        if queued and (closed := self._closed(job)):
            return closed
        if no_space and job.state in {State.QUEUED, State.MATTED}:
            return no_space
        if queued and self._output.failures:
            return Reason.of("output_tried_again")
        if queued and job.quarantine_candidate:
            return job.reason.within("tried_alone")
        return job.reason


def _only_closed(gates: FolderGates, folder: int) -> bool:
    """Whether nothing but its hours holds a folder back."""
    return gates.waits(folder) and not gates.barred(folder)


def _pending(source: SourceId, file: PendingFile) -> PendingView:
    return PendingView(
        source, file.why, next_look=None if file.confirming else file.deadline, since=file.since
    )
