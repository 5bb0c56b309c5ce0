"""Know what each picture worker does, its deadline, and which worker holds which picture.

A worker has one operation at a time. If it dies, only that operation's picture is a quarantine candidate.
"""

from collections import deque
from dataclasses import dataclass, field

SECOND = 1_000_000_000
DEATHS = 6
"""So many deaths of a child in a row, without any success between, end the daemon."""
START_NS = 300 * SECOND
"""The longest time for a picture worker to come up."""


@dataclass(slots=True)
class WorkerSlot:
    """One worker."""

    id: int
    up: bool = False
    job: int | None = None
    """The job of its current operation."""
    holds: set[int] = field(default_factory=set)
    """Jobs whose decoded pictures it holds."""
    todo: deque[int] = field(default_factory=deque)
    """Jobs with a matte that only this worker can finish."""
    due: int | None = None
    """When it must have answered or started; None while nothing is expected."""
    remote: bool = False
    """Not a local process, but a slot at the workers on other machines."""
    deaths: int = 0
    """Deaths in a row that no picture is to blame for, without an answered operation in between."""


class WorkerPool:
    """All workers. One owner: the scheduler."""

    def __init__(self, size: int, remote: int = 0) -> None:
        """Create local workers and slots at the workers on other machines."""
        self.slots = [WorkerSlot(number, remote=number >= size) for number in range(size + remote)]

    @property
    def local(self) -> list[WorkerSlot]:
        """The workers on this machine."""
        return [slot for slot in self.slots if not slot.remote]

    @property
    def remote(self) -> list[WorkerSlot]:
        """The slots at the workers on other machines."""
        return [slot for slot in self.slots if slot.remote]

    @property
    def away(self) -> int:
        """Number of pictures at other machines."""
        return sum(len(slot.holds) for slot in self.slots if slot.remote)

    @property
    def busy(self) -> bool:
        """Whether an operation runs."""
        return any(slot.job is not None for slot in self.slots)

    def free(self) -> list[WorkerSlot]:
        """Workers without an operation, those that hold the fewest pictures first."""
        free = [slot for slot in self.slots if slot.up and slot.job is None]
        return free if len(free) < 2 else sorted(free, key=lambda slot: len(slot.holds))  # noqa: PLR2004

    def end(self, worker: int) -> None:
        """Record that the running operation was answered."""
        slot = self.slots[worker]
        slot.job, slot.due, slot.deaths = None, None, 0

    def drop(self, worker: int, job: int) -> None:
        """Record that a worker does not hold this picture any more."""
        slot = self.slots[worker]
        slot.holds.discard(job)
        if job in slot.todo:
            slot.todo.remove(job)

    def died(self, worker: int) -> tuple[int | None, set[int]]:
        """Return the job that an ended worker was working on, and the other jobs whose pictures it held."""
        slot = self.slots[worker]
        culprit, others = slot.job, slot.holds - {slot.job}
        slot.up, slot.job, slot.due, slot.holds = False, None, None, set()
        slot.todo.clear()
        return culprit, others


def restart_delay_ns(deaths: int) -> int:
    """Return the wait before a restart: none after the first death, then 1 s doubling to a minute."""
    return 0 if deaths <= 1 else min(60, 2 ** (deaths - 2)) * SECOND
