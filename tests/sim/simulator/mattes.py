"""The simulated engine: batches in, in order; mattes out, each with the number of its picture."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mattingd.commands import Infer
from mattingd.facts import EngineDied, EngineUp, Fact, InferFailed, InferFault, Inferred
from tests.sim.simulator.hands import Surroundings
from tests.sim.simulator.pictures import Content, Kind

MAX_BATCH = 4


@dataclass
class Sent:
    """A batch on its way: the order, and the network inputs that went with it."""

    order: Infer
    nets: tuple[Content, ...]


class SimEngine:
    """One engine process after another."""

    def __init__(self, around: Surroundings, say: Callable[[Fact, tuple[int, ...]], None]) -> None:
        self.around = around
        self.clock = around.clock
        self.weather = around.weather
        self.say = say
        self.alive = False
        self.up = False
        self.on_cpu = False
        self.batches: deque[Sent] = deque()
        self.life = 0

    def start(self, *, cpu: bool) -> None:
        """Start the process: load, warm up, self-test."""
        assert not self.alive, "the engine was started twice"
        self.alive, self.on_cpu = True, cpu
        self.life += 1
        if self.weather.strikes(self.weather.starts_hang, self.clock.now):
            self.weather.count("engine hangs at its start")
        else:
            self._later(self.weather.rng.uniform(0.5, 4.0), self._come_up)

    def _come_up(self) -> None:
        self.up = True
        device = "cpu" if self.on_cpu else "cuda"
        up = EngineUp(device, "", "float32", "cv-unet", "", self.weather.rng.randint(1, MAX_BATCH), 0.1)
        self.say(up, ())

    def die(self, how: str) -> None:
        """The process ends."""
        if not self.alive:
            return
        self.around.died_over(set(self.batches[0].order.jobs) if self.batches else set())
        self.end()
        life = self.life
        self.clock.after(0.01, lambda: self.say(EngineDied(how), ()) if life == self.life else None)

    def end(self) -> None:
        """Gone, and nobody is told."""
        self.alive = self.up = False
        self.batches.clear()

    def dismiss(self) -> None:
        """The daemon is gone: so is everything of it."""
        self.end()
        self.life += 1

    def infer(self, sent: Sent) -> None:
        """Take a batch. What is sent to a process whose death is still on its way is lost, and counts."""
        if not self.alive:
            self.around.died_over(set(sent.order.jobs))
            return
        assert self.up, "the engine was given a batch before it was up"
        self.batches.append(sent)
        if len(self.batches) == 1:
            self._begin()

    def _begin(self) -> None:
        weather, jobs = self.weather, self.batches[0].order.jobs
        if self.around.accident(weather.engine_hangs, jobs):
            weather.count("engine hangs")
            return
        self._later(weather.rng.uniform(0.02, 0.3), self._run)

    def _run(self) -> None:
        """The oldest batch comes to its end, one way or the other."""
        weather, sent = self.weather, self.batches[0]
        if any(net.kind is Kind.POISON_ENGINE for net in sent.nets):
            weather.count("poison for the engine")
            self.die("it was ended by SIGSEGV")
            return
        if self.around.accident(weather.engine_dies, sent.order.jobs):
            weather.count("engine dies by accident")
            self.die("it was ended by SIGKILL")
            return
        self.batches.popleft()
        fact, mattes = self._outcome(sent)
        self.say(fact, mattes)
        if self.batches:
            self._begin()

    def _outcome(self, sent: Sent) -> tuple[Fact, tuple[int, ...]]:
        batch = sent.order.batch
        if self._lacks_memory(len(sent.nets)):
            return InferFailed(batch, InferFault.MEMORY, "out of memory"), ()
        if any(net.kind is Kind.CULPRIT for net in sent.nets):
            self.weather.count("batch fails over a culprit")
            return InferFailed(batch, InferFault.BATCH, "NaN"), ()
        empty = tuple(net.kind is Kind.EMPTY for net in sent.nets)
        for _ in filter(None, empty):
            self.weather.count("no subject")
        return Inferred(batch, empty), tuple(net.number for net in sent.nets)

    def _lacks_memory(self, pictures: int) -> bool:
        weather = self.weather
        fits = weather.memory
        if self.on_cpu or fits is None or pictures <= fits or not weather.storm(self.clock.now):
            return False
        weather.count("engine without memory for one" if pictures == 1 else "engine out of memory")
        return True

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        life = self.life
        self.clock.after(seconds, lambda: action() if self.alive and life == self.life else None)
