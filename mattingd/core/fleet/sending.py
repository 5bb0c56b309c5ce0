"""Send pictures to slots at the workers on other machines; those that must stay here keep their turn."""

from mattingd.core.earlier_results import made_so
from mattingd.core.fleet.remote import may_leave
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.queue.reading_order import ReadingOrder
from mattingd.core.worker_pool import WorkerSlot
from mattingd.domain.commands import Read


class Sending:
    """See the module. One owner: the dispatcher."""

    def __init__(self, work: JobStore, order: ReadingOrder, output: OutputGate) -> None:
        self.work = work
        self.order = order
        self.output = output

    def send(self, slot: WorkerSlot) -> bool:
        """Send the next picture to a remote worker; False if none may leave at present."""
        if self.output.halted or self.output.failures or self.order.keeps_all_here():
            return False
        job = self._next_to_leave()
        if job is None:
            return False
        size = _size_away(job)
        self.order.begin(slot, job, size)
        model = self.work.weights_of(job)
        self.work.out.append(
            Read(slot.id, job.id, job.folder, job.path, job.stamp, size, recall=False, model=model)
        )
        return True

    def _next_to_leave(self) -> Job | None:
        """Return the next picture that a remote worker can process."""

        def may(number: int) -> bool:
            job = self.work.jobs.get(number)
            if job is None or job.state is not State.QUEUED:
                return True
            as_before = made_so(self.work, job)
            leaves = not self.work.unusable(job) and may_leave(self.work, job, as_before=as_before)
            return leaves and _size_away(job) <= self.work.room()

        while (number := self.work.lanes.pop_first(may)) is not None:
            job = self.work.jobs.get(number)
            if job is not None and job.state is State.QUEUED:
                return job
        return None


def _size_away(job: Job) -> int:
    """Return the memory that a remote picture needs here: its file and its result, not its pixels."""
    return job.stamp.size // 8
