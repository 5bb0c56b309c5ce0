"""What goes to the engine, what comes back, and what becomes of pictures whose batch failed.

A failing batch is split until the culprit stands alone; a lack of memory halves the batch, and on the last
resort moves everything to the processor. An engine that keeps dying ends the daemon.
"""

from collections.abc import Callable

from mattingd import facts
from mattingd.commands import DropMatte, Infer, KillEngine, StartEngine
from mattingd.facts import InferFault
from mattingd.rules.batching import Batch, EngineQueue, Ready, Run, SleepUntil
from mattingd.rules.crew import DEATHS, Crew, restart_delay_ns
from mattingd.rules.lifecycle import Event, Job, State
from mattingd.rules.work import SECOND, Work
from mattingd.values import ExitCode, Spent

START_NS = 900 * SECOND
"""The longest time for loading, warming up and testing the engine."""
BATCH_DEADLINE_NS = 120 * SECOND
"""A batch is given at least this long, ..."""
BATCH_DEADLINE_FACTOR = 10
"""... and ten times what warm-up measured."""


class Inference:
    """The engine's side of the conductor. One owner: the conductor."""

    def __init__(
        self, work: Work, crew: Crew, engine: EngineQueue, stop: Callable[[str, ExitCode], None]
    ) -> None:
        self.work = work
        self.crew = crew
        self.engine = engine
        self.device = ""
        self.due: int | None = None
        """When it must have answered, come up or ended; None while nothing is expected of it."""
        self.on_cpu = False
        """The GPU had no memory even for a single picture: the last resort is the CPU."""
        self._stop = stop

    def start(self) -> None:
        """Have the engine started."""
        self.work.out.append(StartEngine(cpu=self.on_cpu))
        self._expect(self.work.now + START_NS)

    def ready(self, job: Job, shape: tuple[int, int]) -> None:
        """A picture could be inferred now."""
        by_itself = job.single or job.alone
        self.engine.ready[job.id] = Ready(job.id, job.folder, shape, self.work.now, by_itself)

    def send(self, on_the_way: int) -> None:
        """Send what should go now; `on_the_way`: pictures that may become ready soon."""
        while isinstance(choice := self.engine.choose(on_the_way, self.work.now), Run):
            batch = self.engine.begin(choice)
            for number in batch.jobs:
                job = self.work.jobs[number]
                job.batch = batch.id
                self.work.move(job, Event.STARTED, batch=batch.id)
            self.work.out.append(Infer(batch.id, batch.jobs, batch.shape, choice.why))
            if len(self.engine.running) == 1:
                self._watch()
        if isinstance(choice, SleepUntil):
            self.work.alarm("window", None, choice.deadline)

    def overdue(self) -> None:
        """The engine has not come up, or not answered the oldest batch, for far too long."""
        seconds = self._batch_ns() // SECOND
        self._kill(f"the model gave no answer within {seconds} s" if self.engine.up else "it did not come up")

    # --- answers ---

    def came_up(self, fact: facts.EngineUp) -> None:
        """The engine is ready."""
        self.device = fact.device
        self.engine.came_up(fact.max_batch, round(fact.batch_seconds * SECOND))
        self._watch()

    def inferred(self, fact: facts.Inferred) -> None:
        """A batch gave its mattes: whoever holds the pictures can finish them."""
        self.engine.deaths = 0
        batch = self._end(fact.batch)
        for number, empty in zip(batch.jobs, fact.empty, strict=True):
            job = self._still_there(batch, number)
            if job is None:
                self.work.out.append(DropMatte(number, batch.id))
            elif empty and job.recipe.preset.on_empty == "fail":
                self.work.move(job, Event.BROKE, "no subject was found in the picture")
            elif job.worker is not None:
                self.work.move(job, Event.SUCCEEDED, spent=Spent(infer=fact.seconds / len(batch.jobs)))
                self.crew.hands[job.worker].todo.append(job.id)

    def failed(self, fact: facts.InferFailed) -> None:
        """A batch gave no mattes: in smaller parts again, until it is clear whose fault it is."""
        batch = self._end(fact.batch)
        if fact.fault is InferFault.MEMORY:
            self.engine.halve(len(batch.jobs))
        if len(batch.jobs) > 1:
            self._split(batch, single=fact.fault is InferFault.BATCH)
        elif fact.fault is InferFault.MEMORY and self.device != "cpu":
            self._split(batch, single=False)
            self.on_cpu = True
            if self.engine.up:
                self._kill("the GPU has no memory for even one picture")
        else:
            for job in self._members(batch):
                self.work.move(job, Event.BROKE, f"the model failed on it: {fact.reason}")

    def died(self, fact: facts.EngineDied) -> None:
        """The batch it was working on is split; a picture that was the only one in it becomes a suspect."""
        batches = self.engine.died()
        self._expect(None)
        for batch in batches[1:]:
            self._split(batch, single=False)
        if batches and len(batches[0].jobs) > 1:
            self._split(batches[0], single=True)
        elif batches:
            for job in self._members(batches[0]):
                job.single = True
                self.work.crashed(job, fact.how, by_itself=job.alone)
        deaths = self.engine.deaths
        if fact.fatal is not None:
            self._stop(fact.how, fact.fatal)
        elif deaths >= DEATHS:
            self._stop(f"the engine ended {deaths} times in a row: {fact.how}", ExitCode.CHILD)
        else:
            self.work.wake(self.work.now + restart_delay_ns(deaths), "start engine", None)

    # --- small ---

    def _end(self, number: int) -> Batch:
        batch = self.engine.end(number)
        self._watch()
        return batch

    def _watch(self) -> None:
        """Give the oldest batch its time; it begins when the one before it ends."""
        self._expect(self.work.now + self._batch_ns() if self.engine.running else None)

    def _expect(self, deadline: int | None) -> None:
        """It must show life by then."""
        self.due = deadline
        self.work.alarm("engine", None, deadline)

    def _batch_ns(self) -> int:
        """The longest time for one batch."""
        return max(BATCH_DEADLINE_NS, BATCH_DEADLINE_FACTOR * self.engine.batch_ns)

    def _kill(self, why: str) -> None:
        """Nothing more is sent to it: what it would die over was never begun."""
        self.engine.up = False
        self._expect(None)
        self.due = self.work.now
        self.work.out.append(KillEngine(why))

    def _still_there(self, batch: Batch, number: int) -> Job | None:
        """The job, unless its picture was lost meanwhile; it may even be in a newer batch by now."""
        job = self.work.jobs.get(number)
        return job if job and job.state is State.INFERRING and job.batch == batch.id else None

    def _members(self, batch: Batch) -> list[Job]:
        return [job for number in batch.jobs if (job := self._still_there(batch, number))]

    def _split(self, batch: Batch, *, single: bool) -> None:
        for job in self._members(batch):
            job.single = job.single or single
            self.work.move(job, Event.SPLIT)
            self.ready(job, batch.shape)
