"""Simulated time. Things happen in the order of their times; nothing ever waits for real."""

import heapq
from collections.abc import Callable, Generator

SECOND = 1_000_000_000

Script = Generator[float, None, None]
"""Something that goes on in steps: each yield is a pause in seconds."""


class Clockwork:
    """What time it is, and what happens when."""

    def __init__(self) -> None:
        self.now = 1_000 * SECOND
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._tie = 0
        self.playing = 0
        """Scripts that are not at their end."""

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something so many seconds from now."""
        self.at(self.now + round(seconds * SECOND), action)

    def at(self, when: int, action: Callable[[], None]) -> None:
        """Do something at a time in nanoseconds."""
        self._tie += 1
        heapq.heappush(self._agenda, (when, self._tie, action))

    def play(self, script: Script) -> None:
        """Let a script run, pause by pause."""

        def step() -> None:
            try:
                self.after(next(script), step)
            except StopIteration:
                self.playing -= 1

        self.playing += 1
        step()

    def next(self) -> int | None:
        """When the next thing happens."""
        return self._agenda[0][0] if self._agenda else None

    def happen(self) -> None:
        """Let the next thing happen."""
        when, _, action = heapq.heappop(self._agenda)
        self.now = max(self.now, when)
        action()
