"""Processes of a daemon that are killed at a named point of their work, always by a real SIGKILL.

No product code knows of this. `killing_daemon.py` runs the daemon as `mattingd run` does, with this module's
journal; its children run this module's worker and engine. They hand the product's own code a `Disk`, a
journal and an engine that are the real ones with a point before or after an operation.

The file named by `MATTINGD_TEST_KILL` holds a JSON order: `point`, `nth` (at which passing of that point,
counted in each process) and `log`, a file that gets a line when it happens. A picture may bring an order of
its own, in a text chunk of its PNG: `KILL-WORKER`, `KILL-FAMILY` or `HANG-WORKER` when it is read.
"""

# ruff: noqa: PLC0415 - a child connects before it loads anything

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mattingd.domain import commands
from mattingd.system import clock
from mattingd.system.filesystem import Disk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mattingd.domain.events import Fact
    from mattingd.inference.backend import Engine, Mattes, Pictures
    from mattingd.journal import JournalWriter

ORDER = "MATTINGD_TEST_KILL"
WORKER_POINTS = (
    "cut-out half written",
    "cut-out written",
    "cut-out read back",
    "before the rename",
    "after the rename",
    "folder synced",
    "note half written",
    "note in its place",
    "note removed",
)
JOURNAL_POINTS = tuple(
    f"{when} the commit of {what}"
    for what in ("admitted", "prepared", "done")
    for when in ("before", "after")
)
FOLDER_MOVED = "folder moved"
"""A point that only some hot folders come to."""
POINTS = (*WORKER_POINTS, *JOURNAL_POINTS, "deeds done", "batch done")
"""All named points."""

_passed: Counter[str] = Counter()


def _order() -> dict[str, Any]:
    path = os.environ.get(ORDER)
    return json.loads(Path(path).read_text(encoding="utf-8")) if path else {}


_ordered = _order()


def due(point: str) -> bool:
    """Whether this passing of the point is the one ordered."""
    if _ordered.get("point") != point:
        return False
    _passed[point] += 1
    return _passed[point] == int(_ordered["nth"])


def passing(point: str, family: int) -> None:
    """Go by a point; `family` is the main process."""
    if due(point):
        kill(point, family)


def kill(point: str, family: int) -> None:
    """Kill the main process, and this one; the others have to see to themselves."""
    with open(_ordered["log"], "a", encoding="utf-8") as log:  # noqa: PTH123
        log.write(point + "\n")
    os.kill(family, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


class KillingDisk(Disk):
    """The worker's file operations, with a point at each step of publishing and of error notes."""

    def read_all(self, descriptor: int, size: int) -> bytes:
        """Obey the picture's own order."""
        data = super().read_all(descriptor, size)
        if b"KILL-FAMILY" in data:
            os.kill(os.getppid(), signal.SIGKILL)
        if b"KILL-WORKER" in data or b"KILL-FAMILY" in data:
            os.kill(os.getpid(), signal.SIGKILL)
        while b"HANG-WORKER" in data:
            clock.sleep(60)
        return data

    def write(self, path: str, data: bytes) -> None:
        """Half of it, or all of it."""
        what = "note" if path.endswith("-note.tmp") else "cut-out"
        if due(f"{what} half written"):
            super().write(path, data[: len(data) // 2])
            kill(f"{what} half written", os.getppid())
        super().write(path, data)
        passing(f"{what} written", os.getppid())

    def read_back(self, path: str) -> bytes:
        """Of a temp file; the check of a final name is no point."""
        data = super().read_back(path)
        if path.endswith(".tmp"):
            passing("cut-out read back", os.getppid())
        return data

    def publish(self, temp: str, final: str) -> bool:
        """On both sides of the rename."""
        if temp.endswith("-note.tmp"):
            published = super().publish(temp, final)
            passing("note in its place", os.getppid())
            return published
        passing("before the rename", os.getppid())
        published = super().publish(temp, final)
        passing("after the rename", os.getppid())
        return published

    def sync_directory(self, path: str) -> None:
        """The name is durable, and nobody was told."""
        super().sync_directory(path)
        if "_failed" not in path.split("/"):
            passing("folder synced", os.getppid())

    def move_folder(self, old: str, new: str, old_folder: int, new_folder: int) -> bool:
        """A whole folder is in the archive, and nobody was told."""
        moved = super().move_folder(old, new, old_folder, new_folder)
        passing(FOLDER_MOVED, os.getppid())
        return moved

    def remove(self, path: str) -> None:
        """A note is gone, and nobody was told."""
        super().remove(path)
        if path.endswith(".error.txt"):
            passing("note removed", os.getppid())


class KillingJournal:
    """The daemon's journal, with a point on both sides of the commits that matter."""

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal
        self._what: list[str] = []
        journal._db.set_trace_callback(self._statement)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def apply(self, writes: Iterable[commands.Write]) -> list[Fact]:
        """One transaction."""
        asked = list(writes)
        self._what = sorted({what for write in asked if (what := _what(write))})
        answers = self._journal.apply(asked)
        committed, self._what = self._what, []
        for what in committed:
            passing(f"after the commit of {what}", os.getpid())
        return answers

    def _statement(self, statement: str) -> None:
        """Called by SQLite before it runs one. Whoever was told too early what to do has time to do it."""
        if statement == "COMMIT":
            for what in self._what:
                if due(point := f"before the commit of {what}"):
                    clock.sleep(0.1)
                    kill(point, os.getpid())


def _what(write: commands.Write) -> str | None:
    match write:
        case commands.Admit():
            return "admitted"
        case commands.Prepare():
            return "prepared"
        case commands.Move(state="done"):
            return "done"
        case _:
            return None


class KillingEngine:
    """The test engine, with a point after each batch."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def matte(self, batch: Pictures) -> Mattes:
        """As the engine does."""
        mattes = self._engine.matte(batch)
        passing("batch done", os.getppid())
        return mattes


def worker(number: str, parent: str) -> None:
    """A picture worker, as `mattingd.child` runs it."""
    from mattingd.workers.process import connect

    receive, send = connect(number, parent)
    from mattingd.workers import picture_worker

    picture_worker.serve(receive, send, KillingDisk())


def engine(number: str, parent: str) -> None:
    """The engine child, as `mattingd.child` runs it."""
    from mattingd.workers.entrypoint import make_engine
    from mattingd.workers.process import connect

    receive, send = connect(number, parent)
    from mattingd.inference import server

    server.serve(receive, send, lambda order: KillingEngine(make_engine(order)))


if __name__ == "__main__":
    {"worker": worker, "engine": engine}[sys.argv[1]](*sys.argv[2:])
