"""Asks a running daemon: one request on its unix socket, one answer, or the events of its feed."""

import contextlib
import grp
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from mattingd.api import wire
from mattingd.api.schemas import answer_type, answers, feed, requests
from mattingd.system.framing import read_line, short_path

A = TypeVar("A")

SOCKET = "control.sock"
"""Name of the socket in the state directory."""
PATIENCE_SECONDS = 10.0
"""How long a client waits for an answer."""
ALIVE_SECONDS = 15.0
"""So often the feed says at least that the daemon is alive."""
SILENT = "the daemon runs but does not answer; try again in a moment"


class NoDaemonError(Exception):
    """No daemon listens in this state directory."""


class NoAnswerError(Exception):
    """A daemon runs but does not answer; the message says why and what to do."""

    def __init__(self, why: str, code: str = "") -> None:
        super().__init__(why)
        self.code = code
        """As in `Refusal`; "" when the daemon said nothing."""


def ask(state_dir: Path, request: requests.Request[A]) -> A:
    """Ask the running daemon.

    Raises:
        NoDaemonError: no daemon listens, or it ended before it answered.
        NoAnswerError: access was denied, or no answer came in time.
    """
    with connected(state_dir) as peer:
        return wire.decode(_exchange(peer, request, bytearray()), answer_type(request))


def follow(
    state_dir: Path, *, after: str | None = None, progress: bool = False, log: bool = False
) -> Iterator[feed.AnyEvent | answers.Following]:
    """Yield what happens in the running daemon: first the start of the feed, then each event.

    Ends after `Dropped` and `Closed`. `Alive` comes every few seconds when there is nothing else.

    Raises:
        NoDaemonError: no daemon listens, or the connection broke.
        NoAnswerError: as in `ask`; also if not even `Alive` came in time.
    """
    with connected(state_dir) as peer:
        waiting = bytearray()
        request = requests.Follow(after=after, progress=progress, log=log)
        yield wire.decode(_exchange(peer, request, waiting), answers.Following)
        peer.settimeout(2 * ALIVE_SECONDS)
        while True:
            event: feed.AnyEvent = wire.decode(_received(peer, waiting), feed.AnyEvent)  # type: ignore[arg-type]
            yield event
            if isinstance(event, feed.LAST):
                return


@contextlib.contextmanager
def connected(state_dir: Path) -> Iterator[socket.socket]:
    """Connect to the daemon; errors as in `ask`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(PATIENCE_SECONDS)
        _connect(peer, state_dir)
        try:
            yield peer
        except TimeoutError:
            raise NoAnswerError(SILENT) from None
        except (OSError, ValueError) as error:
            raise NoDaemonError(str(error)) from error


def _exchange(peer: socket.socket, request: requests.Request[A], waiting: bytearray) -> bytes:
    """Send a request; returns the line of the answer.

    Raises:
        NoAnswerError: it was refused.
    """
    peer.sendall(wire.encode(request))
    line = _received(peer, waiting)
    refusal = wire.refusal_in(line)
    if refusal is not None:
        raise NoAnswerError(f"the daemon refuses: {refusal.error}", refusal.code)
    return line


def _received(peer: socket.socket, waiting: bytearray) -> bytes:
    line = read_line(peer, waiting)
    if not line.endswith(b"\n"):
        raise ConnectionError("the daemon ended the connection")
    return line


def _connect(peer: socket.socket, state_dir: Path) -> None:
    try:
        with short_path(state_dir / SOCKET) as path:
            peer.connect(path)
    except PermissionError:
        whose = f"for its user and {_group(state_dir)}"
        raise NoAnswerError(f"you may not ask the daemon: {state_dir / SOCKET} is {whose}") from None
    except (TimeoutError, BlockingIOError):
        raise NoAnswerError(SILENT) from None
    except OSError as error:
        raise NoDaemonError(str(error)) from error


def _group(state_dir: Path) -> str:
    """Return the group whose members may connect."""
    try:
        return f"the members of group {grp.getgrgid(state_dir.stat().st_gid).gr_name}"
    except (KeyError, OSError):
        return "its group"
