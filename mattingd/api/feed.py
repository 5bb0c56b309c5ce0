"""The feed: what happens in the running daemon, for clients that follow it.

A reporter like the log: it hears every fact and command on the scheduler's thread. There it only puts events
into queues; each client's own thread takes them out and sends them. A queue is bounded. A client whose queue
is full is dropped; it still gets the queued events and a notice.
"""

import queue
import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from mattingd.api.client import ALIVE_SECONDS
from mattingd.api.feed_events import Places, ended_before, event_of, step_of
from mattingd.api.schemas import answers, feed, requests
from mattingd.domain import commands, events
from mattingd.journal import reading
from mattingd.observability.recent_lines import LogLine, RecentLines
from mattingd.runtime.refusal import RefusedError
from mattingd.system import clock

LONGEST_QUEUE = 1000
"""Events that may wait for a client."""
REMEMBERED = 1000
"""Events that are kept for clients that come back."""
REPLAYED = 1000
"""Pictures that ended, read from the journal for a client that was away for longer than that."""
MOST_FOLLOWERS = 16
"""Half the places at the socket stay free for requests."""


class _Follower:
    """The queue of one client."""

    def __init__(self, *, progress: bool, log: bool) -> None:
        self.progress = progress
        self.log = log
        self.events: queue.Queue[feed.Event] = queue.Queue(LONGEST_QUEUE)
        self.dropped = False
        """It gets nothing more than what is in its queue."""

    def offer(self, event: feed.Event) -> None:
        """Add an event to the queue, unless it was already full."""
        try:
            if not self.dropped:
                self.events.put_nowait(event)
        except queue.Full:
            self.dropped = True


class Feed:
    """See the module. Call `fact` and `command` on the scheduler's thread, the other methods on any."""

    def __init__(self, places: Places, journal: Path, recent: RecentLines | None = None) -> None:
        """Start without followers.

        Args:
            places: the names of hot folders and live jobs.
            journal: path of the journal.
            recent: the last lines of the log.
        """
        self._places = places
        self._journal = journal
        self._lock = threading.Lock()
        self._followers: list[_Follower] = []
        self._kept: deque[feed.Event] = deque(maxlen=REMEMBERED)
        self._number = 0
        """Events that were kept since the start."""
        self._start = self._newest = _id(0)
        self._closed = False
        self._recent = recent or RecentLines()
        self._recent.listen(self._logged)

    # --- a reporter ---

    def fact(self, fact: events.Fact) -> None:
        """Report a fact."""
        if isinstance(fact, events.Admitted):
            self._step(fact.row.job, fact.row.state, str(fact.row.reason))
        else:
            self._tell(fact)

    def command(self, command: commands.Command) -> None:
        """Report a command."""
        if isinstance(command, commands.Move):
            self._step(command.job, command.state, str(command.reason))
        else:
            self._tell(command)

    def _tell(self, what: events.Fact | commands.Command) -> None:
        event = event_of(what, _id(self._number + 1), self._places)
        if event is None:
            return
        with self._lock:
            self._number += 1
            self._newest = event.id
            self._kept.append(event)
            for follower in self._followers:
                follower.offer(event)

    def _step(self, job: int, state: str, why: str) -> None:
        """Report a step of a picture, only if a client wants steps: there are several per picture."""
        if not any(follower.progress for follower in self._followers):
            return
        step = step_of(job, state, why, self._newest, self._places)
        with self._lock:
            for follower in self._followers:
                if follower.progress and step is not None:
                    follower.offer(step)

    # --- a listener of the log, on any thread ---

    def _logged(self, line: LogLine) -> None:
        with self._lock:
            for follower in self._followers:
                if follower.log:
                    follower.offer(_line(self._newest, line))

    # --- for the clients' threads ---

    def follow(self, request: requests.Follow) -> Iterator[msgspec.Struct]:
        """Yield the start of the feed, events that the client missed, and then each event as it comes.

        Raises:
            RefusedError: the daemon ends, there are too many followers, or the event to continue from is
                invalid.
        """
        since = None if request.after is None else _time_of(request.after)
        follower, missed = self._enter(request)
        try:
            last = self._newest if request.after is None else request.after
            yield answers.Following(last)
            if request.log:
                yield from (_line(last, line) for line in self._recent.lines())
            if missed is None and since is not None:
                missed = self._from_journal(request.after or "", since)
            for event in missed or ():
                last = event.id
                yield event
            yield from self._from_queue(follower, last)
        finally:
            with self._lock:
                self._followers.remove(follower)

    def close(self) -> None:
        """Tell all followers that the daemon ends."""
        with self._lock:
            self._closed = True
            for follower in self._followers:
                follower.offer(feed.Closed(self._newest))

    def _enter(self, request: requests.Follow) -> tuple[_Follower, list[feed.Event] | None]:
        """Return the client's queue and what came after its last event; None when that is not kept."""
        follower = _Follower(progress=request.progress, log=request.log)
        with self._lock:
            if self._closed:
                raise RefusedError("it is ending just now", "ending")
            if len(self._followers) >= MOST_FOLLOWERS:
                raise RefusedError(f"{MOST_FOLLOWERS} clients follow it already", "crowded")
            self._followers.append(follower)
            return follower, self._after(request.after)

    def _after(self, last: str | None) -> list[feed.Event] | None:
        if last in {None, self._newest}:
            return []
        if last == self._start and self._number == len(self._kept):
            return list(self._kept)
        for index, event in enumerate(self._kept):
            if event.id == last:
                return list(islice(self._kept, index + 1, None))
        return None

    def _from_journal(self, last: str, since: float) -> list[feed.Event]:
        with reading(self._journal) as ledger:
            ended, number = ledger.endings(REPLAYED, since=since)
        missed = feed.Missed(last, all_ends=number <= REPLAYED)
        times = [datetime.fromisoformat(each.ended_at).timestamp() for each in ended]
        return [
            missed,
            *(ended_before(each, _id(0, at), self._places) for each, at in zip(ended, times, strict=True)),
        ]

    def _from_queue(self, follower: _Follower, last: str) -> Iterator[feed.Event]:
        while True:
            try:
                event = follower.events.get(timeout=0 if follower.dropped else ALIVE_SECONDS)
            except queue.Empty:
                event = feed.Dropped(last, TOO_SLOW) if follower.dropped else feed.Alive(last)
            last = event.id
            yield event
            if isinstance(event, feed.LAST):
                return


TOO_SLOW = f"more than {LONGEST_QUEUE} events waited to be read; follow again after this id to go on"


def _line(id_: str, line: LogLine) -> feed.Logged:
    return feed.Logged(id_, line.number, line.at, line.level, line.event, line.said)


def _id(number: int, at: float | None = None) -> str:
    """Return an event's id: its time, and its number in this run.

    A later daemon finds the time in the journal.
    """
    seconds = clock.wall().timestamp() if at is None else at
    return f"{round(seconds * 1000)}.{number}"


def _time_of(event: str) -> float:
    """Return an event's time in seconds since 1970.

    Raises:
        RefusedError: it is no event's id.
    """
    milliseconds, dot, number = event.partition(".")
    if not (dot and milliseconds.isdecimal() and number.isdecimal() and len(milliseconds) < len("1" * 15)):
        raise RefusedError(f"{event[:40]!r} is the id of no event", "malformed")
    return int(milliseconds) // 1000
