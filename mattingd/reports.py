"""Readers of facts: what is told to people. Adding one touches nothing else.

A reporter sees every fact and every command of a running daemon, in order, on the conductor's thread. It must be
quick and must not change anything.
"""

import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

import structlog

from mattingd import clock, facts
from mattingd.commands import Command, Move, Stop

ENDS = frozenset({"done", "unchanged", "failed", "ignored", "superseded", "withdrawn"})
RATE_WINDOW = 200
"""Pictures over which the current rate is measured."""
CHILD_TROUBLE_EVERY_NS = 60 * clock.SECOND
"""The same child's trouble is logged at most this often."""


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


class Names:
    """What each live job is called, for messages: the journal forgets nothing, but a log line needs it at once."""

    def __init__(self) -> None:
        self.folders: dict[int, str] = {}
        """What each hot folder is called."""
        self._names: dict[int, str] = {}

    def of(self, row: facts.Row) -> str:
        """Hot folder and path, readable."""
        folder = self.folders.get(row.folder, "?")
        path = row.path.decode("utf-8", "backslashreplace").replace("\n", "\\n")
        return f"{folder}/{path}" if folder else path

    def remember(self, row: facts.Row) -> None:
        """A job is live."""
        if row.state not in ENDS:
            self._names[row.job] = self.of(row)

    def ended(self, command: Command) -> Ended | None:
        """The end this command brings to a job, told once."""
        if not isinstance(command, Move) or command.state not in ENDS:
            return None
        name = self._names.pop(command.job, None)
        return None if name is None else Ended(command.job, name, command.state, command.reason)


class LogReporter:
    """Log lines: one for each picture's end, and for what a person should know of the daemon itself."""

    def __init__(self, names: Names, log: Any) -> None:
        self._names = names
        self._log = log
        self._quiet_until: dict[str, int] = {}

    def fact(self, fact: facts.Fact) -> None:
        """Log what is worth a line."""
        match fact:
            case facts.Admitted(row=row):
                self._names.remember(row)
                if row.state == "ignored":
                    self._log.info("ignored", job=row.job, file=self._names.of(row), why=row.reason)
            case facts.EngineUp():
                self._log.info(
                    "engine ready",
                    device=fact.device,
                    driver=fact.driver,
                    model=fact.model,
                    precision=fact.precision,
                    batch=fact.max_batch,
                    seconds=round(fact.load_seconds, 1),
                )
            case facts.EngineDied(how=how) | facts.WorkerDied(how=how):
                self._rarely(type(fact).__name__, "a child process ended", why=how)
            case facts.FolderTrouble(reason=None):
                self._log.info("the hot folder can be read again", folder=fact.folder)
            case facts.FolderTrouble(reason=reason):
                self._log.warning("hot folder offline", folder=fact.folder, why=reason)
            case facts.Faulted(fault=facts.Fault.OUTPUT, reason=reason):
                self._rarely("output", "waiting for the output folder", why=reason)
            case _:
                pass

    def command(self, command: Command) -> None:
        """Log a job's end."""
        if (ended := self._names.ended(command)) is not None:
            write = self._log.warning if ended.state == "failed" else self._log.info
            extra = {"why": ended.reason} if ended.reason else {}
            write(ended.state, job=ended.job, file=ended.name, **extra)
        elif isinstance(command, Stop):
            self._log.info("ending", why=command.reason, code=int(command.code))

    def _rarely(self, kind: str, event: str, **more: str) -> None:
        now = clock.monotonic_ns()
        if self._quiet_until.get(kind, 0) <= now:
            self._quiet_until[kind] = now + CHILD_TROUBLE_EVERY_NS
            self._log.warning(event, **more)


@dataclass(slots=True)
class Tally:
    """What `status` shows of a run: the engine, the rate, the folders' troubles."""

    engine: dict[str, Any] = field(default_factory=lambda: {"state": "starting"})
    troubles: dict[int, str] = field(default_factory=dict)
    finished: int = 0
    failed: int = 0
    batches: int = 0
    batched: int = 0
    _ends: deque[int] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))

    def fact(self, fact: facts.Fact) -> None:
        """Take a fact into account."""
        match fact:
            case facts.EngineUp():
                self.engine = {
                    "state": "ready",
                    "device": fact.device,
                    "driver": fact.driver,
                    "precision": fact.precision,
                    "model": fact.model,
                    "sha256": fact.model_sha256,
                    "batch": fact.max_batch,
                    "batch_seconds": fact.batch_seconds,
                }
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
        if isinstance(command, Move) and command.state in ENDS and not (command.chores or ()):
            self.failed += command.state == "failed"
            if command.state == "done":
                self.finished += 1
                self._ends.append(clock.monotonic_ns())

    def rate(self) -> float:
        """Finished pictures per second over the newest ones; 0 when there are too few to tell."""
        if len(self._ends) < 2:  # noqa: PLR2004 - two ends make one interval
            return 0.0
        span = clock.monotonic_ns() - self._ends[0]
        return (len(self._ends) - 1) / max(span / clock.SECOND, 1e-9)


def configure_log(style: str, level: str, stream: TextIO = sys.stderr) -> Any:
    """Set logging up: for people on a terminal, JSON lines elsewhere.

    Args:
        style: `auto`, `console` or `json`.
        level: the least level that is written.
        stream: where lines go.
    """
    console = style == "console" or (style == "auto" and stream.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty())
        if console
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S" if console else "iso", utc=not console),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    return structlog.get_logger()
