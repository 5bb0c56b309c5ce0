"""The daemon's standing on the machine: one per state directory, known to systemd, stopped by signals."""

import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from mattingd import clock

STDERR = 2
LOCK = "lock"
"""Name of the lock file in the state directory."""
PATIENCE_NS = 3 * clock.SECOND
"""A lock that is still held after this belongs to a daemon that lives."""


class LockedError(Exception):
    """Another daemon works with this state directory; the message says which process."""


class Lock:
    """The state directory belongs to us, and to our children as long as one of them lives."""

    def __init__(self, state_dir: Path) -> None:
        """Take the lock; from a daemon that was killed this instant its children may hold it a moment longer.

        Raises:
            LockedError: somebody holds it.
            OSError: the directory cannot be written.
        """
        self.descriptor = os.open(state_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        patience = clock.monotonic_ns() + PATIENCE_NS
        while not self._taken():
            if patience <= clock.monotonic_ns():
                holder = os.pread(self.descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                os.close(self.descriptor)
                raise LockedError(
                    f"another mattingd (process {holder}) works with {state_dir}:"
                    " stop it first, or use another state_dir"
                )
            clock.sleep(0.02)
        with contextlib.suppress(OSError):  # on a full disk it is held without our name
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give it back."""
        os.close(self.descriptor)


class Notifier:
    """Tells systemd how we are (sd_notify(3)); does nothing where systemd does not ask."""

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._ready = self._reloading = False

    def tell(self, **state: str | int) -> None:
        """Send e.g. ``READY=1``, ``STATUS=...``, ``WATCHDOG=1``."""
        if not self._address:
            return
        message = "\n".join(f"{key}={value}" for key, value in state.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(message.encode(), self._address)

    def ready(self) -> None:
        """Pictures can be done. Said once; what follows is said by `reloading` and `reloaded`."""
        if not self._ready:
            self._ready = True
            self.tell(READY=1)

    def reloading(self) -> None:
        """New settings are being read; nothing is said before the first `ready`."""
        if self._ready:
            self._reloading = True
            self.tell(RELOADING=1, MONOTONIC_USEC=clock.monotonic_ns() // 1_000)

    def reloaded(self) -> None:
        """Reading new settings is over, whether they were taken or not."""
        if self._reloading:
            self._reloading = False
            self.tell(READY=1)


def on_signals(stop: Callable[[str], None], reload: Callable[[], None] | None = None) -> None:
    """Call `stop` with the signal's name at each SIGTERM and SIGINT, and `reload` at SIGHUP.

    The kernel also sends SIGHUP when the terminal that a program was started on is closed: that is an end.

    SIGIO is ignored: the kernel sends it when somebody opens a file for writing on which we just asked for a
    lease, and its default is to end the process.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stop(signal.Signals(received).name))
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    if reload is not None:
        on_terminal = os.isatty(STDERR)

        def hung_up(_number: int, _frame: object) -> None:
            if on_terminal and not os.isatty(STDERR):
                stop("SIGHUP, its terminal is gone")
            else:
                reload()

        signal.signal(signal.SIGHUP, hung_up)
