"""Supervise the engine processes: start, restart, put to sleep when idle, replace by another model.

Late messages of a replaced process are ignored by its number. One serving engine for each key (a model on a
device) gets the batches. A device whose engine fails repeatedly is taken out while another works. A candidate
with another model starts beside the serving engines and replaces them when it has passed its self-test.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass

from mattingd.core.batching import EngineKey, EngineQueue
from mattingd.core.fleet.devices import Devices
from mattingd.core.fleet.residency import Residency
from mattingd.core.job_store import JobStore
from mattingd.core.policy import SECOND
from mattingd.core.worker_pool import DEATHS, WorkerPool, restart_delay_ns
from mattingd.domain import events
from mattingd.domain.commands import (
    EndEngine,
    KillEngine,
    RejectModel,
    StartEngine,
    StartRemote,
    TakeOutDevice,
    TrimMemory,
    UseModel,
)
from mattingd.domain.exit_codes import ExitCode
from mattingd.domain.jobs import Models
from mattingd.domain.reasons import Reason

START_NS = 900 * SECOND
"""The longest time for loading, warming up and testing the engine."""
WRONG = 2  # failed self-tests in one run after which a device cannot be trusted
STAGGER_NS = 60 * SECOND
"""So long the other devices wait for the first engine of a model: what it measures, they need not measure."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that is starting with another model."""

    engine: int
    asked: events.ModelAsked


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of the last request for a model."""

    asked: events.ModelAsked
    refused: str | None = None
    """Why the model is not used; None: it is used."""


class Engines:
    """All engine processes. One owner: the scheduler."""

    def __init__(
        self,
        work: JobStore,
        pool: WorkerPool,
        queue: EngineQueue,
        models: Models,
        stop: Callable[[str, ExitCode], None],
    ) -> None:
        self.work = work
        self.pool = pool
        self.queue = queue
        self.models = models
        work.in_use = models.current
        self.devices = Devices(work.policy.devices)
        self.residency = Residency(work, queue, self.devices)
        self._unfit: set[EngineKey] = set()
        """Models that cannot be used on a device, although the device works."""
        self._alone_until: dict[str, int] = {}
        """By model: until when its first engine comes up without others."""
        self._resting: dict[EngineKey, int] = {}
        """Keys whose engine died, and until when none is started for them."""
        self.asleep = False
        self.candidate: Candidate | None = None
        self.outcome: Outcome | None = None
        self.up: events.EngineUp | None = None
        """What the current one said when it came up, or the one before it."""
        self.why = ""
        """How the last one ended that should not have."""
        self.on_cpu = False
        """The only GPU had no memory even for a single picture: the last resort is the CPU."""
        self._started = 0
        self._stop = stop

    @property
    def state(self) -> str:
        """Return the state that users see: `asleep`, `ready`, `restarting` or `starting`."""
        if self.asleep:
            return "asleep"
        if self.queue.up:
            return "ready"
        return "restarting" if self.why else "starting"

    @property
    def weights(self) -> str:
        """SHA-256 of the weights in use."""
        return self.models.current or self.work.policy.shipped

    # --- start ---

    def start(self) -> None:
        """Start an engine for the model in use on each device that has none."""
        for place in self.devices.working:
            key = EngineKey(self.models.current, place=place)
            if key not in {slot.key for slot in self.queue.serving} and self._may_start(key):
                self.asleep = False
                self._launch(key)

    def provide(self) -> None:
        """Start engines for the models that waiting pictures need, within the limit of loaded models.

        The least recently used engine makes room: at once when no picture waits for it, otherwise when a
        picture of the other model has waited for long.
        """
        if self.asleep:
            return
        since = self._waiting()
        free = {slot.key.model for slot in self.queue.serving if slot.free}
        for place in self.devices.working if since.keys() - free else ():
            self._provide(place, since, free)

    def _waiting(self) -> dict[str, int]:
        """Return the models that pictures wait for, and since when."""
        since = dict[str, int]()
        for picture in self.queue.ready.values():
            since[picture.model] = min(picture.since, since.get(picture.model, picture.since))
        return since

    def _provide(self, place: int, since: dict[str, int], free: set[str]) -> None:
        """Do the same for one device.

        Args:
            place: the index of the device.
            since: the models that pictures wait for, and since when.
            free: models with an engine that can take a batch.
        """
        served = {slot.key.model for slot in self.queue.serving if slot.key.place == place}
        for model in sorted(since.keys() - served - free, key=lambda model: since[model]):
            key = EngineKey(model, place=place)
            if not self._may_start(key):
                continue
            if self.residency.has_room(key) or self._make_place(key, since, since[model]):
                self._launch(key)
            elif self.residency.overdue(since[model]):
                return  # a smaller model must not take what is being cleared for this one

    def _may_start(self, key: EngineKey) -> bool:
        """Whether an engine may start for this: no restart is pending and no first one is starting."""
        if self._resting.get(key, 0) > self.work.now or key in self._unfit:
            return False
        same = [slot for slot in self.queue.serving if slot.key.model == key.model]
        waits = same and not any(slot.up for slot in same)
        return not (waits and self.work.now < self._alone_until.get(key.model, 0))

    def _make_place(self, key: EngineKey, wanted: Container[str], since: int) -> bool:
        """End the engines that must make room for a model; return whether there is room now."""
        if self.candidate is not None or self.queue.leaving:
            return False
        leavers = self.residency.leavers(key, wanted, since)
        busy = [slot for slot in leavers if self.queue.leave(slot.id)]
        for slot in leavers:
            if slot not in busy:
                self._end(slot.id, "another model needs its place")
        return bool(leavers) and not busy

    def _launch(self, key: EngineKey, *, beside: bool = False) -> int:
        self._started += 1
        if not beside and not any(slot.key.model == key.model for slot in self.queue.serving):
            self._alone_until[key.model] = until = self.work.now + STAGGER_NS
            if len(self.devices.working) > 1:
                self.work.timers.wake(until, "start engine", None)
        self.queue.add(self._started, key, serving=not beside)
        name, others = self.devices[key.place].name, len(self.devices.working) > 1
        self.work.out.append(
            StartEngine(self._started, key.model, self.on_cpu, beside, name, key.place, others)
        )
        self.expect(self._started, self.work.now + START_NS)
        return self._started

    def came_up(self, fact: events.EngineUp) -> bool:
        """Handle a ready engine; return whether it was the candidate, which takes over."""
        self.expect(fact.engine, None)
        took_over = False
        if fact.net is not None and (known := self.queue.slots.get(fact.engine)) is not None:
            self.work.nets[known.key.model] = fact.net
        if self.candidate is not None and fact.engine == self.candidate.engine:
            if fact.device == "cpu" and self._on_gpu():
                self._refuse("it came up on the processor, not on the GPU")
                self._end(fact.engine, "it is not used")
            else:
                self._take_over(self.candidate)
                took_over = True
        slot = self.queue.slots.get(fact.engine)
        if slot is None or not slot.serving:
            return took_over
        if slot.key.model == self.models.current or self.up is None:
            self.up, self.why = fact, ""
            self.devices[slot.key.place].up, self.devices[slot.key.place].why = fact, ""
            self.devices.expand(slot.key.place, fact.peers)
        batch_ns = round(fact.batch_seconds * SECOND)
        self.queue.came_up(fact.engine, fact.max_batch, batch_ns, fact.model_sha256)
        slot.device, slot.precision, slot.since = fact.device, fact.precision, self.work.now
        self.residency.came_up(slot.key, fact)
        for spare in self.residency.surplus(slot.key.place, self._waiting()):
            self._end(spare.id, "the models need more memory than they may use")
        self.rest()
        if slot.key.model == self.models.current:  # the other devices waited for its measurements
            self.start()
        return took_over

    def _on_gpu(self) -> bool:
        return self.up is not None and self.up.device != "cpu" and not self.on_cpu

    def died(self, fact: events.EngineDied, key: EngineKey) -> bool:
        """Restart an engine that ended, or take its device out.

        Returns:
            Whether its model, which only some presets use, is unusable: their pictures fail.
        """
        device = self.devices[key.place]
        if device.out is not None:
            return False
        self.queue.deaths[key] += 1
        deaths = self.queue.deaths[key]
        self._resting[key] = self.work.now + restart_delay_ns(deaths)
        if key.model != self.models.current:
            return self._died_elsewhere(fact, key, deaths)
        self.why = device.why = str(fact.how)
        device.wrong += fact.wrong
        if fact.fatal is not None:
            self._give_up(key.place, str(fact.how), fact.fatal)
        elif device.wrong >= WRONG:
            self._give_up(key.place, f"{fact.how}; that was the second time in this run")
        elif deaths >= DEATHS:
            self._give_up(key.place, f"the engine ended {deaths} times in a row: {fact.how}")
        else:
            self.work.timers.wake(self._resting[key], "start engine", None)
        return False

    def _died_elsewhere(self, fact: events.EngineDied, key: EngineKey, deaths: int) -> bool:
        """Handle the end of an engine that only some presets use; return whether no device can run it."""
        if fact.fatal is None and not fact.wrong and deaths < DEATHS:
            self.work.timers.wake(self._resting[key], "start engine", None)
            return False
        self._unfit.add(key)
        if any(key._replace(place=place) not in self._unfit for place in self.devices.working):
            return False
        self.work.broken_models[key.model] = str(fact.how)
        return True

    def _give_up(self, place: int, why: str, code: ExitCode = ExitCode.CHILD) -> None:
        """Take a device out. Without others the daemon ends."""
        if not self.devices.take_out(place, why):
            self._stop(why, code)
            return
        self.work.out.append(TakeOutDevice(self.devices[place].name, why))
        self.why = ""
        for slot in list(self.queue.slots.values()):
            if slot.key.place == place and (slot.serving or slot.leaving):
                self.kill(slot.id, Reason.of("device_out"))
        self.start()

    def without_memory(self, place: int) -> None:
        """Take out a GPU without memory for even one picture; without others, use the CPU."""
        if self.devices[place].out is not None:
            return  # already reported for the batch before
        if len(self.devices.working) > 1:
            self._give_up(place, "it has no memory for even one picture")
            return
        self.on_cpu = True
        for slot in self.queue.serving:
            if slot.up:
                self.kill(slot.id, Reason.of("no_gpu_memory"))

    def try_again(self) -> None:
        """Give devices that were taken out another chance after a reload."""
        self.work.broken_models.clear()
        self._unfit.clear()
        self._resting.clear()
        self.queue.deaths.clear()
        self.on_cpu = False
        self.devices.take_back()
        if not self.asleep:
            self.start()

    def restart(self) -> None:
        """Restart an engine after its pause."""
        if not self.asleep:
            self.start()

    def kill(self, engine: int, why: Reason) -> None:
        """Kill an engine. Its waiting batches were never started, so they get no blame."""
        self.expect(engine, None)
        slot = self.queue.slots[engine]
        slot.up, slot.due = False, self.work.now
        self.work.out.append(KillEngine(engine, why))

    def expect(self, engine: int, deadline: int | None) -> None:
        """Set when it must show activity; None: nothing is expected."""
        self.work.timers.alarm("engine", engine, deadline)
        if (slot := self.queue.slots.get(engine)) is not None:
            slot.due = deadline

    # --- sleep ---

    def rest(self) -> None:
        """Let it sleep if it gets nothing to do from now on."""
        idle = self.work.policy.idle_ns
        self.work.timers.alarm("idle", None, None if idle is None else self.work.now + idle)

    def idle(self) -> None:
        """Stop an engine that has been idle for long: only its end frees all its memory."""
        if not self.queue.up:
            return
        if self.queue.busy or self.queue.ready or self.work.in_flight or self.pool.busy:
            self.rest()
            return
        seconds = (self.work.policy.idle_ns or 0) / SECOND
        for slot in self.queue.serving:
            self._end(slot.id, f"there was nothing to do for {seconds:g} s")
        self.asleep = True
        self.work.out.extend(TrimMemory(slot.id) for slot in self.pool.local if slot.up)

    def wake(self) -> None:
        """Start the engine again because a picture is ready."""
        if self.asleep:
            self.asleep = False
            self.provide()

    # --- another model ---

    def asked(self, fact: events.ModelAsked, *, stopping: bool) -> None:
        """Start an engine with another model beside the one in use."""
        if stopping:
            self._keep(fact, "the daemon is stopping")
        elif self.candidate is not None or self.queue.leaving:
            self._keep(fact, "another model is just being brought into use")
        elif fact.model == self.models.current and not fact.anew:
            self.outcome = Outcome(fact)
        else:
            up = (slot.key.place for slot in self.queue.serving if slot.up)
            key = EngineKey(fact.model, place=next(up, self.devices.working[0]))
            self.candidate = Candidate(self._launch(key, beside=True), fact)

    def failed(self, engine: int, how: str) -> bool:
        """Handle an engine that ended; return whether it was the candidate, on which nothing depends."""
        if self.candidate is None or engine != self.candidate.engine:
            return False
        self.queue.remove(engine)
        self._refuse(how)
        return True

    def make_room(self) -> bool:
        """End a candidate that takes memory from the serving engine; return whether there was one."""
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
        """Send new batches to the candidate; the earlier engines finish theirs and end."""
        replaced = {self.models.current, candidate.asked.model}
        for slot in self.queue.serving:
            if slot.key.model in replaced and not self.queue.leave(slot.id):
                self.retire(slot.id)
        if candidate.asked.model != self.models.current:
            self.models = Models(candidate.asked.model, self.models.current)
            self.work.in_use = self.models.current
        self.work.out.append(UseModel(self.models))
        if self.work.policy.remote:
            self.work.out.append(StartRemote(self.weights))
        taken = self.queue.slots[candidate.engine]
        taken.serving, self.asleep, self.queue.deaths[taken.key] = True, False, 0
        self.candidate, self.outcome = None, Outcome(candidate.asked)

    def retire(self, engine: int) -> None:
        """End a replaced engine that has no batches left."""
        self._end(engine, "another model took its place")

    def _end(self, engine: int, why: str) -> None:
        self.expect(engine, None)
        self.queue.remove(engine)
        self.work.out.append(EndEngine(engine, why))
