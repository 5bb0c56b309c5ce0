"""Readers of facts: what is told to people. Adding one touches nothing else.

A reporter sees every fact and every command of a running daemon, in order, on the conductor's thread. It must
be quick and must not change anything.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from mattingd import clock, facts, values
from mattingd.commands import Command, Move, Read, StartEngine, Stop

ENDS = frozenset({"done", "unchanged", "failed", "ignored", "superseded", "withdrawn"})
RATE_NS = 60 * clock.SECOND
"""The time over which the current rate is measured, at most."""
IDLE_NS = 5 * clock.SECOND
"""Without anything to do for so long, the measurement begins anew."""
SAME_TROUBLE_EVERY_NS = 60 * clock.SECOND
"""The same trouble is logged at most this often."""


class Reporter(Protocol):
    """Somebody who wants to know."""

    def fact(self, fact: facts.Fact) -> None:
        """Something happened."""

    def command(self, command: Command) -> None:
        """Something is going to be done."""


@dataclass(slots=True)
class Ended:
    """A job that came to its end."""

    job: int
    name: str
    state: str
    reason: str
    note: str
    """Where its error note lies if it failed, below the output folder."""


class Names:
    """What each live job is called: the journal knows too, but a log line needs it at once."""

    def __init__(self) -> None:
        self.folders: dict[int, str] = {}
        """What each hot folder is called."""
        self._live: dict[int, tuple[str, str]] = {}

    def of(self, row: values.Row) -> str:
        """Hot folder and path, readable."""
        folder, path = self.folders.get(row.folder, "?"), values.readable(row.path)
        return f"{folder}/{path}" if folder else path

    def called(self, job: int) -> str:
        """What a live job is called."""
        return self._live.get(job, ("?", ""))[0]

    def remember(self, row: values.Row) -> None:
        """A job is live."""
        if row.state not in ENDS:
            self._live[row.job] = self.of(row), row.note

    def ended(self, command: Command) -> Ended | None:
        """The end this command brings to a job, told once."""
        if not isinstance(command, Move) or command.state not in ENDS:
            return None
        if command.job not in self._live:
            return None
        name, note = self._live.pop(command.job)
        return Ended(command.job, name, command.state, command.reason, note)


class LogReporter:
    """Log lines: one for each picture's end, and for what a person should know of the daemon itself.

    What many pictures have in common (an output that is full, a right that is missing) is told once a minute.
    """

    def __init__(self, names: Names, log: Any) -> None:
        self._names = names
        self._log = log
        self._quiet_until: dict[str, int] = {}
        self._output_fails = False

    def fact(self, fact: facts.Fact) -> None:
        """Log what is worth a line."""
        match fact:
            case facts.Admitted(row=row):
                self._names.remember(row)
                if row.state == "ignored":
                    self._log.info("ignored", job=row.job, file=self._names.of(row), why=row.reason)
            case facts.EngineUp():
                self._log.info("ready", **_engine(fact), seconds=round(fact.load_seconds, 1))
            case facts.EngineDied(how=how):
                self._rarely("restart", how, who="the engine")
            case facts.WorkerDied(worker=worker, how=how):
                self._rarely("restart", how, who=f"picture worker {worker}")
            case facts.FolderTrouble(folder=folder, reason=reason):
                self._tell_of_folder(self._names.folders.get(folder, "?"), reason)
            case facts.Faulted(fault=values.Fault.OUTPUT):
                self._output_fails = True
            case facts.Finished() if self._output_fails:
                self._output_fails = False
                self._log.info("writing", why="the output folder can be written again")
            case facts.StopAsked(reason=reason):
                self._log.info("stopping", why=f"{reason}: pictures in work are finished first")
            case _:
                pass

    def command(self, command: Command) -> None:
        """Log a job's end, or what it waits for."""
        if (ended := self._names.ended(command)) is not None:
            write = self._log.warning if ended.state == "failed" else self._log.info
            extra = {"why": ended.reason} if ended.reason else {}
            write(ended.state, job=ended.job, file=ended.name, **extra)
        elif isinstance(command, Move) and self._waits(command):
            self._rarely("waiting", command.reason, job=command.job, file=self._names.called(command.job))
        elif isinstance(command, StartEngine) and command.cpu:
            self._log.warning(
                "processor", why="the GPU has no memory for a single picture; going on without it"
            )
        elif isinstance(command, Stop):
            self._log.info("ended", why=command.reason, code=int(command.code))

    def _waits(self, move: Move) -> bool:
        return move.state == "held" or (move.state == "prepared" and self._output_fails and bool(move.reason))

    def _tell_of_folder(self, folder: str, reason: str | None) -> None:
        if reason is None:
            self._log.info("online", folder=folder, why="the hot folder can be read again")
        else:
            self._log.warning("offline", folder=folder, why=reason)

    def _rarely(self, event: str, why: str, **whose: Any) -> None:
        now = clock.monotonic_ns()
        self._quiet_until = {key: until for key, until in self._quiet_until.items() if until > now}
        if f"{event} {why}" not in self._quiet_until:
            self._quiet_until[f"{event} {why}"] = now + SAME_TROUBLE_EVERY_NS
            self._log.warning(event, **whose, why=why)


def _engine(fact: facts.EngineUp) -> dict[str, Any]:
    """What is told of an engine, in the log and in `status`."""
    return {
        "model": fact.model,
        "device": fact.device,
        "driver": fact.driver,
        "precision": fact.precision,
        "batch": fact.max_batch,
    }


@dataclass(slots=True)
class Tally:
    """What `status` shows of a run: the engine, the rate, the folders' troubles."""

    engine: dict[str, Any] = field(default_factory=lambda: {"state": "starting"})
    troubles: dict[int, str] = field(default_factory=dict)
    finished: int = 0
    failed: int = 0
    batches: int = 0
    batched: int = 0
    _ends: deque[int] = field(default_factory=deque)
    _since: int = 0
    """When it began to work, after it last had nothing to do."""
    _active: int = -IDLE_NS
    """When a picture was last begun or ended."""

    def fact(self, fact: facts.Fact) -> None:
        """Take a fact into account."""
        match fact:
            case facts.EngineUp():
                more = {"sha256": fact.model_sha256, "batch_seconds": fact.batch_seconds}
                self.engine = {"state": "ready", **_engine(fact), **more}
            case facts.EngineDied(how=how):
                self.engine = {"state": "restarting", "why": how}
            case facts.FolderTrouble(folder=folder, reason=None):
                self.troubles.pop(folder, None)
            case facts.FolderTrouble(folder=folder, reason=str(reason)):
                self.troubles[folder] = reason
            case facts.Inferred(empty=empty):
                self.batches += 1
                self.batched += len(empty)
            case _:
                pass

    def command(self, command: Command) -> None:
        """Count ends."""
        now = clock.monotonic_ns()
        if isinstance(command, Read):
            if self._active + IDLE_NS <= now:
                self._since = now
                self._ends.clear()
            self._active = now
        elif isinstance(command, Move) and command.state in ENDS and not (command.chores or ()):
            self.failed += command.state == "failed"
            if command.state == "done":
                self.finished += 1
                self._ends.append(now)
                self._active = now

    def rate(self) -> float:
        """Pictures finished per second: in the last minute, or since work began if that is shorter."""
        now = clock.monotonic_ns()
        start = max(self._since, now - RATE_NS)
        while self._ends and self._ends[0] < start:
            self._ends.popleft()
        return len(self._ends) / max((now - start) / clock.SECOND, 1e-9)
