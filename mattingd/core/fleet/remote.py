"""Slots at the workers on other machines: which pictures may go there, and what happens when a slot is lost.

A slot takes a whole picture, which is read, matted, finished and encoded on the other machine. Its result is
written, prepared and published here, through the same events as the result of a local picture worker. A
failure of another machine only costs repeated work: the picture is processed here.
"""

from mattingd.core.engine_supervisor import Engines
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import WORKING, Job
from mattingd.core.worker_pool import WorkerPool, WorkerSlot, restart_delay_ns
from mattingd.domain import events
from mattingd.domain.commands import Discard, StartRemote
from mattingd.domain.presets import Pin, Preset
from mattingd.domain.reasons import Reason

NOTHING = 0
"""No job: what a place is told once it is known that it is gone; then it may come again."""


class Remote:
    """All slots at other machines. One owner: the scheduler."""

    def __init__(self, work: JobStore, pool: WorkerPool, engines: Engines) -> None:
        self.work = work
        self.pool = pool
        self.engines = engines
        self._ends = 0

    def start(self) -> None:
        """Start the process that talks to the remote workers, if any are configured."""
        if self.pool.remote:
            self.work.out.append(StartRemote(self.engines.weights))

    def left(self, fact: events.WorkerLeft) -> None:
        """Handle a lost slot; nobody is blamed."""
        self._give_back(self.pool.slots[fact.worker], fact.how)
        self.work.out.append(Discard(fact.worker, NOTHING))

    def ended(self, fact: events.RemoteEnded) -> None:
        """Restart the process that talks to the remote workers, and process its pictures here."""
        self._ends += 1
        for slot in self.pool.remote:
            for number in (*slot.holds, *(() if slot.job is None else (slot.job,))):
                self.work.jobs[number].stays = True
            self._give_back(slot, fact.how)
        delay = restart_delay_ns(self._ends + 1)
        self.work.timers.wake(self.work.now + delay, "start remote", None)

    def _give_back(self, slot: WorkerSlot, how: Reason) -> None:
        culprit, others = self.pool.died(slot.id)
        self.work.timers.alarm("worker", slot.id, None)
        for number in sorted(others | (set() if culprit is None else {culprit})):
            job = self.work.jobs.get(number)
            if job is not None and job.state in WORKING:
                self.work.requeue(job, how)


def may_leave(work: JobStore, job: Job, *, as_before: bool) -> bool:
    """Whether another machine can process this picture exactly as this one would.

    Args:
        work: all live jobs.
        job: the picture.
        as_before: a result with the same settings and weights exists and may only have to be found.
    """
    if job.stays or job.blocked or job.stamp.strokes or job.follows is not None or as_before:
        return False
    own_model = work.model_of(job) != work.in_use
    return not (own_model or job.quarantine_candidate or any(map(_needs_this_machine, job.presets)))


def _needs_this_machine(preset: Preset) -> bool:
    """Whether a preset needs something that only this machine has: a background picture or a finisher."""
    return preset.finisher is not None or Pin.of(preset.background) is not None
