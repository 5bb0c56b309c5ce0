"""The engine child: one model on one device, kept loaded. Network inputs in, mattes out, in order.

Knows the engine's face and nothing of pictures, files or jobs beyond their numbers.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from mattingd import clock
from mattingd.commands import EngineOrder, Infer
from mattingd.engine.contract import BadBatch, Engine, EngineError, EngineFault, OutOfMemory
from mattingd.facts import EngineDied, EngineUp, Fact, InferFailed, InferFault, Inferred
from mattingd.imaging.fitting import buckets
from mattingd.imaging.matte import is_empty
from mattingd.values import ExitCode

Answer = tuple[Fact, bytes | None]

WARM_SHAPES = 3
"""Shapes the engine is warmed up with; the others cost their first picture a moment."""


def load(make: Callable[[EngineOrder], Engine], order: EngineOrder, started: int) -> tuple[Engine, EngineUp]:
    """The engine, warm and tested; on the processor if the GPU has no memory for even one picture.

    Raises:
        EngineError: there will be no engine.
    """
    engine = make(order)
    if order.require_gpu and engine.device.kind != "cuda":
        raise EngineFault("no CUDA device can be used, and `engine.require_gpu` is set")
    try:
        return engine, bring_up(engine, started)
    except OutOfMemory:
        engine.close()
        if order.require_gpu or engine.device.kind == "cpu":
            raise
    on_cpu = replace(order, device="cpu", precision="auto")
    engine = make(on_cpu)
    return engine, bring_up(engine, started)


def bring_up(engine: Engine, started: int) -> EngineUp:
    """Warm up, test against the golden picture, and describe what is running."""
    warm_up = engine.warm_up(buckets(engine.spec.side, engine.spec.multiple)[:WARM_SHAPES])
    engine.self_test()
    return EngineUp(
        device=engine.device.kind if engine.device.kind == "cpu" else engine.device.name,
        driver=engine.device.driver,
        precision=engine.device.precision,
        model=engine.spec.id,
        model_sha256=engine.spec.sha256,
        max_batch=warm_up.batch_size,
        batch_seconds=max(timing.seconds for timing in warm_up.timings),
        load_seconds=(clock.monotonic_ns() - started) / clock.SECOND,
    )


def infer(engine: Engine, command: Infer, payload: bytes) -> Answer:
    """Run one batch.

    Args:
        engine: a running engine.
        command: whose pictures, and their network shape.
        payload: uint8[N,H,W,3] sRGB as bytes.

    Returns:
        The fact and, if it is `Inferred`, float32[N,H,W] as bytes.
    """
    started = clock.monotonic_ns()
    batch = np.frombuffer(payload, np.uint8).reshape(len(command.jobs), *command.shape, 3)
    try:
        mattes = engine.matte(batch)
    except OutOfMemory as error:
        return InferFailed(command.batch, InferFault.MEMORY, str(error)), None
    except BadBatch as error:
        return InferFailed(command.batch, InferFault.BATCH, str(error)), None
    if mattes.shape != batch.shape[:3] or not np.isfinite(mattes).all():
        return InferFailed(command.batch, InferFault.BATCH, "the model's answer is no matte"), None
    empty = tuple(is_empty(matte) for matte in mattes)
    seconds = (clock.monotonic_ns() - started) / clock.SECOND
    return Inferred(command.batch, empty, seconds), mattes.astype(np.float32).tobytes()


def serve(
    receive: Callable[[], tuple[Any, bytes | None]],
    send: Callable[[Answer], None],
    make: Callable[[EngineOrder], Engine],
) -> None:
    """The life of the engine child: load, warm up, self-test, say that it is up, run what comes.

    Args:
        receive: the next (command, payload); raises EOFError when the daemon is gone.
        send: an answer.
        make: loads the engine an order asks for.

    An engine that cannot be used, or is of no more use, says so as its last words.
    """
    order, _ = receive()
    started = clock.monotonic_ns()
    try:
        engine, up = load(make, order, started)
    except EngineError as error:
        fatal = None if isinstance(error, OutOfMemory) else ExitCode.DEVICE
        send((EngineDied(str(error), fatal), None))
        return
    send((up, None))
    try:
        while True:
            command, payload = receive()
            send(infer(engine, command, payload or b""))
    except EngineFault as error:
        send((EngineDied(str(error)), None))
    finally:
        engine.close()
