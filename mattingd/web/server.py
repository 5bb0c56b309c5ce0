"""Listening: the web child of a daemon, or `mattingd web` by itself."""

import asyncio
import ctypes
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import cast

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mattingd.config import Settings, address
from mattingd.web.app import create_app

HEAD_SECONDS = 15.0
"""A client has so long to send the head of a request: one that trickles holds no place."""
CONNECTIONS = 500
_PR_SET_PDEATHSIG = 1


class ServerError(Exception):
    """The page cannot be offered; the message says why, and what to do."""


class ImpatientProtocol(H11Protocol):
    """HTTP for clients that say what they want within `HEAD_SECONDS`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        super().connection_made(cast("asyncio.Transport", transport))
        self.loop.call_later(HEAD_SECONDS, self._ended_without_a_word)

    def _ended_without_a_word(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def die_with(parent: int) -> None:
    """End when the process that started this one ends, however that is."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


def listening(settings: Settings) -> socket.socket:
    """The socket of `web.listen`.

    Raises:
        ServerError: the address cannot be had.
    """
    host, port = address(settings.web.listen or "")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
    except OSError as error:
        place.close()
        raise ServerError(f"web.listen: {settings.web.listen} cannot be had: {error.strerror}") from None
    return place


def serve(settings: Settings, config: Path) -> None:
    """Offer the page until SIGTERM or SIGINT.

    Raises:
        ServerError: it cannot be offered.
        SecretsError: the password or tokens cannot be used.
    """
    app = create_app(settings, config)
    place = listening(settings)
    web = settings.web
    try:
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
        wanted.load()
    except (OSError, ssl.SSLError) as error:
        raise ServerError(f"web.certificate, web.key: cannot be used: {error}") from None
    scheme = "https" if web.certificate else "http"
    structlog.get_logger().info("page", url=f"{scheme}://{web.listen}/")
    uvicorn.Server(wanted).run(sockets=[place])
