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
"""A lock that is still held after this belongs to a daemon that lives ..."""
ALIVE = "alive"
"""... whose main process alone holds this one, unless its version is older."""
HANGS_NS = 30 * clock.SECOND
"""Children that hold the lock for longer after their daemon hang in calls to a share, and do nothing more."""


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
        known = (state_dir / ALIVE).exists()
        self.descriptor, self._alive = _opened(state_dir / LOCK), _opened(state_dir / ALIVE)
        started = clock.monotonic_ns()
        while not self._taken(state_dir, may_replace=known and clock.monotonic_ns() - started >= HANGS_NS):
            ended = known and _locked(self._alive)
            if ended:
                fcntl.flock(self._alive, fcntl.LOCK_UN)
            elif clock.monotonic_ns() - started >= PATIENCE_NS:
                holder = os.pread(self.descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                os.close(self.descriptor)
                os.close(self._alive)
                if not known:
                    (state_dir / ALIVE).unlink(missing_ok=True)
                raise LockedError(
                    f"another mattingd (process {holder}) works with {state_dir}:"
                    " stop it first, or use another state_dir"
                )
            clock.sleep(0.02)
        with contextlib.suppress(OSError):  # on a full disk the lock is held without our name in it
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def _taken(self, state_dir: Path, *, may_replace: bool) -> bool:
        """Take both locks; `may_replace`: where the daemon has ended, its children may keep their file."""
        if not _locked(self._alive):
            return False
        path = state_dir / LOCK
        if may_replace and not _locked(self.descriptor):
            path.unlink(missing_ok=True)
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(self.descriptor)):
            os.close(self.descriptor)
            self.descriptor = _opened(path)
        if _locked(self.descriptor):
            return True
        fcntl.flock(self._alive, fcntl.LOCK_UN)
        return False

    def release(self) -> None:
        """Release it, even if a child still hangs in a call to a share and cannot be ended."""
        for descriptor in (self.descriptor, self._alive):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
