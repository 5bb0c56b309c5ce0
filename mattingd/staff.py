"""The children of a daemon: picture workers and the engine, started with what they need to know."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mattingd import facts, values
from mattingd.child import model_spec
from mattingd.children import KEPT_MEMORY, Child, Message
from mattingd.commands import Bench, Deed, EngineOrder
from mattingd.config import Settings
from mattingd.sizing import engine_threads, kept_bytes, worker_bytes


@dataclass(frozen=True, slots=True)
class Programs:
    """The command lines of the children."""

    worker: tuple[str, ...] = (sys.executable, "-m", "mattingd.child", "worker")
    engine: tuple[str, ...] = (sys.executable, "-m", "mattingd.child", "engine")


class Staff:
    """All children. Does what the daemon says; what they say, and that they ended, goes to `heard`."""

    def __init__(
        self,
        settings: Settings,
        roots: Mapping[int, bytes],
        *,
        instance: str,
        keep: Sequence[int],
        programs: Programs,
        heard: Callable[[Message], None],
    ) -> None:
        """Nobody is started yet.

        Args:
            settings: of the daemon.
            roots: where each hot folder lies.
            instance: the journal's, for temp names.
            keep: descriptors every child inherits.
            programs: command lines.
            heard: takes facts; called on the children's threads.
        """
        self._settings = settings
        self._roots = dict(roots)
        self._instance = instance
        self._keep = tuple(keep)
        self._programs = programs
        self._heard = heard
        self._workers: dict[int, Child] = {}
        self._engine: Child | None = None

    # --- workers ---

    def start_worker(self, number: int) -> None:
        """Start, or replace, a picture worker."""

        def ended(how: str) -> None:
            self._heard((facts.WorkerDied(number, how), None))

        worker = Child(
            self._programs.worker,
            heard=self._heard,
            ended=ended,
            environment={"OMP_NUM_THREADS": "1", KEPT_MEMORY: str(kept_bytes(self._settings))},
            keep=self._keep,
        )
        self._workers[number] = worker
        worker.tell((self._bench(number), None))

    def tell_worker(self, number: int, deed: Deed, payload: bytes | None = None) -> None:
        """Send a command to a worker."""
        self._workers[number].tell((deed, payload))

    def kill_worker(self, number: int, why: str) -> None:
        """End a worker at once."""
        self._workers[number].kill(why)

    def _bench(self, number: int) -> Bench:
        spec = model_spec(self._settings.engine.model)
        limits = self._settings.limits
        return Bench(
            worker=number,
            roots=self._roots,
            output_root=str(self._settings.output_dir),
            instance=self._instance,
            limits=values.PictureLimits(limits.max_megapixels, limits.max_megabytes),
            side=spec.side,
            multiple=spec.multiple,
            memory=worker_bytes(self._settings),
        )

    # --- engine ---

    def start_engine(self, *, cpu: bool) -> None:
        """Start, or replace, the engine child; on the processor whatever is configured if `cpu`."""
        wanted, threads = self._settings.engine, engine_threads(self._settings)
        said_goodbye = False

        def heard(message: Message) -> None:
            nonlocal said_goodbye
            said_goodbye = isinstance(message[0], facts.EngineDied)
            self._heard(message)

        def ended(how: str) -> None:
            if not said_goodbye:
                self._heard((facts.EngineDied(how), None))

        self._engine = Child(
            self._programs.engine,
            heard=heard,
            ended=ended,
            environment={"OMP_NUM_THREADS": str(threads)},
            keep=self._keep,
        )
        device = "cpu" if cpu else wanted.device
        order = EngineOrder(wanted.model, device, wanted.precision, threads, wanted.require_gpu)
        self._engine.tell((order, None))

    def tell_engine(self, deed: Deed, payload: bytes) -> None:
        """Send a batch to the engine."""
        if self._engine is not None:
            self._engine.tell((deed, payload))

    def kill_engine(self, why: str) -> None:
        """End the engine at once."""
        if self._engine is not None:
            self._engine.kill(why)

    # --- end ---

    def dismiss(self) -> None:
        """End all children and wait until they are gone: with them goes the lock."""
        children = [*self._workers.values(), *([self._engine] if self._engine else [])]
        for child in children:
            child.kill("the daemon ended")
        for child in children:
            child.process.wait()
