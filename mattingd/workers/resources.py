"""What `auto` means on this machine, or in this container: processes, memory, batches."""

import os

from mattingd.config import Settings
from mattingd.core.job_store import MEGAPIXEL, Policy
from mattingd.system import clock
from mattingd.system.cgroup import Limits, limits
from mattingd.workers.entrypoint import model_spec

BYTES_A_PIXEL = 64
"""Memory a picture takes in a worker at its peak, per pixel, from 12 megapixels on: that of the hungriest
kind, transparent PNG to AVIF, 61. To WebP it takes 45, JPEG to PNG 19. Measured by
`tests/bench/worker_memory.py`."""
MEMORY_SHARE = 0.4
"""Of the machine's memory, for pictures in work."""
SPARE_BYTES = 1 << 30
"""Address space that a worker may take beyond its pictures: threads, what is kept, what lies unused."""
KEPT_BYTES = 768 << 20
"""Freed memory that a worker keeps for its next picture at most: more than 24 megapixels of JPEG need
with the next one read. What lies free above that goes back all at once, and its pages have to be zeroed
again: at 512 MB that was every few pictures, and some 55 ms of each before edges needed less."""
BACKGROUND_BYTES = 240_000_000
"""Decoded backgrounds that a worker keeps at most; see `imaging.backdrop`."""


def cores(allowed: Limits | None = None) -> int:
    """Processor cores this process may use: those of the machine, or what its control groups allow."""
    mine, share = len(os.sched_getaffinity(0)), (allowed or limits()).cores
    return mine if share is None else max(1, min(mine, int(share)))


def memory(allowed: Limits | None = None) -> int:
    """Bytes of memory this process may use: those of the machine, or what its control groups allow."""
    whole, share = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), (allowed or limits()).memory
    return whole if share is None else min(whole, share)


def engine_threads(settings: Settings) -> int:
    """Threads for the network where it runs on the processor: half of the cores, the rest is for pictures."""
    return settings.engine.threads or max(1, cores() // 2)


def workers(settings: Settings) -> int:
    """Picture workers: one a core."""
    return cores() if settings.limits.workers == "auto" else settings.limits.workers


def kept_bytes(settings: Settings) -> int:
    """Freed memory that each worker keeps: all of them together no more than pictures in work may take."""
    return min(KEPT_BYTES, round(memory() * MEMORY_SHARE / workers(settings)))


def worker_bytes(settings: Settings) -> int:
    """Bytes that pictures may take in one worker: what the budget allows, or the largest single picture."""
    pixels = max(_budget(settings), round(settings.limits.max_megapixels * MEGAPIXEL))
    return pixels * BYTES_A_PIXEL + BACKGROUND_BYTES + SPARE_BYTES


def policy_of(settings: Settings) -> Policy:
    """The scheduler's policy from the settings."""
    limits, engine = settings.limits, settings.engine
    return Policy(
        settle=settings.watch,
        retry=settings.retry,
        workers=workers(settings),
        batch_cap=None if engine.batch_size == "auto" else engine.batch_size,
        batch_wait_ns=round(engine.batch_wait_ms * clock.MILLISECOND),
        budget_pixels=_budget(settings),
        picture_ns=round(limits.picture_seconds * clock.SECOND),
        idle_ns=None
        if engine.idle_unload_seconds is None
        else round(engine.idle_unload_seconds * clock.SECOND),
        shipped=model_spec(engine.model).sha256,
        stop_ns=round(settings.stop_seconds * clock.SECOND),
    )


def _budget(settings: Settings) -> int:
    """Pixels of pictures in work at once."""
    wanted = settings.limits.memory_megapixels
    if wanted != "auto":
        return round(wanted * MEGAPIXEL)
    share = memory() * MEMORY_SHARE
    kept = workers(settings) * BACKGROUND_BYTES if settings.backgrounds else 0
    return round(max(share - kept, share / 2) / BYTES_A_PIXEL)
