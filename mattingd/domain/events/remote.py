"""Facts from the workers on other machines."""

from dataclasses import dataclass

from mattingd.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class WorkerLeft:
    """A slot at the remote workers is gone, because a worker left or their scheduler cannot be reached."""

    worker: int
    how: Reason


@dataclass(frozen=True, slots=True)
class RemoteEnded:
    """The process that talks to the remote workers ended."""

    how: Reason


@dataclass(frozen=True, slots=True)
class RemoteWorker:
    """A worker on another machine, as `status` shows it."""

    name: str
    state: str
    """`warming`, `ready`, `slow` (no answer in time), `refused` or `gone`."""
    why: str = ""
    version: str = ""
    device: str = ""
    precision: str = ""
    memory_bytes: int = 0
    in_work: int = 0
    done: int = 0
    rate: float = 0.0
    """Pictures per second, as measured."""
    sent_bytes: int = 0
    received_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RemoteState:
    """The state of the remote workers: reported at changes, and every few seconds."""

    scheduler: str
    """Address of their scheduler."""
    reached: bool
    why: str
    """Why it cannot be reached."""
    workers: tuple[RemoteWorker, ...]
    repeated: int = 0
    """Pictures that were sent twice, because a worker was lost or slow."""
