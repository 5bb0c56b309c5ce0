"""Retention on shares: a child process sweeps, the journal is written here; a share that hangs is left."""

import queue
from collections.abc import Callable
from pathlib import Path

from mattingd.domain.commands import ContinueRetention
from mattingd.domain.events import Swept
from mattingd.domain.reasons import Reason
from mattingd.domain.shares import ShareAlive, ShareSwept, SweepShare
from mattingd.outputs.retention import Commit, Places, Report, StoppedError
from mattingd.shares.keeper import PROGRAM, START_SECONDS
from mattingd.system import clock
from mattingd.workers.process import Child
from mattingd.workers.protocol import FROM_SHARE, Message
from mattingd.workers.spawning import KEPT_MEMORY

FILE_SECONDS = 300.0
"""Longer than a slow share needs to read the largest file."""
LOOK_SECONDS = 0.5
"""How often it is made sure that the daemon does not end."""


class ShareSweeper:
    """Does one sweep at a time. Never starts a child while the last one still hangs."""

    def __init__(self, seconds: Callable[[], float], file_seconds: float = FILE_SECONDS) -> None:
        """Set up; nothing is done yet.

        Args:
            seconds: a share that says nothing for longer hangs.
            file_seconds: so does one that answers, and does not get on with a file for longer.
        """
        self._seconds = seconds
        self._file_seconds = file_seconds
        self._last: Child | None = None

    def sweep(
        self,
        places: Places,
        journal: Path,
        today: str,
        *,
        confirmed: bool,
        commit: Commit,
        stopped: Callable[[], bool],
    ) -> Report:
        """As `mattingd.outputs.retention.sweep_here`, whose arguments these are."""
        if self._last is not None and not self._last.wait():  # it was killed, which takes a moment
            return Report(refused=f"{places.output_dir} still gives no answer")
        policy = places.retention
        order = SweepShare(
            str(places.output_dir),
            None if places.archive_dir is None else str(places.archive_dir),
            str(journal),
            today,
            confirmed,
            policy.days,
            policy.trash_days,
            policy.failed_days,
            policy.archived_days,
            policy.brake_percent,
            self._file_seconds,
        )
        said: queue.SimpleQueue[Message | Reason] = queue.SimpleQueue()
        child = self._last = Child(
            PROGRAM,
            heard=said.put,
            ended=said.put,
            environment={KEPT_MEMORY: "131072"},
            accepts=FROM_SHARE,
        )
        child.tell((order, None))
        try:
            return self._follow(child, said, commit, stopped)
        except StoppedError:
            return Report()
        finally:
            child.kill(Reason.of("said_why", said="the sweep is over"))

    def _follow(
        self,
        child: Child,
        said: "queue.SimpleQueue[Message | Reason]",
        commit: Commit,
        stopped: Callable[[], bool],
    ) -> Report:
        """Do what the child wants written, until it is done, hangs or ends."""
        patience, heard = START_SECONDS, clock.monotonic_ns()
        while not stopped():
            try:
                message = said.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if clock.monotonic_ns() - heard > patience * clock.SECOND:
                    return Report(refused=f"the share gives no answer for more than {patience:g} s")
                continue
            if isinstance(message, Reason):
                return Report(refused=f"the process that sweeps failed: {message}")
            match message[0]:
                case Swept() as swept:
                    commit(swept)
                    child.tell((ContinueRetention(), None))
                case ShareSwept() as done:
                    return _report(done)
                case ShareAlive():
                    patience = self._seconds()
            heard = clock.monotonic_ns()
        return Report()


def _report(done: ShareSwept) -> Report:
    return Report(
        done.removed, done.trashed, done.freed, done.gone, done.left, list(done.shown), done.refused
    )
