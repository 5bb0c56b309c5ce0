"""Decide which remote worker gets the next picture, how many each has at once, and which ones timed out.

Pure: times and facts in, decisions out.
"""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mattingd.domain.events import RemoteWorker
from mattingd.domain.remote import RemoteFacts

AHEAD_SECONDS = 0.5
"""Pictures are sent so far ahead that a worker has something to do while the next one travels."""
MOST_AHEAD = 4
NEWEST = 0.2
"""Weight of the newest picture in the measured seconds of a worker."""
BYTES_A_PIXEL = 64
"""Memory that a picture takes at its peak, per pixel; see `workers.resources`."""


@dataclass(slots=True)
class Member:
    """A remote worker."""

    address: str
    name: str
    """Its address until it reports its name."""
    state: str = "warming"
    """`warming`, `ready`, `slow` or `refused`."""
    why: str = ""
    facts: RemoteFacts | None = None
    ask_at: int = 0
    """When its facts are requested again; 0: not planned."""
    in_work: set[int] = field(default_factory=set)
    """Number of its tasks."""
    seconds: float = 0.0
    """Seconds per picture; 0 before the first measurement."""
    done: int = 0
    sent: int = 0
    received: int = 0
    """Memory in bytes."""

    @property
    def threads(self) -> int:
        """Pictures that it processes at once."""
        return 1 if self.facts is None else max(1, self.facts.threads)

    @property
    def rate(self) -> float:
        """Pictures per second; 0 before the first measurement."""
        return self.threads / self.seconds if self.seconds else 0.0

    @property
    def credits(self) -> int:
        """Pictures that it may have at once: those in work, and more ahead the faster it is."""
        if self.state != "ready":
            return 0
        return self.threads + min(MOST_AHEAD, max(1, math.ceil(self.rate * AHEAD_SECONDS)))

    def measured(self, seconds: float) -> None:
        """Record how long a picture took, in seconds."""
        self.done += 1
        self.seconds = seconds if not self.seconds else self.seconds + NEWEST * (seconds - self.seconds)

    def holds(self, pixels: int) -> bool:
        """Whether it has memory for as many pictures of this many pixels as it processes at once."""
        return self.facts is not None and pixels * BYTES_A_PIXEL * self.threads <= self.facts.memory_bytes

    def view(self) -> RemoteWorker:
        """Return it as `status` shows it."""
        facts = self.facts
        return RemoteWorker(
            name=self.name if facts is None else facts.name,
            state=self.state,
            why=self.why,
            version="" if facts is None else facts.version,
            device="" if facts is None else facts.device,
            precision="" if facts is None else facts.precision,
            memory_bytes=0 if facts is None else facts.memory_bytes,
            in_work=len(self.in_work),
            done=self.done,
            rate=round(self.rate, 3),
            sent_bytes=self.sent,
            received_bytes=self.received,
        )


def unlike(facts: RemoteFacts, *, version: str, schema: str, weights: str) -> str:
    """Return why a worker with these facts cannot be used; empty when it can."""
    if facts.version != version or facts.schema != schema:
        return f"it is version {facts.version} of mattingd, and the daemon is {version}: install the same"
    if facts.weights != weights:
        return (
            f"it has other weights ({facts.weights[:12]}) than the daemon ({weights[:12]}): start it with the"
            " same model"
        )
    return ""


def choose(members: Iterable[Member], pixels: int, avoid: Collection[str] = ()) -> Member | None:
    """The worker that will have a picture done first; None where none can take it now.

    Among equals the one with the least memory that is enough: the others are left for larger pictures.

    Args:
        members: all workers.
        pixels: pixels of the picture.
        avoid: addresses of workers that already had it.
    """
    can = [each for each in members if each.address not in avoid and len(each.in_work) < each.credits]
    can = [each for each in can if each.holds(pixels)]

    def after(member: Member) -> tuple[float, int, str]:
        slots = member.threads / (member.seconds or AHEAD_SECONDS)
        memory = 0 if member.facts is None else member.facts.memory_bytes
        return (len(member.in_work) + 1) / slots, memory, member.address

    return min(can, key=after, default=None)


def can_ever(members: Iterable[Member], pixels: int, avoid: Collection[str] = ()) -> bool:
    """Whether any worker that is ready could take such a picture once it has time."""
    return any(each.state == "ready" and each.address not in avoid and each.holds(pixels) for each in members)
