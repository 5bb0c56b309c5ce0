"""How the scheduler stands, as frozen data: for status, health, metrics, progress and the answers of the API.

Everything here is built on the scheduler's thread. `snapshot` is cheap, whatever waits; `held` and `pending`
go through everything that waits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from mattingd.core.dispatch import Dispatcher
from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import SECOND, JobStore
from mattingd.core.lifecycle import Job, State
from mattingd.core.settling import STILL_SETTLING, PendingFile, SourceId
from mattingd.core.stopping import Shutdown
from mattingd.domain.events import EngineUp

BEING_TAKEN = "it is being taken"


@dataclass(frozen=True, slots=True)
class JobView:
    """A live job."""

    job: int
    source: SourceId
    state: State
    why: str
    """Why it is not further; empty when nothing is in the way."""
    isolated: bool
    next_try: int | None = None
    """When something that was in the way is tried again, in ns."""
    before_it: int | None = None
    """Pictures of its hot folder that are queued before it; None when it is not in that queue."""


@dataclass(frozen=True, slots=True)
class PendingView:
    """A file that was seen and is no job yet."""

    source: SourceId
    why: str
    settled: bool = False
    """The journal is asked to admit it."""
    next_look: int | None = None
    """When it is looked at again, in ns; None while a look is under way."""


@dataclass(frozen=True, slots=True)
class SourceView:
    """What is known of one source file."""

    job: JobView | None
    pending: PendingView | None
    busy: bool
    """An ended job of it still leaves something to be done."""


@dataclass(frozen=True, slots=True)
class FolderView:
    """A hot folder."""

    paused: bool
    queued: int
    scanned: bool
    """Its first scan is complete."""


@dataclass(frozen=True, slots=True)
class EngineView:
    """The engine that gets the pictures."""

    state: str
    """`asleep`, `ready`, `restarting` or `starting`."""
    ready: bool
    weights: str
    """SHA-256 of those in use; "" for those of the package."""
    why: str
    """How the last one ended that should not have."""
    up: EngineUp | None
    max_batch: int
    coming: str | None
    """Weights that are being brought into use."""


@dataclass(frozen=True, slots=True)
class ModelOutcome:
    """What became of the last request for other weights."""

    ticket: int
    refused: str | None
    """Why they are not used; None: they are."""


@dataclass(frozen=True, slots=True)
class SchedulerSnapshot:
    """The scheduler between two turns."""

    stopping: bool
    stopped: bool
    stop_deadline: int
    """When an ordinary end is given up, in ns, once it was asked for."""
    stop_seconds: float
    finishing: int
    """Pictures that are finished before an ordinary end."""
    in_work: int
    waiting: int
    """Live jobs, those in work included."""
    settling: int
    admitting: int
    no_space: str | None
    """Why no cut-out may be written at present."""
    output_fails: bool
    """The output folder could not be written, and is tried again."""
    engine: EngineView
    model_outcome: ModelOutcome | None
    folders: Mapping[int, FolderView]

    @property
    def paused(self) -> int:
        """Hot folders that are held back."""
        return sum(folder.paused for folder in self.folders.values())


class StatusReader:
    """Tells how the scheduler stands, and changes nothing."""

    def __init__(
        self, work: JobStore, intake: Intake, dispatcher: Dispatcher, inference: Inference, shutdown: Shutdown
    ) -> None:
        self._work = work
        self._intake = intake
        self._dispatcher = dispatcher
        self._inference = inference
        self._shutdown = shutdown

    def snapshot(self) -> SchedulerSnapshot:
        """The whole, in figures."""
        outcome = self._inference.engines.outcome
        return SchedulerSnapshot(
            stopping=self._shutdown.asked,
            stopped=self._shutdown.stopped,
            stop_deadline=self._shutdown.deadline,
            stop_seconds=self._work.policy.stop_ns / SECOND,
            finishing=len(self._shutdown.waited_for()),
            in_work=len(self._work.in_flight),
            waiting=self._work.counts.get("waiting", 0),
            settling=len(self._intake.settler),
            admitting=len(self._intake.admitting),
            no_space=self._dispatcher.no_space,
            output_fails=bool(self._dispatcher.output_failures),
            engine=self._engine(),
            model_outcome=None if outcome is None else ModelOutcome(outcome.asked.ticket, outcome.refused),
            folders={number: self._folder(number) for number in self._intake.folders},
        )

    def in_work(self, most: int) -> list[JobView]:
        """The pictures in work, the oldest first."""
        return [self._job(self._work.jobs[number]) for number in sorted(self._work.in_flight)[:most]]

    def held(self, most: int) -> list[JobView | PendingView]:
        """Jobs, and then files, that something is in the way of."""
        waits = {State.HELD, State.PREPARED}
        jobs = (self._job(job) for job in self._work.jobs.values() if job.state in waits and job.reason)
        files = (
            _pending(source, file)
            for source, file in self._intake.settler.waiting()
            if file.why != STILL_SETTLING
        )
        return list(islice(chain[JobView | PendingView](jobs, files), most))

    def pending(self) -> Iterator[PendingView]:
        """All files that are seen and not in the journal yet."""
        for source, file in self._intake.settler.waiting():
            yield _pending(source, file)
        for source in self._intake.admitting:
            yield PendingView(source, BEING_TAKEN, settled=True)

    def source(self, source: SourceId) -> SourceView:
        """What is known of one file."""
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

    def _folder(self, number: int) -> FolderView:
        lanes = self._work.lanes
        return FolderView(
            self._work.paused(number), lanes.queued(number), number not in self._intake.unscanned
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
        )

    def _job(self, job: Job) -> JobView:
        return JobView(
            job=job.id,
            source=SourceId(job.folder, job.path),
            state=job.state,
            why=self._why(job),
            isolated=job.isolated,
            next_try=job.due if job.state is State.HELD else None,
            before_it=self._before(job),
        )

    def _before(self, job: Job) -> int | None:
        if job.state is not State.QUEUED or job.quarantine_candidate:
            return None
        try:
            return self._work.lanes.place(job.folder, job.id)
        except ValueError:  # the next to be read: it waits for memory
            return None

    def _why(self, job: Job) -> str:
        """Why it is not further."""
        queued, no_space = job.state is State.QUEUED, self._dispatcher.no_space
        if queued and self._work.paused(job.folder):
            return "its hot folder is paused; `mattingd resume` lets it go on"
        if no_space and job.state in {State.QUEUED, State.MATTED}:
            return no_space
        if queued and self._dispatcher.output_failures:
            return "the output folder could not be written; it is tried again"
        if queued and job.quarantine_candidate:
            return f"it is tried by itself when its turn comes, since {job.reason}"
        return job.reason


def _pending(source: SourceId, file: PendingFile) -> PendingView:
    return PendingView(source, file.why, next_look=None if file.confirming else file.deadline)
