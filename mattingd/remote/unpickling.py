"""Restrict what a pickle from the cluster may contain in this process: bytes, and nothing else.

Dask unpickles what workers send in many places: errors and tracebacks, types of results, warnings. An
unrestricted pickle runs any program of its author. Dask also keeps copies of its functions, so the module
that all of them use is replaced.
"""

import io
import pickle
from collections.abc import Iterable
from typing import Any

import distributed.client
import distributed.protocol.pickle
from distributed import Client

NAMES = frozenset({("builtins", "bytes")})
"""What an answer of a worker needs."""


class NotBytesError(TypeError):
    """A pickle contains something other than bytes.

    A TypeError, because that is what Dask expects of tracebacks.
    """


class _BytesOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NAMES:
            raise NotBytesError(f"a pickle that names {module}.{name} is not read here")
        return super().find_class(module, name)


class _Pickle:
    """The module `pickle` with a restricted reader."""

    def __getattr__(self, name: str) -> Any:
        if name in {"load", "Unpickler"}:
            raise AttributeError(name)
        return getattr(pickle, name)

    @staticmethod
    def loads(data: bytes, *, buffers: Iterable[Any] = ()) -> Any:
        return _BytesOnly(io.BytesIO(data), buffers=buffers).load()


def restrict() -> None:
    """Accept nothing but bytes from pickles in this whole process; no worker may run in it."""
    for module in (distributed.protocol.pickle, distributed.client):
        vars(module)["pickle"] = _Pickle()
    Client._default_event_handlers = {}  # noqa: SLF001 - else workers could print and warn here
