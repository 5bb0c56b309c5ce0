"""Clients that send slowly, or never to the end: they hold no place, and nobody waits for them."""

import asyncio
import contextlib
import socket
import threading
from typing import Any

import pytest

from mattingd.config import Web
from mattingd.system import clock
from mattingd.web import security, server
from mattingd.web.problems import ProblemError
from tests.web.conftest import PATIENCE


def test_clients_that_trickle_hold_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    ours = server.server_for(app, Web())
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        thread = threading.Thread(target=ours.run, kwargs={"sockets": [place]})
        thread.start()

        def stop() -> None:
            ours.should_exit = True
            thread.join()

        stack.callback(stop)

        def connected() -> socket.socket:
            return stack.enter_context(socket.create_connection(place.getsockname(), PATIENCE))

        peers = [connected() for _ in range(10)]
        for peer in peers:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert peer.recv(4096).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
        peers += [connected() for _ in range(10)]
        for peer in peers:
            with contextlib.suppress(ConnectionError):  # it may be closed already
                peer.sendall(b"GET / HTT")
                while peer.recv(4096):
                    pass


class Shifted(asyncio.SelectorEventLoop):
    """A loop whose time can be put forward."""

    shift = 0.0

    def time(self) -> float:
        return super().time() + self.shift


class Wire(asyncio.Transport):
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent, self.closed = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing comes by itself."""

    resume_reading = pause_reading


def test_who_was_refused_may_finish_sending_and_who_trickles_may_not() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})

    async def play() -> None:
        ours = server.server_for(app, Web())
        transport = Wire()
        protocol = server.ImpatientProtocol(ours.config, ours.server_state, {})
        protocol.connection_made(transport)

        async def come(data: bytes, seconds: float) -> None:
            protocol.data_received(data)
            loop.shift += seconds
            for _ in range(3):
                await asyncio.sleep(0)

        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
        await come(head, 1)
        assert b" 413 " in transport.sent
        for _ in range(10):
            await come(bytes(10_000), 9)
        assert not transport.closed, "it came at a good rate, for a long time"
        await come(head, 1)
        for _ in range(3):
            await come(b"x", 9)
        assert transport.closed

    with contextlib.closing(Shifted()) as loop:
        loop.run_until_complete(play())


def test_a_body_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = 0

    async def part() -> dict[str, object]:
        return {"body": b"x", "more_body": True}

    def seconds_since(_: int) -> float:
        nonlocal passed
        passed += 1
        return 10.0

    monkeypatch.setattr(clock, "seconds_since", seconds_since)
    receive = security._bounded(part, 1000)

    async def take() -> None:
        while True:
            await receive()

    with pytest.raises(ProblemError, match="too slowly"):
        asyncio.run(take())
    assert passed == 4, "3 x 10 s, and some thousandths for three bytes"


def test_a_body_that_stops_coming_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "BODY_SECONDS", 0.05)

    async def never() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(ProblemError, match="too slowly"):
        asyncio.run(security._bounded(never, 1000)())  # type: ignore[arg-type]
