"""A server on loopback that speaks OpenAI's protocol, well or badly."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]
"""Writes an answer to a request with this body."""


@dataclass(slots=True)
class ModelServer:
    """What it was asked, and where it is."""

    base_url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The bodies, in their order."""
    keys: list[str] = field(default_factory=list)
    """The `Authorization` headers."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: what hangs goes on."""


def says(content: Any, **more: Any) -> Answer:
    """Answer in the protocol: ``content`` as the model's text, a dict as JSON."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **more}}
    return raw(
        json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
    )


def raw(body: str, status: int = 200) -> Answer:
    """Answer with these bytes."""

    def answer(handler: BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        data = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


@contextmanager
def serving(answer: Answer) -> Iterator[ModelServer]:
    """Answer every request so, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(body)
            server.keys.append(self.headers["Authorization"])
            try:
                answer(self, body)
            except OSError:  # the other side went away, as it should
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = ModelServer(f"http://127.0.0.1:{http.server_port}/v1")
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        thread.join()
