"""Servers that take notices: HTTP and SMTP, which can be told to be slow or to refuse."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class WebReceiver:
    """What came in by HTTP, and how to answer."""

    port: int
    answers: list[str] = field(default_factory=list)
    """For the next requests: `500`, `slow`, `gone` (the connection ends), `drip` (a head that
    has no end) or `endless`; after them all is well."""
    attempts: int = 0
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers and body of what was answered with 204."""
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.port}/hook?team=1"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen meanwhile."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                receiver.attempts += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = receiver.answers.pop(0) if receiver.answers else "204"
                if answer == "gone":
                    self.connection.close()
                    return
                if answer == "slow":
                    receiver.released.wait(100)
                    return
                if answer in {"drip", "endless"}:
                    self._go_on(answer)
                    return
                if answer == "204":
                    receiver.taken.append((dict(self.headers), body))
                self.send_response(int(answer))
                self.end_headers()

            def _go_on(self, answer: str) -> None:
                """A head, or a body, that has no end."""
                self.wfile.write(b"HTTP/1.0 200 OK\r\n" + (b"\r\n" if answer == "endless" else b""))
                with suppress(OSError):
                    while not receiver.released.wait(0.05):
                        self.wfile.write(b"X-Patience: yes\r\n")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.released.set()
            server.shutdown()
            server.server_close()
            thread.join()


@dataclass
class MailReceiver:
    """What came in by SMTP, and how to answer."""

    port: int
    answers: list[str] = field(default_factory=list)
    """For the next messages: `451`, `550` or `slow`; after them all is well."""
    attempts: int = 0
    taken: list[Message] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    taken_by: list[list[str]] = field(default_factory=list)
    refusals: dict[str, list[str]] = field(default_factory=dict)
    """For the next times that an address is named."""

    async def handle_RCPT(  # noqa: N802 - the library's
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Somebody is to get it."""
        if refusals := self.refusals.get(address):
            return f"{refusals.pop(0)} not this one"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's
        """A message came in."""
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else ""
        if answer == "slow":
            await asyncio.to_thread(self.released.wait, 100)
        if answer:
            return f"{answer.replace('slow', '451')} not now"
        self.taken_by.append(list(envelope.rcpt_tos))
        self.taken.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen meanwhile."""
        controller = Controller(self, hostname="127.0.0.1", port=self.port)
        controller.start()
        try:
            yield
        finally:
            self.released.set()
            controller.stop()
