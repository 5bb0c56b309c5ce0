"""What `auto` means on this machine or in this container: processes, memory, batches."""

import os

from mattingd.config import Settings
from mattingd.core.fleet.devices import ModelLimits
from mattingd.core.policy import MEGAPIXEL, Policy
from mattingd.inference.model_store import Adopted, adopted, memory_of, net_of
from mattingd.inference.registry import DEFAULT
from mattingd.system import clock
from mattingd.system.cgroup import Limits, limits
from mattingd.workers.entrypoint import model_spec

BYTES_A_PIXEL = 64
"""Memory a picture takes in a worker at its peak, per pixel, from 12 megapixels on: that of the hungriest
kind, transparent PNG to AVIF, 61. To WebP it takes 45, JPEG to PNG 19. Measured by
`tests/bench/worker_memory.py`."""
MEMORY_SHARE = 0.4
"""Of the machine's memory, for pictures in work."""
MODELS_SHARE = 0.4
"""Of the machine's memory, for models on the processor."""
OWN_MODEL_BYTES = 500_000_000
"""Memory of an engine with the model that the package carries, on the processor: until it is measured."""
SPARE_BYTES = 1 << 30
"""Address space that a worker may take beyond its pictures: threads, what is kept, what lies unused."""
KEPT_BYTES = 768 << 20
"""Freed memory that a worker keeps for its next picture at most: more than 24 megapixels of JPEG need
with the next one read. What lies free above that goes back all at once, and its pages have to be zeroed
again: at 512 MB that was every few pictures, and some 55 ms of each before edges needed less."""
BACKGROUND_BYTES = 240_000_000
"""Decoded backgrounds that a worker keeps at most; see `imaging.backdrop`."""


def cores(allowed: Limits | None = None) -> int:
    """Return the CPU cores that this process may use, by the machine and its control groups."""
    mine, share = len(os.sched_getaffinity(0)), (allowed or limits()).cores
    return mine if share is None else max(1, min(mine, int(share)))


def memory(allowed: Limits | None = None) -> int:
    """Return the memory in bytes that this process may use: the machine's, or its control groups' limit."""
    whole, share = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), (allowed or limits()).memory
    return whole if share is None else min(whole, share)


def engine_threads(settings: Settings) -> int:
    """Return the engine's threads on the CPU: half of the cores, the rest is for pictures.

    Several engines on the CPU share them.
    """
    engines = max(1, settings.engine.devices.count("cpu"))
    return settings.engine.threads or max(1, cores() // 2 // engines)


def devices(settings: Settings, visible: str | None) -> tuple[str, ...]:
    """Return the devices for engines, by the configuration and `CUDA_VISIBLE_DEVICES`.

    CUDA shows a process only one part of a divided GPU (MIG), the first that is visible. So where `auto`
    meets several of them, each gets an engine that sees that part alone.

    Args:
        settings: the daemon's settings.
        visible: the value of `CUDA_VISIBLE_DEVICES`; None if it is not set.
    """
    parts = [part.strip() for part in (visible or "").split(",")]
    if settings.engine.device == "auto" and len(parts) > 1 and all(part.startswith("MIG") for part in parts):
        return tuple(parts)
    return settings.engine.devices


def own_view(device: str) -> dict[str, str]:
    """Return the environment for a device that is named by its UUID: it is the only one visible there."""
    return {"CUDA_VISIBLE_DEVICES": device} if device.startswith(("GPU-", "MIG-")) else {}


def workers(settings: Settings) -> int:
    """Return the number of picture workers: one per core."""
    return cores() if settings.limits.workers == "auto" else settings.limits.workers


def kept_bytes(settings: Settings) -> int:
    """Return the freed memory that each worker keeps: together at most the budget of pictures in work."""
    return min(KEPT_BYTES, round(memory() * MEMORY_SHARE / workers(settings)))


def worker_bytes(settings: Settings) -> int:
    """Return the bytes for pictures in one worker: the budget, or the largest single picture."""
    pixels = max(_budget(settings), round(settings.limits.max_megapixels * MEGAPIXEL))
    return pixels * BYTES_A_PIXEL + BACKGROUND_BYTES + SPARE_BYTES


def policy_of(settings: Settings) -> Policy:
    """Return the scheduler's policy from the settings."""
    limits, engine, spec = settings.limits, settings.engine, model_spec()
    models = adopted(settings.state_dir)
    hashes = [model.sha256 for model in models]
    return Policy(
        settle=settings.watch,
        retry=settings.retry,
        workers=workers(settings),
        remote=0 if settings.workers.dask.scheduler is None else settings.workers.dask.pictures,
        batch_cap=None if engine.batch_size == "auto" else engine.batch_size,
        batch_wait_ns=round(engine.batch_wait_ms * clock.MILLISECOND),
        budget_pixels=_budget(settings),
        picture_ns=round(limits.picture_seconds * clock.SECOND),
        idle_ns=None
        if engine.idle_unload_seconds is None
        else round(engine.idle_unload_seconds * clock.SECOND),
        shipped=spec.sha256,
        installed={DEFAULT: ""} | {model.name: model.sha256 for model in models},
        nets={"": spec.net} | {each: net_of(settings.state_dir, each, spec.net) for each in hashes},
        follow_moved=settings.watch.follow_moved,
        reuse_same=settings.watch.reuse_same,
        loaded=_limits_of_models(settings, models),
        devices=devices(settings, os.environ.get("CUDA_VISIBLE_DEVICES")),
        drop_ns=round(settings.watch.drop_seconds * clock.SECOND),
        stop_ns=round(settings.stop_seconds * clock.SECOND),
    )


def _limits_of_models(settings: Settings, models: list[Adopted]) -> ModelLimits:
    engine = settings.engine
    stated = {model.sha256: memory_of(settings.state_dir, model) for model in models}
    caps = (engine.memory_of(place) for place in range(len(engine.devices)))
    return ModelLimits(
        count=engine.resident_models,
        stated={"": OWN_MODEL_BYTES} | stated,
        cpu_bytes=round(memory() * MODELS_SHARE / max(1, engine.devices.count("cpu"))),
        gpu_bytes=tuple(None if cap is None else round(cap * 1e9) for cap in caps),
    )


def _budget(settings: Settings) -> int:
    """Return the maximum number of pixels in work at once."""
    wanted = settings.limits.memory_megapixels
    if wanted != "auto":
        return round(wanted * MEGAPIXEL)
    share = memory() * MEMORY_SHARE
    kept = workers(settings) * BACKGROUND_BYTES if settings.backgrounds else 0
    return round(max(share - kept, share / 2) / BYTES_A_PIXEL)
