"""Folders on a real Samba share, mounted over FUSE, whose server is killed, frozen or late."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile
import pytest
from samba import Mount, Samba, mounted, needs_samba

from tests.daemon.harness.site import Site, wait_until

pytestmark = needs_samba
MakeSite = Callable[..., Site]
QUICK = {"settle_seconds": 0.1, "rescan_seconds": 2, "poll_seconds": 0.5, "share_seconds": 6}


@pytest.fixture
def share(tmp_path: Path) -> Iterator[tuple[Samba, Mount]]:
    with mounted(tmp_path) as pair:
        for name in ("in", "out"):
            (pair[0].share / name).mkdir()
        yield pair


def drop(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(hostile.encoded("PNG"))
    return path


def states(site: Site) -> list[str]:
    return [folder["state"] for folder in site.status()["folders"]]


def test_hot_folder_and_output_on_a_share(make_site: MakeSite, share: tuple[Samba, Mount]) -> None:
    """Dropped on the server, where no notification tells the client; cut out onto the same share."""
    samba, mount = share
    site = make_site(
        hot_folders=[{"path": str(mount.path / "in")}], output_dir=str(mount.path / "out"), watch=QUICK
    )
    site.hot, site.out = [mount.path / "in"], mount.path / "out"
    site.start()
    for number in range(24):
        drop(samba.share / "in", f"{number}.png")
    wait_until(lambda: len(list((samba.share / "out").rglob("*.png"))) == 24, "all were cut out", 60)
    site.wait_ended([mount.path / "in" / f"{number}.png" for number in range(24)])
    assert site.audit()["present"] == 24
    assert states(site) == ["online"]
    assert site.stop() == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_share_whose_server_is_away_holds_up_nobody_else(
    make_site: MakeSite, share: tuple[Samba, Mount], how: signal.Signals
) -> None:
    samba, mount = share
    site = make_site(folders=("in", "local"), watch=QUICK)
    text = site.config.read_text().replace(str(site.hot[0]), str(mount.path / "in"))
    site.config.write_text(text)
    local, site.hot[0] = site.hot[1], mount.path / "in"
    site.start()
    before = drop(samba.share / "in", "before.png")
    site.wait_ended([mount.path / "in" / before.name])
    samba.signal(how)
    wait_until(lambda: "offline" in states(site), "the share was offline", 40)
    here = [drop(local, f"{number}.png") for number in range(5)]
    wait_until(lambda: len(site.results()) == 6, "local pictures went on", 20)
    assert states(site) == ["offline", "online"]
    after = drop(samba.share / "in", "after.png")
    samba.signal(signal.SIGCONT) if how is signal.SIGSTOP else samba.start()
    wait_until(lambda: states(site) == ["online", "online"], "the share was back", 90)
    site.wait_ended([*here, mount.path / "in" / before.name, mount.path / "in" / after.name], 90)
    assert {row["state"] for row in site.rows()} == {"done"}
    assert site.audit()["present"] == 7
    assert site.stop() == 0


def test_a_share_that_is_not_there_at_the_start_is_waited_for(
    make_site: MakeSite, share: tuple[Samba, Mount]
) -> None:
    samba, mount = share
    site = make_site(
        hot_folders=[{"path": str(mount.path / "in")}], output_dir=str(mount.path / "out"), watch=QUICK
    )
    site.hot, site.out = [mount.path / "in"], mount.path / "out"
    samba.signal(signal.SIGKILL)
    site.start(ready=False)
    wait_until(lambda: bool(site.status()) and states(site) == ["offline"], "the share was offline", 90)
    dropped = drop(samba.share / "in", "late.png")
    samba.start()
    wait_until(lambda: states(site) == ["online"], "the share was there", 90)
    site.wait_ended([mount.path / "in" / dropped.name], 90)
    assert [row["state"] for row in site.rows()] == ["done"]
    assert site.stop() == 0
