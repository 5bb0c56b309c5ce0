"""Write log lines with fields to systemd's journal, so that `journalctl MATTINGD_JOB=12` works.

`MESSAGE` is the text, `PRIORITY` the importance; everything else in a line becomes a field of ours:
`MATTINGD_EVENT`, `MATTINGD_JOB`, `MATTINGD_FILE`, `MATTINGD_FOLDER`, `MATTINGD_WHY` and so on.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from logging_journald import JournaldTransport

SOCKET = Path("/run/systemd/journal/socket")
PATIENCE_SECONDS = 5.0
"""A journald that does not take a line for so long has lost it."""
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""Of our levels, as syslog(3) counts them."""

Fields = dict[str, str]


def reads(stream: TextIO) -> bool:
    """Whether systemd's journal reads this stream, according to JOURNAL_STREAM."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino)) and SOCKET.exists()


def fields(message: str, line: Mapping[str, Any]) -> Fields:
    """Return the journal's fields of a log line with a `level` and more."""
    found = {
        "MESSAGE": _text(message),
        "PRIORITY": str(PRIORITIES[line["level"]]),
        "SYSLOG_IDENTIFIER": "mattingd",
    }
    return found | {f"MATTINGD_{key.upper()}": _text(value) for key, value in line.items() if key != "level"}


class JournaldWriter:
    """Sends lines to journald; long ones in a sealed memory file, as journald requires."""

    def __init__(self) -> None:
        # The path is resolved again for each line, so that a restarted journald is found.
        self._transport = JournaldTransport(SOCKET, connected=False)
        self._transport.socket.settimeout(PATIENCE_SECONDS)

    def write(self, line: Fields) -> None:
        """Send a line."""
        self._transport.send(line.items())

    def close(self) -> None:
        """Close the socket."""
        self._transport.socket.close()


def _text(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.encode("utf-8", "backslashreplace").decode()
