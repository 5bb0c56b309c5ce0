"""What `auto` means on this machine or in this container: memory, batches, limits of models."""

import os

from mattingd.config import Settings
from mattingd.core.fleet.devices import ModelLimits
from mattingd.core.policy import MEGAPIXEL, Policy
from mattingd.inference.model_store import Adopted, adopted, memory_of, net_of
from mattingd.inference.registry import DEFAULT
from mattingd.system import clock
from mattingd.workers.capacity import MEMORY_SHARE, devices, memory, workers
from mattingd.workers.entrypoint import model_spec

BYTES_A_PIXEL = 64
"""Memory a picture takes in a worker at its peak, per pixel, from 12 megapixels on: that of the hungriest
kind, transparent PNG to AVIF, 61. To WebP it takes 45, JPEG to PNG 19. Measured by
`tests/bench/worker_memory.py`."""
MODELS_SHARE = 0.4
"""Of the machine's memory, for models on the processor."""
OWN_MODEL_BYTES = 500_000_000
"""Memory of an engine with the model that the package carries, on the processor: until it is measured."""
SPARE_BYTES = 1 << 30
"""Address space that a worker may take beyond its pictures: threads, what is kept, what lies unused."""
BACKGROUND_BYTES = 240_000_000
"""Decoded backgrounds that a worker keeps at most; see `imaging.finishing.background`."""


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
