"""The devices of this machine that engines run on: which of them work, and which were taken out and why.

A device is identified by its index in the configured list. Two entries may name the same device.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mattingd.domain.events import EngineUp

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """How many models may be loaded at once on each device, and how much memory they may use together."""

    count: int = 2
    stated: Mapping[str, int] = field(default_factory=dict)
    """Bytes that each model is said to need, by its reference; a measured value replaces it."""
    cpu_bytes: int | None = None
    """For all models on the processor; None: no limit. A single model may always try."""
    gpu_bytes: tuple[int | None, ...] = ()
    """The same for each device that is a GPU, by its index; None: all that the GPU has."""


@dataclass(slots=True)
class Device:
    """One device."""

    name: str
    """As in the configuration: `auto`, `cpu`, `cuda:1`."""
    wrong: int = 0
    """Number of self-tests that failed on it in this run."""
    out: str | None = None
    """Why it gets no pictures any more; None while it works."""
    up: EngineUp | None = None
    """What the engine of the model in use reported when it last started there."""
    why: str = ""
    """How the last engine there failed; empty once another one is up."""
    pictures: int = 0
    """Network inputs that it has processed in this run."""


class Devices:
    """All devices of this machine. One owner: the engines' supervisor."""

    def __init__(self, names: Iterable[str]) -> None:
        self.all = [Device(name) for name in names]

    def __getitem__(self, place: int) -> Device:
        """Return the device at an index."""
        return self.all[place]

    @property
    def working(self) -> list[int]:
        """Return the indices of the devices that were not taken out."""
        return [place for place, device in enumerate(self.all) if device.out is None]

    def expand(self, place: int, peers: tuple[str, ...]) -> None:
        """Replace `auto`, which turned out to be a GPU, by all GPUs of its kind."""
        if self.all[place].name == AUTO and len(self.all) == 1:
            self.all += [Device(name) for name in peers]

    def take_out(self, place: int, why: str) -> bool:
        """Send no more pictures to a device.

        Returns False and changes nothing if it is the last one that works.
        """
        if self.working == [place]:
            return False
        self.all[place].out = why
        return True

    def take_back(self) -> None:
        """Give the devices that were taken out another chance."""
        for device in self.all:
            device.out, device.wrong = None, 0
