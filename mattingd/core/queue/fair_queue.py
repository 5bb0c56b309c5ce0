"""Choose between hot folders: one lane for each, served in turn."""

from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterable, Mapping


class FairQueue:
    """Queued jobs, one lane per hot folder, served in turn: 10,000 jobs in one do not delay another.

    A lane on hold accepts jobs and gives none. Priority lanes are served before all others, except a favoured
    lane. A lane with a weight gives that many jobs per turn.
    """

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[int, None]] = {}
        """The jobs of each folder in their order; one that is not queued any more is taken out at once."""
        self._turn: deque[int] = deque()
        """Folders that have jobs to give."""
        self._given: dict[int, int] = {}
        """Jobs that a folder gave in the turn that it still has."""
        self.weights: Mapping[int, int] = {}
        """Jobs that a folder gives in one turn; 1 for those that are not named."""
        self.held: set[int] = set()
        self.first: frozenset[int] = frozenset()
        """Folders whose jobs come before those of all others."""

    def __len__(self) -> int:
        """Return the number of jobs that can be taken."""
        return sum(len(self._lanes[folder]) for folder in self._turn)

    def push(self, folder: int, job: int, *, first: bool = False) -> None:
        """Queue a job behind the others of its folder, or before them with `first`."""
        lane = self._lanes.setdefault(folder, OrderedDict())
        if not lane and folder not in self.held:
            self._wait_for_turn(folder)
        lane[job] = None
        lane.move_to_end(job, last=not first)

    def hold(self, folder: int, *, back: bool) -> None:
        """Put a lane on hold, or resume it behind the others."""
        (self.held.add if back else self.held.discard)(folder)
        if folder in self._turn:
            self._turn.remove(folder)
        if self._lanes.get(folder) and not back:
            self._wait_for_turn(folder)

    def remove(self, folder: int, job: int) -> bool:
        """Take a job out of its lane; False when it is not there."""
        lane = self._lanes.get(folder, OrderedDict())
        if job not in lane:
            return False
        del lane[job]
        if not lane and folder in self._turn:
            self._turn.remove(folder)
            self._given.pop(folder, None)
        return True

    def favour(self, others: Container[int]) -> bool:
        """Serve a folder that is not among `others` next; returns False when all waiting folders are."""
        for folder in self._turn:
            if folder not in others:
                self._turn.remove(folder)
                self._turn.appendleft(folder)
                return True
        return False

    def pop(self) -> int | None:
        """Return the first job of the lane whose turn it is; None when all lanes are empty."""
        return self._take(self._turn[0]) if self._turn else None

    def pop_first(self, may: Callable[[int], bool]) -> int | None:
        """Return the first job of the first lane whose first job passes `may`; None if there is none.

        The lanes before it keep their turn.
        """
        folder = next((folder for folder in self._turn if may(next(iter(self._lanes[folder])))), None)
        return None if folder is None else self._take(folder)

    def _take(self, folder: int) -> int:
        lane = self._lanes[folder]
        job, _ = lane.popitem(last=False)
        self._given[folder] = self._given.get(folder, 0) + 1
        if not lane or self._given[folder] >= self.weights.get(folder, 1):
            self._turn.remove(folder)
            del self._given[folder]
            if lane:
                self._wait_for_turn(folder)
        return job

    def _wait_for_turn(self, folder: int) -> None:
        self._turn.appendleft(folder) if folder in self.first else self._turn.append(folder)

    @property
    def folders(self) -> Iterable[int]:
        """Return all folders that ever had a job."""
        return self._lanes

    def queued(self, folder: int) -> int:
        """Return the number of jobs of a folder, on hold or not."""
        return len(self._lanes.get(folder, ()))

    def place(self, folder: int, job: int) -> int:
        """Return how many jobs of its folder are before this one. Raises ValueError when it is not queued."""
        return list(self._lanes.get(folder, ())).index(job)
