"""What work costs: time on the wall and on the processor."""

from dataclasses import dataclass
from typing import Self

from mattingd.system import clock


@dataclass(frozen=True, slots=True)
class Cost:
    """So many pictures took so long; `cpu_seconds` counts all threads."""

    pictures: int
    seconds: float
    cpu_seconds: float

    @classmethod
    def since(cls, started_ns: int, cpu_ns: int, pictures: int) -> Self:
        """What was spent in this process since `clock.monotonic_ns` and `clock.cpu_ns` said these."""
        seconds = (clock.monotonic_ns() - started_ns) / clock.SECOND
        return cls(pictures, seconds, (clock.cpu_ns() - cpu_ns) / clock.SECOND)

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.pictures / max(self.seconds, 1e-9)

    @property
    def each(self) -> float:
        """CPU seconds per picture."""
        return self.cpu_seconds / max(self.pictures, 1)

    def __add__(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(
            self.pictures + other.pictures,
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
        )


NOTHING = Cost(0, 0, 0)
