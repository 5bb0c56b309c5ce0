"""Live progress of a run on a terminal, and the figures of it afterwards."""

from collections import Counter
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar

from mattingd.domain import events
from mattingd.domain.commands import Command
from mattingd.observability.job_log import Ended, Names
from mattingd.observability.run_stats import RunStats
from mattingd.system import clock

if TYPE_CHECKING:
    from mattingd.runtime.daemon import Daemon

REFRESH_NS = 100 * clock.MILLISECOND


class Progress:
    """A reporter that draws a bar: pictures done and in total, rate, remaining time, failures."""

    def __init__(self, names: Names, console: Console, *, shown: bool) -> None:
        self.ends: Counter[str] = Counter()
        self.failures: list[Ended] = []
        self.ignored: list[Ended] = []
        self.before = 0
        """Done by an earlier run of the same command."""
        self._names = names
        self._tally = RunStats()
        self._daemon: Daemon | None = None
        self._started = clock.monotonic_ns()
        self._next_refresh = 0
        self._bar = Bar(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description:<17}"),
            BarColumn(bar_width=24, style="bright_black", complete_style="green", finished_style="green"),
            TextColumn("{task.completed}/{task.fields[of]}"),
            TextColumn("{task.fields[more]}"),
            console=console,
            transient=True,
            disable=not (shown and console.is_terminal),
        )
        self._task = self._bar.add_task("loading the model", total=None, of="?", more="")

    def watch(self, daemon: "Daemon", before: int) -> None:
        """Set the daemon to watch, and how much was done before."""
        self._daemon, self.before = daemon, before

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._refresh()
        self._bar.stop()

    @property
    def done(self) -> int:
        """Number of pictures with a cut-out."""
        return self.ends["done"] + self.ends["unchanged"]

    @property
    def passed_over(self) -> int:
        """Number of files and folders that no user dropped."""
        return sum(self._tally.passed_over.values())

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return (clock.monotonic_ns() - self._started) / clock.SECOND

    @property
    def rate(self) -> float:
        """Finished pictures per second over the whole run, the model's loading included."""
        return self.ends["done"] / max(self.seconds, 1e-9)

    def fact(self, fact: events.Fact) -> None:
        """Count a fact."""
        self._tally.fact(fact)
        if isinstance(fact, events.JobEnded):
            self._end(self._names.ended(fact))
        if self._next_refresh <= clock.monotonic_ns():
            self._next_refresh = clock.monotonic_ns() + REFRESH_NS
            self._refresh()

    def command(self, command: Command) -> None:
        """Count a command."""
        self._tally.command(command)

    def left(self) -> int:
        """Number of unfinished pictures."""
        if self._daemon is None:
            return 0
        now = self._daemon.scheduler.snapshot()
        return now.waiting + now.settling + now.admitting

    def _end(self, ended: Ended) -> None:
        self.ends[ended.state] += 1
        if ended.state == "failed":
            self.failures.append(ended)
        elif ended.state == "ignored":
            self.ignored.append(ended)

    def _refresh(self) -> None:
        done = sum(self.ends.values())
        left = self.left()
        rate = self._tally.rate()
        more = []
        if rate and left:
            more.append(f"{rate:.1f}/s, {_clock(left / rate)} left")
        if self.failures:
            more.append(f"[red]{len(self.failures)} failed[/]")
        self._bar.update(
            self._task,
            description=self._description(),
            completed=done,
            total=(done + left) or None,
            of=done + left or "?",
            more="  ".join(more),
        )

    def _description(self) -> str:
        if self._daemon is not None and self._daemon.scheduler.snapshot().stopping:
            return "stopping"
        up = self._daemon is not None and self._daemon.scheduler.snapshot().engine.ready
        return "cutting out" if up else "loading the model"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
