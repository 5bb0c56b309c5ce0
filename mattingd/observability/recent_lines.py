"""The last lines of the log, in memory: for clients that show them, without what must stay secret."""

import re
import threading
from collections import deque
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mattingd.system import clock

KEPT = 300
HIDDEN = "***"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]*[^\s\"'<>.,:;)]", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+[^\s\"',]+", re.IGNORECASE)
_NAMED = re.compile(
    r"([\w-]*(?:token|secret|password|passwd|api[_-]?key|authorization|cookie)[\w-]*[\"']?\s*=\s*)"
    r"(\"[^\"]*\"|'[^']*'|[^\s\"',;&]+)",
    re.IGNORECASE,
)
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line as people read it."""

    number: int
    """Counted since the program started."""
    at: str
    """ISO 8601, with its offset."""
    level: str
    event: str
    said: str


class RecentLines:
    """Keeps the last lines and hands each on. For any thread; never waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[LogLine] = deque(maxlen=KEPT)
        self._number = 0
        self._listener: Callable[[LogLine], None] = lambda _: None

    def listen(self, listener: Callable[[LogLine], None]) -> None:
        """Have every line from now on given to `listener`, which must not log."""
        self._listener = listener

    def add(self, line: MutableMapping[str, Any], said: str) -> None:
        """Keep a line of the log; `said` is what it says beside its level and event."""
        job = f" #{line['job']}" if "job" in line else ""
        at = clock.wall().isoformat(timespec="seconds")
        with self._lock:
            self._number += 1
            kept = LogLine(
                self._number, at, str(line["level"]), masked(str(line["event"])), masked(said + job)
            )
            self._kept.append(kept)
            self._listener(kept)

    def lines(self) -> list[LogLine]:
        """What is kept, the oldest first."""
        with self._lock:
            return list(self._kept)


def masked(text: str) -> str:
    """Return a text without passwords, tokens and keys: other machines' addresses end with their host."""
    text = _URL.sub(lambda found: _host_only(found[0]), text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    return _NAMED.sub(rf"\g<1>{HIDDEN}", text)


def _host_only(url: str) -> str:
    """An address as far as it may be shown: in many, the path is the secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return HIDDEN
    if parts.scheme.lower() not in {"http", "https", "tcp", "tls"}:
        return f"{parts.scheme}://{HIDDEN}"  # of chat services: even the host is a token
    if parts.username is None and not parts.query and (host in _LOCAL or parts.path in {"", "/"}):
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{HIDDEN}"
