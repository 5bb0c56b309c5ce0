"""The parts of `status` about several devices and several machines."""

import msgspec


class Device(msgspec.Struct, frozen=True):
    """One device that engines run on."""

    name: str
    """As in the configuration."""
    state: str
    """`asleep`, `ready`, `restarting`, `starting` or `taken out`."""
    device: str | None = None
    precision: str | None = None
    batch: int | None = None
    why: str = ""
    """Why it is not ready."""
    in_work: int = 0
    pictures: int = 0
    """Network inputs that it has processed in this run."""


class RemoteWorker(msgspec.Struct, frozen=True):
    """A worker on another machine."""

    name: str
    state: str
    """`warming`, `ready`, `slow` or `refused`."""
    why: str
    version: str
    device: str
    precision: str
    memory_bytes: int
    in_work: int
    done: int
    rate: float
    """Pictures per second, as measured; 0 before the first."""
    sent_bytes: int
    received_bytes: int


class Remote(msgspec.Struct, frozen=True):
    """The workers on other machines."""

    scheduler: str
    """Address of the scheduler."""
    reached: bool
    why: str
    """Why it cannot be reached."""
    workers: tuple[RemoteWorker, ...]
    repeated: int
    """Pictures that were sent twice, because a worker was lost or slow."""
