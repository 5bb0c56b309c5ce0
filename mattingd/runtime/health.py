"""Report the daemon's health to the service manager: ready, alive, and one line in plain words.

Reads facts like any reporter, and the scheduler once a turn. `WATCHDOG=1` is withheld as soon as a part that
must show progress (`core.trouble.heartbeats`) is late, or the scheduler makes no turn: then systemd restarts
the daemon.
"""

from collections.abc import Iterable

from mattingd.core.scheduler import Scheduler
from mattingd.core.snapshot import EngineView, SchedulerSnapshot
from mattingd.core.trouble.heartbeats import Pulse, late
from mattingd.domain import events
from mattingd.domain.commands import Command, Stop
from mattingd.domain.exit_codes import ExitCode
from mattingd.observability.run_stats import RunStats
from mattingd.runtime.sd_notify import Notifier
from mattingd.system import clock

BEAT_NS = clock.SECOND
"""So often the service manager hears of us, at most."""


class HealthStatus:
    """What the service manager knows. Used on the scheduler's thread only."""

    def __init__(self, notifier: Notifier, folders: int) -> None:
        self._notifier = notifier
        self.folders = folders
        self.seen: SchedulerSnapshot | None = None
        """The scheduler at the last beat; may be read on any thread."""
        self._tally = RunStats()
        self._up = False
        self._told = ""
        self._next = 0
        self._late: list[str] = []
        self._mistaken = False
        """The configuration that was read last could not be used."""

    # --- a reporter ---

    def fact(self, fact: events.Fact) -> None:
        """Note a fact."""
        self._tally.fact(fact)
        if isinstance(fact, events.Reloaded | events.ReloadRefused):
            self._mistaken = isinstance(fact, events.ReloadRefused)

    def command(self, command: Command) -> None:
        """Note a command that is about to be carried out."""
        self._tally.command(command)
        if isinstance(command, Stop):
            self.ends(command.reason, command.code)

    # --- each turn ---

    def turn(self, scheduler: Scheduler, pulses: Iterable[Pulse], now: int) -> list[events.Stuck]:
        """Report the health, if it is time; returns the parts that have just become late."""
        comes_up = scheduler.ready() and not self._up
        if now < self._next and not comes_up:
            return []
        self._next = now + BEAT_NS
        before, self._late = self._late, [pulse.who for pulse in late(pulses, now)]
        if not self._late:
            self._notifier.tell(WATCHDOG=1)
        self.seen = scheduler.snapshot()
        self._say(sentence(self.seen, self._tally, self.folders, self._late, mistaken=self._mistaken))
        if comes_up:
            self._up = True
            self._notifier.ready()
        return [events.Stuck(who) for who in self._late if who not in before]

    def ends(self, reason: str, code: ExitCode) -> None:
        """Leave the final message where `systemctl status` shows it."""
        self._say(reason if code is ExitCode.OK else f"ended with code {int(code)}: {reason}")

    def _say(self, words: str) -> None:
        if words != self._told:
            self._told = words
            self._notifier.tell(STATUS=words)


def sentence(
    now: SchedulerSnapshot, tally: RunStats, folders: int, stuck: list[str], *, mistaken: bool
) -> str:
    """Describe the daemon's state on one line, problems first."""
    if now.stopping:
        left, are = now.finishing, "is" if now.finishing == 1 else "are"
        return f"stopping: {_pictures(left)} in work {are} finished first, for {now.stop_seconds:g} s at most"
    waiting = now.waiting - now.in_work + now.settling
    parts = [
        *(f"{who} is stuck" for who in stuck),
        *_troubles(now, tally, folders),
        *(["the configuration has mistakes; the settings from before stay"] if mistaken else []),
        *([f"{now.paused} of {folders} hot folders are paused"] if now.paused else []),
        f"{now.in_work} in work, {waiting} waiting",
        f"{tally.finished} done, {tally.failed} failed since the start",
        _engine(now.engine),
    ]
    return "; ".join(parts)


def _troubles(now: SchedulerSnapshot, tally: RunStats, folders: int) -> Iterable[str]:
    if tally.troubles:
        yield f"{len(tally.troubles)} of {folders} hot folders cannot be read"
    if now.no_space:
        yield f"paused: {now.no_space}"
    if now.output_fails:
        yield "the output folder cannot be written, and is tried again"


def _engine(engine: EngineView) -> str:
    if engine.state == "ready" and engine.up is not None:
        return f"{engine.up.model} on {engine.up.device}"
    if engine.state == "starting":
        return "the model is being loaded"
    return f"the model is {engine.state}" + (f": {engine.why}" if engine.why else "")


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
