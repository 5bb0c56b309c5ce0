"""`mattingd dask-worker`: one engine of this machine for a daemon on another one."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from mattingd.cli.errors import CommandError
from mattingd.config.remote_settings import Dask, mistakes
from mattingd.config.value_types import address
from mattingd.domain.commands import EngineConfig
from mattingd.domain.exit_codes import ExitCode
from mattingd.inference.backend import EngineError
from mattingd.inference.model_store import adopted, weights_file
from mattingd.inference.registry import DEFAULT
from mattingd.workers.capacity import cores, memory, own_view
from mattingd.workers.spawning import KEEP_PAGES

MISSING = "a Dask worker needs packages that are not installed: pip install 'mattingd[dask]'"
SHARE = 0.8
"""Of the machine's memory, for a worker that is not told how much."""
PREPARED = "MATTINGD_DASK_WORKER"
"""Set once the environment is that of a child of the daemon: memory allocator and threads."""


@dataclass(frozen=True, slots=True)
class Order:
    """The options of the command line."""

    where: str
    model: str | None
    device: str
    precision: str
    pictures: int
    name: str | None
    memory_gb: float | None
    ca: Path | None
    cert: Path | None
    key: Path | None


def serve(order: Order) -> ExitCode:
    """Load the engine, join the scheduler, and work until stopped."""
    dask = _checked(order)
    if PREPARED not in os.environ:
        _start_again_prepared(order)
    try:
        from mattingd.remote import dask_worker  # noqa: PLC0415 - an extra that may be missing
    except ImportError as error:
        raise CommandError(f"{MISSING} ({error.name} is missing)") from None
    joining = dask_worker.Joining(
        scheduler=order.where,
        name=order.name or "",
        threads=order.pictures,
        memory_bytes=round(memory() * SHARE if order.memory_gb is None else order.memory_gb * 1e9),
        ca=dask.ca,
        cert=dask.cert,
        key=dask.key,
    )
    try:
        pictures = dask_worker.load(joining, _engine(order))
    except EngineError as error:
        raise CommandError(f"the model cannot be used: {error}", code=ExitCode.DEVICE) from None
    return dask_worker.serve(joining, pictures, lambda line: print(line, flush=True))  # noqa: T201


def _checked(order: Order) -> Dask:
    """Check the same rules as for the daemon: this machine only, or certificates."""
    files = (order.ca, order.cert, order.key)
    ca, cert, key = (None if path is None else str(path.absolute()) for path in files)
    dask = Dask(order.where, ca, cert, key)
    try:
        address(order.where.partition("://")[2])
        wrong = [f"{name} {why}" for name, why in mistakes(dask)]
    except ValueError:
        wrong = [f"the address must be like tls://10.0.0.5:8786, not {order.where!r}"]
    wrong += [f"{path} cannot be read" for path in (ca, cert, key) if path and not os.access(path, os.R_OK)]
    if wrong:
        raise CommandError("; ".join(wrong), code=ExitCode.CONFIG)
    return dask


def _engine(order: Order) -> EngineConfig:
    weights = None
    if order.model not in {None, DEFAULT}:
        known = {model.name: model.sha256 for model in adopted(None)}
        if order.model not in known:
            raise CommandError(
                f"the model {order.model} is not installed: `mattingd models get {order.model}`",
                code=ExitCode.CONFIG,
            )
        weights = str(weights_file(None, known[str(order.model)]))
    device = "cuda" if own_view(order.device) else order.device
    threads = max(1, cores() // 2)
    return EngineConfig(0, DEFAULT, device, order.precision, threads, weights=weights)


def _start_again_prepared(order: Order) -> None:
    """Restart like the daemon's children: with an allocator that keeps its pages, and few threads."""
    prepared = {
        **KEEP_PAGES,
        **own_view(order.device),
        "OMP_NUM_THREADS": str(max(1, cores() // 2)),
        PREPARED: "1",
    }
    command = [sys.executable, "-m", "mattingd", *sys.argv[1:]]
    os.execve(sys.executable, command, {**os.environ, **prepared})  # noqa: S606 - ourselves, without a shell
