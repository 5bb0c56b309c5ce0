"""A day in a team's life: clients drop by SMB, through a mount and locally, while everything breaks once.

The server is restarted twice and frozen once, the daemon is killed five times, the output disk fills once. At
the end every original is intact, and each has exactly one whole cut-out. `MATTINGD_FAULTS=8`
does all that eight times.
"""

import hashlib
import os
import random
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image
from samba import Client, Mount, Samba, mounted, needs_samba

from mattingd.system import clock
from tests.daemon.harness.pictures import Label, draw, encode
from tests.daemon.harness.site import Site, wait_until

pytestmark = [
    needs_samba,
    pytest.mark.skipif("MATTINGD_FAULTS" not in os.environ, reason="takes long: `make faults`"),
]
MakeSite = Callable[..., Site]
ROUNDS = int(os.environ.get("MATTINGD_FAULTS", "1"))
PICTURES = 400
CLIENTS = ("smb", "smb again", "mount", "local")
PAUSE_SECONDS = 0.1
QUIET_SECONDS = 240
"""It failed when nothing more was dropped, or came to its end, for so long."""
WATCH = {"settle_seconds": 0.5, "rescan_seconds": 2, "poll_seconds": 1, "share_seconds": 10}


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "mattingd-test", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def share(tmp_path: Path) -> Iterator[tuple[Samba, Mount]]:
    with mounted(tmp_path) as pair:
        (pair[0].share / "in").mkdir()
        (pair[0].share / "out").mkdir()
        with small_disk(pair[0].share / "out"):
            yield pair


class Team:
    """Four people who drop pictures, and try again when the share is away, as people do."""

    def __init__(self, samba: Samba, mount: Mount, local: Path) -> None:
        self.samba, self.mount, self.local = samba, mount, local
        self.ledger: dict[Path, str] = {}
        """SHA-256 of everything that was dropped whole, by its path on the server or this machine."""
        self.going_on = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=each) for each in enumerate(CLIENTS)]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        for thread in self._threads:
            dropped = -1
            while thread.is_alive():
                assert len(self.ledger) > dropped, f"{dropped} files were dropped"
                dropped = len(self.ledger)
                thread.join(QUIET_SECONDS)

    def _work(self, index: int, how: str) -> None:
        chance = random.Random(index)
        for number in range(index, PICTURES * ROUNDS, len(CLIENTS)):
            data = encode(draw(Label(number)), text=f"picture {number}")
            name = f"{how.replace(' ', '-')}-{number:04}.png"
            while not self._dropped(how, name, data):
                clock.sleep(1)
            home = self.local if how == "local" else self.samba.share / "in"
            self.ledger[home / name] = hashlib.sha256(data).hexdigest()
            clock.sleep(PAUSE_SECONDS * chance.random() * 2)

    def _dropped(self, how: str, name: str, data: bytes) -> bool:
        try:
            if how == "local":
                (self.local / name).write_bytes(data)
            elif how == "mount":
                (self.mount.path / "in" / name).write_bytes(data)
            else:
                with Client(self.samba.address) as client:
                    client.put(f"in\\{name}", data, pieces=3)
        except Exception:  # noqa: BLE001 - whatever the library says of a server that is away
            return False
        return True


def test_a_day_in_a_teams_life(make_site: MakeSite, share: tuple[Samba, Mount]) -> None:
    samba, mount = share
    output = str(mount.path / "out")
    site = make_site(folders=("local",), hot_folders=[], output_dir=output, watch=WATCH)
    local = site.hot[0]
    site.config.write_text(
        site.config.read_text().replace(
            "hot_folders: []", f"hot_folders:\n- path: {local}\n- path: {mount.path / 'in'}"
        )
    )
    site.hot, site.out = [local, mount.path / "in"], samba.share / "out"
    team = Team(samba, mount, local)
    site.start()
    team.begin()
    for _ in range(ROUNDS):
        breakdowns(site, samba)
    team.end()
    assert len(team.ledger) == PICTURES * ROUNDS
    wait_until(
        lambda: all(each["state"] == "online" for each in site.status()["folders"]),
        "all was back",
        QUIET_SECONDS,
    )
    site.wait_ended(
        [
            local / path.name if path.parent == local else mount.path / "in" / path.name
            for path in team.ledger
        ],
        QUIET_SECONDS,
    )
    for path, digest in team.ledger.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path
    rows = [row for row in site.rows() if row["state"] == "done"]
    assert len({(row["folder"], bytes(row["path"]), row["sha256"]) for row in rows}) == len(rows)
    results = [path for path in site.out.rglob("*.png") if not path.name.startswith(".")]
    assert len(results) == len(rows) == PICTURES * ROUNDS
    for path in results:
        with Image.open(path) as cut_out:
            cut_out.load()
    assert site.audit()["present"] == PICTURES * ROUNDS
    assert site.stop() == 0
    assert site.temps() == []


def breakdowns(site: Site, samba: Samba) -> None:
    """Everything that happens in a round, one thing after the other."""
    killed_and_started(site)
    samba.signal(signal.SIGKILL)
    clock.sleep(2)
    samba.start()
    killed_and_started(site)
    filler = samba.share / "out" / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    clock.sleep(4)
    killed_and_started(site)
    filler.unlink()
    samba.signal(signal.SIGSTOP)
    clock.sleep(12)
    samba.signal(signal.SIGCONT)
    killed_and_started(site)
    samba.signal(signal.SIGKILL)
    killed_and_started(site)
    samba.start()


def killed_and_started(site: Site) -> None:
    clock.sleep(2)
    site.kill()
    site.start(ready=False)
    wait_until(lambda: bool(site.status()), "the daemon was there again", 180)
