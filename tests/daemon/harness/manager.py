"""A service manager that listens as systemd does, and does nothing else."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 30


class Manager:
    """What it was told, in order."""

    def __init__(self, ear: socket.socket) -> None:
        self._ear = ear
        self.heard: list[str] = []

    def until(self, beginning: str) -> str:
        """Listen until a line begins so, and return it."""
        while True:
            lines = self._ear.recv(65536).decode().splitlines()
            self.heard += lines
            for line in lines:
                if line.startswith(beginning):
                    return line

    @property
    def statuses(self) -> list[str]:
        """What `systemctl status` would have shown, one after the other."""
        return [line.removeprefix("STATUS=") for line in self.heard if line.startswith("STATUS=")]


@contextmanager
def listening(place: Path) -> Iterator[Manager]:
    """A manager at this address, for `NOTIFY_SOCKET`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(place))
        ear.settimeout(PATIENCE_SECONDS)
        yield Manager(ear)
