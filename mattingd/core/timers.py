"""Deadlines in a heap: what is due, and when the next deadline is.

There are two kinds. `wake` is for what happens once and is cheap to check again when it is due. `alarm` is
for a deadline that moves often; there is one per key at a time. Times are nanoseconds.
"""

import heapq

ALARMS = frozenset({"worker", "engine", "window", "idle", "drop", "ready", "part"})
"""Kinds of deadlines that are set with `alarm`."""


class Timers:
    """All deadlines of a run. One owner: the job store."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str, object]] = []
        self._tie = 0
        self._alarms: dict[tuple[str, object], int] = {}
        self._entries: dict[tuple[str, object], int] = {}
        """The deadline of the heap's entry for an alarm; it has one at most."""

    def __len__(self) -> int:
        """Number of entries in the heap, bounded by what waits, not by what happened."""
        return len(self._heap)

    def wake(self, deadline: int, kind: str, key: object) -> None:
        """Add a deadline."""
        self._tie += 1
        heapq.heappush(self._heap, (deadline, self._tie, kind, key))

    def alarm(self, kind: str, key: object, deadline: int | None) -> None:
        """Set, move or (None) cancel the one deadline of this kind and key."""
        alarm = (kind, key)
        if deadline is None:
            self._alarms.pop(alarm, None)
            return
        self._alarms[alarm] = deadline
        if deadline < self._entries.get(alarm, deadline + 1):
            self._entries[alarm] = deadline
            self.wake(deadline, kind, key)

    def due(self, now: int) -> tuple[int, str, object] | None:
        """Remove the next deadline up to `now`; return its time, kind and key, or None when none is due."""
        while self._heap and self._heap[0][0] <= now:
            deadline, _, kind, key = heapq.heappop(self._heap)
            if kind not in ALARMS or self._rings(kind, key, deadline, now):
                return deadline, kind, key
        return None

    def _rings(self, kind: str, key: object, entry: int, now: int) -> bool:
        """Whether this entry is an alarm that is due. A moved alarm gets another entry."""
        alarm = (kind, key)
        if self._entries.get(alarm) != entry:
            return False
        del self._entries[alarm]
        deadline = self._alarms.pop(alarm, None)
        if deadline is None or deadline <= now:
            return deadline is not None
        self.alarm(kind, key, deadline)
        return False

    def next(self) -> int | None:
        """Return the time of the next deadline; None when there is none."""
        return self._heap[0][0] if self._heap else None
