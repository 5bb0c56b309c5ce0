"""Measures the scheduler with its journal alone: workers and engine answer at once.

The same turn as in `daemon.py` (at most `TURN` events, one transaction, then the actions), on a real SQLite
file with every commit synced. Without pictures, child processes and pipes.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from mattingd.core import output_paths
from mattingd.core.policy import Policy
from mattingd.core.scheduler import Scheduler
from mattingd.core.settling import SettlePolicy
from mattingd.core.stopping import ExitWhenIdle
from mattingd.domain import commands, events
from mattingd.domain.commands import Action, Write
from mattingd.domain.events import Fact, FileObservation
from mattingd.domain.jobs import Fit, Folder, Output, Recipe, Stamp
from mattingd.domain.presets import Preset
from mattingd.journal import JournalWriter, PlacingRules
from mattingd.runtime.mailbox import TURN
from mattingd.system import clock
from tests.bench.timing import Cost

FOLDER = 1
TODAY = "2026-01-31"
FIT = Fit(4000, 3000, 480, 352)


@dataclass(frozen=True, slots=True)
class Journaled:
    """What so many pictures cost, and how many turns and commits they took."""

    cost: Cost
    turns: int
    commits: int


def measure(state: Path, pictures: int, workers: int) -> Journaled:
    """Take pictures from the first look to `published`, with a crew of so many workers."""
    shell = Shell(state / "checkpoint.db", workers)
    started, used = clock.monotonic_ns(), clock.cpu_ns()
    turns, commits = shell.run(pictures)
    cost = Cost.since(started, used, pictures)
    done = sum(1 for _ in shell.journal.known(FOLDER))
    shell.journal.close()
    if done != pictures or shell.scheduler.work.jobs:
        raise RuntimeError(f"{done} of {pictures} pictures came through")
    return Journaled(cost, turns, commits)


class Shell:
    """What is around a scheduler, without anything that takes time."""

    def __init__(self, path: Path, workers: int) -> None:
        rules = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
        self.journal = JournalWriter(path, rules, lambda: f"{TODAY}T12:00:00+00:00")
        number = self.journal.folder_id(b"/in")
        policy = Policy(settle=SettlePolicy(settle_seconds=0), workers=workers, budget_pixels=1 << 40)
        recipe = Recipe("measured", Preset())
        self.scheduler = Scheduler(policy, {number: Folder(number, "in", recipe)}, ending=ExitWhenIdle())
        self._inbox: deque[Fact] = deque()
        self._ended = False
        self._commits = 0

    def run(self, pictures: int) -> tuple[int, int]:
        """Until the last picture is published; returns how many turns and commits it took."""
        self.journal.begin_run()
        self._hear(events.Today(TODAY))
        self._obey(self.scheduler.start(self.journal.live(), clean=True, now=clock.monotonic_ns()))
        scan = _scan(pictures)
        turns = 0
        while not self._ended:
            self._inbox.extend(islice(scan, max(0, TURN - len(self._inbox))))
            self._turn()
            turns += 1
        return turns, self._commits

    def _hear(self, fact: Fact) -> None:
        self._inbox.append(fact)

    def _turn(self) -> None:
        heard = [self._inbox.popleft() for _ in range(min(TURN, len(self._inbox)))] or [events.Tick()]
        self._obey(c for fact in heard for c in self.scheduler.handle(fact, clock.monotonic_ns()))

    def _obey(self, todo: Iterable[commands.Command]) -> None:
        writes: list[Write] = []
        actions: list[Action] = []
        for command in todo:
            if isinstance(command, Write):
                writes.append(command)
            elif not isinstance(command, commands.Announcement):
                actions.append(command)
        if writes:
            self._inbox.extend(self.journal.apply(writes))
            self._commits += 1
        for action in actions:
            self._perform(action)

    def _perform(self, action: Action) -> None:
        match action:
            case commands.LookAt(folder, path):
                self._hear(
                    events.FileObserved(folder, path, FileObservation(_stamp(int(path[:-4])), full=True))
                )
            case commands.Read(worker, job):
                self._hear(events.ReadOk(worker, job, job.to_bytes(32), FIT))
            case commands.Infer(batch, jobs):
                self._hear(events.Inferred(batch, (False,) * len(jobs)))
            case commands.Finish(worker, job, _, outputs):
                self._hear(events.Finished(worker, job, tuple(map(_written, outputs))))
            case commands.Publish(worker, job):
                self._hear(events.Published(worker, job))
            case commands.StartWorker(worker):
                self._hear(events.WorkerUp(worker, 0))
            case commands.StartEngine():
                self._hear(
                    events.EngineUp(
                        action.engine, "cpu", "", "fp32", "none", "", max_batch=32, batch_seconds=0
                    )
                )
            case commands.Stop():
                self._ended = True


def _scan(pictures: int) -> Iterator[Fact]:
    """What a scanner tells."""
    for number in range(pictures):
        yield events.FileObserved(FOLDER, _path(number), FileObservation(_stamp(number)))
    yield events.Scanned(FOLDER, pictures, 0)


def _path(number: int) -> bytes:
    return b"%06d.jpg" % number


def _stamp(number: int) -> Stamp:
    return Stamp(5_000_000 + number, number, number, 1)


def _written(output: Output) -> Output:
    return replace(output, temp="temp", sha256=bytes(32), size=10_000_000)
