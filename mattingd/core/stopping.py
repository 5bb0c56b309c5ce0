"""When a run ends: because it was asked to, or because there is nothing left to do.

`RunUntilStopped` is the daemon, which waits for whatever may heal. `ExitWhenIdle` is `mattingd process`: it
does what is there and ends. `Shutdown` carries either of them out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from mattingd.core.batching import EngineQueue
from mattingd.core.dispatch import Dispatcher
from mattingd.core.intake import Intake
from mattingd.core.job_store import SECOND, JobStore
from mattingd.core.lifecycle import Event, Job
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain.commands import AnnounceShutdown, Stop
from mattingd.domain.events import FolderTrouble, StopAsked
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Folder

OUTPUT_TRIES = 3
"""So many failures to write in a row end a run that does not wait for the output to heal."""
NONE_UNREADABLE: Mapping[int, str] = MappingProxyType({})
AT_ONCE = "stopped at once; interrupted pictures are done again after the next start"


class Ending(Protocol):
    """How a run ends when nobody asks it to, and what it does not wait for."""

    @property
    def ends_when_idle(self) -> bool:
        """Whether it ends by itself."""

    @property
    def unreadable(self) -> Mapping[int, str]:
        """Hot folders whose scan it does not wait for, and why."""

    def folder_trouble(self, fact: FolderTrouble) -> None:
        """A hot folder cannot be read at present, or can be read again."""

    def gives_up(self, failures: int) -> bool:
        """Whether so many failures to write in a row are enough."""

    def replaces(self, job: Job, folder: Folder | None) -> bool:
        """Whether a job that an earlier run left queued is given up for the settings of now."""


class RunUntilStopped:
    """The daemon: it ends when it is asked to, and waits for everything else."""

    ends_when_idle = False
    unreadable = NONE_UNREADABLE

    def folder_trouble(self, fact: FolderTrouble) -> None:
        """It is scanned when it can be read again."""

    def gives_up(self, failures: int) -> bool:  # noqa: ARG002 - the protocol's
        """Never: a full disk is emptied some day."""
        return False

    def replaces(self, job: Job, folder: Folder | None) -> bool:  # noqa: ARG002 - the protocol's
        """Never: jobs keep the settings they were admitted with."""
        return False


class ExitWhenIdle:
    """A single run: it does what the first scan found, as far as that is possible now."""

    ends_when_idle = True

    def __init__(self) -> None:
        self._unreadable: dict[int, str] = {}

    @property
    def unreadable(self) -> Mapping[int, str]:
        """Hot folders that cannot be read, and why."""
        return self._unreadable

    def folder_trouble(self, fact: FolderTrouble) -> None:
        """A folder that cannot be read is not waited for."""
        if fact.reason is None:
            self._unreadable.pop(fact.folder, None)
        else:
            self._unreadable[fact.folder] = fact.reason

    def gives_up(self, failures: int) -> bool:
        """After `OUTPUT_TRIES` failures in a row."""
        return failures >= OUTPUT_TRIES

    def replaces(self, job: Job, folder: Folder | None) -> bool:
        """Whether the user asks for something else now than the run before, which did not end."""
        return folder is not None and folder.recipe.hash != job.recipe.hash


class Shutdown:
    """Ends a run: in order, at once, or by itself. One owner: the scheduler."""

    def __init__(
        self, work: JobStore, crew: WorkerPool, queue: EngineQueue, intake: Intake, dispatcher: Dispatcher
    ) -> None:
        self.work = work
        self.crew = crew
        self.queue = queue
        self.intake = intake
        self.dispatcher = dispatcher
        self.ending: Ending = RunUntilStopped()
        self.asked = False
        """The end was asked for: what is in work is finished, nothing more is begun."""
        self.deadline = 0
        """When an ordinary end is given up, once it was asked for."""
        self.stopped = False
        """`Stop` was said: nothing follows."""
        self.left_alone: set[str] = set()
        """Why single pictures are left to the next run, in a run that does not wait."""

    def idle(self) -> bool:
        """Whether everything that was seen has come to an end."""
        unscanned = self.intake.unscanned - self.ending.unreadable.keys()
        pending = unscanned or len(self.intake.settler) or self.intake.admitting
        return not (pending or self.work.jobs or self.crew.busy)

    def waited_for(self) -> set[int]:
        """The jobs that are finished before an ordinary end."""
        busy = {hand.job for hand in self.crew.hands if hand.job is not None}
        return busy | self.work.in_flight | self.work.publishable.keys()

    def ask(self, _: StopAsked) -> None:
        """The first request finishes what is in work; a second one ends at once."""
        if self.asked:
            self.now(AT_ONCE)
            return
        self.asked, self.intake.open = True, False
        self.deadline = self.work.now + self.work.policy.stop_ns
        self.work.timers.wake(self.deadline, "stop", None)
        seconds = self.work.policy.stop_ns / SECOND
        self.work.out.append(AnnounceShutdown(tuple(sorted(self.waited_for())), seconds))

    def overdue(self) -> None:
        """The time for an ordinary end is over."""
        left, seconds = len(self.waited_for()), self.work.policy.stop_ns / SECOND
        pictures = "1 picture in work was" if left == 1 else f"{left} pictures in work were"
        self.now(
            f"{pictures} not finished within the {seconds:g} s that `stop_seconds` allows;"
            " that is done after the next start"
        )

    def now(self, reason: str, code: ExitCode = ExitCode.OK) -> None:
        """End without waiting; what was in flight is marked as interrupted, which blames no picture."""
        for number in sorted(self.work.in_flight):
            job = self.work.jobs[number]
            job.isolated = False
            self.work.move(job, Event.CRASHED, "interrupted")
        self._say(code, reason)

    def output_failed(self, failures: int, reason: str) -> None:
        """Writing failed so often in a row: a run that does not wait ends now."""
        if self.ending.gives_up(failures):
            self.now(reason, ExitCode.PARTIAL)

    def when_done(self) -> None:
        """End if nothing is left that this run waits for."""
        if self.asked:
            self._when_drained()
        elif self.ending.ends_when_idle and self.idle():
            reasons = "; ".join(sorted({*self.ending.unreadable.values(), *self.left_alone}))
            self._say(ExitCode.PARTIAL if reasons else ExitCode.OK, reasons or "everything is done")

    def _when_drained(self) -> None:
        work, busy = self.work, self.crew.busy
        if not (work.in_flight or work.publishable or self.intake.admitting or busy):
            self._say(ExitCode.OK, "stopped")
        elif self.dispatcher.no_space and not (work.publishable or busy or self.queue.running):
            self.now("stopped; the output disk is short of space, the rest is done after the next start")

    def _say(self, code: ExitCode, reason: str) -> None:
        if not self.stopped:
            self.stopped = True
            self.work.out.append(Stop(code, reason))
