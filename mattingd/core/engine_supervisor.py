"""Which engine children work: started, replaced when they die, asleep when idle, exchanged for another model.

Each child has a number of its own, so that late words of one that is not needed any more mean nothing. The
serving ones, one for each key that is wanted, get the batches. A candidate with another model comes up beside
them and takes their place only when it passed its self-test; until then nothing depends on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mattingd.core.batching import EngineKey, EngineQueue
from mattingd.core.job_store import SECOND, JobStore
from mattingd.core.worker_pool import DEATHS, WorkerPool, restart_delay_ns
from mattingd.domain import events
from mattingd.domain.commands import EndEngine, KillEngine, RejectModel, StartEngine, TrimMemory, UseModel
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Models

START_NS = 900 * SECOND
"""The longest time for loading, warming up and testing the engine."""
WRONG = 2
"""So many failed self-tests in one run end the daemon: that device cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that comes up with another model."""

    engine: int
    asked: events.ModelAsked


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the last request for a model."""

    asked: events.ModelAsked
    refused: str | None = None
    """Why it is not used; None: it is."""


class Engines:
    """All engine children. One owner: the scheduler."""

    def __init__(
        self,
        work: JobStore,
        crew: WorkerPool,
        queue: EngineQueue,
        models: Models,
        stop: Callable[[str, ExitCode], None],
    ) -> None:
        self.work = work
        self.crew = crew
        self.queue = queue
        self.models = models
        self.asleep = False
        self.candidate: Candidate | None = None
        self.outcome: Outcome | None = None
        self.up: events.EngineUp | None = None
        """What the current one said when it came up, or the one before it."""
        self.why = ""
        """How the last one ended that should not have."""
        self.on_cpu = False
        """The GPU had no memory even for a single picture: the last resort is the CPU."""
        self._started = 0
        self._wrong = 0
        self._stop = stop

    @property
    def state(self) -> str:
        """What people are told: `asleep`, `ready`, `restarting` or `starting`."""
        if self.asleep:
            return "asleep"
        if self.queue.up:
            return "ready"
        return "restarting" if self.why else "starting"

    # --- start ---

    def start(self) -> None:
        """Have an engine for batches, unless there is one."""
        served = {slot.key for slot in self.queue.serving}
        for key in self.wanted():
            if key not in served:
                self.asleep = False
                self._launch(key)

    def wanted(self) -> tuple[EngineKey, ...]:
        """What there must be an engine for: today one, for the weights in use and all shapes."""
        return (EngineKey(self.models.current),)

    def _launch(self, key: EngineKey, *, beside: bool = False) -> int:
        self._started += 1
        self.queue.add(self._started, key, serving=not beside)
        self.work.out.append(StartEngine(self._started, key.model, cpu=self.on_cpu, beside=beside))
        self.expect(self._started, self.work.now + START_NS)
        return self._started

    def came_up(self, fact: events.EngineUp) -> None:
        """An engine is ready: one for batches, or the candidate, which takes over."""
        self.expect(fact.engine, None)
        if self.candidate is not None and fact.engine == self.candidate.engine:
            if fact.device == "cpu" and self._on_gpu():
                self._refuse("it came up on the processor, not on the GPU")
                self._end(fact.engine, "it is not used")
            else:
                self._take_over(self.candidate)
        slot = self.queue.slots.get(fact.engine)
        if slot is None or not slot.serving:
            return
        self.up, self.why = fact, ""
        batch_ns = round(fact.batch_seconds * SECOND)
        self.queue.came_up(fact.engine, fact.max_batch, batch_ns, fact.model_sha256)
        self.rest()

    def _on_gpu(self) -> bool:
        return self.up is not None and self.up.device != "cpu" and not self.on_cpu

    def died(self, fact: events.EngineDied, key: EngineKey) -> None:
        """An engine for batches ended: another one in its place, if that is any use."""
        self.why = fact.how
        self.queue.deaths[key] += 1
        self._wrong += fact.wrong
        deaths = self.queue.deaths[key]
        if fact.fatal is not None:
            self._stop(fact.how, fact.fatal)
        elif self._wrong >= WRONG:
            self._stop(f"{fact.how}; that was the second time in this run", ExitCode.CHILD)
        elif deaths >= DEATHS:
            self._stop(f"the engine ended {deaths} times in a row: {fact.how}", ExitCode.CHILD)
        else:
            self.work.timers.wake(self.work.now + restart_delay_ns(deaths), "start engine", None)

    def restart(self) -> None:
        """The pause after a death is over."""
        if not self.asleep:
            self.start()

    def kill(self, engine: int, why: str) -> None:
        """Nothing more is sent to it: what it would die over was never begun."""
        self.expect(engine, None)
        slot = self.queue.slots[engine]
        slot.up, slot.due = False, self.work.now
        self.work.out.append(KillEngine(engine, why))

    def expect(self, engine: int, deadline: int | None) -> None:
        """It must show life by then; None: nothing is expected of it."""
        self.work.timers.alarm("engine", engine, deadline)
        if (slot := self.queue.slots.get(engine)) is not None:
            slot.due = deadline

    def weights(self) -> str:
        """SHA-256 of the weights that make mattes now, awake or not."""
        return self.models.current or self.work.policy.shipped

    # --- sleep ---

    def rest(self) -> None:
        """It may sleep when it gets nothing to do from now on."""
        idle = self.work.policy.idle_ns
        self.work.timers.alarm("idle", None, None if idle is None else self.work.now + idle)

    def idle(self) -> None:
        """It has had nothing to do for long. Only its end gives back all the memory it has."""
        if not self.queue.up:
            return
        if self.queue.busy or self.queue.ready or self.work.in_flight or self.crew.busy:
            self.rest()
            return
        seconds = (self.work.policy.idle_ns or 0) / SECOND
        for slot in self.queue.serving:
            self._end(slot.id, f"there was nothing to do for {seconds:g} s")
        self.asleep = True
        self.work.out.extend(TrimMemory(hand.id) for hand in self.crew.hands if hand.up)

    def wake(self) -> None:
        """A picture is ready."""
        if self.asleep:
            self.start()

    # --- another model ---

    def asked(self, fact: events.ModelAsked, *, stopping: bool) -> None:
        """Bring a model up beside the one in use."""
        if stopping:
            self._keep(fact, "the daemon is stopping")
        elif self.candidate is not None or self.queue.leaving:
            self._keep(fact, "another model is just being brought into use")
        elif fact.model == self.models.current and not fact.anew:
            self.outcome = Outcome(fact)
        else:
            self.candidate = Candidate(self._launch(EngineKey(fact.model), beside=True), fact)

    def failed(self, engine: int, how: str) -> bool:
        """An engine ended; whether it was the candidate, which nothing depends on."""
        if self.candidate is None or engine != self.candidate.engine:
            return False
        self.queue.remove(engine)
        self._refuse(how)
        return True

    def make_room(self) -> bool:
        """Whether a candidate took memory from the engine that works; it does so no longer."""
        if self.candidate is None:
            return False
        self._end(self.candidate.engine, "it is not used")
        self._refuse("there is no memory for it beside the model in use")
        return True

    def _refuse(self, why: str) -> None:
        candidate, self.candidate = self.candidate, None
        if candidate is not None:
            self._keep(candidate.asked, why)

    def _keep(self, asked: events.ModelAsked, why: str) -> None:
        self.outcome = Outcome(asked, why)
        self.work.out.append(RejectModel(asked.model, why))

    def _take_over(self, candidate: Candidate) -> None:
        """New batches go to the candidate; those before finish what they have, and end."""
        for slot in self.queue.serving:
            if not self.queue.leave(slot.id):
                self.retire(slot.id)
        if candidate.asked.model != self.models.current:
            self.models = Models(candidate.asked.model, self.models.current)
        self.work.out.append(UseModel(self.models))
        taken = self.queue.slots[candidate.engine]
        taken.serving, self.asleep, self.queue.deaths[taken.key] = True, False, 0
        self.candidate, self.outcome = None, Outcome(candidate.asked)

    def retire(self, engine: int) -> None:
        """An engine that another one took the place of has nothing left to do."""
        self._end(engine, "another model took its place")

    def _end(self, engine: int, why: str) -> None:
        self.expect(engine, None)
        self.queue.remove(engine)
        self.work.out.append(EndEngine(engine, why))
