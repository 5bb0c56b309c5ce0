"""The engine child: one model on one device, kept loaded. Network inputs in, mattes out, in order.

Knows the engine's face and nothing of pictures, files or jobs beyond their numbers.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mattingd.domain.commands import EngineConfig, Infer
from mattingd.domain.events import EngineDied, Fact, InferFailed, InferFault, Inferred
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.reasons import Reason
from mattingd.imaging.matting.alpha import is_empty
from mattingd.imaging.matting.confidence import confidence
from mattingd.inference.backend import BadBatch, Engine, EngineError, EngineFault, OutOfMemory, SelfTestFailed
from mattingd.inference.start_up import load
from mattingd.system import clock

Answer = tuple[Fact, bytes | None]

TEST_EVERY_NS = 600 * clock.SECOND
"""A working engine proves itself anew this often: a device that calculates wrongly does not say so."""


def infer(engine: Engine, command: Infer, payload: bytes) -> Answer:
    """Run one batch.

    Args:
        engine: a running engine.
        command: the jobs, and their network shape.
        payload: uint8[N,H,W,3] sRGB as bytes.

    Returns:
        The fact and, if it is `Inferred`, float32[N,H,W] as bytes.

    Raises:
        EngineFault: the engine is unusable, for example by its self-test.
    """
    started = clock.monotonic_ns()
    batch = np.frombuffer(payload, np.uint8).reshape(len(command.jobs), *command.shape, 3)
    try:
        mattes = engine.matte(batch)
    except OutOfMemory as error:
        return InferFailed(command.batch, InferFault.MEMORY, str(error)), None
    except BadBatch as error:
        return _culprits(engine, command, str(error))
    if mattes.shape != batch.shape[:3] or not np.isfinite(mattes).all():
        return _culprits(engine, command, "the model's answer is no matte")
    empty = tuple(is_empty(matte) for matte in mattes)
    sure = tuple(confidence(matte, net) for matte, net in zip(mattes, batch, strict=True))
    seconds = (clock.monotonic_ns() - started) / clock.SECOND
    return Inferred(command.batch, empty, seconds, sure), mattes.astype(np.float32).tobytes()


def _culprits(engine: Engine, command: Infer, reason: str) -> Answer:
    """Handle a failed batch: pictures are to blame if the engine still passes its self-test."""
    prove(engine)
    return InferFailed(command.batch, InferFault.BATCH, reason), None


def prove(engine: Engine) -> None:
    """Run the self-test, unless there is no memory for it at present.

    Raises:
        SelfTestFailed: it calculates wrongly.
        EngineFault: it is unusable.
    """
    with contextlib.suppress(OutOfMemory):
        engine.self_test()


def serve(
    receive: Callable[[], tuple[Any, bytes | None]],
    send: Callable[[Answer], None],
    make: Callable[[EngineConfig], Engine],
) -> None:
    """Run the engine process: load, warm up, self-test, report that it is up, run batches.

    Args:
        receive: returns the next (command, payload); raises EOFError when the daemon is gone.
        send: sends an answer.
        make: loads the engine of an order.

    An engine that is unusable reports that with its last message.
    """
    order, _ = receive()
    started = clock.monotonic_ns()
    try:
        engine, up = load(make, order, started)
    except EngineError as error:
        wrong = isinstance(error, SelfTestFailed)
        fatal = None if wrong or isinstance(error, OutOfMemory) else ExitCode.DEVICE
        send((EngineDied(order.engine, Reason.of("said_why", said=str(error)), fatal, wrong=wrong), None))
        return
    send((up, None))
    try:
        for answer in _answers(engine, receive):
            send(answer)
    except EngineFault as error:
        send(
            (
                EngineDied(
                    order.engine,
                    Reason.of("said_why", said=str(error)),
                    wrong=isinstance(error, SelfTestFailed),
                ),
                None,
            )
        )
    finally:
        engine.close()


def _answers(engine: Engine, receive: Callable[[], tuple[Any, bytes | None]]) -> Iterator[Answer]:
    """Run batch after batch. Mattes that were made before a failed self-test are dropped."""
    tested = clock.monotonic_ns()
    while True:
        command, payload = receive()
        answer = infer(engine, command, payload or b"")
        if tested + TEST_EVERY_NS <= clock.monotonic_ns():
            prove(engine)
            tested = clock.monotonic_ns()
        yield answer
