"""Thousands of files at once: all are done, memory stays flat, an urgent picture waits for none of them.

`MATTINGD_SOAK`, as `make soak` sets it, drops 10,000; without it there are 3,000.
"""

import os

import numpy as np
import psutil
import pytest

from mattingd.system import clock
from tests.daemon.conftest import MakeSite, Tell
from tests.daemon.harness import people, pictures
from tests.daemon.harness.pictures import Label
from tests.daemon.harness.site import Site, wait_until

COUNT = 10_000 if "MATTINGD_SOAK" in os.environ else 3000
URGENT = COUNT + 1
GROWTH = 2_000_000
"""Bytes that the main process may grow per 1,000 files."""


@pytest.mark.timeout(900)
def test_thousands_of_files_at_once_and_one_urgent_picture(make_site: MakeSite, tell: Tell) -> None:
    site = make_site(folders=("in", "urgent"), watch={"rescan_seconds": 60})
    process = psutil.Process(site.start().pid)
    begun = clock.monotonic_ns()
    for number in range(COUNT):
        (site.hot[0] / f"{number}.png").write_bytes(pictures.picture(number, half=True))
    samples = sample_memory_until(site, process, COUNT // 2)
    urgent = people.save(site.hot[1] / "urgent.png", pictures.picture(URGENT, half=True))
    samples += sample_memory_until(site, process, COUNT + 1)
    seconds = (clock.monotonic_ns() - begun) / clock.SECOND
    growth = slope([sample for sample in samples if sample[0] >= 1000])
    (row,) = [row for row in site.rows() if row["path"] == b"urgent.png"]
    waited = row["batch"] - row["admitted_batches"]
    user, system = process.cpu_times()[:2]
    tell(
        f"{COUNT} files in {seconds:.0f} s, {COUNT / seconds:.0f}/s;"
        f" {(user + system) * 1000 / COUNT:.1f} ms of processor time of the main process for each",
        f"memory of the main process: {samples[-1][1] / 1e6:.0f} MB, {growth / 1e6:+.2f} MB per 1,000 files",
        f"the urgent picture went {waited} batches after it had settled",
    )
    assert growth < GROWTH
    assert waited <= 2
    assert pictures.read(site.result_of(urgent).read_bytes()) == Label(URGENT)
    assert site.stop() == 0
    check_all(site)


def sample_memory_until(site: Site, process: psutil.Process, done: int) -> list[tuple[int, int]]:
    """(pictures done, bytes of memory that are the main process's own), until so many are done."""
    samples: list[tuple[int, int]] = []

    def reached() -> bool:
        with site.journal() as ledger:
            samples.append((ledger.states().get("done", 0), process.memory_full_info().uss))
        return samples[-1][0] >= done

    with site.explained():
        wait_until(reached, f"{done} were done", seconds=800, pause=0.25)
    return samples


def slope(samples: list[tuple[int, int]]) -> float:
    """Bytes per 1,000 files, by a linear fit."""
    done, memory = np.array(samples, float).T
    return float(np.polynomial.Polynomial.fit(done, memory, 1).convert().coef[1] * 1000)


def check_all(site: Site) -> None:
    """Every picture has its one right cut-out."""
    audit = site.audit()
    assert audit["counts"]["done"] == COUNT + 1
    labels = {pictures.read(path.read_bytes()).number: path for path in site.results()}
    assert len(site.results()) == len(labels) == COUNT + 1
    assert all(labels[number].name == f"{number}.png" for number in range(COUNT))
    assert len({row["attempts"] for row in site.rows()}) == 1
    assert site.temps() == []
