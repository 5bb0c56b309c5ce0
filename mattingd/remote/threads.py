"""Threads whose errors end the process: none dies silently, and the daemon restarts the process."""

import os
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mattingd.domain.exit_codes import ExitCode


class Threads:
    """A number of threads for slow work."""

    def __init__(self, number: int) -> None:
        self._pool = ThreadPoolExecutor(number, "remote")

    def run(self, work: Callable[..., object], *given: object) -> None:
        """Run a function on one of them."""
        self._pool.submit(_or_end, work, *given)

    def close(self) -> None:
        """Start nothing more; running work ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def for_ever(work: Callable[[], object]) -> None:
    """Run a function repeatedly, on its own thread."""

    def loop() -> None:
        while True:
            _or_end(work)

    threading.Thread(target=loop, name="look", daemon=True).start()


def _or_end(work: Callable[..., object], *given: object) -> None:
    try:
        work(*given)
    except BaseException:  # noqa: BLE001 - see the module
        traceback.print_exc()
        os._exit(int(ExitCode.CHILD))
