"""Answers the command line on a unix socket: one JSON line in, one JSON line out."""

import contextlib
import errno
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mattingd.api.client import REQUEST_SECONDS, SOCKET
from mattingd.system import clock
from mattingd.system.framing import _line, _short_path

CLOSED = frozenset({errno.EBADF, errno.EINVAL})
"""What `accept` says once the socket was closed."""

Answerer = Callable[[dict[str, Any]], dict[str, Any]]


class ControlServer(threading.Thread):
    """Listens as long as the daemon runs. Each request is answered by `answer`, which may wait."""

    def __init__(self, state_dir: Path, answer: Answerer) -> None:
        super().__init__(name="control", daemon=True)
        self._path = state_dir / SOCKET
        self._answer = answer
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short_path(self._path) as path:
            self._socket.bind(path)
        self._path.chmod(0o660)
        self._socket.listen(16)

    def run(self) -> None:
        """Serve one request after the other."""
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError as error:
                if error.errno in CLOSED:
                    return
                clock.sleep(1)  # out of descriptors or memory: that passes
                continue
            with peer, contextlib.suppress(OSError, ValueError, RecursionError):
                peer.settimeout(REQUEST_SECONDS)
                request = json.loads(_line(peer))
                peer.sendall(json.dumps(self._answer(request)).encode() + b"\n")

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)
