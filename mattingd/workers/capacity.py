"""What this machine or container has for our processes, and what each child gets of it.

Light: a main process starts its children by this, before it loads its other parts.
"""

import os

from mattingd.config import Settings
from mattingd.system.cgroup import Limits, limits
from mattingd.workers.spawning import KEPT_MEMORY

MEMORY_SHARE = 0.4
"""Of the machine's memory, for pictures in work."""
KEPT_BYTES = 768 << 20
"""Freed memory that a worker keeps for its next picture at most: more than 24 megapixels of JPEG need
with the next one read. What lies free above that goes back all at once, and its pages have to be zeroed
again: at 512 MB that was every few pictures, and some 55 ms of each before edges needed less."""


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


def worker_environment(settings: Settings) -> dict[str, str]:
    """Return what a picture worker's environment has beside ours."""
    return {"OMP_NUM_THREADS": "1", KEPT_MEMORY: str(kept_bytes(settings))}


def engine_environment(settings: Settings, device: str) -> dict[str, str]:
    """Return what the environment of an engine on this device has beside ours."""
    return {"OMP_NUM_THREADS": str(engine_threads(settings)), **own_view(device)}
