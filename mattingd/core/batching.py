"""Decide which pictures go to which engine together, and when.

Pure: takes the ready pictures and the time, returns a decision. The window starts with the oldest ready
picture, and a picture never waits for companions when no other is on its way. Each engine has its own
credits, deadline and batches. An engine is identified by its number and serves a key: the weights, one
network shape or all, and a device. Engines of one model on several devices share one queue; the least busy
one takes the next batch.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, NamedTuple

from annotated_types import Ge

from mattingd.domain.commands import Sent


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """Limits of a batch."""

    max_pictures: Annotated[int, Ge(1)] = 1
    """Maximum number of pictures in a batch."""
    wait_ns: Annotated[int, Ge(0)] = 50_000_000
    """How long the oldest ready picture waits for company while more are on their way."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A picture that is ready for inference."""

    job: int
    folder: int
    shape: tuple[int, int]
    since: int
    """When it became ready."""
    isolated: bool = False
    """A quarantine candidate: it gets a batch of its own."""
    model: str = ""
    """The model that processes it, as in `EngineKey`."""


@dataclass(frozen=True, slots=True)
class Run:
    """Send these jobs now."""

    jobs: tuple[int, ...]
    shape: tuple[int, int]
    why: Sent
    engine: int = 0
    """The number of the engine; 0 until one is chosen."""


@dataclass(frozen=True, slots=True)
class SleepUntil:
    """Ask again at this time, or when something happens."""

    deadline: int


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is ready."""


Choice = Run | SleepUntil | Idle


def choose(
    ready: Sequence[Ready],
    on_the_way: int,
    now: int,
    policy: BatchPolicy,
    served: Mapping[int, int] = MappingProxyType({}),
) -> Choice:
    """The next batch.

    Args:
        ready: pictures that could be inferred, in the order in which they became ready.
        on_the_way: pictures that may become ready soon (being read, or about to be).
        now: nanoseconds.
        policy: bounds.
        served: by folder, the number of the newest batch that contained one of its pictures.

    Folders take turns at leading a batch, each with its oldest picture, so no folder starves. The other
        pictures of the batch have the same shape and are taken from the folders in turn.
    """
    if not ready:
        return Idle()
    first = min(ready, key=lambda picture: (served.get(picture.folder, 0), picture.since))
    if first.isolated:
        return Run((first.job,), first.shape, Sent.ALONE)
    company = [p for p in ready if p.shape == first.shape and not p.isolated and p is not first]
    jobs = (first.job, *(p.job for p in in_turn(company)))[: policy.max_pictures]
    full = len(jobs) >= policy.max_pictures
    deadline = min(picture.since for picture in ready) + policy.wait_ns
    if not full and on_the_way and now < deadline:
        return SleepUntil(deadline)
    return Run(jobs, first.shape, Sent.FULL if full else Sent.WAITED if on_the_way else Sent.LAST)


def in_turn(pictures: Iterable[Ready]) -> list[Ready]:
    """Return the same pictures, one of each folder at a time; the order within a folder is kept."""
    lanes: dict[int, deque[Ready]] = {}
    for picture in pictures:
        lanes.setdefault(picture.folder, deque()).append(picture)
    queue, order = deque(lanes.values()), []
    while queue:
        lane = queue.popleft()
        order.append(lane.popleft())
        if lane:
            queue.append(lane)
    return order


# --- the engines ---

CREDITS = 2
"""Batches sent ahead to an engine: one runs, one is already there when it ends."""


class EngineKey(NamedTuple):
    """The engine's task: model, network shape and device."""

    model: str
    """As in `Models`."""
    shape: tuple[int, int] | None = None
    """The network's (height, width) that it accepts; None for all."""
    place: int = 0
    """The index of its device in the list of devices."""


EVERYTHING = EngineKey("")


@dataclass(slots=True)
class Batch:
    """The pictures that an engine is processing."""

    id: int
    jobs: tuple[int, ...]
    shape: tuple[int, int]
    model: str = ""
    """SHA-256 of that engine's weights."""
    device: str = ""
    precision: str = ""
    """The number format of that engine."""


@dataclass(slots=True)
class EngineSlot:
    """An engine process."""

    id: int
    key: EngineKey
    serving: bool
    """It gets new batches once it is up.

    Before that it is a candidate; afterwards it only finishes its batches.
    """
    up: bool = False
    leaving: bool = False
    """Another engine has replaced it."""
    sha256: str = ""
    """SHA-256 of the weights that it loaded."""
    device: str = ""
    precision: str = ""
    max_pictures: int = 1
    batch_ns: int = 0
    """Time that its largest batch took at warm-up."""
    credits: int = CREDITS
    due: int | None = None
    """When it must have answered, started or ended; None while nothing is expected."""
    batches: deque[Batch] = field(default_factory=deque)

    used: int = 0
    """The number of the last batch that was sent to it."""
    since: int = 0
    """When it started to serve."""

    def takes(self, picture: Ready) -> bool:
        """Whether it serves this picture's model and network shape."""
        return self.key.model == picture.model and self.key.shape in {None, picture.shape}

    @property
    def free(self) -> bool:
        """Whether it can take another batch."""
        return self.serving and self.up and len(self.batches) < self.credits


class EngineQueue:
    """The ready pictures and all engines. One owner: the scheduler."""

    def __init__(self, wait_ns: int, cap: int | None = None) -> None:
        self.wait_ns = wait_ns
        self._cap = cap
        self._caps: dict[int, int] = {}
        """By device: what running out of memory taught."""
        self.slots: dict[int, EngineSlot] = {}
        self.ready: dict[int, Ready] = {}
        self.max_pictures = 1
        """The largest batch of the engine that came up last."""
        self.deaths: Counter[EngineKey] = Counter()
        """Deaths in a row of the engines for a key, without a batch answered in between."""
        self.sent = 0
        self._served: dict[int, int] = {}

    # --- engines ---

    @property
    def serving(self) -> list[EngineSlot]:
        """The engines that get new batches, whether they are up or not."""
        return [slot for slot in self.slots.values() if slot.serving]

    @property
    def up(self) -> bool:
        """Whether any engine that gets new batches is up."""
        return any(slot.up for slot in self.serving)

    @property
    def running(self) -> list[Batch]:
        """Batches at the engines that get new batches."""
        return [batch for slot in self.serving for batch in slot.batches]

    @property
    def leaving(self) -> list[EngineSlot]:
        """Replaced engines that still have batches."""
        return [slot for slot in self.slots.values() if slot.leaving]

    @property
    def busy(self) -> bool:
        """Whether any engine has a batch."""
        return any(slot.batches for slot in self.slots.values())

    @property
    def capacity(self) -> int:
        """How many pictures the engines can hold at once, including engines that are starting."""
        return CREDITS * self.max_pictures * max(1, len(self.serving))

    def add(self, engine: int, key: EngineKey = EVERYTHING, *, serving: bool = True) -> EngineSlot:
        """Add an engine that was started."""
        slot = self.slots[engine] = EngineSlot(engine, key, serving)
        return slot

    def remove(self, engine: int) -> None:
        """Remove an engine that is not needed any more."""
        self.slots.pop(engine, None)

    def came_up(self, engine: int, max_batch: int, batch_ns: int, sha256: str = "") -> None:
        """Mark an engine as ready.

        A limit learnt from running out of memory stays until the daemon restarts.
        """
        slot = self.slots[engine]
        slot.up, slot.sha256, slot.batch_ns = True, sha256, batch_ns
        caps = (cap for cap in (self._cap, self._caps.get(slot.key.place)) if cap is not None)
        self.max_pictures = slot.max_pictures = min((max_batch, *caps))

    def halve(self, tried: int, place: int = 0) -> None:
        """Limit all engines on that device to half as many pictures, after they ran out of memory."""
        there = [slot for slot in self.slots.values() if slot.key.place == place]
        now = max((slot.max_pictures for slot in there), default=self.max_pictures)
        self._caps[place] = cap = max(1, min(now, tried // 2))
        for slot in there:
            slot.max_pictures = min(slot.max_pictures, cap)
        self.max_pictures = max((slot.max_pictures for slot in self.serving if slot.up), default=cap)

    def leave(self, engine: int) -> bool:
        """Send no more batches to this engine. Returns False, and forgets it, if it has none left."""
        slot = self.slots[engine]
        slot.serving, slot.leaving = False, True
        if not slot.batches:
            del self.slots[engine]
        return bool(slot.batches)

    def died(self, engine: int) -> list[Batch]:
        """Return the batches of an engine that ended, the one it was working on first."""
        return list(self.slots.pop(engine).batches)

    # --- batches ---

    def choose(self, on_the_way: int, now: int) -> Choice:
        """Return the next batch and its engine, if one can take any. The least busy engine comes first."""
        sleeps: list[SleepUntil] = []
        for slot in sorted((slot for slot in self.slots.values() if slot.free), key=_load):
            ready = [picture for picture in self.ready.values() if slot.takes(picture)]
            policy = BatchPolicy(slot.max_pictures, self.wait_ns)
            match choose(ready, on_the_way, now, policy, self._served):
                case Run() as run:
                    return replace(run, engine=slot.id)
                case SleepUntil() as sleep:
                    sleeps.append(sleep)
        return min(sleeps, key=lambda sleep: sleep.deadline, default=Idle())

    def begin(self, choice: Run) -> Batch:
        """Take a chosen batch out of the ready pictures and give it to its engine."""
        slot = self.slots[choice.engine]
        self.sent += 1
        batch = Batch(self.sent, choice.jobs, choice.shape, slot.sha256, slot.device, slot.precision)
        for job in choice.jobs:
            self._served[self.ready.pop(job).folder] = self.sent
        slot.batches.append(batch)
        slot.used = self.sent
        return batch

    def due(self, batch_id: int) -> tuple[EngineSlot, Batch]:
        """Return the engine that has this batch, and the batch. Each engine answers in order.

        Raises:
            ValueError: no engine has it as its oldest.
        """
        for slot in self.slots.values():
            if slot.batches and slot.batches[0].id == batch_id:
                return slot, slot.batches[0]
        raise ValueError(f"an engine answered batch {batch_id}, which was not due")

    def end(self, batch_id: int) -> tuple[EngineSlot, Batch]:
        """Remove an answered batch and return it with its engine, like `due`.

        A replaced engine is forgotten after its last batch.
        """
        slot, batch = self.due(batch_id)
        slot.batches.popleft()
        if slot.leaving and not slot.batches:
            del self.slots[slot.id]
        return slot, batch


def _load(slot: EngineSlot) -> int:
    return len(slot.batches)
