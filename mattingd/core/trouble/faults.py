"""What follows from a fault that a worker reports: wait and try again, leave the picture, or give it up."""

from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State, Trigger
from mattingd.core.policy import SECOND
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.queue.whole_folders import WholeFolders
from mattingd.core.stopping import Shutdown
from mattingd.domain.commands import LookAt
from mattingd.domain.events import Faulted
from mattingd.domain.jobs import Fault
from mattingd.domain.reasons import Reason

_EVENT_OF = {
    Fault.CHANGED: Trigger.CHANGED,
    Fault.UNSUPPORTED: Trigger.REFUSED,
    Fault.BAD: Trigger.BROKE,
}


class Faults:
    """See the module. One owner: the scheduler."""

    def __init__(
        self, work: JobStore, intake: Intake, output: OutputGate, shutdown: Shutdown, whole: WholeFolders
    ) -> None:
        self.work = work
        self.intake = intake
        self.output = output
        self.shutdown = shutdown
        self.whole = whole

    def faulted(self, job: Job, fact: Faulted) -> None:
        """Handle the fault of an operation on a job."""
        if fact.fault in {Fault.HERE, Fault.LOST}:
            job.stays = True
            if fact.fault is Fault.HERE:
                self.work.requeue(job, fact.reason)
            else:
                self.work.crashed(job, fact.reason, by_itself=False)
        elif fact.fault is Fault.PLACE:
            self._place_failed(job, fact.reason)
        elif fact.fault is Fault.OUTPUT or job.state is State.PREPARED:
            self._output_failed(job, fact.reason)
        elif fact.fault in {Fault.BUSY, Fault.TRUNCATED}:
            self._wait_or_break(job, fact)
        elif fact.fault is Fault.GONE:
            self._missing(job, fact.reason)
        else:
            self.work.move(job, _EVENT_OF[fact.fault], fact.reason)
            if fact.fault is Fault.CHANGED:
                self.work.out.append(LookAt(job.folder, job.path))

    def _missing(self, job: Job, reason: Reason) -> None:
        """Inspect a file that was not found: it is gone or its folder is offline.

        Removed hot folders are not inspected.
        """
        self.work.wait(job, reason)
        if job.folder in self.intake.folders:
            self.work.out.append(LookAt(job.folder, job.path))
        else:
            self.work.move(job, Trigger.VANISHED, reason)

    def _output_failed(self, job: Job, reason: Reason) -> None:
        """Handle a full or read-only output folder: the picture waits as long as it takes and never fails."""
        self.output.fails()
        if job.state is State.PREPARED:
            job.waits += 1
            self.work.move(job, Trigger.WAITS, reason)
            self.work.timers.wake(self.work.now + self.work.backoff_ns(job.waits), "publish", job.id)
        else:
            self.work.wait(job, reason)
        self.shutdown.output_failed(self.output.failures, str(reason))

    def _place_failed(self, job: Job, reason: Reason) -> None:
        """Handle an output path that cannot be written: this picture waits, and no other one with it."""
        job.blocked += 1
        until = self.work.now + self.work.backoff_ns(job.blocked)
        if job.state is State.PREPARED:
            self.work.move(job, Trigger.WAITS, reason)
            self.work.timers.wake(until, "publish", job.id)
        else:
            self.work.wait(job, reason, until=until)
        self.leave(job, job.blocked, str(reason))

    def leave(self, job: Job, failures: int, reason: str) -> None:
        """End a single run without this picture: it stays in the journal for the next run."""
        if self.shutdown.ending.gives_up(failures):
            self.whole.give_up(job, reason)
            self.shutdown.left_alone.add(reason)

    def _wait_or_break(self, job: Job, fact: Faulted) -> None:
        policy, cut_off = self.work.policy, fact.fault is Fault.TRUNCATED
        minutes = policy.settle.truncated_minutes if cut_off else policy.retry.give_up_minutes
        job.unread_since = self.work.now if job.unread_since is None else job.unread_since
        since = job.unchanged_since if cut_off else job.unread_since
        give_up = since + round(minutes * 60 * SECOND)
        if give_up <= self.work.now:
            self.work.move(job, Trigger.BROKE, fact.reason)
            return
        backoff = self.work.now + self.work.backoff_ns(job.waits + 1)
        self.work.wait(job, fact.reason, until=min(backoff, give_up))
