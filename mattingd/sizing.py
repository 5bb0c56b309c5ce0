"""What `auto` means on this machine: processes, memory, batches."""

import os

from mattingd import clock
from mattingd.config import Settings
from mattingd.rules.work import MEGAPIXEL, Policy

BYTES_A_PIXEL = 40
"""Memory a picture takes in a worker while it is finished, per pixel, measured."""
MEMORY_SHARE = 0.3
"""Of the machine's memory, for pictures in work."""


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0))


def engine_threads(settings: Settings) -> int:
    """Threads for the network where it runs on the processor: half of the cores, the rest is for pictures."""
    return settings.engine.threads or max(1, cores() // 2)


def policy_of(settings: Settings, *, once: bool = False) -> Policy:
    """The conductor's policy from the settings."""
    limits, engine = settings.limits, settings.engine
    return Policy(
        settle=settings.watch,
        retry=settings.retry,
        workers=cores() if limits.workers == "auto" else limits.workers,
        batch_cap=None if engine.batch_size == "auto" else engine.batch_size,
        batch_wait_ns=round(engine.batch_wait_ms * clock.MILLISECOND),
        budget_pixels=_budget(settings),
        picture_ns=round(limits.picture_seconds * clock.SECOND),
        stop_ns=round(settings.stop_seconds * clock.SECOND),
        once=once,
    )


def _budget(settings: Settings) -> int:
    """Pixels of pictures in work at once."""
    wanted = settings.limits.memory_megapixels
    if wanted != "auto":
        return round(wanted * MEGAPIXEL)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return round(memory * MEMORY_SHARE / BYTES_A_PIXEL)
