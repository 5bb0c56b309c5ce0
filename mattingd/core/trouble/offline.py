"""Take folders that do not answer offline, and back online.

The pictures of an offline folder wait: none is started, cancelled or failed. A worker that hangs in a call to
the folder is ended soon, and its picture is retried without blame.
"""

from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State
from mattingd.core.policy import SECOND
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain.events import FolderTrouble, OutputTrouble
from mattingd.domain.jobs import Chore

HANGS_NS = 5 * SECOND
"""An operation on a folder that just went offline gets so long to return."""
WRITING = frozenset({State.FINISHING, State.PREPARED})


class Offline:
    """See the module. One owner: the scheduler."""

    def __init__(self, work: JobStore, pool: WorkerPool, gate: OutputGate) -> None:
        self.work = work
        self.pool = pool
        self.gate = gate

    def folder(self, fact: FolderTrouble) -> None:
        """Handle a hot folder that stopped answering, or answers again."""
        self.work.gates.set_offline(fact.folder, fact.reason)
        self._hasten()

    def output(self, fact: OutputTrouble) -> None:
        """Handle an output folder that stopped answering, or answers again."""
        self.gate.offline = fact.reason
        if fact.reason is None:
            self.gate.try_now()
        self._hasten()

    def excuses(self, job: Job) -> bool:
        """Whether a worker that dies over this job now dies because of a folder that does not answer."""
        if self.gate.offline and (job.state in WRITING or job.chores):
            return True
        reads = job.state is State.READING or Chore.ORIGINAL in job.chores
        return reads and job.folder in self.work.gates.offline

    def _hasten(self) -> None:
        soon = self.work.now + HANGS_NS
        for slot in self.pool.slots:
            if slot.job is None or slot.due is None or slot.due <= soon:
                continue
            if self.excuses(self.work.jobs[slot.job]):
                slot.due = soon
                self.work.timers.alarm("worker", slot.id, soon)
