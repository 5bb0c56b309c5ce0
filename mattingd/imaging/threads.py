"""Several threads inside one picture, where the other cores have nothing to do.

OpenCV, NumPy and the packers release Python's lock while they work. The result is the same with any number of
threads: each piece of work has a part of it for itself. Knows no pictures.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Barrier
from typing import TypeVar

MOST = 4
"""More are not started: each has memory of its own, and what only one can do takes ever more of the time."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_POOL: ContextVar[ThreadPoolExecutor | None] = ContextVar("pool", default=None)


@contextmanager
def allowed(count: int) -> Iterator[None]:
    """Let `each` use up to this many threads within the block; one where the system allows no more."""
    with ThreadPoolExecutor(max(1, min(count, MOST)), "picture") as pool:
        token = _POOL.set(pool if count > 1 and _all_start(pool, min(count, MOST)) else None)
        try:
            yield
        finally:
            _POOL.reset(token)


def _all_start(pool: ThreadPoolExecutor, count: int) -> bool:
    """Whether this many threads can be started: a limit on memory or tasks may forbid it."""
    together = Barrier(count)
    try:
        for _ in range(count):
            pool.submit(together.wait)
    except RuntimeError:
        together.abort()
        return False
    return True


def each(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply ``work`` to all items and return the results in order.

    Raises:
        Exception: the first one that ``work`` raised, in the order of the items.
    """
    pool = _POOL.get()
    return [work(item) for item in items] if pool is None else list(pool.map(work, items))
