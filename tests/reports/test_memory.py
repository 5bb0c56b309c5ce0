"""A report is made in bounded memory: of 2,000 pictures in `make soak`, of a few in the daily tests."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from mattingd.domain.commands import EndDrop, Move
from mattingd.journal import JournalWriter
from mattingd.reports.order import ReportOrder
from tests.journal.journals import admitted, opened, publish

PICTURES = int(os.environ.get("MATTINGD_SOAK", "30")) * 2
MOST = 200 << 20
"""Bytes above a process that has loaded the same and does nothing.

Sixty pictures take 259 MB: one more copy of each, kept until the end, is seen.
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalWriter]:
    """One ended drop of pictures of a megapixel, which are all the same file by many names."""
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(1).integers(0, 255, (900, 1200, 4), np.uint8)
    pixels[:, :, :3] = pixels[::50, ::50, :3].repeat(50, 0).repeat(50, 1)
    Image.fromarray(pixels[..., :3]).save(tmp_path / "source.jpg")
    Image.fromarray(pixels).save(tmp_path / "made.png", compress_level=1)
    with opened(tmp_path / "checkpoint.db") as journal:
        journal.folder_id(bytes(tmp_path / "in"))
        for number in range(PICTURES):
            row = admitted(journal, b"%d.jpg" % number)
            publish(journal, row)
            journal.apply([Move(row.job, "done", confidence=number / PICTURES, chores=frozenset())])
            (tmp_path / "in" / f"{number}.jpg").hardlink_to(tmp_path / "source.jpg")
            place = tmp_path / "out" / row.outputs[0].place.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.hardlink_to(tmp_path / "made.png")
        journal.apply([EndDrop(1, "2026-11-20-1")])
        yield journal


def idle_bytes() -> int:
    """Memory of a process that has loaded what a picture worker and the maker of reports load."""
    code = "import mattingd.reports.making, mattingd.workers.picture_worker, resource;"
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def test_sheet_and_zip_take_bounded_memory(journal: JournalWriter, tmp_path: Path) -> None:
    order = ReportOrder(
        journal=str(journal.path),
        output=str(tmp_path / "out"),
        archive=None,
        folder=1,
        drop="2026-11-20-1",
        title="in",
        base="2026-11-20/in/_reports/2026-11-20-1",
        preset="",
        model="",
        recipe="",
        language="en",
        tables=True,
        sheet=PICTURES,
        bundle=True,
    )
    command = [sys.executable, "-m", "mattingd.reports", str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(order.as_json()) + "\n")
        child.stdin.flush()
        answer = next(each for line in child.stdout if "files" in (each := json.loads(line)))
        peak = psutil.Process(child.pid).memory_info().rss
        child.stdin.write("go\n")
        child.stdin.flush()
        assert "done" in child.stdout.readline()
    assert len(answer["files"]) == 3 + -(-PICTURES // 30)
    peak = max(peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
    assert peak - idle_bytes() < MOST, f"{peak / 1e6:.0f} MB"
