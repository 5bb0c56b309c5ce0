"""Start the processes of children, nothing more: a main process may do so before it loads its other parts."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

KEPT_MEMORY = "MALLOC_TRIM_THRESHOLD_"
"""Bytes of freed memory that a child keeps."""
KEEP_PAGES = {
    "MALLOC_MMAP_MAX_": "0",
    KEPT_MEMORY: str(512 << 20),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "OMP_WAIT_POLICY": "passive",
    "PYTHONUTF8": "1",
}
"""Children work on ever the same large arrays: giving their pages back to the kernel and fetching them again
costs up to 2.7 times the work itself, and threads that spin while they wait starve their neighbours. Names of
files are bytes: in UTF-8 mode none changes, whatever the locale."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The command lines of the children, and where engines keep their measurements of the machine."""

    worker: tuple[str, ...] = (sys.executable, "-m", "mattingd.workers.entrypoint", "worker")
    engine: tuple[str, ...] = (sys.executable, "-m", "mattingd.workers.entrypoint", "engine")
    kept: Path | None = None
    """Path of a file; None: in the state directory."""


class Spawned(NamedTuple):
    """A process, and our end of its socket."""

    process: "subprocess.Popen[bytes]"
    end: socket.socket


def spawn(command: Sequence[str], environment: Mapping[str, str], keep: Sequence[int]) -> Spawned:
    """Start a process.

    Args:
        command: its command line; the number of its end of the socket and our process are appended.
        environment: added to our own.
        keep: descriptors it inherits, such as the lock: while it lives, the lock is held.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [*command, str(theirs.fileno()), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), *keep),
            env={**os.environ, **KEEP_PAGES, **environment},
            process_group=0,
        )
    return Spawned(process, ours)
