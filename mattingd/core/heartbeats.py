"""Is the daemon alive? Whoever must get on with his work has a time by which he must have done so.

The scheduler proves itself by asking; here stand those that it cannot see into. A pulse is late only when all
that should have helped (a deadline, a kill, a restart) did not: then a new start of the whole daemon is the
best that is left. What may hang for reasons outside this machine, such as a network share, has no pulse.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mattingd.core.inference import Inference
from mattingd.core.job_store import SECOND
from mattingd.core.lifecycle import Job
from mattingd.core.worker_pool import WorkerPool

GRACE_NS = 30 * SECOND
"""For a child that was killed to be gone, and for the daemon to notice."""
SCAN_NS = 120 * SECOND
"""The longest single step of a scan: a disk that spins up, a folder of a million names."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Somebody who must show life."""

    who: str
    due: int
    """When he must have got on with his work, in ns."""


def late(pulses: Iterable[Pulse], now: int) -> list[Pulse]:
    """Those who did not; none when all is well."""
    return [pulse for pulse in pulses if pulse.due <= now]


def pulses_of_children(
    crew: WorkerPool, inference: Inference, jobs: Mapping[int, Job], remote: Container[int]
) -> Iterator[Pulse]:
    """The pulses of the engine and of the picture workers.

    Args:
        crew: all workers. As long as one is not late, pictures get done: only all together are a pulse.
        inference: the engine's side.
        jobs: live jobs.
        remote: hot folders whose pictures may keep a worker for ever (they, or the output, lie on a share).
    """
    if inference.due is not None:
        yield Pulse("the engine", inference.due + GRACE_NS)
    dues = [hand.due for hand in crew.hands]
    busy = [jobs[hand.job] for hand in crew.hands if hand.job is not None]
    excused = any(job.folder in remote for job in busy)
    if not excused and all(due is not None for due in dues):
        yield Pulse("every picture worker", max(due or 0 for due in dues) + GRACE_NS)


def pulse_of_scan(folder: str, moved: int) -> Pulse:
    """The pulse of a hot folder's scanner, which made its last step at `moved`."""
    return Pulse(f"the scan of hot folder {folder}", moved + SCAN_NS)
