"""Hot folders with very many files, behind `make faults`: the start, the rest, and a burst that is not read.

Settled files are put into the journal as known, so that the figures are those of looking alone.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from samba import Mount, Samba, mounted, needs_samba

from mattingd.core import output_paths
from mattingd.domain.commands import Admit
from mattingd.domain.jobs import Folder, Recipe
from mattingd.domain.reasons import Reason
from mattingd.journal import JournalWriter, PlacingRules
from mattingd.runtime.launch import JOURNAL
from mattingd.system import clock
from mattingd.system.filesystem import stamp_of
from tests.daemon.conftest import MakeSite, Tell
from tests.daemon.harness import people, pictures
from tests.daemon.harness.site import Site, wait_until
from tests.daemon.test_resting import processor_seconds

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif("MATTINGD_FAULTS" not in os.environ, reason="takes long: `make faults`"),
]
SETTLED, RESTING, BURST = 100_000, 20_000, 20_000
PICTURES_OF_BURST = 200
A_FOLDER = 1_000
MOST_MEMORY = 300_000_000
REST_SECONDS = 120
DEFAULTS = {"settle_seconds": 2.0, "rescan_seconds": 60.0, "poll_seconds": 5.0}
"""What counts where nothing is configured."""


def filled(folder: Path, number: int) -> list[bytes]:
    """So many files; their paths below the folder."""
    paths = []
    for first in range(0, number, A_FOLDER):
        part = folder / f"{first // A_FOLDER:03}"
        part.mkdir()
        for name in range(first, min(first + A_FOLDER, number)):
            (part / f"{name:06}.jpg").write_bytes(b"x")
            paths.append(os.fsencode(f"{part.name}/{name:06}.jpg"))
    return paths


def settled(site: Site, paths: list[bytes], *, on_share: bool = False) -> None:
    """A journal that knows them all as they are, as after years of work."""
    rules = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
    journal = JournalWriter(site.state / JOURNAL, rules, lambda: "2026-11-20T12:00:00+01:00")
    number = journal.folder_id(os.fsencode(site.hot[0]))
    folder, drop = Folder(number, "in", Recipe("as ever")), "2026-11-20-1"
    for first in range(0, len(paths), 5_000):
        journal.apply([known(site, folder, path, drop, on_share) for path in paths[first : first + 5_000]])
    journal.scanned(number)
    journal.close()


def known(site: Site, folder: Folder, path: bytes, drop: str, on_share: bool) -> Admit:  # noqa: FBT001
    stamp = stamp_of((site.hot[0] / os.fsdecode(path)).lstat())
    stamp = replace(stamp, mark=0) if on_share else stamp
    naming = output_paths.naming(folder, path, drop[:10], drop)
    return Admit(folder.id, path, stamp, folder.recipe, naming, drop, 0, ignored=Reason.of("existed"))


def memory(process: psutil.Process) -> int:
    """Bytes of its own, which no other process shares."""
    return int(process.memory_full_info().uss)


def test_a_start_with_100_000_settled_files(make_site: MakeSite, tell: Tell) -> None:
    site = make_site(watch=DEFAULTS)
    settled(site, filled(site.hot[0], SETTLED))
    begun = clock.monotonic_ns()
    process = site.start(ready=False)
    site.wait_ready(process, 900)
    seconds = (clock.monotonic_ns() - begun) / clock.SECOND
    used = sum(psutil.Process(process.pid).cpu_times()[:2])
    held = memory(psutil.Process(process.pid))
    tell(
        f"{SETTLED:,} settled files: ready {seconds:.1f} s after the start, {used:.1f} s of processor",
        f"memory of the main process: {held / 1e6:.0f} MB",
    )
    assert held < MOST_MEMORY
    assert len(site.rows()) == SETTLED
    assert site.stop() == 0


def rests(site: Site, what: str, most: float, tell: Tell) -> None:
    """The daemon and its children take no more than this part of a core while nothing happens."""
    site.wait_ready(site.start(ready=False), 900)
    clock.sleep(10)
    before = processor_seconds(site)
    clock.sleep(REST_SECONDS)
    part = (processor_seconds(site) - before) / REST_SECONDS
    tell(f"{RESTING:,} settled files {what}: {100 * part:.2f} % of a core, all processes together")
    assert part < most
    assert len(site.rows()) == RESTING
    assert site.stop() == 0


def test_20_000_settled_files_on_a_local_disk_at_rest(make_site: MakeSite, tell: Tell) -> None:
    site = make_site(watch=DEFAULTS)
    settled(site, filled(site.hot[0], RESTING))
    rests(site, "on a local disk", 0.02, tell)


@pytest.fixture
def share(tmp_path: Path) -> Iterator[tuple[Samba, Mount]]:
    with mounted(tmp_path) as pair:
        (pair[0].share / "in").mkdir()
        yield pair


@needs_samba
def test_20_000_settled_files_on_a_mount_at_rest(
    make_site: MakeSite, share: tuple[Samba, Mount], tell: Tell
) -> None:
    samba, mount = share
    site = make_site(hot_folders=[{"path": str(mount.path / "in")}], watch=DEFAULTS)
    site.hot = [mount.path / "in"]
    settled(site, filled(samba.share / "in", RESTING), on_share=True)
    rests(site, "on a mounted share", 0.1, tell)


def test_a_burst_of_20_000_files_while_nobody_reads_the_notifications(
    make_site: MakeSite, tell: Tell
) -> None:
    """More than the kernel's queue holds, into folders that are watched: what it drops is scanned for."""
    site = make_site(watch={"settle_seconds": 0.5, "rescan_seconds": 3600})
    for number in range(20):
        (site.hot[0] / f"{number:02}").mkdir()
    process = site.start()
    begun = clock.monotonic_ns()
    process.send_signal(signal.SIGSTOP)
    files = []
    for number in range(BURST - PICTURES_OF_BURST):
        (site.hot[0] / f"{number % 20:02}" / f"{number}.txt").write_bytes(b"no picture")
    for number in range(PICTURES_OF_BURST):
        file = site.hot[0] / f"{number % 20:02}" / f"{number}.png"
        files.append(people.save(file, pictures.picture(number, half=True)))
    process.send_signal(signal.SIGCONT)
    with site.explained():
        wait_until(lambda: len(site.rows()) >= BURST, "all were seen", 1200, pause=2)
    site.wait_ended(files, 600)
    states = {row["state"] for row in site.rows()}
    seconds = (clock.monotonic_ns() - begun) / clock.SECOND
    tell(f"{BURST:,} files whose notifications nobody read: all seen and ended within {seconds:.0f} s")
    assert len(site.rows()) == BURST
    assert states == {"done", "ignored"}
    assert len(site.results()) == PICTURES_OF_BURST
    assert site.audit()["gaps"] == []
    assert site.stop() == 0
