"""Decide when a run ends: on request, or because nothing is left to do.

`RunUntilStopped` is the daemon, which waits for everything that may recover. `ExitWhenIdle` is `mattingd
process`: it does what is there and ends. `Shutdown` carries out either of them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from mattingd.core.batching import EngineQueue
from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, Trigger
from mattingd.core.policy import SECOND
from mattingd.core.queue.output_gate import OutputGate
from mattingd.core.worker_pool import WorkerPool
from mattingd.domain.commands import AnnounceShutdown, Stop
from mattingd.domain.events import FolderTrouble, StopAsked
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Folder
from mattingd.domain.reasons import Reason

OUTPUT_TRIES = 3
"""So many failures to write in a row end a run that does not wait for the output to heal."""
NONE_UNREADABLE: Mapping[int, Reason] = MappingProxyType({})
AT_ONCE = "stopped at once; interrupted pictures are done again after the next start"


class Ending(Protocol):
    """How a run ends without a request, and what it does not wait for."""

    @property
    def ends_when_idle(self) -> bool:
        """Whether it ends by itself."""

    @property
    def unreadable(self) -> Mapping[int, Reason]:
        """Hot folders whose scan it does not wait for, and why."""

    def folder_trouble(self, fact: FolderTrouble) -> None:
        """Handle a hot folder that cannot be read at present, or can be read again."""

    def gives_up(self, failures: int) -> bool:
        """Whether this many failures to write in a row end the run."""

    def replaces(self, job: Job, folder: Folder | None) -> bool:
        """Whether a job that an earlier run left queued is replaced by one with the present settings."""


class RunUntilStopped:
    """The daemon: it ends on request, and waits for everything else."""

    ends_when_idle = False
    unreadable = NONE_UNREADABLE

    def folder_trouble(self, fact: FolderTrouble) -> None:
        """Wait: the folder is scanned when it can be read again."""

    def gives_up(self, failures: int) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: a full disk may be emptied some day."""
        return False

    def replaces(self, job: Job, folder: Folder | None) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: jobs keep the settings that they were admitted with."""
        return False


class ExitWhenIdle:
    """A single run: it processes what the first scan found, as far as that is possible at present."""

    ends_when_idle = True

    def __init__(self) -> None:
        self._unreadable: dict[int, Reason] = {}

    @property
    def unreadable(self) -> Mapping[int, Reason]:
        """Hot folders that cannot be read, and why."""
        return self._unreadable

    def folder_trouble(self, fact: FolderTrouble) -> None:
        """Do not wait for a folder that cannot be read."""
        if fact.reason is None:
            self._unreadable.pop(fact.folder, None)
        else:
            self._unreadable[fact.folder] = fact.reason

    def gives_up(self, failures: int) -> bool:
        """Whether there were `OUTPUT_TRIES` failures in a row."""
        return failures >= OUTPUT_TRIES

    def replaces(self, job: Job, folder: Folder | None) -> bool:
        """Whether the settings differ from those of the run before, which did not end."""
        return folder is not None and folder.recipe.hash != job.recipe.hash


class Shutdown:
    """Ends a run: in order, at once, or when idle. One owner: the scheduler."""

    def __init__(
        self, work: JobStore, pool: WorkerPool, queue: EngineQueue, intake: Intake, output: OutputGate
    ) -> None:
        self.work = work
        self.pool = pool
        self.queue = queue
        self.intake = intake
        self.output = output
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
        """Whether everything that was seen has ended."""
        unscanned = self.intake.unscanned - self.ending.unreadable.keys()
        pending = unscanned or len(self.intake.settler) or self.intake.admitting
        return not (pending or self.work.jobs or self.pool.busy)

    def waited_for(self) -> set[int]:
        """Return the jobs that are finished before an ordinary end."""
        busy = {slot.job for slot in self.pool.slots if slot.job is not None}
        return busy | self.work.in_flight | self.work.publishable.keys()

    def ask(self, _: StopAsked) -> None:
        """Handle a request to end: the first finishes the pictures in work, a second ends at once."""
        if self.asked:
            self.now(AT_ONCE)
            return
        self.asked, self.intake.open = True, False
        self.deadline = self.work.now + self.work.policy.stop_ns
        self.work.timers.wake(self.deadline, "stop", None)
        seconds = self.work.policy.stop_ns / SECOND
        self.work.out.append(AnnounceShutdown(tuple(sorted(self.waited_for())), seconds))

    def overdue(self) -> None:
        """Give up an ordinary end after its time limit."""
        left, seconds = len(self.waited_for()), self.work.policy.stop_ns / SECOND
        pictures = "1 picture in work was" if left == 1 else f"{left} pictures in work were"
        self.now(
            f"{pictures} not finished within the {seconds:g} s that `stop_seconds` allows;"
            " that is done after the next start"
        )

    def now(self, reason: str, code: ExitCode = ExitCode.OK) -> None:
        """End without waiting. Pictures in flight are marked as interrupted, which blames no picture."""
        for number in sorted(self.work.in_flight):
            job = self.work.jobs[number]
            job.isolated = False
            self.work.move(job, Trigger.CRASHED, Reason.of("interrupted"))
        self._say(code, reason)

    def output_failed(self, failures: int, reason: str) -> None:
        """Handle repeated failures to write: a run that does not wait ends."""
        if self.ending.gives_up(failures):
            self.now(reason, ExitCode.PARTIAL)

    def when_done(self) -> None:
        """End if nothing is left that this run waits for."""
        if self.asked:
            self._when_drained()
        elif self.ending.ends_when_idle and self.idle():
            reasons = "; ".join(sorted({*map(str, self.ending.unreadable.values()), *self.left_alone}))
            self._say(ExitCode.PARTIAL if reasons else ExitCode.OK, reasons or "everything is done")

    def _when_drained(self) -> None:
        work, busy = self.work, self.pool.busy
        if not (work.in_flight or work.publishable or self.intake.admitting or busy):
            self._say(ExitCode.OK, "stopped")
        elif self.output.offline and not (busy or self.queue.running):
            why = "stopped; the output folder is offline, the rest is done after the next start"
            self._say(ExitCode.OK, why)
        elif self.output.no_space and not (work.publishable or busy or self.queue.running):
            self.now("stopped; the output disk is short of space, the rest is done after the next start")

    def _say(self, code: ExitCode, reason: str) -> None:
        if not self.stopped:
            self.stopped = True
            self.work.out.append(Stop(code, reason))
