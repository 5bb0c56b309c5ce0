"""A picture that wants more memory than there may be fails with one line; the worker goes on."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mattingd.config import Limits, Settings
from mattingd.domain.presets import BUILT_IN
from mattingd.workers import resources
from tests.imaging.pictures import encode, photo

ROOT = Path(__file__).parents[2]
WORKER = """
import os, sys
from dataclasses import replace
from pathlib import Path
from mattingd.domain.commands import Read, WorkerConfig
from mattingd.domain.jobs import Geometry, PictureLimits
from mattingd.system.filesystem import Disk, stamp_of
from mattingd.workers import picture_worker

folder = Path(sys.argv[1])
limits, net = PictureLimits(), Geometry(416, 32)
bench = WorkerConfig(0, {1: os.fsencode(folder)}, sys.argv[1], "x", limits, net, 60_000_000)
orders = [(bench, None)]
for job, name in enumerate(("large.png", "small.png")):
    path = folder / name
    orders.append((Read(0, job, 1, os.fsencode(name), stamp_of(path.stat()), grant=1 << 40), None))

def receive():
    if not orders:
        raise SystemExit
    return orders.pop(0)

picture_worker.serve(receive, lambda answer: print(answer[0], flush=True), Disk())
"""


def test_a_picture_that_wants_too_much_fails_and_the_next_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(encode(np.full((6000, 6000, 3), 90, np.uint8), "PNG"))
    (tmp_path / "small.png").write_bytes(encode(photo(400, 300), "PNG"))
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    up, failed, read = done.stdout.splitlines()
    assert up.startswith("WorkerUp")
    assert failed.startswith("Faulted(worker=0, job=0, fault=<Fault.BAD: 'bad'>")
    assert "code='out_of_memory'" in failed
    assert read.startswith("ReadOk(worker=0, job=1")


def test_a_worker_may_take_what_the_budget_gives_or_the_largest_picture_needs() -> None:
    settings = Settings(output_dir=Path("/o"), state_dir=Path("/s"), hot_folders=(), presets=BUILT_IN)
    for limits, megapixels in (
        (Limits(memory_megapixels=500), 500),
        (Limits(memory_megapixels=1, max_megapixels=30), 30),
    ):
        found = resources.worker_bytes(replace(settings, limits=limits))
        beside = resources.BACKGROUND_BYTES + resources.SPARE_BYTES
        assert found == megapixels * 1_000_000 * resources.BYTES_A_PIXEL + beside
