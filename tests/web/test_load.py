"""Many clients at once, while the daemon and the page are killed: what was acknowledged ends as a cut-out."""

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.daemon.harness import pictures
from tests.daemon.harness.site import wait_until
from tests.web.conftest import Page

CLIENTS, UPLOADS = 8, 40
KILLS = "page daemon page daemon"
ALL_CLIENTS, ALL_UPLOADS = 50, 200
ALL_KILLS = "page daemon page page daemon page daemon page"
"""In `make soak`, which sets `MATTINGD_LOAD`."""
PATIENCE = 600.0
FLAT_BYTES = 100_000_000
"""So much may the page's memory rise while it answers everybody."""


class Client(threading.Thread):
    """Uploads until all its pictures were acknowledged; an error means: again, with the same key."""

    def __init__(self, page: Page, number: int, uploads: int) -> None:
        super().__init__(daemon=True)
        self.page, self.number, self.uploads = page, number, uploads
        self.acknowledged: list[str] = []
        self.last = ""

    def run(self) -> None:
        for upload in range(self.uploads):
            label = self.number * 1000 + upload
            files = {"image": (f"shoe{label}.png", pictures.picture(label % 200, 0, "png"), "image/png")}
            headers = {"Idempotency-Key": f"{self.number}/{upload}"}
            while True:
                with suppress(httpx.HTTPError), self.page.client() as client:
                    answer = client.post("/api/v1/jobs", files=files, headers=headers)
                    self.last = f"{answer.status_code} {answer.text}"
                    if answer.status_code == 202:
                        self.acknowledged.append(answer.json()["jobs"][0]["id"])
                        break
                threading.Event().wait(0.2)


class Memory(threading.Thread):
    """Watches a process: what it took at first, and at most."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(process)
        self._ended = threading.Event()
        self.first = self.most = self._process.memory_info().rss

    def run(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while not self._ended.wait(0.2):
                self.most = max(self.most, self._process.memory_info().rss)

    def close(self) -> None:
        self._ended.set()
        self.join()


@pytest.mark.timeout(4 * PATIENCE)
def test_no_acknowledged_upload_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    whole = "MATTINGD_LOAD" in os.environ
    clients, uploads, kills = (ALL_CLIENTS, ALL_UPLOADS, ALL_KILLS) if whole else (CLIENTS, UPLOADS, KILLS)
    page = Page(tmp_path / "site")
    try:
        page.start()
        crowd = [Client(page, number, uploads // clients) for number in range(clients)]
        for member in crowd:
            member.start()
        for number, victim in enumerate(kills.split()):
            wanted = (number + 1) * uploads // (len(kills.split()) + 2)
            wait_until(lambda wanted=wanted: told(crowd) >= wanted, f"{wanted} uploads", PATIENCE)  # type: ignore[misc]
            if victim == "page":
                with suppress(ProcessLookupError):
                    os.kill(page.web_process(), signal.SIGKILL)
            else:
                page.site.kill()
                page.site.start(ready=False)
            page.wait()
        memory = Memory(page.web_process())
        memory.start()
        for member in crowd:
            member.join(PATIENCE)
            assert not member.is_alive(), f"{member.acknowledged}, then {member.last}"
        ids = {job for member in crowd for job in member.acknowledged}
        assert len(ids) == uploads
        with page.client() as client:
            wait_until(lambda: left(client, ids) == 0, "all had ended", PATIENCE, pause=1)
            states = {client.get(f"/api/v1/jobs/{job}").json()["state"] for job in ids}
        assert states == {"done"}
        memory.close()
        assert memory.most < memory.first + FLAT_BYTES
        books = page.site.audit()
        assert (books["seen"], books["counts"]["done"]) == (uploads, uploads)
        print(f"page: {memory.first / 1e6:.0f} MB, at most {memory.most / 1e6:.0f} MB; {books['counts']}")  # noqa: T201 - for `make soak`
    finally:
        page.site.close()


def told(crowd: list[Client]) -> int:
    return sum(len(member.acknowledged) for member in crowd)


def left(client: httpx.Client, ids: set[str]) -> int:
    """How many of these are not done yet, by the pages of the list."""
    done, cursor = set[str](), ""
    with suppress(httpx.HTTPError):
        while True:
            page = client.get("/api/v1/jobs", params={"limit": 200, "cursor": cursor, "state": "done"}).json()
            done |= {job["id"] for job in page["items"]}
            if not (cursor := page["next"] or ""):
                return len(ids - done)
    return len(ids)
