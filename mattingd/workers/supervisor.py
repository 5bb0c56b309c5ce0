"""The children of a daemon: picture workers and the engine, started with their configuration."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mattingd.config import Settings
from mattingd.config.permissions import permissions_of
from mattingd.domain import events
from mattingd.domain.commands import (
    Action,
    EndEngine,
    EngineConfig,
    Infer,
    KillEngine,
    StartEngine,
    WorkerConfig,
)
from mattingd.domain.jobs import PictureLimits
from mattingd.domain.reasons import Reason
from mattingd.inference import kept_choices
from mattingd.inference.model_store import weights_file
from mattingd.inference.registry import DEFAULT
from mattingd.touchup import matte_cache
from mattingd.workers.ahead import ChildrenAhead
from mattingd.workers.capacity import (
    engine_environment,
    engine_threads,
    own_view,
    worker_environment,
    workers,
)
from mattingd.workers.entrypoint import model_spec
from mattingd.workers.process import Child
from mattingd.workers.protocol import FROM_ENGINE, FROM_WORKER, Message
from mattingd.workers.remote_process import RemoteProcess
from mattingd.workers.resources import worker_bytes
from mattingd.workers.spawning import Programs

CACHE = "tensorrt"
"""Name of the folder in the state directory for what TensorRT builds."""


def engine_order(settings: Settings, wanted: StartEngine, kept: Path | None = None) -> EngineConfig:
    """Return the order for an engine process or other loader of a model; ``kept`` as in `Programs`."""
    engine = settings.engine
    device = wanted.device or engine.devices[0]
    return EngineConfig(
        engine=wanted.engine,
        model=DEFAULT,
        device="cpu" if wanted.cpu else "cuda" if own_view(device) else device,
        precision=engine.precision,
        threads=engine_threads(settings),
        require_gpu=engine.require_gpu,
        memory_gb=engine.memory_of(wanted.place),
        weights=str(weights_file(settings.state_dir, wanted.model)) if wanted.model else None,
        provider=engine.provider,
        cache=str(settings.state_dir / CACHE),
        fall_back=not (wanted.beside or wanted.others),
        kept=str(kept or settings.state_dir / kept_choices.FILE),
    )


class ProcessSupervisor:
    """All children. Carries out the daemon's commands; reports their messages and ends to `heard`."""

    def __init__(
        self,
        settings: Settings,
        roots: Mapping[int, bytes],
        *,
        instance: str,
        marked: bool,
        keep: Sequence[int],
        programs: Programs,
        ahead: ChildrenAhead,
        heard: Callable[[Message], None],
    ) -> None:
        """No child has orders yet.

        Args:
            settings: the daemon's settings.
            roots: the path of each hot folder.
            instance: the journal's instance name, for temp files.
            marked: whether the output folder has its marker.
            keep: descriptors that every child inherits.
            programs: command lines.
            ahead: children that were started already.
            heard: takes facts; called on the children's threads.
        """
        self._settings = settings
        self._roots = dict(roots)
        self._instance = instance
        self.marked = marked
        """Whether the output folder bears its mark; workers write nowhere else then."""
        self._keep = tuple(keep)
        self._programs = programs
        self._ahead = ahead
        self._heard = heard
        self._workers: dict[int, Child] = {}
        self._engines: dict[int, Child] = {}
        self._needed: set[int] = set()
        """Engines whose end has to be told."""
        self._remote = RemoteProcess(workers(settings), keep, heard)

    # --- workers ---

    def start_worker(self, number: int) -> None:
        """Start or replace a picture worker."""

        def ended(how: Reason) -> None:
            self._heard((events.WorkerDied(number, how), None))

        command, environment = self._programs.worker, worker_environment(self._settings)
        worker = Child(
            command,
            heard=self._heard,
            ended=ended,
            environment=environment,
            keep=self._keep,
            accepts=FROM_WORKER,
            ahead=self._ahead.take(command, environment),
        )
        self._workers[number] = worker
        worker.tell((self._bench(number), None))

    def tell_worker(self, number: int, action: Action, payload: bytes | None = None) -> None:
        """Send a command to a worker, or to a slot at the workers of other machines."""
        if number >= self._remote.first:
            self._remote.tell(action, payload)
        else:
            self._workers[number].tell((action, payload))

    def start_remote(self, sha256: str) -> None:
        """Start the process that talks to workers of other machines, or send it the weights in use."""
        self._remote.start(self._settings, sha256, self._bench(self._remote.first))

    def change(self, settings: Settings, roots: Mapping[int, bytes]) -> None:
        """Use other limits and folders, also for running workers; the engine stays unchanged."""
        self._settings, self._roots = settings, dict(roots)
        self._set_benches()

    def look_for_mark(self) -> None:
        """Expect the output folder to have its marker from now on."""
        if not self.marked:
            self.marked = True
            self._set_benches()

    def _set_benches(self) -> None:
        for number, worker in self._workers.items():
            worker.tell((self._bench(number), None))
        self._remote.configure(self._settings, self._bench(self._remote.first))

    def kill_worker(self, number: int, why: Reason) -> None:
        """Kill a worker; for a slot at other machines, the process that talks to all of them."""
        if number >= self._remote.first:
            self._remote.kill(why)
        else:
            self._workers[number].kill(why)

    def _bench(self, number: int) -> WorkerConfig:
        spec = model_spec()
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
            net=spec.net,
            memory=worker_bytes(self._settings),
            state_dir=str(self._settings.state_dir),
            language=self._settings.words,
            permissions=permissions_of(self._settings.output_files),
        )

    def _mattes_root(self) -> str | None:
        keeps = self._settings.retention.matte_days > 0
        return str(self._settings.state_dir / matte_cache.FOLDER) if keeps else None

    # --- engine ---

    def look_after_engine(self, action: StartEngine | KillEngine | EndEngine) -> None:
        """Start or end an engine process. The end of one that is not needed any more is not reported."""
        if isinstance(action, StartEngine):
            self._start_engine(action)
            return
        if isinstance(action, EndEngine):
            self._needed.discard(action.engine)
        engine = self._engines.get(action.engine)
        if engine is not None:
            why = action.why if isinstance(action, KillEngine) else Reason.of("said_why", said=action.why)
            engine.kill(why)

    def _start_engine(self, wanted: StartEngine) -> None:
        number = wanted.engine
        said_goodbye = False
        self._needed.add(number)

        def heard(message: Message) -> None:
            nonlocal said_goodbye
            said_goodbye = isinstance(message[0], events.EngineDied)
            self._heard(message)

        def ended(how: Reason) -> None:
            self._engines.pop(number, None)
            if number in self._needed and not said_goodbye:
                self._heard((events.EngineDied(number, how), None))

        order = engine_order(self._settings, wanted, self._programs.kept)
        command, environment = self._programs.engine, engine_environment(self._settings, wanted.device)
        engine = Child(
            command,
            heard=heard,
            ended=ended,
            environment=environment,
            keep=self._keep,
            accepts=FROM_ENGINE,
            ahead=self._ahead.take(command, environment),
        )
        self._engines[number] = engine
        engine.tell((order, None))

    def tell_engine(self, action: Infer, payload: bytes) -> None:
        """Send a batch to its engine."""
        engine = self._engines.get(action.engine)
        if engine is not None:
            engine.tell((action, payload))

    # --- end ---

    def stop_all(self) -> None:
        """End all children and wait for them, except those that hang in a call to a share."""
        children = [*self._workers.values(), *self._engines.values(), *self._remote.children]
        for child in children:
            child.kill(Reason.of("said_why", said="the daemon ended"))
        for child in children:
            child.wait()
