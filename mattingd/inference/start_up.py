"""Start an engine: load its model, warm it up, test it, and say what it can do."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mattingd.domain.commands import EngineConfig
from mattingd.domain.events import EngineUp
from mattingd.domain.jobs import Geometry
from mattingd.imaging.matting.preprocess import shapes
from mattingd.inference import self_test
from mattingd.inference.backend import Engine, EngineFault, OutOfMemory
from mattingd.system import clock

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
