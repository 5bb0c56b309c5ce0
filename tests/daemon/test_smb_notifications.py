"""What clients of a real Samba server drop while the daemon reads no notifications of the server's folder."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from samba import Client, Samba, needs_samba

from tests.daemon.harness import pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import Site

pytestmark = [
    needs_samba,
    pytest.mark.skipif("MATTINGD_FAULTS" not in os.environ, reason="takes long: `make faults`"),
]
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.fixture
def samba(tmp_path: Path) -> Iterator[Samba]:
    server = Samba(tmp_path / "samba")
    try:
        server.start()
        (server.share / "in").mkdir()
        yield server
    finally:
        server.close()


def test_when_the_queue_of_notifications_overflows_what_clients_dropped_is_found(
    make_site: Callable[..., Site], samba: Samba
) -> None:
    """Two files grow in turn, a byte at a time, until the kernel drops all that is said of later ones."""
    folder = samba.share / "in"
    site = make_site(
        hot_folders=[{"path": str(folder)}], watch={"settle_seconds": 0.3, "rescan_seconds": 3600}
    )
    site.hot = [folder]
    process = site.start()
    process.send_signal(signal.SIGSTOP)
    labels = {folder / f"{number}.png": Label(number) for number in range(1, 13)}
    with Client(samba.address) as client:
        growing = [client.open(f"in\\{name}.txt") for name in ("one", "other")]
        for number in range(int(QUEUE.read_text(encoding="ascii"))):
            growing[number % 2].write(b"x", number // 2)
        for file in growing:
            file.close()
        for file, label in labels.items():
            client.put(f"in\\{file.name}", pictures.picture(label.number))
    process.send_signal(signal.SIGCONT)
    site.wait_ended(labels, 120)
    assert site.events("overflow")
    for file, label in labels.items():
        assert pictures.read(site.result_of(file).read_bytes()) == label
    assert site.audit()["gaps"] == []
    assert site.stop() == 0
