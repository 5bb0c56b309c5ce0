"""A cluster of Dask distributed, as the bridge sees it: addresses of workers, blocks of bytes.

Only bytes are accepted from it: see `unpickling` for what Dask may read from a worker.
"""

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from distributed import Client
from distributed.utils import LoopRunner

from mattingd.domain.commands import RemoteConfig
from mattingd.remote import plugin
from mattingd.remote.security import security_of, settle
from mattingd.remote.threads import Threads
from mattingd.remote.unpickling import restrict

CONNECT_SECONDS = 5
ASK_SECONDS = 5.0
BYTES_ONLY = ("dask", "msgpack")
"""What answers may be made of; no pickle."""

Answered = Callable[[str, int, object, str], None]
"""An answer of a worker: its address, the number of the task, the block, or why there is none."""


class Cluster(Protocol):
    """Workers that can be reached."""

    def workers(self) -> tuple[str, ...]:
        """Return the addresses of all workers.

        Raises:
            OSError: the scheduler cannot be reached.
        """

    def make(self, address: str, task: int, block: bytes) -> None:
        """Send a picture to a worker; the answer arrives as `Answered`."""

    def ask_facts(self, address: str) -> None:
        """Ask a worker for its facts; the answer arrives as `Answered` with task 0."""

    def cancel(self, task: int) -> None:
        """Cancel a task: its answer is not needed any more."""

    def close(self) -> None:
        """Disconnect."""


class DaskCluster:
    """See `Cluster`. Its answers arrive on its own threads."""

    def __init__(self, order: RemoteConfig, answered: Answered, seconds: float = CONNECT_SECONDS) -> None:
        """Connect within a number of seconds.

        Raises:
            OSError: the connection failed; the text says why.
        """
        settle()
        restrict()
        self._answered = answered
        self._futures: dict[int, Any] = {}
        self._asked = 0
        self._prefix = f"mattingd-{order.bench.instance}"
        try:
            self._client = Client(
                order.scheduler,
                security=security_of(order.ca, order.cert, order.key),
                timeout=seconds,
                loop=_loop(),
                set_as_default=False,
                deserializers=list(BYTES_ONLY),
            )
        except Exception as error:
            raise OSError(_one_line(error)) from error
        self._seconds = order.picture_seconds
        self._fetch = Threads(order.places)
        """Dask has one thread for all callbacks: a result that travels long must not hold up the others."""

    def workers(self) -> tuple[str, ...]:
        """See `Cluster.workers`."""
        try:
            there: Any = self._client.scheduler
            found = self._client.sync(there.ncores, callback_timeout=ASK_SECONDS)
        except Exception as error:
            raise OSError(_one_line(error)) from error
        return tuple(found)

    def make(self, address: str, task: int, block: bytes) -> None:
        """See `Cluster.make`."""
        self._submit(address, task, f"picture-{task}", plugin.make, block)

    def ask_facts(self, address: str) -> None:
        """See `Cluster.ask_facts`."""
        self._asked += 1
        self._submit(address, 0, f"facts-{self._asked}", plugin.facts, priority=10)

    def cancel(self, task: int) -> None:
        """See `Cluster.cancel`."""
        future = self._futures.pop(task, None)
        if future is not None:
            with contextlib.suppress(Exception):
                future.cancel()

    def close(self) -> None:
        """See `Cluster.close`."""
        self._futures.clear()
        self._fetch.close()
        with contextlib.suppress(Exception):
            self._client.close(timeout=1)

    def _submit(
        self,
        address: str,
        task: int,
        key: str,
        function: Callable[..., bytes],
        *block: bytes,
        priority: int = 0,
    ) -> None:
        def fetch(future: Any) -> None:
            answer, why = _answer(future, self._seconds)
            self._answered(address, task, answer, why)

        def done(future: Any) -> None:
            if not task or self._futures.pop(task, None) is not None:
                with contextlib.suppress(RuntimeError):  # it was closed: nobody waits
                    self._fetch.run(fetch, future)

        try:
            future = self._client.submit(
                function,
                *block,
                key=f"{self._prefix}-{key}",
                workers=[address],
                allow_other_workers=False,
                pure=False,
                retries=0,
                priority=priority,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, there will be no answer
            self._answered(address, task, None, _one_line(error))
            return
        if task:
            self._futures[task] = future
        future.add_done_callback(done)


@cache
def _loop() -> Any:
    """Return the event loop of all clients: one that cannot connect would leak its own and a thread."""
    runner = LoopRunner()
    runner.start()
    return runner.loop


def _answer(future: Any, seconds: float) -> tuple[object, str]:
    """Return the result of a task, or why there is none."""
    try:
        return future.result(timeout=seconds), ""
    except Exception as error:  # noqa: BLE001 - lost, cancelled, forged: in any case there is no answer
        return None, _one_line(error)


def _one_line(error: BaseException) -> str:
    if error.args and isinstance(error.args[0], bytes):
        return "it raised an error: its log says which"  # a pickle, which is not read here
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
