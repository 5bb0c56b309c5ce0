"""Runs the web server: as a child of the daemon, or alone by `mattingd web`."""

import asyncio
import ctypes
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import cast

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mattingd.config import Settings, Web, address
from mattingd.web.app import create_app
from mattingd.web.security import SLOWEST, App

HEAD_SECONDS = 15.0
"""Time for the head of a request: a client that trickles is let go, since places are few."""
CONNECTIONS = 500
_PR_SET_PDEATHSIG = 1


class ServerError(Exception):
    """The page cannot be served; the message says why and what to do."""


class ImpatientProtocol(H11Protocol):
    """HTTP for clients that send each head of a request within `HEAD_SECONDS`."""

    _late: asyncio.TimerHandle | None = None
    """Closes the connection unless the head that is expected comes in time."""
    _until = 0.0
    """When that is, on the loop's clock."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect the first head."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Take data; a further head must be as quick as the first one."""
        is_body = self.conn.their_state is h11.SEND_BODY
        super().data_received(data)
        if self._between_requests():
            self._expect_head()
            if is_body:  # of a request that was refused: who is cut off while sending may not read why
                self._until = min(self._until + len(data) / SLOWEST, self.loop.time() + HEAD_SECONDS)
        elif self._late is not None:
            self._late.cancel()
            self._late = None

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        if self._late is None:
            self._until = self.loop.time() + HEAD_SECONDS
            self._late = self.loop.call_at(self._until, self._look)

    def _look(self) -> None:
        """Close the connection of a client that is late."""
        self._late = None
        if not self._between_requests() or self.transport.is_closing():
            return
        if self.loop.time() < self._until:
            self._late = self.loop.call_at(self._until, self._look)
        else:
            self.transport.close()


def die_with(parent: int) -> None:
    """End this process when its parent ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


def listening(settings: Settings) -> socket.socket:
    """Return a socket bound to `web.listen`.

    Raises:
        ServerError: the address cannot be used.
    """
    host, port = address(settings.web.listen or "")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
    except OSError as error:
        place.close()
        raise ServerError(f"web.listen: {settings.web.listen} cannot be used: {error.strerror}") from None
    return place


def serve(settings: Settings, config: Path) -> None:
    """Serve the page until SIGTERM or SIGINT.

    Raises:
        ServerError: the address or the certificate cannot be used.
        SecretsError: the password or tokens cannot be used.
    """
    app, place = create_app(settings, config), listening(settings)
    server = server_for(app, settings.web)
    scheme = "https" if settings.web.certificate else "http"
    structlog.get_logger().info("page", url=f"{scheme}://{settings.web.listen}/")
    server.run(sockets=[place])


def server_for(app: App, web: Web) -> uvicorn.Server:
    """Return a server for an application, with our limits.

    Raises:
        ServerError: the certificate or its key cannot be used.
    """
    wanted = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        proxy_headers=bool(web.forwarded_allow_ips),
        forwarded_allow_ips=list(web.forwarded_allow_ips) or None,
        ssl_certfile=web.certificate,
        ssl_keyfile=web.key,
    )
    try:
        wanted.load()
    except (OSError, ssl.SSLError) as error:
        raise ServerError(f"web.certificate, web.key: cannot be used: {error}") from None
    return uvicorn.Server(wanted)
