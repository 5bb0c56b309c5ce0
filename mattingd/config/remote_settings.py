"""Settings of the workers on other machines, and what contradicts in them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Le

from mattingd.config.value_types import AbsolutePath, DaskAddress, is_loopback, scheduler_host

_STRANGER = (
    "is another machine: that needs tls:// and the certificates ca, cert and key, because whoever reaches a"
    " scheduler can run programs on its workers"
)


@dataclass(frozen=True, slots=True)
class Dask:
    """A cluster of Dask distributed (extra `dask`): whole pictures go to its workers."""

    scheduler: DaskAddress | None = None
    """Its address, such as tls://10.0.0.5:8786. Without certificates only one of this machine is taken."""
    ca: AbsolutePath | None = None
    """The certificate of the authority that signed the others' certificates; an absolute path."""
    cert: AbsolutePath | None = None
    """This machine's certificate."""
    key: AbsolutePath | None = None
    """The key of that certificate; only the daemon's user may read it."""
    pictures: Annotated[int, Ge(1), Le(4096)] = 64
    """Pictures at all these workers at once, at most; the number that is used follows from their speed."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers on other machines: docs/SCALE.md."""

    dask: Dask = field(default_factory=Dask)
    """A cluster of Dask distributed (extra `dask`): whole pictures go to its workers."""


def mistakes(dask: Dask) -> Iterator[tuple[str, str]]:
    """The settings that contradict each other, and why."""
    where = dask.scheduler
    if where is None:
        return
    given = {"ca": dask.ca, "cert": dask.cert, "key": dask.key}
    missing = [name for name, path in given.items() if path is None]
    if where.startswith("tls://") or len(missing) < len(given):
        yield from ((name, "is missing: an encrypted connection needs ca, cert and key") for name in missing)
        if not where.startswith("tls://"):
            yield "scheduler", "must begin with tls:// where certificates are set"
    elif not is_loopback(scheduler_host(where)):
        yield "scheduler", _STRANGER
