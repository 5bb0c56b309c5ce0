"""A mount of a folder that fails as it is told, and hangs as it is told.

mattingd takes it for a share, as every unknown FUSE type. The program behind it is `faulty_fs.py`. Needs root
and the package fuse3.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from mattingd.system import clock

PROGRAM = Path(__file__).with_name("faulty_fs.py")
ABILITIES = ("noreplace", "link", "fsync", "chmod")
LOOK_SECONDS = 0.05
TYPE = "fuse.faulty"


def needed() -> str:
    """Why there can be no such mount here; empty when there can."""
    if os.geteuid() != 0:
        return "a mount needs root"
    if not Path("/dev/fuse").exists() or shutil.which("fusermount3") is None:
        return "fuse3 is not installed"
    return ""


needs_fuse = pytest.mark.skipif(bool(needed()), reason=needed() or "never")


class FaultyShare:
    """See the module. `path` is the mount, `behind` the folder that it shows."""

    def __init__(self, root: Path) -> None:
        self.path, self.behind, self._orders = root / "mnt", root / "behind", root / "orders"
        for folder in (self.path, self.behind):
            folder.mkdir(parents=True)
        self.tell()
        self._log = root / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.mount()
        return self

    def __exit__(self, *_: object) -> None:
        self.tell()
        self.unmount()

    def mount(self) -> None:
        """Be there."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, PROGRAM, self.behind, self.path, self._orders],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "FUSE_LIBRARY_NAME": "fuse3"},
                start_new_session=True,
            )
        deadline = clock.monotonic_ns() + 30 * clock.SECOND
        while f" {self.path} " not in Path("/proc/self/mountinfo").read_text(encoding="utf-8"):
            assert self._process.poll() is None, self._log.read_text(encoding="utf-8")[-2000:]
            assert clock.monotonic_ns() < deadline, "waited 30 s in vain for the mount"
            clock.sleep(LOOK_SECONDS)

    def unmount(self) -> None:
        """Be away, whatever uses it: a bare mount point is left."""
        subprocess.run(["umount", "--lazy", self.path], check=False, stderr=subprocess.DEVNULL)
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def tell(
        self,
        *,
        errors: dict[str, str] | None = None,
        times: int = 0,
        only: str = "",
        hang: tuple[str, ...] = (),
        abilities: tuple[str, ...] = ABILITIES,
    ) -> None:
        """What it is to do from now on; by default it works."""
        orders = {"errors": errors or {}, "times": times, "only": only, "hang": hang, "abilities": abilities}
        temp = self._orders.with_suffix(".new")
        temp.write_text(json.dumps(orders), encoding="utf-8")
        temp.replace(self._orders)

    def hang(self) -> None:
        """Give no answer to anything."""
        self.tell(hang=("all",))

    def wait_hung(self) -> None:
        """Until it keeps an operation."""
        hung = Path(f"{self._orders}.hung")
        hung.unlink(missing_ok=True)
        deadline = clock.monotonic_ns() + 30 * clock.SECOND
        while not hung.exists():
            assert clock.monotonic_ns() < deadline, "waited 30 s in vain for a call that hangs"
            clock.sleep(LOOK_SECONDS)

    def callers(self) -> set[int]:
        """The processes that made calls to the mount."""
        file = Path(f"{self._orders}.callers")
        return {int(line) for line in file.read_text(encoding="ascii").split()} if file.exists() else set()
