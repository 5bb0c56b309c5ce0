"""The unix socket by which the command line talks to a running daemon: a JSON line in, a JSON line out."""

import contextlib
import errno
import grp
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mattingd import clock

SOCKET = "control.sock"
"""Name of the socket in the state directory."""
PATIENCE_SECONDS = 10.0
"""How long the command line waits for an answer, ..."""
REQUEST_SECONDS = 2.0
"""... and the daemon for a request: nobody who connects and says nothing holds up the others."""
LONGEST_REQUEST = 1 << 20
CLOSED = frozenset({errno.EBADF, errno.EINVAL})
"""What `accept` says once the socket was closed."""
SILENT = "the daemon runs but does not answer; try again in a moment"

Answerer = Callable[[dict[str, Any]], dict[str, Any]]


class NoDaemonError(Exception):
    """No daemon listens in this state directory."""


class NoAnswerError(Exception):
    """A daemon runs and gives no answer; the message says why and what to do."""


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


def ask(state_dir: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the running daemon.

    Raises:
        NoDaemonError: nobody listens, or it ended before it answered.
        NoAnswerError: somebody does, and we may not ask or got no answer in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(PATIENCE_SECONDS)
        _connect(peer, state_dir)
        try:
            peer.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(_line(peer))
        except TimeoutError:
            raise NoAnswerError(SILENT) from None
        except (OSError, ValueError) as error:
            raise NoDaemonError(str(error)) from error
    if "error" in answer:
        raise NoAnswerError(f"the daemon runs but does not answer: {answer['error']}")
    return answer


def _connect(peer: socket.socket, state_dir: Path) -> None:
    try:
        with _short_path(state_dir / SOCKET) as path:
            peer.connect(path)
    except PermissionError:
        whose = f"for its user and {_group(state_dir)}"
        raise NoAnswerError(f"you may not ask the daemon: {state_dir / SOCKET} is {whose}") from None
    except (TimeoutError, BlockingIOError):
        raise NoAnswerError(SILENT) from None
    except OSError as error:
        raise NoDaemonError(str(error)) from error


def _group(state_dir: Path) -> str:
    """Whose members may ask."""
    try:
        return f"the members of group {grp.getgrgid(state_dir.stat().st_gid).gr_name}"
    except (KeyError, OSError):
        return "its group"


def _line(peer: socket.socket) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n") and len(data) < LONGEST_REQUEST:
        received = peer.recv(65536)
        if not received:
            break
        data += received
    return bytes(data)


@contextlib.contextmanager
def _short_path(path: Path) -> Iterator[str]:
    """A name for the socket that fits the kernel's 107 bytes, however deep the state directory lies."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
