"""A scheduler with somebody at its desk: facts in, commands sorted, jobs admitted without a journal."""

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from because import why

from mattingd.core.lifecycle import State
from mattingd.core.output_paths import place
from mattingd.core.policy import SECOND, Policy
from mattingd.core.scheduler import Scheduler
from mattingd.core.stopping import Ending
from mattingd.domain import commands, events
from mattingd.domain.commands import Action, Announcement, Command, Move, Write
from mattingd.domain.events import Fact, FileObservation
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Fault, Fit, Folder, JobRecord, Output, Recipe, Stamp
from mattingd.domain.reasons import Reason

Kind = TypeVar("Kind")
ONE = Policy(workers=1)
TWO = Policy(workers=2)
FIT = Fit(1_000, 1_000, 448, 448)
FOLDERS = {number: Folder(number, f"in{number}", Recipe("as ever")) for number in (1, 2)}


def stamp_of(number: int) -> Stamp:
    """The stamp that the picture of this job number was admitted with."""
    return Stamp(100_000, number)


def row(number: int, state: str = "queued", folder: int = 1, **more: Any) -> JobRecord:
    """A job as the journal holds it."""
    path = f"{number}.jpg".encode()
    outputs = (Output(0, place(f"out/{number}", 1, ".png")),)
    note = f"out/_failed/{number}.jpg.error.txt"
    plain = JobRecord(number, folder, path, stamp_of(number), state, FOLDERS[folder].recipe, outputs, note)
    return replace(plain, **more)


@dataclass
class Desk:
    """Talks to a scheduler and remembers the state of every job."""

    policy: Policy = field(default_factory=Policy)
    now: int = 1_000 * SECOND
    states: dict[int, str] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    announced: list[Announcement] = field(default_factory=list)
    engine: int = 0
    """The one that was started last."""
    ending: Ending | None = None

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.policy, FOLDERS, ending=self.ending)

    def start(
        self, *rows: JobRecord, clean: bool = True, max_batch: int = 1, up: bool = True
    ) -> list[Action]:
        """Start, and let everybody come up."""
        actions = self._sort(self.scheduler.start(rows, clean=clean, now=self.now))
        self.say(events.Today("2026-11-20"))
        if up:
            for number in range(self.policy.workers):
                actions += self.say(events.WorkerUp(number, 100 + number))
            actions += self.engine_up(max_batch)
        return actions

    def engine_up(self, max_batch: int = 1, device: str = "cuda") -> list[Action]:
        """The engine is ready."""
        return self.say(events.EngineUp(self.engine, device, "", "fp32", "cv-unet", "", max_batch, 0.1))

    def engine_dies(self, how: str | Reason, fatal: ExitCode | None = None, **more: bool) -> list[Action]:
        """The engine that was started last ends."""
        return self.say(
            events.EngineDied(self.engine, why(how) if isinstance(how, str) else how, fatal, **more)
        )

    def say(self, fact: Fact) -> list[Action]:
        """Tell a fact; returns the actions that follow."""
        return self._sort(self.scheduler.handle(fact, self.now))

    def later(self, seconds: float) -> list[Action]:
        """Let time pass, waking the scheduler when it wants to be woken."""
        until, actions = self.now + round(seconds * SECOND), list[Action]()
        while (wake := self.scheduler.next_wakeup()) is not None and wake <= until:
            assert wake >= self.now
            self.now = wake
            actions += self.say(events.Tick())
        self.now = until
        return actions

    def until(self, kind: type[Kind], seconds: float = 1_000) -> Kind:
        """Let time pass until an action of this kind follows; returns that action."""
        end = self.now + round(seconds * SECOND)
        while (wake := self.scheduler.next_wakeup()) is not None and wake <= end:
            self.now = wake
            for action in self.say(events.Tick()):
                if isinstance(action, kind):
                    return action
        raise AssertionError(f"no {kind.__name__} for {seconds} seconds; {self.states}")

    def admit(self, *numbers: int, folder: int = 1, **more: Any) -> list[Action]:
        """Let the journal have new jobs."""
        actions: list[Action] = []
        for number in numbers:
            self.states[number] = "queued"
            actions += self.say(events.Admitted(row(number, folder=folder, **more)))
        return actions

    def look(self, number: int, stamp: Stamp | None, *, folder: int = 1, full: bool = False) -> list[Action]:
        """Somebody sees the file of a job, with this stamp, or sees that it is gone."""
        look = None if stamp is None else FileObservation(stamp, full=full)
        return self.say(events.FileObserved(folder, f"{number}.jpg".encode(), look))

    # --- answers to actions ---

    def answer(self, action: Action) -> list[Action]:  # noqa: PLR0911 - a line for each
        """Let an operation succeed."""
        match action:
            case commands.Read(worker, job):
                return self.say(events.ReadOk(worker, job, b"content %d" % job, FIT, 0.25))
            case commands.Infer(batch, jobs):
                return self.say(events.Inferred(batch, (False,) * len(jobs), 0.5 * len(jobs)))
            case commands.Finish(worker, job, _, outputs):
                done = tuple(replace(o, temp=f".t{job}", sha256=b"hash", size=4) for o in outputs)
                return self.say(events.Finished(worker, job, done, 4.0, 1.0))
            case commands.Publish(worker, job):
                return self.say(events.Published(worker, job, 0.125))
            case commands.DoChore(worker, job, chore):
                return self.say(events.ChoreDone(worker, job, chore, stays=action.together))
            case commands.MoveFolder(worker, job):
                return self.say(events.FolderMoved(worker, job, action.place))
        return []

    def work_off(self, actions: list[Action]) -> list[Action]:
        """Let everything succeed until nothing follows; returns all that was done."""
        done = list(actions)
        queue = list(actions)
        while queue:
            following = self.answer(queue.pop(0))
            done += following
            queue += following
        return done

    def fault(self, action: Action, fault: Fault, reason: str = "so it is") -> list[Action]:
        """Let an operation of a worker fail."""
        assert isinstance(action, commands.Read | commands.Finish | commands.Publish)
        return self.say(events.Faulted(action.worker, action.job, fault, why(reason)))

    def _sort(self, todo: list[Command]) -> list[Action]:
        actions: list[Action] = []
        for command in todo:
            if isinstance(command, Announcement):
                self.announced.append(command)
            elif isinstance(command, Write):
                self.writes.append(command)
                if isinstance(command, Move):
                    self.states[command.job] = State(command.state).value
            else:
                actions.append(command)
            if isinstance(command, commands.StartEngine):
                self.engine = command.engine
        return actions


def only(actions: list[Action], kind: type[Kind]) -> Kind:
    """The one action of this kind."""
    (found,) = (action for action in actions if isinstance(action, kind))
    return found


def all_of(actions: list[Action], kind: type[Kind]) -> list[Kind]:
    """All actions of this kind, in order."""
    return [action for action in actions if isinstance(action, kind)]


def prepared(desk: Desk, number: int) -> commands.Publish:
    """Bring a picture as far as its publication."""
    infer = only(desk.answer(only(desk.admit(number), commands.Read)), commands.Infer)
    return only(desk.answer(only(desk.answer(infer), commands.Finish)), commands.Publish)
