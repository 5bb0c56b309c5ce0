"""What comes in to the scheduler's thread, from all others: facts, questions, other settings, defects."""

import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mattingd.config import Settings
from mattingd.domain.events import Fact
from mattingd.system import clock
from mattingd.workers.protocol import Message

TURN = 256
"""Facts in one turn, and so in one transaction, at most."""
CROWD = 5_000
"""Facts that may wait; scanners pause above it."""
PATIENCE_SECONDS = 30.0
"""How long a question waits for its turn."""

Reply = queue.SimpleQueue[dict[str, Any]]
"""Where somebody waits for his answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something the control socket wants to know; answered on the scheduler's thread."""

    request: dict[str, Any]
    reply: Reply


@dataclass(frozen=True, slots=True)
class Reread:
    """The configuration was read anew: other settings, or none and why they cannot be used."""

    settings: Settings | None
    mistakes: tuple[str, ...]
    reply: Reply


@dataclass(frozen=True, slots=True)
class HungUp:
    """Somebody sent SIGHUP: the configuration is to be read anew."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A thread of ours ended by an error that must not be: the daemon ends with it."""

    error: BaseException


Note = Question | Reread | HungUp | Defect
"""What is attended to between two turns."""


class Inbox:
    """Never full: whoever puts something here is limited by credits, or waits by himself."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message | Note] = queue.SimpleQueue()
        self.closed = False
        """Nobody takes anything any more."""

    def put(self, message: Message | Note) -> None:
        """From any thread, and from signal handlers."""
        self._queue.put(message)

    def tell(self, fact: Fact) -> None:
        """A fact without pixels beside it."""
        self._queue.put((fact, None))

    def tell_patiently(self, fact: Fact) -> None:
        """For scanners: they wait when the scheduler has much to do; it never waits for them."""
        while self._queue.qsize() > CROWD and not self.closed:
            clock.sleep(0.05)
        self._queue.put((fact, None))

    def ask(self, note: Callable[[Reply], Note], seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Have something attended to, and wait for the answer; on any thread but the scheduler's."""
        reply: Reply = queue.SimpleQueue()
        self._queue.put(note(reply))
        try:
            return reply.get(timeout=seconds)
        except queue.Empty:
            return {"error": "the daemon is busy; try again"}

    def take(self, seconds: float) -> list[Message | Note]:
        """What came in, in order, after waiting so long for the first of it."""
        messages: list[Message | Note] = []
        try:
            messages.append(self._queue.get(timeout=seconds))
            while len(messages) < TURN:
                messages.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return messages
