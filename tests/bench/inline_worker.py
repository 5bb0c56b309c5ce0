"""A picture worker without its process: one hand that does what it is told, and must not fail."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import cv2

from mattingd.domain.commands import Discard, Finish, Publish, Read, WorkerConfig
from mattingd.domain.events import AnotherPass, Finished, Published, ReadOk
from mattingd.domain.jobs import Output, PictureLimits, Place
from mattingd.domain.presets import EXTENSIONS, OutputFormat, Preset
from mattingd.inference.registry import DEFAULT, entry
from mattingd.system.filesystem import Disk, stamp_of
from mattingd.workers.picture_worker import Worker
from mattingd.workers.spawning import KEEP_PAGES

FOLDER, HAND = 1, 0
ROOT = Path(__file__).parent.parent.parent
Hoped = TypeVar("Hoped")


class InlineWorker:
    """Cuts out the pictures of one folder."""

    def __init__(self, pictures: Path, output: Path) -> None:
        cv2.setNumThreads(1)
        spec = entry(DEFAULT).spec
        roots, limits = {FOLDER: os.fsencode(pictures)}, PictureLimits()
        bench = WorkerConfig(HAND, roots, str(output), "measured", limits, spec.net)
        self._worker = Worker(bench, Disk())

    def read(self, number: int, path: Path) -> tuple[ReadOk, bytes]:
        """The picture, and the network's input beside it."""
        order = Read(HAND, number, FOLDER, os.fsencode(path.name), stamp_of(path.stat()), grant=1 << 40)
        fact, net = self._told(order, None, ReadOk)
        return fact, net or b""

    def finish(
        self, number: int, matte: bytes, output: OutputFormat = "png"
    ) -> tuple[tuple[int, int], bytes] | None:
        """The file, written and published, and nothing is kept; or the shape and input of another pass."""
        ending = EXTENSIONS[output]
        wanted = (Output(0, Place(f"{number}{ending}", str(number), 1, ending)),)
        order = Finish(HAND, number, (Preset(format=output),), wanted)
        match self._worker.perform(order, matte):
            case AnotherPass(shape=shape), bytes(net):
                return shape, net
            case Finished(outputs=outputs), None:
                self._told(Publish(HAND, number, outputs), None, Published)
                self._worker.perform(Discard(HAND, number), None)
                return None
            case other:
                raise RuntimeError(f"{order}: {other}")

    def _told(self, command: Any, payload: bytes | None, hoped: type[Hoped]) -> tuple[Hoped, bytes | None]:
        fact, beside = self._worker.perform(command, payload) or (None, None)
        if isinstance(fact, hoped):
            return fact, beside
        raise RuntimeError(f"{command}: {fact}")


def as_a_child(module: str, *arguments: object, environment: Mapping[str, str] | None = None) -> bytes:
    """What a module says when it runs as a program with a child's memory settings."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    around = {**os.environ, **KEEP_PAGES, "OMP_NUM_THREADS": "1", **(environment or {})}
    return subprocess.run(command, cwd=ROOT, env=around, stdout=subprocess.PIPE, check=True).stdout
