"""The scheduler thread's mailbox: facts, questions and defects from all other threads."""

import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mattingd.domain.events import Fact
from mattingd.runtime.refusal import RefusedError
from mattingd.system import clock
from mattingd.workers.protocol import Message

TURN = 256
"""Facts in one turn, and so in one transaction, at most."""
CROWD = 5_000
"""Facts that may wait; scanners pause above it."""
PATIENCE_SECONDS = 30.0
"""How long a question waits for its turn."""

T = TypeVar("T")
Reply = queue.SimpleQueue[Any]
"""Where another thread waits for an answer, or for a `RefusedError`."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call that another thread wants on the scheduler's thread."""

    work: Callable[[], Any]
    reply: Reply

    def answer(self) -> None:
        """Make the call."""
        try:
            self.reply.put(self.work())
        except RefusedError as refused:
            self.reply.put(refused)


@dataclass(frozen=True, slots=True)
class HungUp:
    """A SIGHUP arrived: the configuration is to be read again."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A thread of ours ended with an unexpected error: the daemon ends with it."""

    error: BaseException


Note = Question | HungUp | Defect
"""What is attended to between two turns."""


class Inbox:
    """The queue of incoming messages. It is never full: senders are limited by credits, or wait."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message | Note] = queue.SimpleQueue()
        self.closed = False
        """Nobody takes anything any more."""

    def put(self, message: Message | Note) -> None:
        """Add a message, from any thread or signal handler."""
        self._queue.put(message)

    def tell(self, fact: Fact) -> None:
        """Add a fact without pixels."""
        self._queue.put((fact, None))

    def defect(self, error: BaseException) -> None:
        """Report the unexpected error of the calling thread."""
        self._queue.put(Defect(error))

    def tell_patiently(self, fact: Fact) -> None:
        """Add a fact for a scanner, which waits when the scheduler is busy.

        The scheduler never waits for scanners.
        """
        while self._queue.qsize() > CROWD and not self.closed:
            clock.sleep(0.05)
        self._queue.put((fact, None))

    def between_turns(self, work: Callable[[], T]) -> T:
        """Make a call on the scheduler's thread and wait for it. To be called on any other thread.

        Raises:
            RefusedError: `work` raised it, or its turn did not come in time.
        """
        reply: Reply = queue.SimpleQueue()
        self._queue.put(Question(work, reply))
        answer: T = answer_in(reply, PATIENCE_SECONDS, "it is busy; try again in a moment")
        return answer

    def take(self, seconds: float) -> list[Message | Note]:
        """Return all messages in order, after waiting at most this long for the first."""
        messages: list[Message | Note] = []
        try:
            messages.append(self._queue.get(timeout=seconds))
            while len(messages) < TURN:
                messages.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return messages


def answer_in(reply: Reply, seconds: float, late: str) -> Any:
    """Return what another thread answers within this time.

    Raises:
        RefusedError: it refuses, or is `late`.
    """
    try:
        answer = reply.get(timeout=seconds)
    except queue.Empty:
        raise RefusedError(late, "busy") from None
    if isinstance(answer, RefusedError):
        raise answer
    return answer
