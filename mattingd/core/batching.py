"""Which pictures go to which engine together, and when.

Pure: ready pictures and the time in, a decision out. The window counts from the oldest ready picture, and a
picture never waits for company when nothing else is on its way. Each engine has its own credits, deadline and
batches: it is known by its number, and serves a key (weights, and one network shape or all). Today one engine
serves everything; nothing here counts on that.
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
    """Bounds of a batch."""

    max_pictures: Annotated[int, Ge(1)] = 1
    """Pictures in a batch at most."""
    wait_ns: Annotated[int, Ge(0)] = 50_000_000
    """How long the oldest ready picture waits for company while more are on their way."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A picture that could be inferred now."""

    job: int
    folder: int
    shape: tuple[int, int]
    since: int
    """When it became ready."""
    isolated: bool = False
    """A suspect: nobody shares a batch with it."""


@dataclass(frozen=True, slots=True)
class Run:
    """Send these jobs now."""

    jobs: tuple[int, ...]
    shape: tuple[int, int]
    why: Sent
    engine: int = 0
    """To which engine; 0 while nobody chose one."""


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
        served: by folder, the newest batch that a picture of it stood in.

    The folders lead in turn, each with its oldest picture, so nobody starves; the companions have its shape
    and are taken from the folders in turn, too.
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
    """The same pictures, one of each folder at a time; within a folder the order stays."""
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
    """What an engine is there for."""

    model: str
    """As in `Models`."""
    shape: tuple[int, int] | None = None
    """The network (height, width) that it takes; None for all."""


EVERYTHING = EngineKey("")


@dataclass(slots=True)
class Batch:
    """Pictures at an engine."""

    id: int
    jobs: tuple[int, ...]
    shape: tuple[int, int]
    model: str = ""
    """SHA-256 of the weights of the engine that has it."""


@dataclass(slots=True)
class EngineSlot:
    """One engine child."""

    id: int
    key: EngineKey
    serving: bool
    """It gets new batches once it is up. Before, it is a candidate; after, it only finishes what it has."""
    up: bool = False
    leaving: bool = False
    """Another one took its place."""
    sha256: str = ""
    """Of the weights that it loaded."""
    max_pictures: int = 1
    batch_ns: int = 0
    """What its largest batch took at warm-up."""
    credits: int = CREDITS
    due: int | None = None
    """When it must have answered, come up or ended; None while nothing is expected of it."""
    batches: deque[Batch] = field(default_factory=deque)

    def takes(self, shape: tuple[int, int]) -> bool:
        """Whether it serves pictures of this network shape."""
        return self.key.shape in {None, shape}

    @property
    def free(self) -> bool:
        """Whether it can be sent another batch."""
        return self.serving and self.up and len(self.batches) < self.credits


class EngineQueue:
    """What is ready, and all engines. One owner: the scheduler."""

    def __init__(self, wait_ns: int, cap: int | None = None) -> None:
        self.wait_ns = wait_ns
        self._cap = cap
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
        """The engines that get new batches, up or not."""
        return [slot for slot in self.slots.values() if slot.serving]

    @property
    def up(self) -> bool:
        """Whether any engine that gets new batches is ready."""
        return any(slot.up for slot in self.serving)

    @property
    def running(self) -> list[Batch]:
        """Batches at the engines that get new ones."""
        return [batch for slot in self.serving for batch in slot.batches]

    @property
    def leaving(self) -> list[EngineSlot]:
        """Engines that another one took the place of, and that still have batches."""
        return [slot for slot in self.slots.values() if slot.leaving]

    @property
    def busy(self) -> bool:
        """Whether any engine has a batch."""
        return any(slot.batches for slot in self.slots.values())

    @property
    def capacity(self) -> int:
        """Pictures that the engines can have at once, those that are expected up included."""
        return CREDITS * self.max_pictures * max(1, len(self.serving))

    def add(self, engine: int, key: EngineKey = EVERYTHING, *, serving: bool = True) -> EngineSlot:
        """An engine is started."""
        slot = self.slots[engine] = EngineSlot(engine, key, serving)
        return slot

    def remove(self, engine: int) -> None:
        """An engine is not needed any more."""
        self.slots.pop(engine, None)

    def came_up(self, engine: int, max_batch: int, batch_ns: int, sha256: str = "") -> None:
        """An engine is ready; a limit learnt from running out of memory stays until the daemon restarts."""
        slot = self.slots[engine]
        slot.up, slot.sha256, slot.batch_ns = True, sha256, batch_ns
        slot.max_pictures = max_batch if self._cap is None else min(max_batch, self._cap)
        self.max_pictures = slot.max_pictures

    def halve(self, tried: int) -> None:
        """Out of memory with so many pictures: never again more than half of them, at any engine."""
        self._cap = self.max_pictures = max(1, min(self.max_pictures, tried // 2))
        for slot in self.slots.values():
            slot.max_pictures = min(slot.max_pictures, self._cap)

    def leave(self, engine: int) -> bool:
        """This engine gets no more batches; False, and it is forgotten, if it has none either."""
        slot = self.slots[engine]
        slot.serving, slot.leaving = False, True
        if not slot.batches:
            del self.slots[engine]
        return bool(slot.batches)

    def died(self, engine: int) -> list[Batch]:
        """An engine ended: the batches that were with it, the one it was working on first."""
        return list(self.slots.pop(engine).batches)

    # --- batches ---

    def choose(self, on_the_way: int, now: int) -> Choice:
        """The next batch, and for which engine, if one can take any. The least busy engine comes first."""
        sleeps: list[SleepUntil] = []
        for slot in sorted((slot for slot in self.slots.values() if slot.free), key=_load):
            ready = [picture for picture in self.ready.values() if slot.takes(picture.shape)]
            policy = BatchPolicy(slot.max_pictures, self.wait_ns)
            match choose(ready, on_the_way, now, policy, self._served):
                case Run() as run:
                    return replace(run, engine=slot.id)
                case SleepUntil() as sleep:
                    sleeps.append(sleep)
        return min(sleeps, key=lambda sleep: sleep.deadline, default=Idle())

    def begin(self, choice: Run) -> Batch:
        """The chosen pictures were sent."""
        slot = self.slots[choice.engine]
        self.sent += 1
        batch = Batch(self.sent, choice.jobs, choice.shape, slot.sha256)
        for job in choice.jobs:
            self._served[self.ready.pop(job).folder] = self.sent
        slot.batches.append(batch)
        return batch

    def due(self, batch_id: int) -> tuple[EngineSlot, Batch]:
        """Who has this batch, and the batch; each engine answers in order.

        Raises:
            ValueError: no engine has it as its oldest.
        """
        for slot in self.slots.values():
            if slot.batches and slot.batches[0].id == batch_id:
                return slot, slot.batches[0]
        raise ValueError(f"an engine answered batch {batch_id}, which was not due")

    def end(self, batch_id: int) -> tuple[EngineSlot, Batch]:
        """A batch was answered; says as `due` who had it. Who leaves is forgotten with its last one."""
        slot, batch = self.due(batch_id)
        slot.batches.popleft()
        if slot.leaving and not slot.batches:
            del self.slots[slot.id]
        return slot, batch


def _load(slot: EngineSlot) -> int:
    return len(slot.batches)
