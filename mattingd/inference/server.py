"""The engine child: one model on one device, kept loaded. Network inputs in, mattes out, in order.

Knows the engine's face and nothing of pictures, files or jobs beyond their numbers.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mattingd.domain.commands import EngineConfig, Infer
from mattingd.domain.events import EngineDied, EngineUp, Fact, InferFailed, InferFault, Inferred
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Geometry
from mattingd.domain.reasons import Reason
from mattingd.imaging.matting.alpha import is_empty
from mattingd.imaging.matting.confidence import confidence
from mattingd.imaging.matting.preprocess import shapes
from mattingd.inference import self_test
from mattingd.inference.backend import BadBatch, Engine, EngineError, EngineFault, OutOfMemory, SelfTestFailed
from mattingd.system import clock

Answer = tuple[Fact, bytes | None]

TEST_EVERY_NS = 600 * clock.SECOND
"""A working engine proves itself anew this often: a device that calculates wrongly does not say so."""

WARM_SHAPES = {"cpu": 0, "cuda": 3}
"""Shapes the engine is warmed up with; the others cost their first picture a moment. On the processor that
moment is shorter than it takes to try a shape that may never come: there the self-test's run is enough."""


def load(
    make: Callable[[EngineConfig], Engine], order: EngineConfig, started: int
) -> tuple[Engine, EngineUp]:
    """Load an engine, warm it up and test it; use the CPU if the GPU has no memory for a single picture.

    Raises:
        EngineError: no engine can be loaded.
    """
    engine: Engine | None = None
    try:
        engine = make(order)
        if order.require_gpu and engine.device.kind != "cuda":
            raise EngineFault("no CUDA device can be used, and `engine.require_gpu` is set")
        return engine, bring_up(engine, order.engine, started)
    except OutOfMemory:
        on_gpu = order.device != "cpu" if engine is None else engine.device.kind == "cuda"
        if engine is not None:
            engine.close()
        if order.require_gpu or not order.fall_back or not on_gpu:
            raise
    on_cpu = replace(order, device="cpu", precision="auto")
    engine = make(on_cpu)
    return engine, bring_up(engine, order.engine, started)


def bring_up(engine: Engine, number: int, started: int) -> EngineUp:
    """Warm up, test with the self-test's picture, and describe the engine."""
    empty = own_bytes()
    warm_up = engine.warm_up(shapes(engine.spec.net, WARM_SHAPES[engine.device.kind]))
    before = clock.monotonic_ns()
    engine.self_test()
    larger = _larger(engine.spec.net)
    tested = larger * (clock.monotonic_ns() - before) / clock.SECOND
    memory, room = round(empty + larger * (own_bytes() - empty)), 0
    if engine.device.kind == "cuda":
        memory, room = getattr(engine, "gpu_memory", (0, 0))
    return EngineUp(
        engine=number,
        device=engine.device.kind if engine.device.kind == "cpu" else engine.device.name,
        driver=engine.device.driver,
        precision=engine.device.precision,
        model=engine.spec.id,
        model_sha256=engine.spec.sha256,
        max_batch=warm_up.batch_size,
        batch_seconds=max((timing.seconds for timing in warm_up.timings), default=tested),
        load_seconds=(clock.monotonic_ns() - started) / clock.SECOND,
        net=engine.spec.net,
        remark=getattr(engine, "remark", ""),
        peers=getattr(engine, "peers", ()),
        memory=memory,
        room=room,
    )


def _larger(net: Geometry) -> float:
    """Return how many times the pixels of the self-test's picture a usual picture has at the network."""
    height, width = shapes(net, 1)[0]
    return height * width / self_test.pixels_for(net)


def own_bytes(status: Path = Path("/proc/self/status")) -> int:
    """Bytes of memory that only this process uses; 0 where the kernel does not say."""
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB", status.read_text(encoding="ascii"), re.MULTILINE)
    except (OSError, ValueError):
        return 0
    return 0 if found is None else int(found[1]) * 1024


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
