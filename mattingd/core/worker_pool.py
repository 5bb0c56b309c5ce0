"""Who of the picture workers does what, until when, and which of them holds which picture.

One operation at a time is with a worker: if it dies, that operation's picture is the suspect and nobody else.
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
    """Whose operation runs."""
    holds: set[int] = field(default_factory=set)
    """Jobs whose decoded pictures it keeps."""
    todo: deque[int] = field(default_factory=deque)
    """Jobs with a matte that only this worker can finish."""
    due: int | None = None
    """When it must have answered, or come up; None while nothing is expected of it."""
    deaths: int = 0
    """In a row that no picture is to blame for, without an operation answered in between."""


class WorkerPool:
    """All workers. One owner: the scheduler."""

    def __init__(self, size: int) -> None:
        self.hands = [WorkerSlot(number) for number in range(size)]

    @property
    def busy(self) -> bool:
        """Whether an operation runs."""
        return any(hand.job is not None for hand in self.hands)

    def free(self) -> list[WorkerSlot]:
        """Workers without an operation, those that hold the fewest pictures first."""
        free = [hand for hand in self.hands if hand.up and hand.job is None]
        return free if len(free) < 2 else sorted(free, key=lambda hand: len(hand.holds))  # noqa: PLR2004

    def end(self, worker: int) -> None:
        """The running operation was answered."""
        hand = self.hands[worker]
        hand.job, hand.due, hand.deaths = None, None, 0

    def drop(self, worker: int, job: int) -> None:
        """A worker no longer holds this picture."""
        hand = self.hands[worker]
        hand.holds.discard(job)
        if job in hand.todo:
            hand.todo.remove(job)

    def died(self, worker: int) -> tuple[int | None, set[int]]:
        """A worker ended: the job it was working on, and the others whose pictures went with it."""
        hand = self.hands[worker]
        culprit, others = hand.job, hand.holds - {hand.job}
        hand.up, hand.job, hand.due, hand.holds = False, None, None, set()
        hand.todo.clear()
        return culprit, others


def restart_delay_ns(deaths: int) -> int:
    """Wait before a child is started again: none after a first death, then doubling from 1 s to a minute."""
    return 0 if deaths <= 1 else min(60, 2 ** (deaths - 2)) * SECOND
