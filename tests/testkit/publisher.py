"""A publisher's server on loopback: sends a file, or misbehaves in the ways that servers do."""

from __future__ import annotations

import gzip
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Publisher:
    """Sends `content` at any address; `plan` says how each request in turn is answered.

    `ok`; `cut`: half of it, then the line goes dead; `stall`: half of it, then nothing more; `no-range`: all
    of it, whatever part was asked for; `wrong-range`: another part; `wrong`: other bytes; `longer`: more;
    `404`, `500` and other numbers; `file`: a redirect to file://; `away`: one to itself; `short`: half,
    then the end, without a word of its length; `gzip`: compressed, though nobody asked for it; `page`: a
    web page; `drip`: all of it, in small pieces; `tenth`: as `short`, but a tenth.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.content = content
        self.plan = ["ok"]
        self.asked: list[str] = []
        """The range of each request."""
        self.sent_half = threading.Event()
        self.leave = threading.Event()
        """Set, a server that stalls hangs up."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                owner.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/network.onnx"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request, by the plan."""
        way = self.plan[min(len(self.asked), len(self.plan) - 1)]
        self.asked.append(request.headers.get("Range", ""))
        if way.isdigit():
            self._plain(request, int(way))
        elif way in {"short", "tenth", "gzip", "page"}:
            self._otherwise(request, way)
        elif way in {"file", "away"}:
            request.send_response(302)
            request.send_header("Location", "file:///etc/passwd" if way == "file" else request.path)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            self._send(request, way)

    @staticmethod
    def _plain(request: BaseHTTPRequestHandler, code: int) -> None:
        request.send_response(code)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def _otherwise(self, request: BaseHTTPRequestHandler, way: str) -> None:
        """A 200 that is not what it seems."""
        request.send_response(200)
        body = {
            "short": self.content[: len(self.content) // 2],
            "tenth": self.content[: len(self.content) // 10],
            "gzip": gzip.compress(self.content),
        }.get(way, b"<html><title>Sign in</title></html>")
        if way == "gzip":
            request.send_header("Content-Encoding", "gzip")
        if way == "page":
            request.send_header("Content-Type", "text/html; charset=utf-8")
        if way not in {"short", "tenth"}:
            request.send_header("Content-Length", str(len(body)))
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    def _send(self, request: BaseHTTPRequestHandler, way: str) -> None:
        content = {"wrong": bytes(len(self.content)), "longer": self.content + b"more"}.get(way, self.content)
        found = re.fullmatch(r"bytes=(\d+)-", self.asked[-1])
        start = int(found[1]) if found and way != "no-range" else 0
        if start >= len(content) and found:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        body = content[start:]
        request.send_response(206 if start else 200)
        if start:
            told = 1 if way == "wrong-range" else start
            request.send_header("Content-Range", f"bytes {told}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if way in {"cut", "stall"}:
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            self.sent_half.set()
            if way == "stall":
                self.leave.wait(60)
            request.close_connection = True
            return
        step = len(body) if way != "drip" else max(1, len(body) // 20)
        for begin in range(0, len(body), step):
            request.wfile.write(body[begin : begin + step])
            request.wfile.flush()
