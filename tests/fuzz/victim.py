"""A real worker process that is given spoilt files, and what became of each."""

import os
import queue
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from because import why

from mattingd.domain.commands import Discard, Finish, Publish, Read, WorkerConfig
from mattingd.domain.events import Faulted, Finished, NeedsRoom, Published, ReadOk, WorkerDied, WorkerUp
from mattingd.domain.jobs import Fault, Geometry, Output, PictureLimits, Place
from mattingd.domain.presets import Preset, endings_of
from mattingd.system.filesystem import stamp_of
from mattingd.workers.process import Child
from mattingd.workers.protocol import Message
from mattingd.workers.resources import BYTES_A_PIXEL, SPARE_BYTES
from mattingd.workers.spawning import Programs

HAND, FOLDER = 0, 1
NET = Geometry(416, 32)
GRANT = 4_000_000
"""Pixels a picture may have: more is answered with `NeedsRoom`, as in a daemon that is short of memory."""
DEADLINE_S = 20
"""For one operation on a file of a few kB; a daemon gives 120 s."""
MEMORY_BYTES = GRANT * BYTES_A_PIXEL + SPARE_BYTES
"""The most that pictures may take in the worker, as in a daemon with a budget of `GRANT` pixels."""
UNCLEAR = ("Traceback", "Error", "object", "0x", "None")
"""What has no place in a line for people."""
PRESETS = (
    Preset(),
    Preset(matte_file=True),
    Preset(format="webp", quality=100),
    Preset(format="tiff"),
    Preset(format="tiff", compression="zstd", bits=16),
    Preset(format="jpeg", background="#ffffff"),
    Preset(format="avif"),
)


@dataclass
class Victim:
    """One worker at a time; a new one when it dies or hangs."""

    home: Path
    count: Counter[str] = field(default_factory=Counter)
    """How the files ended: done, failed, ignored, crowded, died, hung."""
    peak: int = 0
    """The most memory that a worker took, in bytes."""
    unclear: list[str] = field(default_factory=list)
    """Reasons that are no clear line."""
    died: list[str] = field(default_factory=list)
    """How workers died by themselves."""

    def __post_init__(self) -> None:
        for name in ("in", "out"):
            (self.home / name).mkdir()
        self._job = 0
        self._start()

    def _start(self) -> None:
        self._said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._child = Child(
            Programs().worker,
            heard=lambda message: self._said.put(message[0]),
            ended=lambda how: self._said.put(WorkerDied(HAND, how)),
            environment={"OMP_NUM_THREADS": "1"},
        )
        roots, limits = {FOLDER: os.fsencode(self.home / "in")}, PictureLimits()
        self._child.tell(
            (
                WorkerConfig(
                    HAND, roots, str(self.home / "out"), "fuzz", limits, Geometry(416, 32), MEMORY_BYTES
                ),
                None,
            )
        )
        assert isinstance(self._said.get(timeout=60), WorkerUp)

    def close(self) -> None:
        """End the worker."""
        self._look_at_memory()
        self._child.kill(why("enough"))
        self._child.process.wait()

    def offer(self, data: bytes) -> str:
        """Let the worker cut out a file, and publish it; how that ended."""
        self._job += 1
        path = self.home / "in" / str(self._job)
        path.write_bytes(data)
        end = self._end_of(path)
        path.unlink()
        self.count[end] += 1
        return end

    def _end_of(self, path: Path) -> str:
        job = self._job
        read = self._asked(
            (Read(HAND, job, FOLDER, os.fsencode(path.name), stamp_of(path.stat()), GRANT), None)
        )
        if not isinstance(read, ReadOk):
            return self._told(read)
        preset = PRESETS[job % len(PRESETS)]
        matte = np.zeros(read.fit.shape, np.float32)
        matte[: read.fit.net_height // 2] = 1
        outputs = tuple(
            Output(ordinal, Place(f"{job}{ending}", str(job), 1, ending))
            for ordinal, ending in enumerate(endings_of(preset))
        )
        finished = self._asked((Finish(HAND, job, (preset,), outputs), matte.tobytes()))
        if not isinstance(finished, Finished):
            return self._told(finished)
        published = self._asked((Publish(HAND, job, finished.outputs), None))
        self._child.tell((Discard(HAND, job), None))
        if not isinstance(published, Published):
            return self._told(published)
        for output in finished.outputs:
            (self.home / "out" / output.place.path).unlink()
        return "done"

    def _asked(self, message: Message) -> Any:
        """The worker's answer; None when it took too long, `WorkerDied` when it died."""
        self._child.tell(message)
        try:
            return self._said.get(timeout=DEADLINE_S)
        except queue.Empty:
            return None

    def _told(self, fact: Any) -> str:
        match fact:
            case None:
                self._child.kill(why("it hangs"))
                self._child.process.wait()
                self._start()
                return "hung"
            case WorkerDied(how=how):
                self.died.append(str(how))
                self._start()
                return "died"
            case NeedsRoom():
                return "crowded"
            case Faulted(fault=fault, reason=reason):
                if not clear(str(reason)):
                    self.unclear.append(str(reason))
                return "ignored" if fault is Fault.UNSUPPORTED else "failed"
        raise AssertionError(fact)

    def _look_at_memory(self) -> None:
        status = Path(f"/proc/{self._child.process.pid}/status")
        if psutil.pid_exists(self._child.process.pid):
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            self.peak = max(self.peak, int(lines.get("VmHWM", "0 kB").split()[0]) * 1024)


def clear(reason: str) -> bool:
    """Whether this is one line that people understand."""
    return 0 < len(reason) < 300 and reason.isprintable() and not any(word in reason for word in UNCLEAR)
