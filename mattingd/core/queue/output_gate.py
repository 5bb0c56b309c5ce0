"""Whether cut-outs can be written at present: the output folder answers, has room, and takes files."""

from mattingd.core.job_store import JobStore
from mattingd.domain.events import SpaceLow
from mattingd.domain.reasons import Reason


class OutputGate:
    """See the module. One owner: the scheduler."""

    def __init__(self, work: JobStore) -> None:
        self.work = work
        self.failures = 0
        """Tries in a row that failed."""
        self.no_space: Reason | None = None
        """Why no cut-out may be written at present, although it could."""
        self.offline: Reason | None = None
        """Why the output folder cannot be reached at present."""
        self._pause = 0

    @property
    def halted(self) -> Reason | None:
        """Return why no cut-out is written at present; None when they are."""
        return self.offline or self.no_space

    @property
    def rests(self) -> bool:
        """Whether the next try after a failure is not due yet."""
        return self._pause > self.work.now

    def works(self) -> None:
        """Resume full speed after a successful write."""
        self.failures = 0

    def fails(self) -> None:
        """Handle an output folder that cannot be written: one picture at a time retries, ever more rarely.

        Pictures that were in work together fail together: that counts as one attempt.
        """
        if self.failures and self.rests:
            return
        self.failures += 1
        self._pause = self.work.now + self.work.backoff_ns(self.failures)
        self.work.timers.wake(self._pause, "wake", None)

    def try_now(self) -> None:
        """Retry at once because the user says that the output folder can be written again."""
        self._pause = min(self._pause, self.work.now)

    def space_low(self, fact: SpaceLow) -> None:
        """Pause because disk space is low: pictures in work wait in memory and none is started.

        Waiting is not failing.
        """
        self.no_space = fact.reason
