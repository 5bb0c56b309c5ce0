"""Start picture workers, and start them again when they die or give no answer in time."""

from mattingd.core.inference import Inference
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import WORKING, Job, State, Trigger
from mattingd.core.policy import SECOND
from mattingd.core.stopping import Shutdown
from mattingd.core.trouble.offline import Offline
from mattingd.core.worker_pool import DEATHS, START_NS, WorkerPool, restart_delay_ns
from mattingd.domain.commands import KillWorker, StartWorker
from mattingd.domain.events import WorkerDied, WorkerUp
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.reasons import Reason


class WorkerRestarts:
    """See the module. One owner: the scheduler."""

    def __init__(
        self, work: JobStore, pool: WorkerPool, inference: Inference, shutdown: Shutdown, offline: Offline
    ) -> None:
        self.work = work
        self.pool = pool
        self.inference = inference
        self.shutdown = shutdown
        self.offline = offline
        self._dying: set[int] = set()
        """Workers whose death is among the facts of this turn."""

    def start(self, worker: int) -> None:
        """Start or restart a worker."""
        self.work.out.append(StartWorker(worker))
        self.pool.slots[worker].due = due = self.work.now + START_NS
        self.work.timers.alarm("worker", worker, due)

    def foresee(self, dying: set[int]) -> None:
        """Note the workers whose end is among the facts of this turn: they get nothing more."""
        self._dying = dying
        for worker in dying:
            self.pool.slots[worker].up = False

    def overdue(self, worker: int) -> None:
        """Kill a worker that did not start or answer in time; it gets nothing more."""
        slot = self.pool.slots[worker]
        seconds = self.work.policy.picture_ns / SECOND
        why = Reason.of("took_too_long", seconds=seconds)
        if slot.job is not None and self.offline.excuses(self.work.jobs[slot.job]):
            why = Reason.of("does_not_return")
        self.work.out.append(KillWorker(worker, why if slot.up else Reason.of("did_not_come_up")))
        slot.up = False

    def up(self, fact: WorkerUp) -> None:
        """Handle a worker that is ready."""
        slot = self.pool.slots[fact.worker]
        slot.up, slot.due = fact.worker not in self._dying, None
        self.work.timers.alarm("worker", fact.worker, None)

    def died(self, fact: WorkerDied) -> None:
        """Handle a worker that ended: who is to blame, what is done again, and when it is restarted."""
        culprit, others = self.pool.died(fact.worker)
        self.work.timers.alarm("worker", fact.worker, None)
        for number in sorted(others):
            self.inference.engine.ready.pop(number, None)
            self.work.requeue(self.work.jobs[number], Reason.of("another_crashed"))
        slot = self.pool.slots[fact.worker]
        if culprit is None or not self._blamed(self.work.jobs[culprit], fact.how):
            slot.deaths += 1
        if slot.deaths >= DEATHS:
            why = f"a picture worker ended {slot.deaths} times in a row: {fact.how}"
            self.shutdown.now(why, ExitCode.CHILD)
        else:
            delay = restart_delay_ns(slot.deaths)
            self.work.timers.wake(self.work.now + delay, "start worker", fact.worker)

    def _blamed(self, job: Job, how: Reason) -> bool:
        """Handle a job over which a worker died; False when the worker itself is to blame."""
        excused = self.offline.excuses(job)
        if job.state in WORKING and excused:
            self.work.requeue(job, how)
            return True
        if job.state in WORKING:
            self.work.crashed(job, how, by_itself=job.isolated)
            return True
        if job.state is State.PREPARED:
            self.work.move(job, Trigger.CRASHED, how)
            self.work.publishable[job.id] = job
        else:
            self.work.schedule_cleanup(job)
        return excused
