"""Each stage by itself, in one process on the same pictures: read, infer, finish + write.

The very code that the children run, over the real disk, with the memory settings they are started with. Run
as a program it prints the costs as JSON: `python -m tests.bench.stages_alone FOLDER OUTPUT THREADS`.
"""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

from mattingd.domain.commands import EngineConfig, Infer
from mattingd.inference import server, start_up
from mattingd.inference.registry import DEFAULT
from mattingd.system import clock
from mattingd.workers.entrypoint import make_engine
from tests.bench.inline_worker import InlineWorker, as_a_child
from tests.bench.timing import NOTHING, Cost

STAGES = ("read", "infer", "finish + write")
Result = TypeVar("Result")


def measure(pictures: Path, output: Path, threads: int) -> dict[str, Cost]:
    """The cost of each of `STAGES` over a folder of pictures, in a process of its own.

    Args:
        pictures: a folder of pictures in which a subject is found.
        output: an empty folder on the disk to write to.
        threads: of the engine.
    """
    folders = (pictures.resolve(), output.resolve())
    environment = {"OMP_NUM_THREADS": str(threads)}
    told = as_a_child("tests.bench.stages_alone", *folders, threads, environment=environment)
    return {stage: Cost(**cost) for stage, cost in json.loads(told).items()}


class Stages:
    """A hand and an engine under one roof, with a stop-watch at every door."""

    def __init__(self, pictures: Path, output: Path, threads: int) -> None:
        order = EngineConfig(1, DEFAULT, "cpu", "auto", threads)
        self._engine, _ = start_up.load(make_engine, order, clock.monotonic_ns())
        self._hand = InlineWorker(pictures, output)
        self.costs = dict.fromkeys(STAGES, NOTHING)

    def cut_out(self, number: int, path: Path) -> None:
        """One picture all the way."""
        fact, net = self._timed("read", lambda: self._hand.read(number, path))
        look: tuple[tuple[int, int], bytes] | None = fact.fit.shape, net
        while look is not None:
            batch = Infer(number, (number,), look[0], 1)
            _, matte = self._timed("infer", partial(server.infer, self._engine, batch, look[1]))
            look = self._timed("finish + write", partial(self._hand.finish, number, matte or b""))

    def _timed(self, stage: str, work: Callable[[], Result]) -> Result:
        started, used = clock.monotonic_ns(), clock.cpu_ns()
        result = work()
        self.costs[stage] += Cost.since(started, used, 1)
        return result


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
    measured = _passes(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({stage: asdict(cost) for stage, cost in measured.costs.items()}))  # noqa: T201
