"""Write log lines on a separate thread, so that nothing ever waits for a terminal or a disk.

A pipe without a reader, a full disk or a journald that hangs costs log lines, which are counted, but never a
picture.
"""

import atexit
import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol, TextIO

LINES_WAITING = 10_000
"""So many lines may wait to be written; what comes on top is lost, and counted."""
CLOSING_SECONDS = 2.0
"""How long the end of the program waits for the last lines."""


class Writer(Protocol):
    """The interface of writers."""

    def write(self, line: Any) -> None:
        """Write a line; may wait. An error means that it is lost."""

    def close(self) -> None:
        """Close: no more lines will come."""


class Outlet:
    """Passes lines, in order, to a writer."""

    def __init__(self, writer: Writer, lost: Callable[[int], Any]) -> None:
        """Start the thread.

        Args:
            writer: writes the lines.
            lost: makes the line that reports how many were lost before it.
        """
        self._writer = writer
        self._tell_lost = lost
        self._lost = 0
        self._counting = threading.Lock()
        self._lines: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def send(self, line: Any) -> None:
        """Queue a line for writing; never waits."""
        if self._lines.qsize() < LINES_WAITING:
            self._lines.put(line)
        else:
            self._count(1)

    debug = info = warning = error = critical = send

    def close(self) -> None:
        """Write the waiting lines, as far as that is possible soon."""
        atexit.unregister(self.close)
        self._lines.put(None)
        self._thread.join(CLOSING_SECONDS)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            with self._counting:
                lost, self._lost = self._lost, 0
            if lost and not self._written(self._tell_lost(lost)):
                self._count(lost)
            if not self._written(line):
                self._count(1)
        self._writer.close()

    def _written(self, line: Any) -> bool:
        try:
            self._writer.write(line)
        except Exception:  # noqa: BLE001 - whatever it was, the next lines are to be written
            return False
        return True

    def _count(self, lost: int) -> None:
        with self._counting:
            self._lost += lost


class StreamWriter:
    """Writes lines to a stream, bypassing its buffer: a failed line is not tried again at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._raw = open(stream.fileno(), "wb", buffering=0, closefd=False)  # noqa: SIM115 - until `close`

    def write(self, line: str) -> None:
        """Write a line."""
        data = f"{line}\n".encode("utf-8", "backslashreplace")
        while data:
            data = data[self._raw.write(data) or 0 :]

    def close(self) -> None:
        """Release the stream."""
        self._raw.close()
