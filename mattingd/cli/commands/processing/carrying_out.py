"""Carry out `mattingd process`: a daemon that ends when everything is done, with a progress bar."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from mattingd.cli.commands.processing.sources import Sources
from mattingd.cli.format import console_for
from mattingd.cli.progress import Progress
from mattingd.config import Settings
from mattingd.domain.commands import Stop
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import NEEDS_A_LOOK
from mattingd.journal import reading
from mattingd.observability.job_log import Names
from mattingd.runtime.composition import Mode, compose
from mattingd.runtime.daemon import Daemon
from mattingd.runtime.launch import Launch
from mattingd.runtime.signals import on_signals
from mattingd.workers.spawning import Programs


@dataclass(frozen=True, slots=True)
class Unsure:
    """A cut-out that needs checking: its picture's name, the confidence in it (0 to 1), and its remarks."""

    name: str
    confidence: float
    reason: str

    def line(self) -> str:
        """Return the line for the summary; a confidence of 0 does not come from the model and is left out."""
        sure = f", confidence {self.confidence:.2f}" if self.confidence > 0 else ""
        return f"{self.name}: needs a look{sure}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run."""

    progress: Progress
    stop: Stop
    unsure: list[Unsure]
    """The cut-outs that need checking."""
    interrupted: bool

    @property
    def code(self) -> ExitCode:
        """Whether all is well, some failed or were left, or none was done."""
        done = self.progress.done + self.progress.before
        if self.stop.code is not ExitCode.OK:
            return ExitCode.PARTIAL if done else self.stop.code
        if self.interrupted or self.progress.left():
            return ExitCode.PARTIAL
        if self.progress.failures:
            return ExitCode.PARTIAL if done else ExitCode.FAILED
        return ExitCode.OK


def run(settings: Settings, wanted: Sources, programs: Programs, launch: Launch, *, shown: bool) -> Outcome:
    """Cut out the pictures; the progress is printed if it is to be `shown`."""
    names = Names()
    progress = Progress(names, console_for(error=True), shown=shown)
    mode = Mode(once=True, only=wanted.only, programs=programs, launch=launch)
    daemon = compose(settings, mode=mode)
    daemon.report_to(progress)
    names.folders = {number: folder.name for number, folder in daemon.in_use.folders.items()}
    for number, folder in daemon.in_use.folders.items():
        daemon.journal.ask_again(number, folder.recipe_hash)
    progress.watch(daemon, before=_done_before(daemon, wanted))
    on_signals(daemon.stop)
    with progress:
        stop = daemon.run()
    return Outcome(progress, stop, _doubtful(daemon, names, wanted), daemon.scheduler.snapshot().stopping)


def _done_before(daemon: Daemon, wanted: Sources) -> int:
    """Return how many of the wanted files an earlier run of the same command has done."""
    with reading(daemon.journal.path) as ledger:
        return sum(
            state in {"done", "unchanged"} and wanted.covers(root, path)
            for root in wanted.roots
            for path, state in ledger.ends_of(os.fsencode(root)).items()
        )


def _doubtful(daemon: Daemon, names: Names, wanted: Sources) -> list[Unsure]:
    """Return the cut-outs that need checking, of this run and of earlier ones of the same pictures."""
    with reading(daemon.journal.path) as ledger:
        unsure, _ = ledger.endings(sys.maxsize, state="done", below=NEEDS_A_LOOK)
    numbers = {bytes(folder.path): number for number, folder in daemon.in_use.folders.items()}
    return [
        Unsure(names.at(numbers[each.root], each.path), each.confidence or 0.0, each.reason)
        for each in unsure
        if each.root in numbers and wanted.covers(Path(os.fsdecode(each.root)), each.path)
    ]
