"""Decide whether the daemon is alive: each part has a deadline by which it must have made progress.

The scheduler proves itself by asking; this module covers the parts that it cannot see into. A pulse is late
only when everything else (a deadline, a kill, a restart) has failed to help: then restarting the whole daemon
is the best option left. Parts that may hang for reasons outside this machine, such as a network share, have
no pulse.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mattingd.core.inference import Inference
from mattingd.core.lifecycle import Job
from mattingd.core.policy import SECOND
from mattingd.core.worker_pool import WorkerPool

GRACE_NS = 30 * SECOND
"""For a child that was killed to be gone, and for the daemon to notice."""
SCAN_NS = 120 * SECOND
"""The longest single step of a scan: a disk that spins up, a folder of a million names."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """A part of the daemon that must show progress."""

    who: str
    due: int
    """When it must have made progress, in ns."""


def late(pulses: Iterable[Pulse], now: int) -> list[Pulse]:
    """Return the pulses that are late; none when all is well."""
    return [pulse for pulse in pulses if pulse.due <= now]


def pulses_of_children(
    pool: WorkerPool, inference: Inference, jobs: Mapping[int, Job], remote: Container[int]
) -> Iterator[Pulse]:
    """Return the pulses of the engine and of the picture workers.

    Args:
        pool: all workers. Pictures are processed while one of them is not late, so all of them together are
            one pulse.
        inference: the state of the engines.
        jobs: live jobs.
        remote: hot folders whose pictures may block a worker for ever, because they or the output are on a
            share.
    """
    if inference.due is not None:
        yield Pulse("the engine", inference.due + GRACE_NS)
    dues = [slot.due for slot in pool.local]
    busy = [jobs[slot.job] for slot in pool.local if slot.job is not None]
    excused = any(job.folder in remote for job in busy)
    if not excused and all(due is not None for due in dues):
        yield Pulse("every picture worker", max(due or 0 for due in dues) + GRACE_NS)


def pulse_of_scan(folder: str, moved: int) -> Pulse:
    """Return the pulse of a hot folder's scanner, which made its last step at `moved` (ns)."""
    return Pulse(f"the scan of hot folder {folder}", moved + SCAN_NS)
