"""Allow only one daemon per state directory.

Two files are locked (flock). `lock` is shared with the children: whoever starts next waits until those of a
killed daemon are gone, too. `alive` is the main process's own: it tells a daemon that lives from children
that outlived theirs in a call to a frozen share. A daemon says in `lock` that it holds `alive`; older
versions did not have it.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from mattingd.system import clock

STDERR = 2
LOCK, ALIVE = "lock", "alive"
"""Names of the lock files in the state directory."""
PATIENCE_NS = 3 * clock.SECOND
"""Locks that are still held after this belong to a daemon that lives."""
HANGS_NS = 30 * clock.SECOND
"""Children that hold `lock` for longer without their daemon hang in a call to a share, their last one."""


class LockedError(Exception):
    """Another daemon uses this state directory; the message says which process."""


class Lock:
    """The locks on the state directory: one of us and of our children as long as one lives, one of us."""

    def __init__(self, state_dir: Path) -> None:
        """Take the locks. The children of a daemon that was killed may hold theirs a moment longer.

        Raises:
            LockedError: a daemon that lives holds them.
            OSError: the directory cannot be written.
        """
        self._path = state_dir / LOCK
        self.descriptor, self._alive = _opened(self._path), _opened(state_dir / ALIVE)
        started = clock.monotonic_ns()
        while not self._taken(clock.monotonic_ns() - started):
            if clock.monotonic_ns() - started >= PATIENCE_NS and not self._outlived():
                holder, _ = self._holder()
                self._close()
                raise LockedError(
                    f"another mattingd (process {holder}) works with {state_dir}:"
                    " stop it first, or use another state_dir"
                )
            clock.sleep(0.02)
        with contextlib.suppress(OSError):  # on a full disk the lock is held without our name in it
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()}\n{ALIVE}\n".encode(), 0)

    def _taken(self, waited_ns: int) -> bool:
        """Take both locks, or none; who has `alive` may replace a file that children keep for too long."""
        if not _locked(self._alive):
            return False
        if not self._is_current():
            os.close(self.descriptor)
            self.descriptor = _opened(self._path)
        if _locked(self.descriptor):
            return True
        if waited_ns >= HANGS_NS and self._holder()[1]:
            self._path.unlink(missing_ok=True)
        fcntl.flock(self._alive, fcntl.LOCK_UN)
        return False

    def _outlived(self) -> bool:
        """Whether only the children of a daemon are left, as far as its version lets one tell."""
        if not self._holder()[1] or not _locked(self._alive):
            return False
        fcntl.flock(self._alive, fcntl.LOCK_UN)
        return True

    def _holder(self) -> tuple[str, bool]:
        """Return the process that took `lock` last, and whether it is one that holds `alive`."""
        pid, _, more = os.pread(self.descriptor, 64, 0).decode(errors="replace").partition("\n")
        return pid.strip() or "unknown", more.strip() == ALIVE

    def _is_current(self) -> bool:
        """Whether the file that we have open is still the one in the directory."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self.descriptor))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Release them, even if a child still hangs in a call to a share and cannot be ended."""
        for descriptor in (self.descriptor, self._alive):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        self._close()

    def _close(self) -> None:
        os.close(self.descriptor)
        os.close(self._alive)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
