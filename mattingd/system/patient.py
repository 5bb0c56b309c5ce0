"""Calls that may never return, made by a process that can be left behind: a frozen server hangs it.

Not for what is done often: each call starts a process.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mattingd.system.mounts import not_ready

SECONDS = 20.0
"""A share that gives no answer for so long hangs."""
_READ = """
import shutil, sys
try:
    with open(sys.argv[1], "rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
except OSError as error:
    sys.exit(error.errno or 5)
"""
_abandoned: list["subprocess.Popen[bytes]"] = []
"""Processes that hang in the kernel, kept so that nobody waits for them."""


def output_of(command: Sequence[str], seconds: float) -> tuple[int, bytes]:
    """Exit code and standard output of a program.

    Raises:
        TimeoutError: it did not end within `seconds`; it is killed, and not waited for.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        _abandoned.append(process)
        raise TimeoutError(None, f"gives no answer within {seconds:g} s: does its server run?") from None
    return process.returncode, said


def read_file(path: Path) -> bytes:
    """The content of a file that may be on a share.

    Raises:
        OSError: whatever the system says; TimeoutError where the share gives no answer.
    """
    if not not_ready(path):
        return path.read_bytes()
    code, data = output_of([sys.executable, "-I", "-S", "-c", _READ, os.fspath(path)], SECONDS)
    if code:
        raise OSError(code, os.strerror(code), str(path))
    return data
