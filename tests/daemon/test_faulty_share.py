"""A share that hangs, fails, fills and cannot do what disks can, by a file system of the tests' own."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import hostile
import pytest
import yaml
from faulty_share import FaultyShare, needs_fuse

from tests.daemon.harness.site import Site, wait_until

pytestmark = needs_fuse
needs_time = pytest.mark.skipif("MATTINGD_FAULTS" not in os.environ, reason="takes long: `make faults`")
MakeSite = Callable[..., Site]
QUICK = {"settle_seconds": 0.1, "rescan_seconds": 2, "poll_seconds": 0.5, "share_seconds": 6}
EVERYTHING = {"originals": "archive", "status_file": True}


@pytest.fixture
def share(tmp_path: Path) -> Iterator[FaultyShare]:
    with FaultyShare(tmp_path / "share") as share:
        for name in ("in", "out", "archive"):
            (share.behind / name).mkdir()
        yield share


def drop(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(hostile.named(name))
    return path


def all_on(make_site: MakeSite, share: FaultyShare, **settings: Any) -> Site:
    """A site with everything on the share, and one more hot folder that is not."""
    site = make_site(
        folders=("local",),
        hot_folders=[],
        output_dir=str(share.path / "out"),
        archive_dir=str(share.path / "archive"),
        watch=QUICK,
        **settings,
    )
    local = site.hot[0]
    document = yaml.safe_load(site.config.read_text(encoding="utf-8"))
    document["hot_folders"] = [{"path": str(share.path / "in"), **EVERYTHING}, {"path": str(local)}]
    site.config.write_text(yaml.safe_dump(document), encoding="utf-8")
    site.hot, site.out = [share.path / "in", local], share.path / "out"
    return site


def age_all(site: Site) -> None:
    """Let all cut-outs have been made years ago, as far as the journal knows."""
    with closing(sqlite3.connect(site.state / "checkpoint.db", timeout=10)) as journal, journal:
        journal.execute("UPDATE jobs SET drop_name = '2020-01-01-1', ended_at = '2020-01-01T12:00:00+00:00'")


def test_the_main_process_makes_no_call_to_a_share(make_site: MakeSite, share: FaultyShare) -> None:
    """Scans, archive, reports, status files, retention, free space, backgrounds: children do them."""
    hostile.picture((400, 300)).save(share.behind / "backdrop.png")
    site = all_on(
        make_site,
        share,
        retention={"days": 7, "archived_days": 7, "brake_percent": 100},
        reports={"tables": True},
    )
    text = site.config.read_text(encoding="utf-8")
    site.config.write_text(
        f"{text}presets:\n  shop: {{background: {share.path}/backdrop.png}}\n".replace(
            "status_file: true", "preset: shop\n  status_file: true"
        ),
        encoding="utf-8",
    )
    process = site.start()
    first = drop(share.behind / "in", "first.png")
    wait_until(lambda: not first.exists(), "the original was archived", 60)
    wait_until((share.behind / "in" / "_STATUS.txt").exists, "the status file was written", 60)
    wait_until(lambda: nothing_live(site), "all was done", 60)
    age_all(site)
    cleaned = site.command("clean")
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    assert not list((share.behind / "out").rglob("first.png"))
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: bool(site.events("settings")), "the configuration was read again", 60)
    assert process.pid not in share.callers()
    share.hang()
    assert site.status()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


@needs_time
def test_nothing_but_its_own_pictures_waits_for_a_share_that_hangs(
    make_site: MakeSite, share: FaultyShare
) -> None:
    """Output and archive are on it as well: the others are admitted, and published when it is back."""
    site = all_on(make_site, share, retention={"days": 7})
    process = site.start()
    site.wait_ended([drop(site.hot[1], "before.png")], 120)  # without any cut-out there is nothing to clean
    share.hang()
    wait_until(lambda: states(site) == ["offline", "online"], "the share was offline", 60)
    answer = site.command("clean")
    assert "gives no answer" in answer.stdout, answer.stdout + answer.stderr
    local = drop(site.hot[1], "local.png")
    wait_until(lambda: any(row["path"] == b"local.png" for row in site.rows()), "it was admitted", 60)
    assert states(site) == ["offline", "online"]
    share.tell()
    wait_until(lambda: states(site) == ["online", "online"], "the share was back", 120)
    site.wait_ended([local], 120)
    assert process.pid not in share.callers()
    assert site.stop() == 0


def nothing_live(site: Site) -> bool:
    with site.journal() as ledger:
        return not ledger.live_jobs()


def states(site: Site) -> list[str]:
    return [folder["state"] for folder in site.status()["folders"]]
