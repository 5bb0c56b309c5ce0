"""Serves several clients at once on a unix socket: one line of JSON in, one or more lines out."""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Generator
from pathlib import Path

from mattingd.api import wire
from mattingd.api.client import SOCKET
from mattingd.api.schemas import answers
from mattingd.system import clock
from mattingd.system.framing import read_line, short_path

CLOSED = frozenset({errno.EBADF, errno.EINVAL})
"""What `accept` says once the socket was closed."""
MOST_CLIENTS = 32
"""Connections at once; further ones are told to try again."""
REQUEST_SECONDS = 2.0
"""How long a client has for its request: one that connects and says nothing takes no place for long."""
SEND_SECONDS = 30.0
"""How long a client has to read a line before the connection is closed."""
CROWDED = answers.Refusal(f"{MOST_CLIENTS} clients are connected already; try again in a moment", "crowded")

Serve = Callable[[bytes], Generator[bytes, None, None]]
"""From a request to the lines that answer it; on the client's own thread, so it may wait."""


class ControlServer:
    """Listens from its creation, and serves from `start` to `close`."""

    def __init__(self, state_dir: Path, serve: Serve, closing: Callable[[], None] = lambda: None) -> None:
        """Listen.

        Args:
            state_dir: folder of the socket.
            serve: answers a request.
            closing: ends answers that continue (the feed).
        """
        self._path = state_dir / SOCKET
        self._serve = serve
        self._closing = closing
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_path(self._path) as path:
            self._socket.bind(path)
        self._path.chmod(0o660)
        self._socket.listen(MOST_CLIENTS)

    def start(self) -> None:
        """Start serving, on its own threads."""
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening. Answers that are under way are completed."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)
        self._closing()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError as error:
                if error.errno in CLOSED:
                    return
                clock.sleep(1)  # out of descriptors or memory: this passes
                continue
            if self._places.acquire(blocking=False):
                threading.Thread(target=self._attend, args=(peer,), name="client", daemon=True).start()
            else:
                self._speak(peer, _crowded)

    def _attend(self, peer: socket.socket) -> None:
        try:
            self._speak(peer, self._serve)
        finally:
            self._places.release()

    def _speak(self, peer: socket.socket, serve: Serve) -> None:
        with peer, contextlib.suppress(OSError):
            peer.settimeout(REQUEST_SECONDS)
            line = read_line(peer)
            peer.settimeout(SEND_SECONDS)
            with contextlib.closing(serve(line)) as lines:
                for said in lines:
                    peer.sendall(said)


def _crowded(_: bytes) -> Generator[bytes, None, None]:
    yield wire.encode(CROWDED)
