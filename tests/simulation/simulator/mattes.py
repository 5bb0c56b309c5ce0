"""Simulated engines: batches in, in order; mattes out, each with its picture's number and the weights."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from because import why

from mattingd.domain.commands import Infer, StartEngine
from mattingd.domain.events import EngineDied, EngineUp, Fact, InferFailed, InferFault, Inferred
from mattingd.domain.reasons import Reason
from tests.simulation.simulator.pictures import Content, Kind, Matte
from tests.simulation.simulator.surroundings import Surroundings

MAX_BATCH = 4
SHIPPED = "shipped"
"""What the package's own weights are called by the engine that has them."""
MODELS = ("", "second", "third", "wrong")
"""Weights that people ask for; the last ones fail their self-test."""
_LETHAL = {
    (Kind.POISON_ENGINE, 1): "poison for the engine",
    (Kind.POISON_AGAIN, 2): "poison at the second pass",
}
MISHAP = 0.12
"""The chance that an engine hangs, or dies, while it comes up with another model."""

Say = Callable[[Fact, tuple[Matte, ...]], None]


@dataclass
class Sent:
    """A batch on its way: the order, and the network inputs that went with it."""

    order: Infer
    nets: tuple[Content, ...]


class SimEngine:
    """One engine process."""

    def __init__(self, wanted: StartEngine, around: Surroundings, say: Say) -> None:
        """Start the process: load, warm up, self-test."""
        self.number, self.model, self.on_cpu = wanted.engine, wanted.model or SHIPPED, wanted.cpu
        self.beside, self.place = wanted.beside, wanted.place
        self.around = around
        self.clock = around.clock
        self.weather = around.weather
        self.say = say
        self.alive = True
        self.up = False
        self.batches: deque[Sent] = deque()
        self.slowness = self.weather.rng.choice((1, 1, 5))
        if self.beside and self.weather.strikes(MISHAP, self.clock.now):
            self.weather.count("model hangs when it is loaded")
        elif not self.beside and self.weather.strikes(self.weather.starts_hang, self.clock.now):
            self.weather.count("engine hangs at its start")
        else:
            self._later(self.weather.rng.uniform(0.5, 4.0), self._come_up)

    def _come_up(self) -> None:
        if self.model == "wrong":
            self.weather.count("model fails its self-test")
            self.die(why("the self-test failed"), wrong=True)
            return
        if self.beside and self.weather.strikes(MISHAP, self.clock.now):
            self.weather.count("model dies when it is loaded")
            self.die(why("it was ended by SIGKILL"))
            return
        self.up = True
        device = "cpu" if self.on_cpu else "cuda"
        batch = self.weather.rng.randint(1, MAX_BATCH)
        self.say(EngineUp(self.number, device, "", "float32", "cv-unet", self.model, batch, 0.1), ())

    def die(self, how: Reason, *, wrong: bool = False) -> None:
        """The process ends."""
        if not self.alive:
            return
        self.around.died_over(set(self.batches[0].order.jobs) if self.batches else set())
        self.end()
        self.clock.after(0.01, lambda: self.say(EngineDied(self.number, how, wrong=wrong), ()))

    def end(self) -> None:
        """Gone, and nobody is told."""
        self.alive = self.up = False
        self.batches.clear()

    def infer(self, sent: Sent) -> None:
        """Take a batch."""
        assert self.up, "the engine was given a batch before it was up"
        assert {net.shape for net in sent.nets} == {sent.order.shape}, "a batch of other shapes than its own"
        self.batches.append(sent)
        if len(self.batches) == 1:
            self._begin()

    def _begin(self) -> None:
        weather, jobs = self.weather, self.batches[0].order.jobs
        if self.around.accident(weather.engine_hangs, jobs):
            weather.count("engine hangs")
            return
        self._later(weather.rng.uniform(0.02, 0.3) * self.slowness, self._run)

    def _run(self) -> None:
        """The oldest batch comes to its end, one way or the other."""
        weather, sent = self.weather, self.batches[0]
        if lethal := [net for net in sent.nets if (net.kind, net.nth) in _LETHAL]:
            weather.count(_LETHAL[lethal[0].kind, lethal[0].nth])
            self.die(why("it was ended by SIGSEGV"))
            return
        if self.around.accident(weather.engine_dies, sent.order.jobs):
            weather.count("engine dies by accident")
            self.die(why("it was ended by SIGKILL"))
            return
        if self.around.wrong_once(sent.order.jobs):
            weather.count("engine calculates wrongly")
            self.die(why("the self-test failed"), wrong=True)
            return
        self.batches.popleft()
        fact, mattes = self._outcome(sent)
        self.say(fact, mattes)
        if self.batches:
            self._begin()

    def _outcome(self, sent: Sent) -> tuple[Fact, tuple[Matte, ...]]:
        batch = sent.order.batch
        if self._lacks_memory(len(sent.nets)):
            return InferFailed(batch, InferFault.MEMORY, "out of memory"), ()
        if any(net.kind is Kind.CULPRIT for net in sent.nets):
            self.weather.count("batch fails over a culprit")
            return InferFailed(batch, InferFault.BATCH, "NaN"), ()
        empty = tuple(net.kind is Kind.EMPTY or (net.nth > 1 and net.number % 2 == 0) for net in sent.nets)
        for net in (net for net, nothing in zip(sent.nets, empty, strict=True) if nothing):
            self.weather.count("no subject" if net.nth == 1 else "no subject at the second pass")
        return Inferred(batch, empty), tuple(Matte(net.number, self.model, net.nth) for net in sent.nets)

    def _lacks_memory(self, pictures: int) -> bool:
        weather = self.weather
        fits = weather.memory
        if self.on_cpu or fits is None or pictures <= fits or not weather.storm(self.clock.now):
            return False
        weather.count("engine without memory for one" if pictures == 1 else "engine out of memory")
        return True

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self.clock.after(seconds, lambda: action() if self.alive else None)


class SimEngines:
    """All engine processes of a daemon."""

    def __init__(self, around: Surroundings, say: Say) -> None:
        self.around = around
        self._say = say
        self._engines: dict[int, SimEngine] = {}
        self._needed: set[int] = set()
        around.wrong_before = False

    @property
    def alive(self) -> list[SimEngine]:
        """Those that live."""
        return [engine for engine in self._engines.values() if engine.alive]

    @property
    def batches(self) -> list[Sent]:
        """Everything that is at an engine."""
        return [sent for engine in self.alive for sent in engine.batches]

    def start(self, wanted: StartEngine) -> None:
        """Start a process."""
        assert wanted.engine not in self._engines, "an engine was started twice"
        self._needed.add(wanted.engine)
        self._engines[wanted.engine] = SimEngine(wanted, self.around, self._heard)
        there = sum(engine.place == wanted.place for engine in self.alive)
        assert there <= 2, "there are more than two engines on a device"
        if sum(engine.up for engine in self.alive) > 1:
            self.around.weather.count("several engines at work")

    def _heard(self, fact: Fact, mattes: tuple[Matte, ...]) -> None:
        if not isinstance(fact, EngineDied) or fact.engine in self._needed:
            self._say(fact, mattes)

    def infer(self, sent: Sent) -> None:
        """Send a batch. What is sent to a process whose death is still on its way is lost, and counts."""
        engine = self._engines[sent.order.engine]
        if engine.alive:
            engine.infer(sent)
        else:
            self.around.died_over(set(sent.order.jobs))

    def kill(self, number: int, how: Reason) -> None:
        """End a process and say so."""
        self._engines[number].die(how)

    def end(self, number: int) -> None:
        """End a process that is not needed any more."""
        engine = self._engines[number]
        assert not engine.batches, "an engine was ended over its work"
        self._needed.discard(number)
        engine.end()

    def stop_all(self) -> None:
        """The daemon is gone: so is everything of it."""
        self._needed.clear()
        self._say = lambda *_: None
        for engine in self._engines.values():
            engine.end()
