"""Calls other programs when a job ends: a signed POST to an address that the configuration allows.

The address is stored with the upload until the call is delivered, so that no crash loses it.
"""

import asyncio
import ipaddress
import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from starlette.concurrency import run_in_threadpool
from tenacity import (
    AsyncRetrying,
    RetryError,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from mattingd.config import Web
from mattingd.notices.signing import SIGNATURE, signature
from mattingd.web.context import Context
from mattingd.web.finding import ABOUT
from mattingd.web.problems import ProblemError
from mattingd.web.security import SecretsError

BEAT_SECONDS = 1.0
ATTEMPTS = 6
PATIENCE_SECONDS = 10.0


def allowed(url: str | None, web: Web) -> str | None:
    """Return the address of a callback; None without one.

    Raises:
        ProblemError: it is no web address, or its host is not among `callback_hosts`.
    """
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or len(url) > 2000:  # noqa: PLR2004
        raise ProblemError(422, "callback must be an http or https address")
    if parts.hostname.lower() not in {host.lower() for host in web.callback_hosts}:
        raise ProblemError(422, f"{parts.hostname} is not among web.callback_hosts in the configuration")
    return url


def secret_of(web: Web) -> str:
    """Return the secret that signs callbacks; empty if none is set.

    Raises:
        SecretsError: its file cannot be read.
    """
    if web.callback_secret_file is None:
        return ""
    try:
        return Path(web.callback_secret_file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SecretsError(f"{web.callback_secret_file}: cannot be read: {error}") from None


async def deliver_all(context: Context) -> None:
    """Deliver the callbacks of ended jobs until the server stops."""
    secret = secret_of(context.settings.web)
    under_way: set[str] = set()
    tasks: set[asyncio.Task[None]] = set()

    async def one(upload: str) -> None:
        try:
            await _deliver(context, upload, secret)
        finally:
            under_way.discard(upload)

    while not context.stopping:
        for upload in await run_in_threadpool(_due, context):
            if upload not in under_way:
                under_way.add(upload)
                tasks.add(task := asyncio.create_task(one(upload)))
                task.add_done_callback(tasks.discard)
        await asyncio.sleep(BEAT_SECONDS)


def _due(context: Context) -> list[str]:
    """Return the ids of uploads that ended and whose callback is not delivered."""
    found = []
    for folder in context.desk.uploads.root.iterdir():
        with suppress(ProblemError):
            about = context.desk.about(folder.name)
            if about.get("callback") and context.desk.job(folder.name).state in {"done", "failed"}:
                found.append(folder.name)
    return found


async def _deliver(context: Context, upload: str, secret: str) -> None:
    about = await run_in_threadpool(context.desk.about, upload)
    told = await run_in_threadpool(context.desk.job, upload)
    body = json.dumps({"event": "job.ended", "id": upload, "job": told.model_dump()}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": upload}
    if secret:
        headers[SIGNATURE] = signature(secret, body)
    outcome = "delivered"
    try:
        await _post(str(about["callback"]), body, headers)
    except (RetryError, ProblemError, httpx.HTTPError, httpx.InvalidURL) as error:
        outcome = f"given up: {error}"
        structlog.get_logger().warning("callback given up", job=upload, why=str(error))
    await run_in_threadpool(_note, context, upload, about, outcome)


def _note(context: Context, upload: str, about: dict[str, Any], outcome: str) -> None:
    done = {name: value for name, value in about.items() if name != "callback"} | {"told": outcome}
    with suppress(OSError):
        (context.desk.uploads.root / upload / ABOUT).write_text(json.dumps(done), encoding="utf-8")


async def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    """Send it until the receiver takes it. Redirects are not followed: they could lead anywhere."""
    waits = wait_random_exponential(multiplier=0.5, max=60)
    wrong = retry_if_exception_type(httpx.HTTPError)
    async for attempt in AsyncRetrying(stop=stop_after_attempt(ATTEMPTS), wait=waits, retry=wrong):
        with attempt:
            address = await asyncio.to_thread(_address_of, url)
            async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
                (await client.send(_request(url, address, body, headers))).raise_for_status()


def _request(url: str, address: str, body: bytes, headers: dict[str, str]) -> httpx.Request:
    """Return the request to the address that was checked, so that the name is not resolved again.

    Certificates are checked for the name.
    """
    whole = httpx.URL(url)
    return httpx.Request(
        "POST",
        whole.copy_with(host=address),
        content=body,
        headers=headers | {"Host": whole.netloc.decode("ascii")},
        extensions={"sni_hostname": whole.host, "timeout": httpx.Timeout(PATIENCE_SECONDS).as_dict()},
    )


def _address_of(url: str) -> str:
    """Return the IP address of a callback's host.

    Raises:
        ProblemError: the name is unknown, or leads to this machine or its network.
    """
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return str(ipaddress.ip_address(host))  # the configuration names this very address
    try:
        found = [str(place[0]) for *_, place in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise ProblemError(422, f"{host} is not known: {error}") from None
    for each in found:
        if not ipaddress.ip_address(each).is_global:
            raise ProblemError(422, f"{host} leads to {each}, which is not a public address")
    return found[0]
