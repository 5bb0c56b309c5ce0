"""The scheduler with one promise broken each: the simulation must notice every one of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

from mattingd.core.batching import Batch, EngineQueue, EngineSlot
from mattingd.core.earlier_results import EarlierResults
from mattingd.core.engine_supervisor import Candidate, Engines
from mattingd.core.inference import Inference
from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job
from mattingd.core.policy import Policy
from mattingd.core.queue.gates import FolderGates
from mattingd.core.queue.reading_order import ReadingOrder
from mattingd.core.scheduler import Scheduler
from mattingd.core.settling import SourceId
from mattingd.core.timers import Timers
from mattingd.domain.commands import Admit, Command, Prepare, UseModel
from mattingd.domain.events import Fact, FileObservation, ModelAsked
from mattingd.domain.jobs import Chore, Folder, Models, PreviousResult
from mattingd.domain.reasons import Reason
from tests.simulation.simulator.world import Bench


def transplant(part: object, mutant: type[Any]) -> None:
    """Give a part of a scheduler the behaviour of a subclass of its class."""
    assert issubclass(mutant, type(part))
    changed = {name for name in vars(mutant) if not name.startswith("__")}
    assert all(hasattr(type(part), name) for name in changed), "a mutant changes what is there"
    part.__class__ = mutant


def with_part(name: str, mutant: type[Any]) -> type[Scheduler]:
    """A scheduler of which one part behaves differently."""

    class Mutant(Scheduler):
        def __init__(
            self, policy: Policy, folders: Mapping[int, Folder], paused: Iterable[int], models: Models
        ) -> None:
            super().__init__(policy, folders, paused, models)
            transplant(attrgetter(name)(self), mutant)

    return Mutant


class HastyIntake(Intake):
    """Takes a file once it was quiet, without a second look."""

    def confirm(self, key: SourceId, deadline: int) -> None:
        if self.open and self.settler.deadline(key) == deadline and not self._in_work(key):
            resting = dict(self.settler.waiting())[key]
            self.settler.forget(key)
            self._admit(key, FileObservation(resting.stamp), resting.since, 0)
        else:
            super().confirm(key, deadline)


class UnpreparedConductor(Scheduler):
    """Publishes without having written what it is about to publish."""

    def handle(self, fact: Fact, now: int) -> list[Command]:
        return [command for command in super().handle(fact, now) if not isinstance(command, Prepare)]


class SociableOrder(ReadingOrder):
    """Reads a suspect while others are in work."""

    def _alone(self, job: Job) -> Job:
        self.work.suspects.remove(job)
        job.isolated = True
        return job


class LateTimers(Timers):
    """Compares deadlines with < instead of <=."""

    def due(self, now: int) -> tuple[int, str, object] | None:
        return super().due(now - 1)


class ForgetfulWork(JobStore):
    """Never calls off a note."""

    def _call_off(self, job: Job, chore: Chore) -> None:
        pass


class GreedyWork(JobStore):
    """Grants memory that it does not have."""

    def room(self) -> int:
        return 1 << 62


class ImpatientIntake(Intake):
    """Takes a new version while the old one is in work."""

    def _in_work(self, key: SourceId) -> bool:  # noqa: ARG002
        return False


class BlamingWork(JobStore):
    """Strikes a picture that was not alone."""

    def crashed(self, job: Job, how: Reason, *, by_itself: bool) -> None:  # noqa: ARG002
        super().crashed(job, how, by_itself=True)


class DeafConductor(Scheduler):
    """Keeps files out that come back: admits every path once."""

    def __init__(
        self, policy: Policy, folders: Mapping[int, Folder], paused: Iterable[int], models: Models
    ) -> None:
        super().__init__(policy, folders, paused, models)
        self._seen: set[tuple[int, bytes]] = set()

    def handle(self, fact: Fact, now: int) -> list[Command]:
        return list(self._first(super().handle(fact, now)))

    def _first(self, commands: Iterable[Command]) -> Iterable[Command]:
        for command in commands:
            if isinstance(command, Admit):
                if (command.folder, command.path) in self._seen:
                    continue
                self._seen.add((command.folder, command.path))
            yield command


class OpenGates(FolderGates):
    """Does not hold a folder back."""

    def pause(self, folder: int, *, paused: bool) -> None:
        pass


class StubbornWork(JobStore):
    """Takes no note of that somebody wants a picture made again, whatever its content."""

    def adopt(self, job: Job) -> None:
        job.forced = False
        super().adopt(job)


class BrusqueEngines(Engines):
    """Ends the engine before over the batches it still has."""

    def _take_over(self, candidate: Candidate) -> None:
        super()._take_over(candidate)
        for slot in self.queue.leaving:
            self.retire(slot.id)


class CredulousEngines(Engines):
    """Takes down that a model is used before it has proved itself."""

    def asked(self, fact: ModelAsked, *, stopping: bool) -> None:
        super().asked(fact, stopping=stopping)
        if self.candidate is not None:
            self.work.out.append(UseModel(Models(fact.model, self.models.current)))


class MixingInference(Inference):
    """Takes a second pass with other weights than the first."""

    def _still_there(self, batch: Batch, number: int) -> Job | None:
        job = super()._still_there(batch, number)
        if job is not None and job.again:
            job.model = batch.model
        return job


class ForgetfulInference(Inference):
    """Takes a second pass for the first."""

    def _still_there(self, batch: Batch, number: int) -> Job | None:
        job = super()._still_there(batch, number)
        if job is not None:
            job.again = False
        return job


class FlatteringQueue(EngineQueue):
    """Says that whoever works now has made a matte."""

    def end(self, batch_id: int) -> tuple[EngineSlot, Batch]:
        slot, batch = super().end(batch_id)
        batch.model = next((other.sha256 for other in self.serving if other.up), batch.model)
        return slot, batch


class BlindResults(EarlierResults):
    """Takes a picture with other strokes for the one that it has done."""

    def _same(self, job: Job, last: PreviousResult) -> bool:
        return super()._same(job, replace(last, painted=job.painted))


MUTANTS = {
    "second look dropped": Bench(with_part("intake", HastyIntake)),
    "prepared skipped": Bench(UnpreparedConductor),
    "suspects not alone": Bench(with_part("dispatcher.order", SociableOrder)),
    "deadline compared wrongly": Bench(with_part("work.timers", LateTimers)),
    "events trusted alone": Bench(scans=False),
    "note not called off": Bench(with_part("work", ForgetfulWork)),
    "memory without limit": Bench(with_part("work", GreedyWork)),
    "two versions at a time": Bench(with_part("intake", ImpatientIntake)),
    "blame without proof": Bench(with_part("work", BlamingWork)),
    "every path once": Bench(DeafConductor),
    "pause without effect": Bench(with_part("work.gates", OpenGates)),
    "asked in vain": Bench(with_part("work", StubbornWork)),
    "engine ended over its work": Bench(with_part("engines", BrusqueEngines)),
    "model in use before it proved itself": Bench(with_part("engines", CredulousEngines)),
    "two passes by different weights": Bench(with_part("inference", MixingInference)),
    "no subject at the second pass": Bench(with_part("inference", ForgetfulInference)),
    "wrong maker of a matte": Bench(with_part("engine", FlatteringQueue)),
    "strokes overlooked": Bench(with_part("answers.earlier", BlindResults)),
}
"""The first five are the classic ones of such a daemon; the others were made of mistakes we once had."""
