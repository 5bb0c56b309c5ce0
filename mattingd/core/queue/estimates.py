"""When pictures will be done: what each size class takes, and who comes before whom."""

from collections import Counter
from collections.abc import Iterable, Mapping

from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State
from mattingd.core.queue.pace import SizeClass


class Estimates:
    """Tells the time left, and changes nothing."""

    def __init__(self, work: JobStore) -> None:
        self._work = work

    def all(self) -> float | None:
        """Seconds until all pictures are done that nothing holds up; None while that is unknown."""
        waits = [self._seconds(sizes) for folder, sizes in self._queues().items() if sizes]
        return self._as_time([self._in_work(), *waits])

    def of(self, job: Job, before: int | None) -> float | None:
        """Seconds until a picture is done; None while that is unknown, or something holds it up.

        Args:
            job: a live one.
            before: pictures of its folder that are queued before it; None where it is not in that queue.
        """
        work, lanes = self._work, self._work.lanes
        if job.state is not State.QUEUED or before is None or not work.may_begin(job):
            return None
        turns = before // lanes.weights.get(job.folder, 1) + 1
        parts = [self._in_work(), self._work.seconds_of(job)]
        for folder, sizes in self._queues().items():
            there = sizes.total()
            if folder == job.folder:
                ahead = min(before, there)
            elif (folder in lanes.first) != (job.folder in lanes.first):
                ahead = there if folder in lanes.first else 0
            else:  # they take turns
                ahead = min(turns * lanes.weights.get(folder, 1), there)
            whole = self._seconds(sizes)
            parts.append(None if whole is None else whole * ahead / max(there, 1))
        return self._as_time(parts)

    def _queues(self) -> Mapping[int, Counter[SizeClass]]:
        queued, gates = self._work.queued, self._work.gates
        return {folder: sizes for folder, sizes in queued.items() if not gates.waits(folder)}

    def _in_work(self) -> float | None:
        """On average half of what is in work is done."""
        parts = [self._work.seconds_of(self._work.jobs[number]) for number in self._work.in_flight]
        return _sum(None if part is None else part / 2 for part in parts)

    def _seconds(self, sizes: Counter[SizeClass]) -> float | None:
        of = self._work.pace.seconds
        return _sum(None if (each := of(size)) is None else each * number for size, number in sizes.items())

    def _as_time(self, parts: list[float | None]) -> float | None:
        whole = _sum(parts)
        return None if whole is None else whole / self._work.pace.at_once(len(self._work.pool.slots))


def _sum(parts: Iterable[float | None]) -> float | None:
    """The sum; None if a part is unknown."""
    known = list(parts)
    return None if None in known else sum(part for part in known if part is not None)
