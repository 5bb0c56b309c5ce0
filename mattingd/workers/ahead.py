"""Start children ahead: they load what they need while the main process loads its own parts.

Which model is wanted is known only from the journal. So an engine starts ahead only where there is no choice.
"""

import os
from collections.abc import Mapping, Sequence

from mattingd.config import Settings
from mattingd.inference.model_store import adopted
from mattingd.workers.capacity import devices, engine_environment, worker_environment, workers
from mattingd.workers.spawning import Programs, Spawned, spawn


class ChildrenAhead:
    """Children without orders. One thread uses them at a time."""

    def __init__(self) -> None:
        """None is started yet."""
        self._waiting: list[tuple[tuple[str, ...], dict[str, str], Spawned]] = []

    def start(self, settings: Settings, programs: Programs, keep: Sequence[int]) -> None:
        """Start the first engine and the picture workers, as `ProcessSupervisor` will want them.

        Args:
            settings: the daemon's settings.
            programs: command lines.
            keep: descriptors that they inherit.
        """
        if not adopted(settings.state_dir):
            device = devices(settings, os.environ.get("CUDA_VISIBLE_DEVICES"))[0]
            self._start(programs.engine, engine_environment(settings, device), keep)
        for _ in range(workers(settings)):
            self._start(programs.worker, worker_environment(settings), keep)

    def _start(self, command: tuple[str, ...], environment: dict[str, str], keep: Sequence[int]) -> None:
        self._waiting.append((command, environment, spawn(command, environment, keep)))

    def take(self, command: Sequence[str], environment: Mapping[str, str]) -> Spawned | None:
        """Return a child that was started so and is not taken yet; None where there is none."""
        for each in self._waiting:
            if each[0] == tuple(command) and each[1] == environment:
                self._waiting.remove(each)
                return each[2]
        return None

    def end(self) -> None:
        """End those that nobody took, and wait for them."""
        for _, _, child in self._waiting:
            child.process.kill()
        for _, _, child in self._waiting:
            child.process.wait()
            child.end.close()
        self._waiting.clear()
