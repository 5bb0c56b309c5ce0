"""The control socket with several clients at once, bounded; real sockets, served in this process."""

import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from mattingd.api import client, socket_server, wire
from mattingd.api.client import NoAnswerError, ask
from mattingd.api.schemas import answers, requests
from mattingd.api.socket_server import MOST_CLIENTS, ControlServer
from mattingd.system.framing import short_path

OUTCOME = answers.ModelOutcome(settled=True, refused="of no use")


def connect(state_dir: Path) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(15)
    with short_path(state_dir / client.SOCKET) as path:
        peer.connect(path)
    return peer


class Slow:
    """The first answer of a server, which waits."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    """A server whose first answer waits."""
    slow = Slow()

    def serve(_: bytes) -> Generator[bytes, None, None]:
        if not slow.begun.is_set():
            slow.begun.set()
            slow.go_on.wait(15)
        yield wire.encode(OUTCOME)

    server = ControlServer(tmp_path, serve)
    server.start()
    yield slow
    server.close()


def test_a_slow_answer_holds_up_no_other_client(tmp_path: Path, slow: Slow) -> None:
    with connect(tmp_path) as waiting, closing(waiting.makefile("rb")) as answer:
        waiting.sendall(wire.encode(requests.Status()))
        assert slow.begun.wait(15)
        assert ask(tmp_path, requests.ModelOutcome(7)) == OUTCOME
        slow.go_on.set()
        assert wire.decode(answer.readline(), answers.ModelOutcome) == OUTCOME


def test_clients_beyond_the_bound_are_told_so(
    tmp_path: Path, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_server, "REQUEST_SECONDS", 15)
    slow.go_on.set()
    with ExitStack() as silent:
        for _ in range(MOST_CLIENTS):
            silent.enter_context(connect(tmp_path))
        with pytest.raises(NoAnswerError, match="32 clients are connected") as refused:
            ask(tmp_path, requests.ModelOutcome(7))
        assert refused.value.code == "crowded"
    for _ in range(2 * MOST_CLIENTS):
        assert ask_patiently(tmp_path) == OUTCOME, "a place is free again when its client has gone"


def ask_patiently(state_dir: Path) -> answers.ModelOutcome:
    while True:
        try:
            return ask(state_dir, requests.ModelOutcome(7))
        except NoAnswerError as error:
            if error.code != "crowded":
                raise


def test_an_answer_of_many_megabytes_arrives_whole(tmp_path: Path) -> None:
    files = [(1, "ab" * 500, "it is still being written")] * 5000
    answer = answers.Settling({"1": "/in"}, files, [])
    server = ControlServer(tmp_path, lambda _: (wire.encode(each) for each in [answer]))
    server.start()
    with closing(server):
        assert len(wire.encode(answer)) > 1 << 20
        assert ask(tmp_path, requests.Settling()) == answer
