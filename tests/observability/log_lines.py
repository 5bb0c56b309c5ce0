"""Facts in, log lines out."""

import io
import tempfile
from collections.abc import Iterable

from because import why

from mattingd.domain import commands
from mattingd.domain.events import (
    Admitted,
    Fact,
    JobEnded,
)
from mattingd.domain.jobs import JobRecord, Recipe, Stamp
from mattingd.observability.job_log import LogReporter, Names
from mattingd.observability.log_setup import configure_log


class Terminal(io.TextIOWrapper):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def row(job: int, path: bytes = b"shoe.jpg", state: str = "queued", reason: str = "") -> JobRecord:
    recipe = Recipe("hash")
    return JobRecord(
        job, 1, path, Stamp(1, 1), state, recipe, (), f"in/_failed/{job}.txt", reason=why(reason)
    )


Event = Fact | commands.Command


def told(*events: Event, style: str = "json", level: str = "info") -> list[str]:
    """The lines that a reporter writes of these facts and commands."""
    return told_while(iter(events), style, level)


def told_while(events: Iterable[Event], style: str = "json", level: str = "info") -> list[str]:
    """The same of events that come while a clock runs."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the stream closes it
    stream = (Terminal if style == "console" else io.TextIOWrapper)(file, encoding="utf-8")
    names = Names()
    names.folders = {1: "in"}
    log, outlet = configure_log(style, level, stream)
    reporter = LogReporter(names, log)
    for event in events:
        tell = reporter.command if type(event).__module__.startswith(commands.__name__) else reporter.fact
        tell(event)  # type: ignore[arg-type]
    outlet.close()
    file.seek(0)
    with stream:
        return stream.read().splitlines()


def admitted(job: int, path: bytes = b"shoe.jpg") -> Admitted:
    return Admitted(row(job, path))


def ended(job: int, state: str, reason: str = "", path: bytes = b"shoe.jpg") -> JobEnded:
    return JobEnded(job, 1, path, state, (why(reason),) if reason else ())
