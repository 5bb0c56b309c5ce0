"""Decides who may do what: host names, foreign pages, tokens, the password, rates, security headers."""

import asyncio
import hashlib
import hmac
import os
import secrets
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from mattingd.config import Web, address
from mattingd.system import clock
from mattingd.web.problems import ProblemError, problem, refused
from mattingd.web.words import phrase

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = ("/login", "/static/", "/healthz", "/readyz")
"""Paths that anybody may ask for; they tell nothing about pictures."""
LOGINS_PER_MINUTE = 10
SHORTEST_TOKEN = 20
BODY_SECONDS = 30.0
"""Time for each part of a body, and for all of it, there with what its bytes take at `SLOWEST`."""
SLOWEST = 1000.0
"""Bytes a second; a client that sends fewer for long is disconnected, since places are few."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' blob: data:; style-src 'self'; script-src 'self';"
        " connect-src 'self'; font-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class SecretsError(Exception):
    """A file with a password or tokens cannot be used; the message says which, and what to do."""


class Keys:
    """The password and the tokens; without any, every user of this machine has access."""

    def __init__(self, web: Web) -> None:
        """Read them from their files.

        Raises:
            SecretsError: a file cannot be read, or its content cannot be used.
        """
        self._hash = None if web.password_file is None else _text(web.password_file)
        lines = () if web.token_file is None else _text(web.token_file).splitlines()
        self._tokens = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
        if web.token_file is not None and not self._tokens:
            raise SecretsError(f"{web.token_file}: holds no token; write one on a line of its own")
        if any(len(token) < SHORTEST_TOKEN for token in self._tokens):
            raise SecretsError(f"{web.token_file}: a token needs at least {SHORTEST_TOKEN} characters")
        if self._hash is not None and not self._hash.startswith("$argon2"):
            raise SecretsError(f"{web.password_file}: is no hash; `mattingd web password` writes one")

    @property
    def needed(self) -> bool:
        """Whether a request needs a password or a token."""
        return self._hash is not None or bool(self._tokens)

    @property
    def password(self) -> bool:
        """Whether there is a password."""
        return self._hash is not None

    def mark(self) -> str:
        """Return a digest of the password; sessions with another one have ended."""
        return hashlib.sha256((self._hash or "").encode()).hexdigest()[:16]

    def has_password(self, given: str) -> bool:
        """Return whether this is the password."""
        with suppress(Argon2Error, InvalidHashError):
            return self._hash is not None and PasswordHasher().verify(self._hash, given)
        return False

    def has_token(self, header: str) -> bool:
        """Return whether an `Authorization` header contains one of the tokens."""
        scheme, _, given = header.partition(" ")
        matches = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in self._tokens]
        return scheme.lower() == "bearer" and any(matches)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SecretsError(f"{path}: cannot be read: {why}") from None


def session_secret(state_dir: Path) -> str:
    """Return the key that signs session cookies. Made once; only the daemon's user can read it."""
    path = state_dir / "web-session.key"
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    return path.read_text(encoding="ascii")


class Rates:
    """Counts what each client address does."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, what: str, client: str, per_minute: int, number: int = 1) -> bool:
        """Count `number` of `what` for a client; return False if that exceeds `per_minute`."""
        return self._limiter.hit(RateLimitItemPerMinute(per_minute), what, client, cost=number)


class Guard:
    """Lets a request through or refuses it, before the application sees it."""

    def __init__(self, app: App, web: Web, keys: Keys) -> None:
        self._app = app
        self._keys = keys
        host, _ = address(web.listen or "127.0.0.1:80")
        self._hosts = {"localhost", "127.0.0.1", "::1", host.lower(), *(name.lower() for name in web.hosts)}
        self._any_host = host in {"0.0.0.0", "::"} and not web.hosts  # noqa: S104 - compared, not listened on
        self._limit = round(web.max_upload_mb * 1e6) * min(web.max_files, 64) + 1_000_000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit(scope)
        refusal = self._refusal(HTTPConnection(scope), scope["method"])
        sent = _with_headers(visit.noting(send), visit.id)
        try:
            if refusal is not None:
                await refusal(scope, receive, sent)
            else:
                await self._app(scope, _bounded(receive, self._limit), sent)
        finally:
            visit.log()

    def _refusal(self, request: HTTPConnection, method: str) -> Response | None:
        host = _host_of(request.headers.get("host", ""))
        if not self._any_host and host not in self._hosts:
            return problem(421, f"this is not {host}; add the name to web.hosts in the configuration")
        if method not in SAFE_METHODS and _foreign(request):
            return problem(403, "another web site's page asked for this; that is not allowed")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._limit:
            return refused(request, 413, phrase("too_much", mb=round(self._limit / 1e6)))
        return None if self._knows(request) else self._unauthorized(request)

    def _knows(self, request: HTTPConnection) -> bool:
        """Return whether the request may pass: open path, token, or session."""
        if not self._keys.needed or any(request.url.path.startswith(path) for path in OPEN_PATHS):
            return True
        if self._keys.has_token(request.headers.get("authorization", "")):
            return True
        return self._keys.password and request.session.get("mark") == self._keys.mark()

    def _unauthorized(self, request: HTTPConnection) -> Response:
        if "text/html" in request.headers.get("accept", "") and self._keys.password:
            return RedirectResponse("/login", 303)
        return problem(401, "send `Authorization: Bearer TOKEN`", {"WWW-Authenticate": "Bearer"})


class Visit:
    """One request for the access log: its path, still encoded, without query and headers."""

    def __init__(self, scope: Scope) -> None:
        self.id = uuid.uuid4().hex[:16]
        """Also in the answer's header `X-Request-Id`."""
        self._method, self._path = scope["method"], scope["raw_path"].decode("ascii", "replace")
        self._client = (scope.get("client") or ("?",))[0]
        self._began = clock.monotonic_ns()
        self._status = 0

    def noting(self, send: Send) -> Send:
        """Return `send` that notes the status of the answer."""

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
            await send(message)

        return sent

    def log(self) -> None:
        """Write the line: at level info if it changes something or is refused, else at debug."""
        log = structlog.get_logger()
        ordinary = self._method in SAFE_METHODS and self._status < HTTPStatus.BAD_REQUEST
        (log.debug if ordinary else log.info)(
            "request",
            request=self.id,
            method=self._method,
            path=self._path[:200],
            status=self._status,
            client=self._client,
            ms=round(clock.seconds_since(self._began) * 1000),
        )


def _host_of(header: str) -> str:
    return (urlsplit(f"//{header}").hostname or "").lower() if header.isprintable() else ""


def _foreign(request: HTTPConnection) -> bool:
    """Return whether a browser says that another site's page sent this. Other programs say nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()


def _with_headers(send: Send, request: str) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            if not any(name == b"cache-control" for name in given):
                added.append((b"cache-control", b"no-store"))
            added.append((b"x-request-id", request.encode()))
            message["headers"] = [
                *message.get("headers", ()),
                *(each for each in added if each[0] not in given),
            ]
        await send(message)

    return sent


def _bounded(receive: Receive, limit: int) -> Receive:
    """Return `receive` that refuses bodies above `limit` bytes, and clients that stop sending or trickle."""
    taken, waited = 0, 0.0

    async def received() -> MutableMapping[str, Any]:
        nonlocal taken, waited
        began = clock.monotonic_ns()
        left = None if taken < 0 else min(BODY_SECONDS, BODY_SECONDS + taken / SLOWEST - waited)
        try:
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError:
            raise ProblemError(408, phrase("too_slow")) from None
        waited += clock.seconds_since(began)
        taken += len(message.get("body", b""))
        if taken > limit:
            raise ProblemError(413, phrase("too_much", mb=round(limit / 1e6)))
        if not message.get("more_body", False):
            taken = -limit
        return message

    return received
