"""The daemon's side of a child that works on a share: started, listened to, given up, and started again.

A child that says nothing for so long hangs in a call: the share is offline. The child is killed, and the next
one is started when it is gone, after a pause that grows. So there is never more than one of them.
"""

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from mattingd.domain.reasons import Reason
from mattingd.system import clock
from mattingd.workers.process import Child
from mattingd.workers.protocol import FROM_SHARE, Message
from mattingd.workers.spawning import KEPT_MEMORY

PROGRAM = (sys.executable, "-m", "mattingd.shares")
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds between two children."""
START_SECONDS = 60.0
"""For a child to come up and say so: on a busy machine that takes a while."""
LOOK_SECONDS = 0.25
"""How often it is made sure that the child is alive."""


class ShareKeeper(threading.Thread):
    """Keeps one child running."""

    def __init__(
        self,
        name: str,
        *,
        orders: Callable[[], Iterable[Any]],
        heard: Callable[[Any], None],
        trouble: Callable[[Reason], None],
        failed: Callable[[BaseException], None],
        seconds: Callable[[], float],
    ) -> None:
        """Set up; `start()` starts the first child.

        Args:
            name: name of the thread.
            orders: the first messages to each new child.
            heard: gets the child's messages; may make the child wait.
            trouble: called with the reason when no child works.
            failed: called once if the thread ends by a defect.
            seconds: a child that is silent for longer counts as hung.
        """
        super().__init__(name=name, daemon=True)
        self._orders = orders
        self._heard = heard
        self._trouble = trouble
        self._failed = failed
        self._seconds = seconds
        self._child: Child | None = None
        self._sending = threading.Lock()
        self._stopping = threading.Event()
        self._at = 0
        """When the child was heard last, in ns."""
        self._taking = False
        """What it said is being taken: its silence meanwhile means nothing."""
        self._said = 0
        """Messages of the child; with the first it says that it has come up."""
        self._ended: str | None = None

    def say(self, content: Any) -> None:
        """Send the child a message; without a child, the next one gets its orders anyway."""
        with self._sending:
            if self._child is not None:
                self._child.tell((content, None))

    def stop(self) -> None:
        """End the child and the thread soon."""
        self._stopping.set()

    def run(self) -> None:
        """Keep a child running until stopped."""
        try:
            pause = FIRST_PAUSE
            while not self._stopping.is_set():
                child = self._begin()
                why = self._watch()
                with self._sending:
                    self._child = None
                child.kill(why)
                if self._stopping.is_set():
                    return
                self._trouble(why)
                pause = FIRST_PAUSE if self._said > 1 else min(2 * pause, LONGEST_PAUSE)
                self._stopping.wait(pause)
                while child.process.poll() is None and not self._stopping.wait(LOOK_SECONDS):
                    pass
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            self._failed(error)

    def _begin(self) -> Child:
        self._at, self._said, self._ended = clock.monotonic_ns(), 0, None
        child = Child(
            PROGRAM,
            heard=self._hear,
            ended=lambda how: self._end(str(how)),
            environment={KEPT_MEMORY: "131072"},
            accepts=FROM_SHARE,
        )
        with self._sending:
            for content in self._orders():
                child.tell((content, None))
            self._child = child
        return child

    def _watch(self) -> Reason:
        """Wait until the child has ended, hangs, or is not needed any more; returns the reason."""
        while not self._stopping.wait(LOOK_SECONDS):
            if self._ended is not None:
                return Reason.of("share_process_failed", error=self._ended)
            silent = clock.monotonic_ns() - self._at
            patience = self._seconds() if self._said else START_SECONDS
            if not self._taking and silent > patience * clock.SECOND:
                return Reason.of("share_silent", seconds=self._seconds())
        return Reason.of("said_why", said="it is not needed any more")

    def _hear(self, message: Message) -> None:
        self._taking = True
        try:
            self._heard(message[0])
        finally:
            self._at, self._taking = clock.monotonic_ns(), False
            self._said += 1

    def _end(self, how: str) -> None:
        self._ended = how
