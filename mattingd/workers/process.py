"""Child processes: start, talk to and end them.

Each child has a socket pair and two threads here: one passes on the child's messages, one writes messages to
it, so that no other thread waits for a child. A child ends when the daemon does, however the daemon ends.
"""

import contextlib
import ctypes
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from mattingd.domain.reasons import NO_REASON, Reason
from mattingd.workers.protocol import (
    FROM_ENGINE,
    FROM_WORKER,
    HEADER_BYTES,
    TO_ENGINE,
    TO_WORKER,
    Message,
    MessageError,
    Schema,
    decode,
    encode,
    lengths,
)
from mattingd.workers.spawning import Spawned, spawn

FROM_CHILDREN: Schema = FROM_WORKER | FROM_ENGINE
TO_CHILDREN: Schema = TO_WORKER | TO_ENGINE
_PR_SET_PDEATHSIG = 1
GONE_SECONDS = 3.0
"""A process that was killed and is still there after this hangs in a call to a share."""
_ABANDONED: list["subprocess.Popen[bytes]"] = []
"""Such processes, kept so that nobody waits for them."""


class Channel:
    """One end of a socket pair, for whole messages. One thread sends, one receives."""

    def __init__(self, end: socket.socket, accepts: Schema) -> None:
        self._end = end
        self._accepts = accepts

    def send(self, message: Message) -> None:
        """Send a message; waits until the kernel has taken it all.

        Raises:
            OSError: the other side is gone.
        """
        for part in encode(message):
            self._end.sendall(part)

    def receive(self) -> Message:
        """Return the next message.

        Raises:
            EOFError: the other side is gone.
            MessageError: its message does not fit the schema.
        """
        follows = lengths(self._exactly(HEADER_BYTES))
        return decode(self._exactly(follows.text), self._exactly(follows.pixels), self._accepts)

    def _exactly(self, size: int) -> bytes:
        parts, missing = [], size
        while missing:
            part = self._end.recv(missing, socket.MSG_WAITALL)
            if not part:
                raise EOFError
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def hang_up(self) -> None:
        """Stop sending and receiving: whoever waits for the other side returns."""
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the descriptor; no thread may use this end any more."""
        self._end.close()


class Child:
    """A running child process."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        heard: Callable[[Message], None],
        ended: Callable[[Reason], None],
        environment: Mapping[str, str] | None = None,
        keep: Sequence[int] = (),
        accepts: Schema = FROM_CHILDREN,
        ahead: Spawned | None = None,
    ) -> None:
        """Start a child.

        Args:
            command: its command line, as for `spawn`.
            heard: called on the child's reader thread with each of its messages, in order.
            ended: called last on that thread, with how it ended in plain words.
            environment: added to our own.
            keep: descriptors it inherits.
            accepts: the messages that it may send.
            ahead: its process, if that was started already.
        """
        self.process, ours = ahead or spawn(command, environment or {}, keep)
        self._channel = Channel(ours, accepts)
        self._outgoing: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._heard = heard
        self._ended = ended
        self._why = NO_REASON
        self._writer = self._thread(self._write)
        self._writer.start()
        self._thread(self._read).start()

    def _thread(self, target: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=target, name=f"child-{self.process.pid}", daemon=True)

    def tell(self, message: Message) -> None:
        """Send a message; never waits."""
        self._outgoing.put(message)

    def kill(self, why: Reason) -> None:
        """Kill it; `ended` is called with the reason, after `GONE_SECONDS` at the latest.

        A process whose call to a frozen share does not return cannot be ended: it is abandoned, and ends when
        the call returns.
        """
        self._why = why
        self.process.kill()
        threading.Thread(target=self._abandon, name=f"kill-{self.process.pid}", daemon=True).start()

    def _abandon(self) -> None:
        if not self.wait():
            self._channel.hang_up()

    def wait(self) -> bool:
        """Wait until a killed child has ended; False when it hangs in the kernel."""
        try:
            self.process.wait(GONE_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _read(self) -> None:
        """Read its messages; even after an invalid one, its end is reported."""
        try:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    self._heard(self._channel.receive())
        except MessageError as error:
            self.kill(Reason.of("nonsense", said=str(error)))
        except Exception as error:  # noqa: BLE001 - no child is left to itself by a defect of ours
            self.kill(Reason.of("nonsense", said=f"{type(error).__name__}: {error}"))
        self._outgoing.put(None)
        self.process.kill()
        gone = self.wait()
        self._channel.hang_up()
        self._writer.join()
        self._channel.close()
        if not gone:
            _ABANDONED.append(self.process)
        how = how_it_ended(self.process.returncode) if gone else Reason.of("hangs")
        self._ended(self._why or how)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            while (message := self._outgoing.get()) is not None:
                self._channel.send(message)


def how_it_ended(code: int) -> Reason:
    """Describe the meaning of a return code."""
    if code >= 0:
        return Reason.of("exit_code", exit_code=code)
    try:
        return Reason.of("signal", signal=signal.Signals(-code).name)
    except ValueError:
        return Reason.of("signal", signal=f"signal {-code}")


def end_with(parent: str) -> None:
    """Have this process killed when its parent, with this number, ends in whatever way."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit(0)


def connect(
    number: str, parent: str, accepts: Schema = TO_CHILDREN
) -> tuple[Callable[[], Message], Callable[[Message], None]]:
    """Connect the child to the socket whose number is on the command line.

    From here on the child dies with its parent, and only then: signals that a terminal or systemd sends to
    the whole group are the parent's decision.
    """
    end_with(parent)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=int(number)), accepts)
    return channel.receive, channel.send
