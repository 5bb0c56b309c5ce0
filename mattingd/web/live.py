"""Passes the daemon's events on to many pages: one connection to its feed, any number of listeners."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from mattingd.api.client import NoAnswerError, NoDaemonError, follow
from mattingd.api.schemas import answers, feed
from mattingd.web.schemas import LogLine

REMEMBERED = 500
"""Events kept for pages that come back."""
WAITING = 500
"""Events that may wait for one page. A slower page is disconnected; browsers connect again."""
RETRY_SECONDS = 2.0
LOG = "log"
"""The kind of an event that is a line of the log."""
LINES = 300
"""Lines of the log that are kept."""


class Live:
    """The feed of one daemon. Used on the event loop, except for its own thread."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._kept: deque[tuple[str, str, str]] = deque(maxlen=REMEMBERED)
        self._listeners: set[asyncio.Queue[tuple[str, str, str] | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()
        self._lines: dict[int, LogLine] = {}
        self.last = ""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread that follows the daemon."""
        self._loop = loop
        threading.Thread(target=self._follow, name="live", daemon=True).start()

    def stop(self) -> None:
        """End the thread and all listeners."""
        self._ended.set()
        for queue in self._listeners:
            self._offer(queue, None)

    def lines(self) -> list[LogLine]:
        """Return the last lines of the daemon's log, oldest first."""
        return [line for _, line in sorted(self._lines.copy().items())]

    async def listen(self, after: str | None, *, log: bool = False) -> AsyncIterator[tuple[str, str, str]]:
        """Yield events as (id, kind, JSON) until the server stops.

        Args:
            after: id of the last event that the page had; kept events after it come first.
            log: whether to yield lines of the daemon's log, too; they have no id.
        """
        queue: asyncio.Queue[tuple[str, str, str] | None] = asyncio.Queue(WAITING)
        if after:
            kept = list(self._kept)
            since = next((index + 1 for index, each in enumerate(kept) if each[0] == after), 0)
            for old in kept[since:]:
                yield old
        self._listeners.add(queue)
        try:
            while (event := await queue.get()) is not None:
                if log or event[1] != LOG:
                    yield event
        finally:
            self._listeners.discard(queue)

    # --- the thread ---

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                for event in follow(self._state_dir, after=self.last or None, log=True):
                    if self._ended.is_set():
                        return
                    self._heard(event)
            except (NoDaemonError, NoAnswerError):
                self._tell("", "daemon", {"now": "away"})
            self._ended.wait(RETRY_SECONDS)

    def _heard(self, event: "feed.AnyEvent | answers.Following") -> None:
        if isinstance(event, answers.Following):
            self._lines = {}
            self._tell("", "daemon", {"now": "here"})
            return
        if isinstance(event, feed.Logged):
            self._note(event)
            return
        self.last = event.id
        if not isinstance(event, feed.Alive):
            self._tell(event.id, str(event.__struct_config__.tag), msgspec.to_builtins(event))

    def _note(self, event: feed.Logged) -> None:
        if event.number in self._lines:
            return
        line = LogLine(number=event.number, at=event.at, level=event.level, event=event.what, said=event.said)
        self._lines = dict(list(self._lines.items())[1 - LINES :]) | {event.number: line}
        self._tell("", LOG, line.model_dump())

    def _tell(self, number: str, kind: str, what: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, (number, kind, json.dumps(what)))

    def _spread(self, event: tuple[str, str, str]) -> None:
        if event[0]:
            self._kept.append(event)
        for queue in self._listeners:
            self._offer(queue, event)

    @staticmethod
    def _offer(
        queue: "asyncio.Queue[tuple[str, str, str] | None]", event: tuple[str, str, str] | None
    ) -> None:
        try:
            queue.put_nowait(event)
        except asyncio.QueueFull:
            queue.get_nowait()
            queue.put_nowait(None)
