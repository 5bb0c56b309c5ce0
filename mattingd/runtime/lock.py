"""Allow only one daemon per state directory."""

import contextlib
import fcntl
import os
from pathlib import Path

from mattingd.system import clock

STDERR = 2
LOCK = "lock"
"""Name of the lock file in the state directory."""
PATIENCE_NS = 3 * clock.SECOND
"""A lock that is still held after this belongs to a daemon that lives."""


class LockedError(Exception):
    """Another daemon uses this state directory; the message says which process."""


class Lock:
    """The lock on the state directory, held by us and by our children as long as one of them lives."""

    def __init__(self, state_dir: Path) -> None:
        """Take the lock. The children of a daemon that was just killed may hold it a moment longer.

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
        with contextlib.suppress(OSError):  # on a full disk the lock is held without our name in it
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Release it, even if a child still hangs in a call to a share and cannot be ended."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)
