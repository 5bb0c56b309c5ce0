"""A daemon with its page, and programs that call it."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.daemon.harness.site import Site, wait_until

SECRET = "s" * 32
"""Signs the callbacks of `page`."""
PATIENCE = 240.0
"""Seconds that a machine may take which is busy with other things; no test tells anything by them."""


def eventually(check: Callable[[], bool], what: str) -> None:
    """Wait until something is true, however slow the machine is."""
    wait_until(check, what, PATIENCE)


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


class Page:
    """A site whose daemon offers the page."""

    def __init__(self, root: Path, web: dict[str, Any] | None = None, **settings: Any) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.site = Site(root, web={"listen": f"127.0.0.1:{self.port}"} | (web or {}), **settings)

    def client(self, **more: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, **more)

    def start(self) -> None:
        self.site.wait_ready(self.site.start(ready=False), PATIENCE)
        self.wait()

    def wait(self) -> None:
        """Until somebody answers."""

        def answers() -> bool:
            try:
                return httpx.get(f"{self.url}/healthz", timeout=20, trust_env=False).status_code == 200
            except httpx.HTTPError:
                return False

        with self.site.explained():
            eventually(answers, "the page answered")

    def web_process(self) -> int:
        """The process that listens."""
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if "web" in command and str(self.site.config) in command:
                return int(process.pid)
        raise AssertionError("no page runs")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A running page, open to this machine, with metrics and callbacks."""
    root = tmp_path_factory.mktemp("page")
    (root / "secret").write_text(f"{SECRET}\n")
    web = {"callback_hosts": ["127.0.0.1"], "callback_secret_file": str(root / "secret")}
    page = Page(root / "site", web, metrics={"port": free_port()})
    page.start()
    yield page
    page.site.close()
    page.site.remove()


@pytest.fixture
def client(page: Page) -> Iterator[httpx.Client]:
    with page.client() as client:
        yield client
