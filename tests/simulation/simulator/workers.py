"""Simulated picture workers: processes that come up, work off orders, hang and die."""

from collections.abc import Callable

from because import why

from mattingd.domain.events import (
    AnotherPass,
    Fact,
    Faulted,
    ReadOk,
    WorkerDied,
    WorkerUp,
)
from mattingd.domain.reasons import Reason
from tests.simulation.simulator.operations import Operation, Operations, Order
from tests.simulation.simulator.pictures import Content, Matte
from tests.simulation.simulator.surroundings import DeathError, HangError, Surroundings

Say = Callable[[Fact, Content | None], None]
"""Takes a fact and, beside `ReadOk` and `AnotherPass`, the picture whose network input goes with it."""


class SimWorker:
    """One worker process after another under the same number."""

    def __init__(self, number: int, around: Surroundings, say: Say) -> None:
        self.number = number
        self.around = around
        self.say = say
        self.alive = False
        self.up = False
        self.order: Order | None = None
        self.operations = Operations(number, around)
        """What the process holds is in there."""
        self.life = 0
        """Counts processes, so that nothing of a dead one happens in the next."""

    # --- life ---

    def start(self) -> None:
        """Start the process."""
        assert not self.alive, f"worker {self.number} was started twice"
        self.alive = True
        self.life += 1
        weather = self.around.weather
        if weather.strikes(weather.starts_hang, self.around.clock.now):
            weather.count("worker hangs at its start")
        else:
            self._later(weather.rng.uniform(0.1, 0.6), self._come_up)

    def _come_up(self) -> None:
        self.up = True
        self.say(WorkerUp(self.number, 1_000 + self.number), None)

    def die(self, how: Reason) -> None:
        """The process ends; everything in it is lost."""
        if not self.alive:
            return
        self.around.died_over(self._jobs())
        self.end()
        self.around.clock.after(0.01, self._heard_of(how))

    def _heard_of(self, how: Reason) -> Callable[[], None]:
        life = self.life

        def heard() -> None:
            if life == self.life:
                self.say(WorkerDied(self.number, how), None)

        return heard

    def end(self) -> None:
        """Gone, and nobody is told."""
        self.alive = self.up = False
        if self.operations.firsts.keys() - self._jobs():
            self.around.weather.count("worker lost between two passes")
        self.order = None
        self.operations = Operations(self.number, self.around)

    def stop_all(self) -> None:
        """The daemon is gone: so is everything of it."""
        self.end()
        self.life += 1

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        life = self.life
        self.around.clock.after(seconds, lambda: action() if self.alive and life == self.life else None)

    # --- operations ---

    def obey(self, order: Order, matte: Matte | None = None) -> None:
        """Begin an operation.

        What is sent to a process whose death is still on its way is lost. Nobody can tell that from dying
        over it, so it counts as a crash.
        """
        if not self.alive:
            self.around.died_over({order.job})
            return
        assert self.up, f"worker {self.number} was given work before it was up"
        assert self.order is None, f"worker {self.number} was given {order} while it does {self.order}"
        self.order = order
        self._go_on(self.operations.begin(order, matte))

    def _go_on(self, operation: Operation) -> None:
        try:
            pause = next(operation)
            self._meet_with_accidents()
        except StopIteration as end:
            self._answer(end.value)
        except DeathError:
            self.die(why("it was ended by SIGSEGV"))
        except HangError:
            return
        else:
            self._later(pause, lambda: self._go_on(operation))

    def _meet_with_accidents(self) -> None:
        weather, jobs = self.around.weather, self._jobs()
        if self.around.accident(weather.worker_dies, jobs):
            weather.count("worker dies by accident")
            raise DeathError
        if self.around.accident(weather.worker_hangs, jobs):
            weather.count("worker hangs by accident")
            raise HangError

    def _answer(self, fact: Fact) -> None:
        weather = self.around.weather
        if self.around.accident(weather.worker_dies, self._jobs()):
            weather.count("answer lost with a child")
            self.die(why("it was ended by SIGKILL"))
            return
        assert self.order is not None
        job = self.order.job
        self.order = None
        if isinstance(fact, Faulted):
            self.operations.discard(job)
        match fact:
            case ReadOk():
                self.say(fact, self.operations.held[job] if fact.recalled is None else None)
            case AnotherPass():
                self.say(fact, self.operations.held[job].subject())
            case _:
                self.say(fact, None)

    def _jobs(self) -> set[int]:
        return set() if self.order is None else {self.order.job}
