"""Whose turn it is between hot folders: one lane for each, served in turn."""

from collections import deque
from collections.abc import Container


class FairQueue:
    """Queued jobs, one lane per hot folder, served in turn: 10,000 in one do not hold up one in another.

    A lane that is held back takes jobs and gives none.
    """

    def __init__(self) -> None:
        self._lanes: dict[int, deque[int]] = {}
        self._turn: deque[int] = deque()
        """Folders that have jobs to give."""
        self.held: set[int] = set()

    def __len__(self) -> int:
        """Jobs that can be had."""
        return sum(len(self._lanes[folder]) for folder in self._turn)

    def push(self, folder: int, job: int, *, first: bool = False) -> None:
        """Queue a job behind (or, `first`, before) the others of its folder."""
        lane = self._lanes.setdefault(folder, deque())
        if not lane and folder not in self.held:
            self._turn.append(folder)
        lane.appendleft(job) if first else lane.append(job)

    def hold(self, folder: int, *, back: bool) -> None:
        """Hold a lane back, or let it go on behind the others."""
        (self.held.add if back else self.held.discard)(folder)
        if folder in self._turn:
            self._turn.remove(folder)
        if self._lanes.get(folder) and not back:
            self._turn.append(folder)

    def favour(self, others: Container[int]) -> bool:
        """Let a folder that is not among `others` be the next; False when all that wait are."""
        for folder in self._turn:
            if folder not in others:
                self._turn.remove(folder)
                self._turn.appendleft(folder)
                return True
        return False

    def pop(self) -> int | None:
        """The next job: the first of the lane whose turn it is. None when all lanes are empty."""
        if not self._turn:
            return None
        folder = self._turn.popleft()
        lane = self._lanes[folder]
        job = lane.popleft()
        if lane:
            self._turn.append(folder)
        return job

    def queued(self, folder: int) -> int:
        """Jobs of a folder, held back or not."""
        return len(self._lanes.get(folder, ()))

    def place(self, folder: int, job: int) -> int:
        """How many jobs of its folder stand before this one; ValueError when it is not queued."""
        return self._lanes[folder].index(job)
