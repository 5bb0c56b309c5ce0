"""The benchmark runs: figures are for people, no test looks at one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.model
def test_bench_prints_every_row() -> None:
    command = [sys.executable, "-m", "tests.bench.bench", "--quick", "--pictures", "2"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    stages = ("scheduler + journal", "read alone", "infer alone", "finish + write alone", "end to end")
    for row in (
        *stages,
        "first byte beside uploads",
        "uploads of 8 clients",
        "PNG, as by default",
        "TIFF, zstd",
        "AVIF",
        "JPEG XL",
        "read JPEG",
        "x as fast as PNG",
    ):
        assert row in told
