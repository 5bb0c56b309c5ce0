"""`mattingd process` as a person runs it, start and end included."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mattingd.system import clock
from tests.bench.timing import Cost


def measure(pictures: Path, output: Path) -> Cost:
    """Cut out a folder of pictures with mattingd.

    Raises:
        RuntimeError: it did not end well, or a cut-out is missing.
    """
    program = [sys.executable, "-m", "mattingd", "process", "--quiet"]
    return timed([*program, str(pictures), "--output", str(output)], pictures, output, os.environ)


def timed(command: Sequence[str], pictures: Path, output: Path, environment: Mapping[str, str]) -> Cost:
    """Run a program that turns a folder of pictures into one of PNGs; CPU seconds count its children, too.

    Raises:
        RuntimeError: it did not end well, or a PNG is missing.
    """
    started = clock.monotonic_ns()
    log = output.with_suffix(".log")
    with (
        log.open("wb") as sink,
        subprocess.Popen(command, env=environment, stdout=sink, stderr=sink) as program,
    ):
        _, status, used = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    seconds = (clock.monotonic_ns() - started) / clock.SECOND
    wanted, made = len(list(pictures.iterdir())), len(list(output.glob("*.png")))
    if program.returncode or made != wanted:
        told = log.read_text(errors="replace")
        raise RuntimeError(f"code {program.returncode}, {made} of {wanted} cut-outs are there\n{told}")
    return Cost(wanted, seconds, used.ru_utime + used.ru_stime)
