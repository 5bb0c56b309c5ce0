"""Which daemons work for an output folder: each says so in its own marker there, every minute.

A second daemon, on this machine or another, spoils nothing and makes everything twice: users want to know.
The server of a share dates all markers, so clocks need not agree. A marker is never created or removed here.
"""

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mattingd.domain.text import readable
from mattingd.system import clock
from mattingd.system.filesystem import TEMP_PREFIX

SAY_SECONDS = 60.0
ALIVE_SECONDS = 4 * SAY_SECONDS
"""A daemon that said nothing for longer does not work here any more: it was killed, or lost the share."""
_ENDING = "-home"
_MOST = 1 << 18
"""Bytes: a marker is no longer than the paths of its hot folders."""


@dataclass(frozen=True, slots=True)
class Other:
    """Another daemon that works for the folder."""

    host: str
    pid: int
    state_dir: str
    hot_folders: tuple[str, ...]

    def __str__(self) -> str:
        folders = ", ".join(self.hot_folders)
        return (
            f"another mattingd works for the same output folder: process {self.pid} on {self.host}"
            f" (state in {self.state_dir}), with the hot folders {folders}"
        )


def card(state_dir: str, hot_folders: list[str]) -> str:
    """Return what this process says of itself."""
    own = {"host": socket.gethostname(), "pid": os.getpid(), "state_dir": state_dir}
    return json.dumps(own | {"hot_folders": hot_folders})


class OtherDaemons:
    """Says that this daemon works for a folder, and looks for others. Used on one thread."""

    def __init__(self, root: str, marker: str, own: str) -> None:
        """Set up.

        Args:
            root: the output folder.
            marker: name of the own marker there.
            own: `card` of this daemon.
        """
        self._marker = Path(root, marker)
        self._own = own.encode()
        self._next = 0
        self._said: str | None = None

    def look(self) -> str | None:
        """Return a sentence on the other daemons; None if there is none. Does something once a minute only.

        Nothing is said where the folder has no own marker yet, or is read-only. A failure is not repeated
        before the next minute: on a share it may have held up every other call for seconds.
        """
        if self._next <= clock.monotonic_ns():
            try:
                self._said = "; ".join(map(str, others(self._marker, self._say()))) or None
            except FileNotFoundError:  # the marker comes with the first cut-out
                return self._said
            except OSError:
                pass
            self._next = clock.monotonic_ns() + round(SAY_SECONDS * clock.SECOND)
        return self._said

    def _say(self) -> float:
        """Write the own marker; returns its time.

        Blanks replace the end of what it said before. A truncation would leave a moment in which it cannot be
        read, and smbnetfs cannot truncate what is open for writing alone: it stops the whole mount for 4 s.
        """
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._marker, flags)
        try:
            os.pwrite(descriptor, self._own.ljust(os.fstat(descriptor).st_size), 0)
            os.utime(descriptor)
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)


def others(marker: Path, now: float) -> list[Other]:
    """Return the daemons whose markers beside this one are not old at a time of the same file system."""
    found = []
    for path in sorted(marker.parent.glob(f"{TEMP_PREFIX}*{_ENDING}")):
        with suppress(OSError, ValueError, KeyError, TypeError):  # a marker of an older version is empty
            if path != marker and now - path.lstat().st_mtime < ALIVE_SECONDS:
                found.append(_read(path))
    return found


def _read(path: Path) -> Other:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        said = json.loads(os.read(descriptor, _MOST))
    finally:
        os.close(descriptor)
    host, state_dir, *folders = (
        readable(os.fsencode(str(each))) for each in (said["host"], said["state_dir"], *said["hot_folders"])
    )
    return Other(host, int(said["pid"]), state_dir, tuple(folders))
