"""The children of a daemon: picture workers and the engine, started with what they need to know."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mattingd.config import Settings
from mattingd.domain import events
from mattingd.domain.commands import (
    EndEngine,
    EngineConfig,
    Infer,
    KillEngine,
    RetentionAction,
    StartEngine,
    WorkerConfig,
)
from mattingd.domain.jobs import PictureLimits
from mattingd.inference.model_store import weights_file
from mattingd.touchup import matte_cache
from mattingd.workers.entrypoint import model_spec
from mattingd.workers.process import KEPT_MEMORY, Child
from mattingd.workers.protocol import FROM_ENGINE, FROM_WORKER, Message
from mattingd.workers.resources import engine_threads, kept_bytes, worker_bytes


@dataclass(frozen=True, slots=True)
class Programs:
    """The command lines of the children."""

    worker: tuple[str, ...] = (sys.executable, "-m", "mattingd.workers.entrypoint", "worker")
    engine: tuple[str, ...] = (sys.executable, "-m", "mattingd.workers.entrypoint", "engine")


def engine_order(settings: Settings, wanted: StartEngine) -> EngineConfig:
    """What an engine child, or whoever else loads a model, needs to know."""
    engine = settings.engine
    return EngineConfig(
        engine=wanted.engine,
        model=engine.model,
        device="cpu" if wanted.cpu else engine.device,
        precision=engine.precision,
        threads=engine_threads(settings),
        require_gpu=engine.require_gpu,
        memory_gb=engine.gpu_memory_gb,
        weights=str(weights_file(settings.state_dir, wanted.model)) if wanted.model else None,
        fall_back=not wanted.beside,
    )


class ProcessSupervisor:
    """All children. Does what the daemon says; what they say, and that they ended, goes to `heard`."""

    def __init__(
        self,
        settings: Settings,
        roots: Mapping[int, bytes],
        *,
        instance: str,
        marked: bool,
        keep: Sequence[int],
        programs: Programs,
        heard: Callable[[Message], None],
    ) -> None:
        """Nobody is started yet.

        Args:
            settings: of the daemon.
            roots: where each hot folder lies.
            instance: the journal's, for temp names.
            marked: whether the output folder bears its mark.
            keep: descriptors every child inherits.
            programs: command lines.
            heard: takes facts; called on the children's threads.
        """
        self._settings = settings
        self._roots = dict(roots)
        self._instance = instance
        self.marked = marked
        """Whether the output folder bears its mark; workers write nowhere else then."""
        self._keep = tuple(keep)
        self._programs = programs
        self._heard = heard
        self._workers: dict[int, Child] = {}
        self._engines: dict[int, Child] = {}
        self._needed: set[int] = set()
        """Engines whose end has to be told."""

    # --- workers ---

    def start_worker(self, number: int) -> None:
        """Start, or replace, a picture worker."""

        def ended(how: str) -> None:
            self._heard((events.WorkerDied(number, how), None))

        worker = Child(
            self._programs.worker,
            heard=self._heard,
            ended=ended,
            environment={"OMP_NUM_THREADS": "1", KEPT_MEMORY: str(kept_bytes(self._settings))},
            keep=self._keep,
            accepts=FROM_WORKER,
        )
        self._workers[number] = worker
        worker.tell((self._bench(number), None))

    def tell_worker(self, number: int, deed: RetentionAction, payload: bytes | None = None) -> None:
        """Send a command to a worker."""
        self._workers[number].tell((deed, payload))

    def change(self, settings: Settings, roots: Mapping[int, bytes]) -> None:
        """Other limits and folders, also for the workers there are; the engine stays as it is."""
        self._settings, self._roots = settings, dict(roots)
        self._set_benches()

    def look_for_mark(self) -> None:
        """From now on the output folder bears its mark."""
        if not self.marked:
            self.marked = True
            self._set_benches()

    def _set_benches(self) -> None:
        for number, worker in self._workers.items():
            worker.tell((self._bench(number), None))

    def kill_worker(self, number: int, why: str) -> None:
        """End a worker at once."""
        self._workers[number].kill(why)

    def _bench(self, number: int) -> WorkerConfig:
        spec = model_spec(self._settings.engine.model)
        limits = self._settings.limits
        return WorkerConfig(
            worker=number,
            roots=self._roots,
            output_root=str(self._settings.output_dir),
            archive_root=None if self._settings.archive_dir is None else str(self._settings.archive_dir),
            mattes_root=self._mattes_root(),
            instance=self._instance,
            marked=self.marked,
            limits=PictureLimits(limits.max_megapixels, limits.max_megabytes),
            side=spec.side,
            multiple=spec.multiple,
            memory=worker_bytes(self._settings),
            state_dir=str(self._settings.state_dir),
        )

    def _mattes_root(self) -> str | None:
        keeps = self._settings.retention.matte_days > 0
        return str(self._settings.state_dir / matte_cache.FOLDER) if keeps else None

    # --- engine ---

    def look_after_engine(self, deed: StartEngine | KillEngine | EndEngine) -> None:
        """Start or end an engine child; of one that is not needed any more nobody hears the end."""
        if isinstance(deed, StartEngine):
            self._start_engine(deed)
            return
        if isinstance(deed, EndEngine):
            self._needed.discard(deed.engine)
        engine = self._engines.get(deed.engine)
        if engine is not None:
            engine.kill(deed.why)

    def _start_engine(self, wanted: StartEngine) -> None:
        number = wanted.engine
        said_goodbye = False
        self._needed.add(number)

        def heard(message: Message) -> None:
            nonlocal said_goodbye
            said_goodbye = isinstance(message[0], events.EngineDied)
            self._heard(message)

        def ended(how: str) -> None:
            self._engines.pop(number, None)
            if number in self._needed and not said_goodbye:
                self._heard((events.EngineDied(number, how), None))

        order = engine_order(self._settings, wanted)
        engine = Child(
            self._programs.engine,
            heard=heard,
            ended=ended,
            environment={"OMP_NUM_THREADS": str(order.threads)},
            keep=self._keep,
            accepts=FROM_ENGINE,
        )
        self._engines[number] = engine
        engine.tell((order, None))

    def tell_engine(self, deed: Infer, payload: bytes) -> None:
        """Send a batch to its engine."""
        engine = self._engines.get(deed.engine)
        if engine is not None:
            engine.tell((deed, payload))

    # --- end ---

    def stop_all(self) -> None:
        """End all children and wait until they are gone: with them goes the lock."""
        children = [*self._workers.values(), *self._engines.values()]
        for child in children:
            child.kill("the daemon ended")
        for child in children:
            child.process.wait()
