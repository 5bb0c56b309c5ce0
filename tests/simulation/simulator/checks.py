"""What must hold at every step, at every crash, and when a child dies."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from mattingd.core.batching import CREDITS
from mattingd.core.lifecycle import WORKING, State
from mattingd.core.trouble.heartbeats import late, pulses_of_children
from mattingd.domain.commands import (
    Command,
    EndEngine,
    Finish,
    Move,
    Read,
    SetPaused,
    Stop,
    TakeOutDevice,
    UseModel,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import JobRecord, Output
from mattingd.domain.reasons import Reason
from tests.simulation.simulator.books import Books, books
from tests.simulation.simulator.clockwork import SECOND
from tests.simulation.simulator.disk import HotFolders, Key, OutputDisk
from tests.simulation.simulator.people import Office
from tests.simulation.simulator.pictures import (
    POISON,
    POISON_ENGINE,
    Content,
    Kind,
    Matte,
    cut_out,
    made_by,
    strokes_in,
)
from tests.simulation.simulator.shell import Shell
from tests.simulation.simulator.weather import Weather

IDLE_TURNS = 400
"""Turns in one simulated second that changed nothing: more of them is a spin."""
STRIKES = 2
"""Crashes while alone before a picture may be set aside."""
QUARANTINED = "its process crashed"


@dataclass
class Checks:
    """The eyes of a simulated world. What they compare is counted here, not asked of the scheduler."""

    weather: Weather
    hot: HotFolders
    outputs: OutputDisk
    office: Office
    budget: int
    paths: dict[int, Key] = field(default_factory=dict)
    """Where the file of a job lies."""
    made: dict[Content, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    """Cut-outs that became visible, with their job, by the content they show."""
    lonely: Counter[int] = field(default_factory=Counter)
    """Crashes by job while nothing else was in work."""
    held: frozenset[int] = frozenset()
    """Hot folders that the journal says are held back."""
    models: int = 0
    """Times that another model took over."""
    innocents: int = 0
    """Pictures set aside that nobody meant to be poison."""
    left_out: set[int] = field(default_factory=set)
    """Hot folders that were none for a while: what became done then kept its original."""
    _low: Reason | None = None
    """What it was told of the output disk's free space, up to the turn before."""
    _second: int = 0
    _idle: int = 0

    # --- every turn ---

    def admitted(self, row: JobRecord) -> None:
        """The journal has a new job, or had it when the daemon started."""
        self.paths[row.job] = (row.folder, row.path)
        self.office.state(self.paths[row.job], row.state)

    def after_turn(self, shell: Shell, todo: list[Command]) -> None:
        """All writes and actions of a turn are done."""
        wake = None if shell.ended else shell.scheduler.next_wakeup()
        assert wake is None or wake > shell.clock.now, "the next wake-up lies in the past"
        self._no_spin(shell.clock.now, todo)
        for command in todo:
            if isinstance(command, Move):
                self._moved(command)
            elif isinstance(command, UseModel):
                self.models += 1
                self.weather.count("model exchanged")
                if shell.scheduler.engine.leaving:
                    self.weather.count("model exchanged while the one before works")
            elif isinstance(command, TakeOutDevice):
                self.weather.count("device taken out")
            elif isinstance(command, EndEngine) and shell.scheduler.engines.asleep:
                self.weather.count("engine unloaded")
        self._nothing_begun_where_held(todo)
        self._writes_only_with_space(shell, todo)
        self._one_alone(shell)
        self._within_budget(shell)
        for engine in shell.engines.alive:
            assert len(engine.batches) <= CREDITS, "too many batches at the engine"
        self._nobody_is_late(shell)

    def _nobody_is_late(self, shell: Shell) -> None:
        """Whatever hangs is ended in time by the scheduler: the service manager never has to."""
        brain = shell.scheduler
        pulses = pulses_of_children(brain.pool, brain.inference, brain.work.jobs, ())
        assert shell.ended or not (stuck := late(pulses, shell.clock.now)), f"{stuck} at {shell.clock.now}"

    def _no_spin(self, now: int, todo: list[Command]) -> None:
        second = now // SECOND
        if second != self._second:
            self._second, self._idle = second, 0
        self._idle += not todo
        assert self._idle < IDLE_TURNS, "it spins: many turns in a second, and nothing follows from them"

    def _nothing_begun_where_held(self, todo: list[Command]) -> None:
        reads = {command.folder for command in todo if isinstance(command, Read)}
        holds = {command.folder: command.paused for command in todo if isinstance(command, SetPaused)}
        begun = reads & self.held - holds.keys()
        assert not begun, f"pictures of {begun} were begun, and they are held back"
        self.held = self.held - holds.keys() | {folder for folder, paused in holds.items() if paused}

    def _moved(self, move: Move) -> None:
        self.office.state(self.paths[move.job], move.state)
        if move.reason.code == "other_weights":
            self.weather.count("weights exchanged between two passes")
        if move.state == State.FAILED and str(move.reason).startswith(QUARANTINED):
            crashes = self.lonely[move.job]
            assert crashes >= STRIKES, f"job {move.job} was set aside after {crashes} crashes while alone"
            kinds = {content.kind for content in self.hot.versions[self.paths[move.job]]}
            self.innocents += not kinds & POISON

    def _writes_only_with_space(self, shell: Shell, todo: list[Command]) -> None:
        low = shell.scheduler.output.no_space
        if low and self._low:
            begun = [command for command in todo if isinstance(command, Read | Finish)]
            assert not begun, f"{begun} although there is {low}"
        self._low = low

    def _one_alone(self, shell: Shell) -> None:
        busy = in_work(shell)
        for number in busy:
            job = shell.scheduler.work.jobs.get(number)
            if job is not None and job.isolated and job.state in WORKING:
                assert busy == {number}, f"job {number} should be alone, and {busy} are in work"

    def _within_budget(self, shell: Shell) -> None:
        pixels = [content.pixels for worker in shell.workers for content in worker.operations.held.values()]
        pixels += [
            worker.order.grant
            for worker in shell.workers
            if isinstance(worker.order, Read) and worker.order.job not in worker.operations.held
        ]
        assert len(pixels) <= 1 or sum(pixels) <= self.budget, f"{pixels} in work, {self.budget} allowed"

    # --- what becomes visible ---

    def visible(self, shell: Shell, job: int, output: Output, data: bytes) -> None:
        """A cut-out has just got its final name."""
        (row,) = Books(shell.journal._db).rows(
            "SELECT state, o.sha256, o.path, o.model FROM jobs JOIN outputs o ON o.job = id"
            " WHERE id = ? AND o.ordinal = ?",
            job,
            output.ordinal,
        )
        path = output.place.path
        assert row[0] == State.PREPARED, f"{path} became visible while job {job} was {row[0]}"
        assert row[1:] == (data, path, made_by(data)), f"{path} is not what was prepared: {row}"
        content = self.shown(data, self.paths[job])
        assert content.whole, f"{path} shows an unfinished version"
        assert content.kind in {Kind.GOOD, Kind.EMPTY}, f"{path} shows {content.kind}"
        assert content in self.hot.versions[self.paths[job]], f"{path} shows another file's picture"
        self.made[content].append((path, job))
        file = self.hot.get(self.paths[job])
        if file is not None and file.content is not content:
            self.weather.count("changed after reading")

    def put_away(self, shell: Shell, job: int, content: Content) -> None:
        """An original is about to leave its hot folder."""
        rows = Books(shell.journal._db).rows(
            "SELECT state, sha256, (SELECT min(published) FROM outputs WHERE job = id) FROM jobs"
            " WHERE id = ?",
            job,
        )
        ((state, sha256, published),) = rows
        assert state == State.UNCHANGED or (state == State.DONE and published), f"job {job} is {state}"
        assert sha256.partition(b" caption")[0] == content.sha256, (
            f"job {job} was made from another file than the one that goes"
        )
        made = self.made_of(content, copies=state == State.UNCHANGED)
        assert made, f"the original of job {job} goes, and nothing was made of it"

    def made_of(self, content: Content, *, copies: bool) -> list[tuple[str, int]]:
        """The cut-outs of a content, else perhaps of its copies: one moved here brought its record along."""
        own = self.made.get(content, [])
        if own or not copies:
            return own
        twins = [twin for twin in self.made if twin.number == content.number]
        return [place for twin in twins for place in self.made[twin]]

    def shown(self, data: bytes, key: Key) -> Content:
        """The picture that a cut-out shows with its own matte: of several copies the one at this path."""
        model, versions = made_by(data), self.hot.versions
        for contents in (versions[key], *versions.values()):
            for content in contents:
                if cut_out(content, Matte(content.number, model), strokes_in(data)) == data:
                    return content
        raise AssertionError(f"{data!r} is no picture with its own matte")

    # --- crashes and ends ---

    def child_died(self, shell: Shell, jobs: set[int]) -> None:
        """A worker or the engine is about to be gone, over these jobs."""
        if len(jobs) == 1 and in_work(shell) <= jobs:
            self.lonely.update(jobs)

    def unlucky(self, job: int) -> bool:
        """Whether a job crashed while it was alone. Chance spares it: a second time would set it aside."""
        return self.lonely[job] > 0

    def spares(self, shell: Shell) -> bool:
        """Whether the daemon may not crash just now, for the same reason."""
        return any(map(self.unlucky, Books(shell.journal._db).in_work()))

    def crashed(self, shell: Shell) -> None:
        """The daemon has just died: what the journal says was alone may be blamed for it."""
        with books(shell.journal.path) as journal:
            working = journal.in_work()
            if any(working.values()):
                assert len(working) == 1, f"{working}: only one should have been in work"
                self.lonely.update(working)
            self._count_remains(journal)

    def _count_remains(self, journal: Books) -> None:
        jobs = {int(temp.rpartition(".mattingd-")[2].partition("-")[0]) for temp in self.outputs.temps}
        if jobs - journal.prepared():
            self.weather.count("temp written, not prepared, at a crash")
        if set(self.outputs.finals) - self.outputs.foreign - journal.published():
            self.weather.count("renamed, not journaled, at a crash")

    def ended(self, stop: Stop, now: int) -> None:
        """The daemon ended by itself: it was asked to, or its engine died too often over poison."""
        contents = [content for versions in self.hot.versions.values() for content in versions]
        deadly = sum(content.kind in POISON_ENGINE for content in contents) > 1 and stop.reason.startswith(
            "the engine ended"
        )
        assert stop.code is ExitCode.OK or self.weather.storm(now) or deadly, stop.reason
        self.weather.tables.totals[f"ended with {stop.code.name}"] += 1


def in_work(shell: Shell) -> set[int]:
    """Jobs that some process works on, or holds the picture of, at this moment."""
    jobs = {number for sent in shell.engines.batches for number in sent.order.jobs}
    for worker in shell.workers:
        jobs.update(worker.operations.held)
        if isinstance(worker.order, Read | Finish):
            jobs.add(worker.order.job)
    return jobs
