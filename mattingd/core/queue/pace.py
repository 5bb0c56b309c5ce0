"""How long pictures take, by size class: measured as they end, so that the time left can be told.

A class is a kind of file and a power of two of its bytes. That is known of every picture in the queue; its
megapixels are known only once it is read, and within one kind of file they follow the bytes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from mattingd.domain.picture_names import ends_like_a_picture

SECOND = 1_000_000_000
RECENT = 20
"""A mean goes by the last pictures, about so many."""
TRUSTED = 8
"""From so many pictures on it is measured how much work is done at once; before, all workers are counted."""


class SizeClass(NamedTuple):
    """Pictures that take about the same time."""

    kind: str
    """The suffix of a picture's name in lower case, without its dot; empty for all other names."""
    power: int
    """The file has 2**power bytes, and fewer than twice as many."""


def size_class(path: bytes, size: int) -> SizeClass:
    """Return the class of a source file."""
    name = path.rpartition(b"/")[2]
    kind = name.rpartition(b".")[2].decode().lower() if ends_like_a_picture(name) else ""
    return SizeClass(kind, max(size, 1).bit_length() - 1)


class Pace:
    """Seconds of work that each class takes, and how much work is done at once. One owner: the job store."""

    def __init__(self) -> None:
        self._took: dict[SizeClass, tuple[float, int]] = {}
        """Mean seconds, and of how many pictures."""
        self._mark = 0
        """Until then the time is counted in which pictures were in work."""
        self._work = self._busy = 0.0
        self._ended = 0

    def seed(self, took: Iterable[tuple[SizeClass, float]]) -> None:
        """What pictures of earlier runs took, in seconds, the oldest first."""
        for which, seconds in took:
            self._learn(which, seconds)

    def began(self, now: int) -> None:
        """The first picture is in work after there was none."""
        self._mark = now

    def ended(self, which: SizeClass, seconds: float, now: int) -> None:
        """A picture is done that took so many seconds of work, at all stages together."""
        self._learn(which, seconds)
        keeps = 1 - 1 / RECENT
        self._work = self._work * keeps + seconds
        self._busy = self._busy * keeps + (now - self._mark) / SECOND
        self._ended += 1
        self._mark = now

    def seconds(self, which: SizeClass) -> float | None:
        """Seconds of work that a picture takes; None before any was measured.

        A class without a picture goes by the nearest one, of its own kind if there is one, in proportion to
        the bytes.
        """
        if which in self._took:
            return self._took[which][0]
        if not self._took:
            return None
        near = min(self._took, key=lambda each: (each.kind != which.kind, abs(each.power - which.power)))
        return float(self._took[near][0] * 2.0 ** (which.power - near.power))

    def at_once(self, workers: int) -> float:
        """Seconds of work that are done in one second; `workers` can work at the same time."""
        if self._ended < TRUSTED or self._busy <= 0:
            return max(1.0, float(workers))
        return max(0.1, self._work / self._busy)

    def _learn(self, which: SizeClass, seconds: float) -> None:
        mean, number = self._took.get(which, (0.0, 0))
        number = min(number + 1, RECENT)
        self._took[which] = (mean + (seconds - mean) / number, number)
