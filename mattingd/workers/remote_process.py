"""The child process that talks to the workers on other machines: one process for all their slots."""

import sys
import threading
from collections.abc import Callable, Sequence

from mattingd.config import Settings
from mattingd.domain import events
from mattingd.domain.commands import Action, RemoteConfig, WorkerConfig
from mattingd.domain.reasons import Reason
from mattingd.workers.process import Child
from mattingd.workers.protocol import FROM_REMOTE, Message

PROGRAM = (sys.executable, "-m", "mattingd.remote")


class RemoteProcess:
    """The remote child process. It is started and ended by the supervisor of all children."""

    def __init__(self, first: int, keep: Sequence[int], heard: Callable[[Message], None]) -> None:
        """Nothing runs yet.

        Args:
            first: the number of the first slot.
            keep: descriptors that it inherits.
            heard: called on its reader thread with each of its messages.
        """
        self.first = first
        self._keep = tuple(keep)
        self._heard = heard
        self._child: Child | None = None
        """Its reader thread takes it away when it ends: look once, then use what was seen."""
        self._turn = threading.Lock()
        self._sha256 = ""

    def start(self, settings: Settings, sha256: str, bench: WorkerConfig) -> None:
        """Start it or, if it runs, send it the present settings."""
        self._sha256 = sha256
        with self._turn:  # the end of a process that ends at once is noted first
            if self._child is None:
                self._child = Child(
                    PROGRAM,
                    heard=self._heard,
                    ended=self._ended,
                    environment={"OMP_NUM_THREADS": "1"},
                    keep=self._keep,
                    accepts=FROM_REMOTE,
                )
        self.configure(settings, bench)

    def configure(self, settings: Settings, bench: WorkerConfig) -> None:
        """Send it the settings, if it runs."""
        dask, child = settings.workers.dask, self._child
        if child is None or dask.scheduler is None:
            return
        order = RemoteConfig(
            scheduler=dask.scheduler,
            ca=dask.ca,
            cert=dask.cert,
            key=dask.key,
            first=self.first,
            places=dask.pictures,
            sha256=self._sha256,
            picture_seconds=settings.limits.picture_seconds,
            bench=bench,
        )
        child.tell((order, None))

    def tell(self, action: Action, payload: bytes | None) -> None:
        """Send a command. If it has just ended, its end is the answer."""
        if (child := self._child) is not None:
            child.tell((action, payload))

    def kill(self, why: Reason) -> None:
        """Kill it: one of its slots gave no answer for far too long."""
        if (child := self._child) is not None:
            child.kill(why)

    @property
    def children(self) -> list[Child]:
        """Return the process, if it runs."""
        child = self._child
        return [] if child is None else [child]

    def _ended(self, how: Reason) -> None:
        with self._turn:
            self._child = None
        self._heard((events.RemoteEnded(how), None))
