"""Each stage by itself, in one process on the same pictures: read, infer, finish + write.

The very code that the children run, over the real disk, with the memory settings they are started with. Run
as a program it prints the costs as JSON: `python -m tests.bench.stages_alone FOLDER OUTPUT THREADS`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import cv2

from mattingd import clock, facts
from mattingd.child import make_engine
from mattingd.children import KEEP_PAGES
from mattingd.commands import Bench, Discard, EngineOrder, Finish, Infer, Publish, Read
from mattingd.disk import Disk, stamp_of
from mattingd.engine.catalog import DEFAULT, entry
from mattingd.stages import inferring
from mattingd.stages.pictures import Worker
from mattingd.values import Output, PictureLimits, Place, Preset
from tests.bench.timing import NOTHING, Cost

STAGES = ("read", "infer", "finish + write")
FOLDER, HAND = 1, 0
Hoped = TypeVar("Hoped")
Result = TypeVar("Result")
ROOT = Path(__file__).parent.parent.parent


def measure(pictures: Path, output: Path, threads: int) -> dict[str, Cost]:
    """The cost of each of `STAGES` over a folder of pictures, in a process of its own.

    Args:
        pictures: a folder of pictures in which a subject is found.
        output: an empty folder on the disk to write to.
        threads: of the engine.
    """
    command = [
        sys.executable,
        "-m",
        "tests.bench.stages_alone",
        str(pictures.resolve()),
        str(output.resolve()),
    ]
    command.append(str(threads))
    environment = {**os.environ, **KEEP_PAGES, "OMP_NUM_THREADS": str(threads)}
    told = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return {stage: Cost(**cost) for stage, cost in json.loads(told).items()}


class Stages:
    """A worker and an engine under one roof, with a stop-watch at every door."""

    def __init__(self, pictures: Path, output: Path, threads: int) -> None:
        cv2.setNumThreads(1)
        spec = entry(DEFAULT).spec
        bench = Bench(
            worker=HAND,
            roots={FOLDER: os.fsencode(pictures)},
            output_root=str(output),
            instance="measured",
            limits=PictureLimits(),
            side=spec.side,
            multiple=spec.multiple,
        )
        order = EngineOrder(DEFAULT, "cpu", "auto", threads)
        self._worker = Worker(bench, Disk())
        self._engine, _ = inferring.load(make_engine, order, clock.monotonic_ns())
        self.costs = dict.fromkeys(STAGES, NOTHING)

    def cut_out(self, number: int, path: Path) -> None:
        """One picture all the way, timed at each stage."""
        order = Read(HAND, number, FOLDER, os.fsencode(path.name), stamp_of(path.stat()), grant=1 << 40)
        (read, net), cost = _timed(lambda: self._told(order, None, facts.ReadOk))
        self.costs["read"] += cost
        batch = Infer(number, (number,), read.fit.shape)
        (_, matte), cost = _timed(lambda: inferring.infer(self._engine, batch, net or b""))
        self.costs["infer"] += cost
        place = Place(f"{number}.png", str(number), 1, ".png")
        _, cost = _timed(lambda: self._finish_and_write(number, (Output(0, place),), matte))
        self.costs["finish + write"] += cost

    def _finish_and_write(self, number: int, outputs: tuple[Output, ...], matte: bytes | None) -> None:
        finished, _ = self._told(Finish(HAND, number, Preset(), outputs), matte, facts.Finished)
        self._told(Publish(HAND, number, finished.outputs), None, facts.Published)
        self._worker.perform(Discard(HAND, number), None)

    def _told(self, command: Any, payload: bytes | None, hoped: type[Hoped]) -> tuple[Hoped, bytes | None]:
        fact, beside = self._worker.perform(command, payload) or (None, None)
        if isinstance(fact, hoped):
            return fact, beside
        raise RuntimeError(f"{command}: {fact}")


def _timed(work: Callable[[], Result]) -> tuple[Result, Cost]:
    started, used = clock.monotonic_ns(), clock.cpu_ns()
    result = work()
    return result, Cost.since(started, used, 1)


def _passes(pictures: Path, output: Path, threads: int) -> Stages:
    """All pictures once to get warm, and once to be measured."""
    stages = Stages(pictures, output, threads)
    paths = sorted(pictures.iterdir())
    _through(stages, enumerate(paths))
    stages.costs = dict.fromkeys(STAGES, NOTHING)
    _through(stages, enumerate(paths, start=len(paths)))
    return stages


def _through(stages: Stages, numbered: Iterable[tuple[int, Path]]) -> None:
    for number, path in numbered:
        stages.cut_out(number, path)


if __name__ == "__main__":
    folder, out, engine_threads = sys.argv[1:]
    measured = _passes(Path(folder), Path(out), int(engine_threads))
    print(json.dumps({stage: asdict(cost) for stage, cost in measured.costs.items()}))  # noqa: T201
