"""Which pictures go to the engine together, and when.

Pure: ready pictures and the time in, a decision out. The window counts from the oldest ready picture, and a
picture never waits for company when nothing else is on its way.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

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


@dataclass(slots=True)
class Batch:
    """Pictures at the engine."""

    id: int
    jobs: tuple[int, ...]
    shape: tuple[int, int]
    model: str = ""
    """SHA-256 of the weights of the engine that has it."""


class EngineQueue:
    """What is ready, what is at the engine, and how much it takes at once. One owner: the scheduler."""

    CREDITS = 2
    """Batches sent ahead: one runs, one is already there when it ends."""

    def __init__(self, wait_ns: int, cap: int | None = None) -> None:
        self.wait_ns = wait_ns
        self._cap = cap
        self.up = False
        self.max_pictures = 1
        self.ready: dict[int, Ready] = {}
        self.running: deque[Batch] = deque()
        """Batches at the engine that gets new ones."""
        self.leaving: dict[int, deque[Batch]] = {}
        """The last batches of engines that another one took the place of."""
        self.model = ""
        """SHA-256 of the weights of the engine that gets new batches."""
        self._served: dict[int, int] = {}
        self.sent = 0
        self.deaths = 0
        self.batch_ns = 0

    @property
    def busy(self) -> bool:
        """Whether any engine has a batch."""
        return bool(self.running or self.leaving)

    def came_up(self, max_batch: int, batch_ns: int, model: str = "") -> None:
        """The engine is ready; a limit learnt from running out of memory stays until the daemon restarts."""
        self.up, self.model = True, model
        self.max_pictures = max_batch if self._cap is None else min(max_batch, self._cap)
        self.batch_ns = batch_ns

    def halve(self, tried: int) -> None:
        """Out of memory with so many pictures: never again more than half of them."""
        self._cap = self.max_pictures = max(1, min(self.max_pictures, tried // 2))

    def choose(self, on_the_way: int, now: int) -> Choice:
        """The next batch, if the engine can take one."""
        if not self.up or len(self.running) >= self.CREDITS:
            return Idle()
        policy = BatchPolicy(self.max_pictures, self.wait_ns)
        return choose(tuple(self.ready.values()), on_the_way, now, policy, self._served)

    def begin(self, choice: Run) -> Batch:
        """The chosen pictures were sent."""
        self.sent += 1
        batch = Batch(self.sent, choice.jobs, choice.shape, self.model)
        for job in choice.jobs:
            self._served[self.ready.pop(job).folder] = self.sent
        self.running.append(batch)
        return batch

    def due(self, batch_id: int) -> tuple[int | None, Batch]:
        """Who has this batch (None: the engine that gets new ones), and the batch; each answers in order.

        Raises:
            ValueError: no engine has it as its oldest.
        """
        for engine, batches in ((None, self.running), *self.leaving.items()):
            if batches and batches[0].id == batch_id:
                return engine, batches[0]
        raise ValueError(f"an engine answered batch {batch_id}, which was not due")

    def end(self, batch_id: int) -> tuple[int | None, Batch]:
        """A batch was answered; says as `due` who had it. Who leaves is forgotten with its last one."""
        engine, batch = self.due(batch_id)
        if engine is None:
            self.running.popleft()
            return None, batch
        self.leaving[engine].popleft()
        if not self.leaving[engine]:
            del self.leaving[engine]
        return engine, batch

    def leave(self, engine: int) -> bool:
        """This engine gets no more batches; False if it has none either."""
        self.up = False
        if self.running:
            self.leaving[engine], self.running = self.running, deque()
        return engine in self.leaving

    def died(self, engine: int) -> list[Batch]:
        """An engine ended: the batches that were with it, the one it was working on first."""
        if engine in self.leaving:
            return list(self.leaving.pop(engine))
        self.up = False
        batches, self.running = list(self.running), deque()
        return batches
