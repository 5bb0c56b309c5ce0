"""Asks a running daemon: one JSON line over its unix socket, one JSON line back."""

import grp
import json
import socket
from pathlib import Path
from typing import Any

from mattingd.system.framing import _line, _short_path

SOCKET = "control.sock"
"""Name of the socket in the state directory."""
PATIENCE_SECONDS = 10.0
"""How long the command line waits for an answer, ..."""
REQUEST_SECONDS = 2.0
"""... and the daemon for a request: nobody who connects and says nothing holds up the others."""
SILENT = "the daemon runs but does not answer; try again in a moment"


class NoDaemonError(Exception):
    """No daemon listens in this state directory."""


class NoAnswerError(Exception):
    """A daemon runs and gives no answer; the message says why and what to do."""


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
