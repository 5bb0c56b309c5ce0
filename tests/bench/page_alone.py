"""The page beside a running daemon: time to the first byte, and uploads that are acknowledged in a second.

    python -m tests.bench.page_alone [UPLOADS]

The engine is that of the tests: what the pictures cost is measured elsewhere.
"""

import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from mattingd.system import clock
from tests.bench import photographs
from tests.web.conftest import Page

WIDTH, HEIGHT = 4000, 3000
CLIENTS = 8
LOOKS = 200
"""Requests for the page, one after the other."""
NO_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds to the first byte, sorted, and how uploads went."""

    calm: list[float]
    busy: list[float]
    """While uploads run."""
    uploads: int
    megabytes: float
    seconds: float


def measure(place: Path, uploads: int) -> Measured:
    """Offer a page in `place` and use it."""
    source = place / "uploads"
    photographs.make(source, 3, WIDTH, HEIGHT)
    files = [each.read_bytes() for each in sorted(source.iterdir())]
    page = Page(place.resolve() / "site", {"uploads_per_minute": NO_LIMIT})
    try:
        page.start()
        with page.client() as client:
            first_byte(client)
            calm = sorted(first_byte(client) for _ in range(LOOKS))
            busy, over = list[float](), threading.Event()
            looking = threading.Thread(target=_look, args=(client, busy, over))
            looking.start()
            started = clock.monotonic_ns()
            with ThreadPoolExecutor(CLIENTS) as crowd:
                sent = crowd.map(lambda number: upload(client, files[number % len(files)]), range(uploads))
                size = sum(sent)
            seconds = clock.seconds_since(started)
            over.set()
            looking.join()
    finally:
        page.site.close()
        page.site.remove()
    return Measured(calm, sorted(busy), uploads, size / 1e6, seconds)


def _look(client: httpx.Client, seen: list[float], over: threading.Event) -> None:
    while not over.wait(0.02):
        seen.append(first_byte(client))


def first_byte(client: httpx.Client) -> float:
    """Milliseconds from asking for the page to its first byte."""
    started = clock.monotonic_ns()
    with client.stream("GET", "/history") as answer:
        next(answer.iter_raw())
        return clock.seconds_since(started) * 1000


def upload(client: httpx.Client, data: bytes) -> int:
    """Send a picture until it is acknowledged; returns its bytes.

    Raises:
        httpx.HTTPStatusError: it is not.
    """
    client.post("/api/v1/jobs", files={"image": ("a.jpg", data, "image/jpeg")}).raise_for_status()
    return len(data)


def table(measured: Measured) -> Table:
    """What was measured."""
    shown = Table(title="the page", title_justify="left", show_edge=False)
    shown.add_column(no_wrap=True)
    for name in ("count", "median", "p95", "rate"):
        shown.add_column(name, justify="right")
    for name, times in (("first byte", measured.calm), ("first byte beside uploads", measured.busy)):
        shown.add_row(
            name, str(len(times)), f"{share(times, 0.5):.0f} ms", f"{share(times, 0.95):.0f} ms", ""
        )
    rate = f"{measured.uploads / measured.seconds:.1f}/s, {measured.megabytes / measured.seconds:.0f} MB/s"
    shown.add_row(f"uploads of {CLIENTS} clients", str(measured.uploads), "", "", rate)
    return shown


def share(times: list[float], part: float) -> float:
    """The time within which this part of the requests was answered; NaN of none."""
    return times[min(len(times) - 1, int(part * len(times)))] if times else float("nan")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Console(highlight=False).print(
            table(measure(Path(folder), int(sys.argv[1]) if sys.argv[1:] else LOOKS))
        )
