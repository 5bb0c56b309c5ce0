"""Memory that this process uses, and its limit."""

import ctypes
import resource


def memory() -> int:
    """Return the bytes of memory that this process uses."""
    with open("/proc/self/statm") as statistics:
        return int(statistics.read().split()[0]) * resource.getpagesize()


def limit_memory(wanted: int) -> None:
    """Limit the total memory of this process: a picture that needs more fails, and nothing else does.

    A limit is never lowered: a picture in work may have been promised more.
    """
    now, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if now == resource.RLIM_INFINITY or now < limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def give_memory_back() -> None:
    """Return freed memory, kept for the next picture, to the system."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)
