"""Fetching one file: resumed where it broke off, and of no use before size and hash are as pinned.

Knows addresses, hashes and files; knows nothing of models. The environment's proxies are used.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mattingd.zoo.catalogue import File

    Progress = Callable[[int, int | None], None]

RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
OK, PARTIAL, NO_SUCH_RANGE, TOO_MANY, SERVER = 200, 206, 416, 429, 500


class FetchError(Exception):
    """A file cannot be fetched; the message says which, why, and what to do."""


class BrokenError(FetchError):
    """The transfer was interrupted: the next attempt continues from there."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The patience of a transfer."""

    stall_seconds: float = 30.0
    """Seconds without a byte after which it counts as interrupted."""
    tries: int = 5
    """Maximum consecutive attempts without a byte."""
    pause_seconds: float = 1.0
    """Seconds before the second attempt; doubled before each further one, up to 30 seconds."""


def nothing(_done: int, _total: int | None) -> None:
    """Show no progress."""


def fetch(
    url: str, wanted: File, part: Path, terms: Terms | None = None, progress: Progress = nothing
) -> None:
    """Fetch the complete, verified file to `part`.

    Args:
        url: the publisher's address, or a mirror's.
        wanted: its size and hash, as far as they are pinned; at least one hash must be.
        part: a partial file is continued. It stays after an interruption, and is removed when size or hash do
            not match.
        terms: how patient the transfer is.
        progress: called with the bytes so far and, if known, in total.

    Raises:
        FetchError: it cannot be fetched.
    """
    patience = terms or Terms()
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FetchError(f"{wanted.name} is being fetched by another mattingd") from None
        resumed = file.tell() > 0
        _transfer(url, wanted, file, patience, progress)
        if resumed and mismatch(part, wanted):  # the partial file was of another file
            file.truncate(0)
            _transfer(url, wanted, file, patience, progress)
    if wrong := mismatch(part, wanted):
        part.unlink()
        raise FetchError(f"what {url} sent is not {wanted.name} as its publisher pins it: {wrong}")


def mismatch(path: Path, wanted: File) -> str:
    """Return why a file does not match its pinned size and hashes; empty when it does.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if wanted.bytes is not None and size != wanted.bytes:
        return f"{size} bytes, not {wanted.bytes}"
    for kind, pinned in (("sha256", wanted.sha256), ("md5", wanted.md5)):
        if pinned:
            found = _digest(path, kind)
            if found != pinned:
                name = {"sha256": "SHA-256", "md5": "MD5"}[kind]
                return f"its {name} begins with {found[:12]}, not {pinned[:12]}"
    return "" if wanted.sha256 or wanted.md5 else "no hash is pinned for it"


def _digest(path: Path, kind: str) -> str:
    digest = hashlib.new(kind, usedforsecurity=False)  # MD5 if the publisher pins nothing better
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _transfer(url: str, wanted: File, file: IO[bytes], terms: Terms, progress: Progress) -> None:
    """Make attempts as long as they get farther: a server that cannot resume may never send more."""
    most, idle = file.seek(0, os.SEEK_END), 0

    def enough(_state: RetryCallState) -> bool:
        nonlocal most, idle
        now = file.seek(0, os.SEEK_END)
        idle = 0 if now > most else idle + 1
        most = max(most, now)
        return idle >= terms.tries

    limits = httpx.Timeout(terms.stall_seconds)
    with httpx.Client(
        timeout=limits, follow_redirects=True, headers={"Accept-Encoding": "identity"}
    ) as client:
        for attempt in Retrying(
            stop=enough,
            wait=wait_exponential(terms.pause_seconds, max=30),
            retry=retry_if_exception_type(BrokenError),
            reraise=True,
        ):
            with attempt:
                _attempt(client, url, wanted, file, progress)


def _attempt(client: httpx.Client, url: str, wanted: File, file: IO[bytes], progress: Progress) -> None:
    have = file.seek(0, os.SEEK_END)
    if wanted.bytes is not None and have == wanted.bytes:
        return
    try:
        with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as answer:
            if _is_complete(answer, have):
                return
            if answer.status_code == NO_SUCH_RANGE and have:  # the part is of a longer file: another one
                _from_the_start(file)
                raise BrokenError(f"{url} has no more than the {have} bytes that are there already")
            _check(answer, url)
            if answer.status_code == OK or not _goes_on(answer, have):
                have = _from_the_start(file)
            if answer.status_code == PARTIAL and not _goes_on(answer, have):
                raise BrokenError(f"{url} sent another part than was asked for")
            _write(answer, wanted, file, have, progress)
        if wanted.bytes is not None and (now := file.tell()) < wanted.bytes:
            raise BrokenError(f"{url} sent {now} bytes of {wanted.bytes}; the same command continues")
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as error:
        raise FetchError(f"{url} leads nowhere that a file is fetched from: {error}") from error
    except httpx.TimeoutException as error:
        raise BrokenError(
            f"{url} sent nothing for {client.timeout.read:g} s; the same command continues"
        ) from error
    except httpx.HTTPError as error:
        raise BrokenError(f"{url}: the transfer broke off ({error}); the same command continues") from error


def _is_complete(answer: httpx.Response, have: int) -> bool:
    """Whether the existing part is already complete."""
    whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return answer.status_code == NO_SUCH_RANGE and whole == str(have)


def _check(answer: httpx.Response, url: str) -> None:
    code = answer.status_code
    if code in {OK, PARTIAL}:
        if answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html":
            raise FetchError(
                f"{url} sent a web page, not a file: it asks for a sign-in, or a proxy does; --from FILE"
            )
        return
    if code == NO_SUCH_RANGE:
        raise FetchError(f"{url} has no more than what is there already, and that is not the file")
    told = f"{url} answered {code} {answer.reason_phrase}".rstrip()
    if code >= SERVER or code == TOO_MANY:
        raise BrokenError(f"{told}; try again later, or name another place with --from")
    raise FetchError(f"{told}; name another place with --from")


def _goes_on(answer: httpx.Response, have: int) -> bool:
    """Whether an answer continues where the partial file ends."""
    found = RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == have


def _from_the_start(file: IO[bytes]) -> int:
    file.truncate(0)
    return file.seek(0)


def _write(answer: httpx.Response, wanted: File, file: IO[bytes], have: int, progress: Progress) -> None:
    told = answer.headers.get("Content-Length", "")
    total = wanted.bytes or (have + int(told) if told.isdigit() else None)
    for piece in answer.iter_bytes():
        have += len(piece)
        if wanted.bytes is not None and have > wanted.bytes:
            raise FetchError(
                f"{wanted.name} is longer than the {wanted.bytes} bytes that its publisher states"
            )
        file.write(piece)
        progress(have, total)
    file.flush()
