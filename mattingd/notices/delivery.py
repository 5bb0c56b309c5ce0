"""Deliver a digest: one function per channel, which returns when the digest was accepted, or raises."""

import asyncio
import json
import logging
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

import httpx
import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from mattingd.config.people_settings import Notices
from mattingd.notices.digest import DeliveryError, Digest
from mattingd.notices.receivers import Receivers
from mattingd.notices.secrets import Secrets
from mattingd.notices.signing import SIGNATURE, signature
from mattingd.words import Language

ATTEMPTS = 3
"""In a row; after them the journal says when it is tried again."""

PERMANENT = 500
"""Codes of SMTP from here on mean never."""


def by_webhook(digest: Digest, notices: Notices, secrets: Secrets) -> None:
    """POST it as JSON. A receiver can ignore an `Idempotency-Key` that it has seen before.

    Raises:
        DeliveryError: it was not accepted.
    """
    url = secrets.get("webhook-url") or notices.webhook_url
    body = json.dumps(digest.as_json(), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": digest.id}
    if secret := secrets.get("webhook-secret"):
        headers[SIGNATURE] = signature(secret, body)
    try:
        for attempt in _in_a_row(httpx.TransportError):
            with attempt:
                answer = asyncio.run(_post(str(url), body, headers, notices.seconds))
    except TimeoutError:
        raise DeliveryError(f"the webhook gave no answer within {notices.seconds:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        first = _first_of(error)
        raise DeliveryError(_without(secrets, f"{type(first).__name__}: {first}")) from None
    if not answer.is_success:  # a redirect is not followed: it could lead anywhere
        raise DeliveryError(f"the webhook answered {answer.status_code} {answer.reason_phrase}".rstrip())


async def _post(url: str, body: bytes, headers: dict[str, str], seconds: float) -> httpx.Response:
    """Return the head of the answer: the body is not read, however long it is."""
    async with (
        asyncio.timeout(seconds),  # total time; the limits of httpx are per step
        httpx.AsyncClient(timeout=seconds, trust_env=False) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        return answer


def _first_of(error: BaseException) -> BaseException:
    """Return the root cause: libraries put `all connection attempts failed` before `connection refused`."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before.exceptions[0] if isinstance(before, BaseExceptionGroup) else before
    return error


def by_mail(
    digest: Digest, notices: Notices, secrets: Secrets, language: Language, settled: Receivers
) -> None:
    """Send it by SMTP. Its Message-ID is the same at every attempt.

    Args:
        digest: the digest.
        notices: the mail settings.
        secrets: contain the password.
        language: language of the message.
        settled: recipients that have it or were permanently refused, extended here; only the others get it.

    Raises:
        DeliveryError: some of the other recipients did not get it.
    """
    message = EmailMessage()
    message["Subject"] = " ".join(digest.subject(language).split())
    message["From"], message["To"] = notices.mail_from or "mattingd@localhost", ", ".join(notices.mail_to)
    message["Date"], message["Message-ID"] = formatdate(localtime=True), f"<{digest.id}@mattingd>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(digest.text(language))
    left = [address for address in notices.mail_to if address not in settled]
    try:
        for attempt in _in_a_row(ConnectionError):
            with attempt:
                refused = _send(message, left, notices, secrets)
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryError(_without(secrets, f"{type(error).__name__}: {error}")) from None
    told = {address: f"{code} {said.decode(errors='replace')}" for address, (code, said) in refused.items()}
    for address, why in told.items():
        structlog.get_logger().warning("mail refused", to=address, drop=digest.drop, why=why)
    settled.settle(address for address in left if address not in refused)
    if settled:  # if nobody got it, the notice counts as undeliverable
        settled.settle(address for address, (code, _) in refused.items() if code >= PERMANENT)
    if any(address not in settled for address in left):
        wrong = (f"{address}: {why}" for address, why in told.items() if address not in settled)
        raise DeliveryError(_without(secrets, "; ".join(wrong)))


def _send(
    message: EmailMessage, to: list[str], notices: Notices, secrets: Secrets
) -> dict[str, tuple[int, bytes]]:
    """Send it; returns code and message for each refused address."""
    host, port = str(notices.mail_host), notices.mail_port
    context = ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(host, port, timeout=notices.seconds, context=context)
        if notices.mail_security == "tls"
        else smtplib.SMTP(host, port, timeout=notices.seconds)
    ) as server:
        if notices.mail_security == "starttls":
            server.starttls(context=context)
        if notices.mail_user is not None:
            server.login(notices.mail_user, secrets.get("smtp-password"))
        try:
            return server.send_message(message, to_addrs=to)
        except smtplib.SMTPRecipientsRefused as error:
            return error.recipients


def by_chat(digest: Digest, secrets: Secrets, language: Language, settled: Receivers) -> None:
    """Send it to the chat services whose addresses are in the secret `chat-urls`, by apprise.

    Args:
        digest: the digest.
        secrets: contain the addresses.
        language: language of the message.
        settled: addresses that have it, extended here; only the others get it.

    Raises:
        DeliveryError: one of them did not accept it, or apprise is not installed.
    """
    try:
        import apprise  # noqa: PLC0415 - an extra
    except ImportError:
        raise DeliveryError("apprise is not installed: pip install 'mattingd[notify]'") from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it contains addresses, which are secrets
    urls = secrets.get("chat-urls").split()
    if not urls:
        raise DeliveryError("there is no address in the secret chat-urls")
    wrong = []
    for url in urls:
        if url in settled:
            continue
        room: Any = apprise.Apprise()
        service = f"{url.partition(':')[0]}:..."
        try:
            if not room.add(url):
                wrong.append(f"an address in chat-urls is none that apprise knows ({service})")
            elif room.notify(title=digest.subject(language), body=digest.text(language)):
                settled.settle([url])
            else:
                wrong.append(f"a chat service did not take it ({service})")
        except Exception as error:  # noqa: BLE001 - of a plugin: the other services get it all the same
            wrong.append(f"{type(error).__name__} ({service})")
    if wrong:
        raise DeliveryError("; ".join(dict.fromkeys(wrong)))


def _in_a_row(*passing: type[Exception]) -> Retrying:
    """Retry temporary errors at once; the last error is raised unchanged."""
    return Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        retry=retry_if_exception_type(passing),
        reraise=True,
    )


def _without(secrets: Secrets, text: str) -> str:
    """Remove all secrets from a text, whatever a library put into it."""
    for secret in secrets.found.values():
        for part in (secret, *secret.split()):
            text = text.replace(part, "(secret)")
    return text
