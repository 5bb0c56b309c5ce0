"""`mattingd dask-worker`: an engine that is loaded, warm and tested, and then joins a scheduler.

It joins again whenever the scheduler was away, with the same engine.
"""

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from distributed import Worker

from mattingd.domain.commands import EngineConfig
from mattingd.domain.exit_codes import ExitCode
from mattingd.inference import start_up
from mattingd.remote.plugin import EnginePlugin
from mattingd.remote.security import security_of, settle
from mattingd.remote.whole_picture import WholePictures
from mattingd.system import clock
from mattingd.workers.entrypoint import make_engine

AGAIN_SECONDS = 1.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Joining:
    """Where a worker joins, and its settings."""

    scheduler: str
    name: str = ""
    threads: int = 2
    """Pictures at once: one is at the model while others are read and written."""
    memory_bytes: int = 0
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


def load(joining: Joining, order: EngineConfig) -> WholePictures:
    """Load, warm up and test the engine.

    Raises:
        EngineError: no engine can be loaded.
    """
    engine, up = start_up.load(make_engine, order, clock.monotonic_ns())
    name = joining.name or f"{socket.gethostname()}-{os.getpid()}"
    return WholePictures(name, engine, up, joining.memory_bytes, joining.threads)


def serve(joining: Joining, pictures: WholePictures, said: Callable[[str], None]) -> ExitCode:
    """Work until SIGTERM or SIGINT, or until the engine is unusable.

    Args:
        joining: where to join, and the settings.
        pictures: see `load`.
        said: prints a line for the user.
    """
    settle()
    return asyncio.run(_serve(joining, pictures, said))


async def _serve(joining: Joining, pictures: WholePictures, said: Callable[[str], None]) -> ExitCode:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    with tempfile.TemporaryDirectory(prefix="mattingd-dask-") as scratch:
        while not (asked.is_set() or pictures.sick):
            said(f"joins {joining.scheduler}")
            with suppress(OSError):
                await _join(joining, pictures, scratch, asked)
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), AGAIN_SECONDS)
    if pictures.sick:
        said(f"ends: {pictures.sick}")
        return ExitCode.CHILD
    said("left")
    return ExitCode.OK


async def _join(joining: Joining, pictures: WholePictures, scratch: str, asked: asyncio.Event) -> None:
    """Be a worker until the scheduler is gone, or the end is requested."""
    worker = Worker(
        joining.scheduler,
        nthreads=joining.threads,
        name=f"{joining.name or socket.gethostname()}-{os.getpid()}-{clock.monotonic_ns()}",
        security=security_of(joining.ca, joining.cert, joining.key),
        plugins=(EnginePlugin(pictures),),
        local_directory=scratch,
        memory_limit=0,
        dashboard=False,
        host=None if joining.ca else "127.0.0.1",
    )
    joined = asyncio.ensure_future(_started(worker))
    try:
        while not (asked.is_set() or pictures.sick or _over(worker)):
            if joined.done():
                joined.result()
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), LOOK_SECONDS)
    finally:
        joined.cancel()
        with suppress(Exception):
            await asyncio.wait_for(worker.close(timeout=2), 5)


async def _started(worker: Worker) -> None:
    await worker


def _over(worker: Worker) -> bool:
    return worker.status.name in {"closed", "closing", "failed"}
