"""Resume the journal's rows at the start, in the same way after a crash and after an ordinary stop."""

from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import LIVE, WORKING, Job, State, Trigger
from mattingd.core.policy import SECOND
from mattingd.core.stopping import Shutdown
from mattingd.domain.reasons import Reason

ENDED_BEFORE = Reason.of("daemon_ended")


class Resuming:
    """See the module. One owner: the scheduler."""

    def __init__(self, work: JobStore, shutdown: Shutdown) -> None:
        self.work = work
        self.shutdown = shutdown

    def resume(self, job: Job, *, clean: bool) -> None:
        """Resume one row; unless the end was `clean`, a picture in flight is a quarantine candidate."""
        if job.state not in LIVE:
            self.work.schedule_cleanup(job)
            return
        self.work.adopt(job)
        if job.state is State.PREPARED:
            self._prepared(job)
        elif job.state is State.HELD:
            self._held(job)
        elif job.state not in WORKING:
            self.work.enqueue(job)
        elif clean:
            self.work.requeue(job, ENDED_BEFORE)
        else:
            self.work.crashed(job, ENDED_BEFORE, by_itself=job.isolated)
        folder = self.work.folders.get(job.folder)
        if job.state is State.QUEUED and self.shutdown.ending.replaces(job, folder):
            self.work.move(job, Trigger.CHANGED, Reason.of("other_settings"))

    def _held(self, job: Job) -> None:
        """Keep the rest of its pause, unless the run ends by itself and does not wait."""
        longest = self.work.now + round(self.work.policy.retry.cap_seconds * SECOND)
        job.due = min(job.due, longest)  # in case the clock was set back
        if job.due > self.work.now and not self.shutdown.ending.ends_when_idle:
            self.work.timers.wake(job.due, "held", job.id)
            return
        self.work.move(job, Trigger.DUE)
        self.work.enqueue(job)

    def _prepared(self, job: Job) -> None:
        """Publish a prepared job, unless a single run has other settings than the one that was stopped."""
        if self.shutdown.ending.replaces(job, self.work.folders.get(job.folder)):
            self.work.move(job, Trigger.LOST, Reason.of("made_with_other_settings"))
        else:
            self.work.move(job, Trigger.CRASHED, Reason.of("daemon_ended_before_publishing"))
            self.work.publishable[job.id] = job
