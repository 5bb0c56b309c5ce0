"""Simulated picture workers, doing step by step what `stages/pictures.py` does.

Each pause of an operation is a moment at which the worker, or the whole daemon, may die.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from because import why

from mattingd.domain.commands import DoChore, Finish, Publish, Read
from mattingd.domain.events import (
    AnotherPass,
    ChoreDone,
    EarlierGone,
    Fact,
    Faulted,
    Finished,
    NameOccupied,
    NeedsRoom,
    Published,
    ReadOk,
    SameContent,
    SameResult,
    TempFileMissing,
    WorkerDied,
    WorkerUp,
)
from mattingd.domain.jobs import Chore, Fault, Fit, Output
from mattingd.domain.reasons import Reason
from tests.simulation.simulator.clockwork import Clockwork
from tests.simulation.simulator.disk import HotFolders, OutputDisk
from tests.simulation.simulator.pictures import Content, Kind, Matte, cut_out
from tests.simulation.simulator.weather import Weather

Operation = Generator[float, None, Fact]
Order = Read | Finish | Publish | DoChore
Say = Callable[[Fact, Content | None], None]
"""Takes a fact and, beside `ReadOk` and `AnotherPass`, the picture whose network input goes with it."""


class Beside(NamedTuple):
    """What a worker knows of a picture besides its pixels."""

    source: tuple[int, bytes, int]
    """Folder, path and content: where its matte is stored."""
    strokes: int
    recalled: Matte | None


class DeathError(Exception):
    """The worker dies here."""


class HangError(Exception):
    """The worker never comes back from here."""


@dataclass
class Surroundings:
    """What workers work on."""

    clock: Clockwork
    weather: Weather
    folders: HotFolders
    outputs: OutputDisk
    busy: Callable[[int, bytes], bool]
    """Whether a source is locked or may not be read at the moment."""
    renamed: Callable[[int, Output, bytes], None]
    """Told whenever a final name becomes visible."""
    died_over: Callable[[set[int]], None]
    """Told over which jobs a child has just died, before anything of it is gone."""
    unlucky: Callable[[int], bool]
    """Whether a job crashed while it was alone: no accident hits an innocent in that state twice."""
    put_away: Callable[[int, Content, str], None]
    """Told whenever an original leaves its hot folder, and for where in the archive."""
    mattes: dict[tuple[int, bytes, int], Matte] = field(default_factory=dict)
    """Those that are stored for touch-ups, by folder, path and content."""
    wrong_before: bool = False
    """Whether a device calculated wrongly in this run of the daemon: a second time would end it."""

    def accident(self, chance: float, jobs: Iterable[int]) -> bool:
        """Whether a process that works on these jobs meets with an accident now."""
        return self.weather.strikes(chance, self.clock.now) and not any(map(self.unlucky, jobs))

    def wrong_once(self, jobs: Iterable[int]) -> bool:
        """Whether the device that works on these jobs begins to calculate wrongly now."""
        if self.wrong_before or not self.accident(self.weather.engine_dies, jobs):
            return False
        self.wrong_before = True
        return True


class SimWorker:
    """One worker process after another under the same number."""

    def __init__(self, number: int, around: Surroundings, say: Say) -> None:
        self.number = number
        self.around = around
        self.say = say
        self.alive = False
        self.up = False
        self.order: Order | None = None
        self.held: dict[int, Content] = {}
        """Decoded pictures."""
        self.firsts: dict[int, Matte] = {}
        """Their mattes, when their subjects go through the model again."""
        self.beside: dict[int, Beside] = {}
        """What goes with them."""
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
        if self.firsts.keys() - self._jobs():
            self.around.weather.count("worker lost between two passes")
        self.order = None
        self.held.clear()
        self.firsts.clear()
        self.beside.clear()

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
        self._go_on(self._operation(order, matte))

    def discard(self, job: int) -> None:
        """Forget a picture."""
        self.held.pop(job, None)
        self.firsts.pop(job, None)
        self.beside.pop(job, None)

    def _operation(self, order: Order, matte: Matte | None) -> Operation:
        if isinstance(order, Read):
            return self._read(order)
        if isinstance(order, Finish):
            recalled = self.beside[order.job].recalled
            others = recalled is not None or bool(order.same)
            assert (matte is None) == others, "one matte, and only one"
            return self._finish(order, matte)
        return self._publish(order) if isinstance(order, Publish) else self._chore(order)

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
            self.discard(job)
        match fact:
            case ReadOk():
                self.say(fact, self.held[job] if fact.recalled is None else None)
            case AnotherPass():
                self.say(fact, self.held[job].subject())
            case _:
                self.say(fact, None)

    def _jobs(self) -> set[int]:
        return set() if self.order is None else {self.order.job}

    def _takes(self) -> float:
        return self.around.weather.rng.uniform(0.02, 0.2)

    # --- read ---

    def _read(self, order: Read) -> Operation:
        around, weather = self.around, self.around.weather
        key = (order.folder, order.path)
        yield self._takes()
        if around.busy(*key):
            return Faulted(self.number, order.job, Fault.BUSY, why("it may not be read"))
        file = around.folders.get(key)
        if file is None:
            return Faulted(self.number, order.job, Fault.GONE, why("it was taken away"))
        if not file.stamp.same_as(order.stamp):
            return Faulted(self.number, order.job, Fault.CHANGED, why("it was saved again"))
        yield self._takes()
        after = around.folders.get(key)
        if after is not None and after.stamp != file.stamp:
            weather.count("changed during reading")
            return Faulted(self.number, order.job, Fault.CHANGED, why("it was saved again"))
        finals = around.outputs.finals
        stands = all(finals.get(each.place.path) == each.sha256 for each in order.standing)
        if file.sha256 == order.known and stands:
            weather.count("known content")
            return SameContent(self.number, order.job, file.sha256)
        said = self._decode(order, file.content)
        return replace(said, sha256=file.sha256) if isinstance(said, ReadOk) else said

    def _decode(self, order: Read, content: Content) -> Fact:
        weather = self.around.weather
        if content.kind is Kind.UNSUPPORTED:
            weather.count("no picture")
            return Faulted(self.number, order.job, Fault.UNSUPPORTED, why("it is no picture"))
        if content.pixels > order.grant:
            weather.count("needs room")
            return NeedsRoom(self.number, order.job, content.pixels)
        if not content.whole and not content.decodes:
            return Faulted(self.number, order.job, Fault.TRUNCATED, why("it is cut off"))
        if content.kind is Kind.BAD:
            weather.count("bad picture")
            return Faulted(self.number, order.job, Fault.BAD, why("it is damaged"))
        if content.kind is Kind.POISON_READ:
            weather.count("poison for a worker")
            raise DeathError
        if content.kind is Kind.HANGS:
            weather.count("picture that hangs")
            raise HangError
        self.held[order.job] = content
        width = content.pixels // 1_000
        fit = Fit(width, content.pixels // width, content.shape[1], content.shape[0])
        beside = self._beside(order, content)
        self.beside[order.job] = beside
        painted = b"strokes %d" % beside.strokes if beside.strokes else b""
        model = beside.recalled and beside.recalled.model
        return ReadOk(self.number, order.job, content.sha256, fit, painted=painted, recalled=model)

    def _beside(self, order: Read, content: Content) -> Beside:
        """Its strokes, and the stored matte that they go into, unless that was lost or is not wanted."""
        weather, mattes = self.around.weather, self.around.mattes
        source, strokes = (order.folder, order.path, content.number), order.stamp.strokes
        if source in mattes and weather.strikes(0.2, self.around.clock.now):
            weather.count("stored matte lost")
            del mattes[source]
        return Beside(source, strokes, mattes.get(source) if strokes and order.recall else None)

    # --- finish and publish ---

    def _finish(self, order: Finish, made: Matte | None) -> Operation:
        weather, outputs = self.around.weather, self.around.outputs
        if order.same:
            return (yield from self._copy(order))
        content, (source, strokes, recalled) = self.held[order.job], self.beside[order.job]
        matte = made or recalled
        assert matte is not None
        yield self._takes()
        if content.kind is Kind.POISON_FINISH:
            weather.count("poison for a worker")
            raise DeathError
        if content.kind is Kind.FLAWED:
            weather.count("cut-out cannot be written")
            return Faulted(self.number, order.job, Fault.BAD, why("it is too wide for the format"))
        if made and content.small and order.job not in self.firsts:
            weather.count("second pass")
            self.firsts[order.job] = matte
            return AnotherPass(self.number, order.job, content.subject().shape)
        first = self.firsts.get(order.job, matte)
        assert matte == first._replace(nth=2 if content.small else 1), (
            f"{first} and {matte} do not go together"
        )
        self.around.mattes[source] = matte
        if outputs.refuses:
            weather.count("output refused")
            return Faulted(self.number, order.job, Fault.OUTPUT, why("the disk is full"))
        data = cut_out(content, matte, strokes)
        if order.before and all(outputs.finals.get(each.place.path) == data for each in order.before):
            return SameResult(self.number, order.job)
        for output in order.outputs:
            outputs.temps[outputs.temp(order.job, output)] = data[:5]
        yield self._takes()
        for output in order.outputs:
            outputs.temps[outputs.temp(order.job, output)] = data
        yield self._takes()
        done = tuple(
            Output(o.ordinal, o.place, outputs.temp(order.job, o).rpartition("/")[2], data, len(data))
            for o in order.outputs
        )
        return Finished(self.number, order.job, done)

    def _copy(self, order: Finish) -> Operation:
        """The cut-outs of the same picture, for another source."""
        weather, outputs = self.around.weather, self.around.outputs
        yield self._takes()
        if outputs.refuses:
            weather.count("output refused")
            return Faulted(self.number, order.job, Fault.OUTPUT, why("the disk is full"))
        if any(outputs.finals.get(each.place.path) != each.sha256 for each in order.same):
            return EarlierGone(self.number, order.job)
        for output, earlier in zip(order.outputs, order.same, strict=True):
            outputs.temps[outputs.temp(order.job, output)] = earlier.sha256 or b""
        yield self._takes()
        done = tuple(
            replace(o, temp=outputs.temp(order.job, o).rpartition("/")[2], sha256=e.sha256, size=e.size)
            for o, e in zip(order.outputs, order.same, strict=True)
        )
        weather.count("same picture")
        return Finished(self.number, order.job, done)

    def _publish(self, order: Publish) -> Operation:
        weather, outputs = self.around.weather, self.around.outputs
        ready: list[tuple[Output, str, str]] = []
        for output in order.outputs:
            final, temp = output.place.path, outputs.temp(order.job, output)
            yield self._takes()
            if outputs.refuses:
                weather.count("output refused")
                return Faulted(self.number, order.job, Fault.OUTPUT, why("the disk is read-only"))
            self._meddle(temp, final)
            if outputs.finals.get(final) == output.sha256:
                outputs.temps.pop(temp, None)
            elif final in outputs.finals:
                return NameOccupied(self.number, order.job, output.ordinal)
            elif temp not in outputs.temps:
                return TempFileMissing(self.number, order.job)
            else:
                ready.append((output, temp, final))
        for output, temp, final in ready:
            yield self._takes()
            outputs.rename(temp, final)
            self.around.renamed(order.job, output, outputs.finals[final])
        yield self._takes()
        return Published(self.number, order.job)

    def _meddle(self, temp: str, final: str) -> None:
        """Somebody else works on the output side, too."""
        weather, outputs, now = self.around.weather, self.around.outputs, self.around.clock.now
        if final not in outputs.finals and weather.strikes(weather.foreign, now):
            weather.count("foreign file at the target")
            outputs.put_foreign(final)
        if temp in outputs.temps and weather.strikes(weather.removed, now):
            weather.count("temp file removed")
            del outputs.temps[temp]

    # --- chores ---

    def _chore(self, order: DoChore) -> Operation:
        weather, outputs = self.around.weather, self.around.outputs
        yield self._takes() / 2
        if outputs.refuses or weather.strikes(weather.chore_fails, self.around.clock.now):
            weather.count(_CHORE_FAULTS[order.chore])
            return ChoreDone(self.number, order.job, order.chore, "the disk is full")
        if order.chore is Chore.ORIGINAL:
            where = yield from self._put_away(order)
            return ChoreDone(self.number, order.job, order.chore, where=where)
        if order.chore is Chore.NOTE:
            outputs.notes.update(dict.fromkeys(order.notes, str(order.reason)))
        elif order.chore is Chore.REMOVE_NOTE:
            for note in order.notes:
                outputs.notes.pop(note, None)
        else:
            for output in order.outputs:
                outputs.temps.pop(outputs.temp(order.job, output), None)
        yield self._takes() / 2
        return ChoreDone(self.number, order.job, order.chore)

    def _put_away(self, order: DoChore) -> Generator[float, None, str]:
        """As `originals.py` does, whose single steps have tests of their own."""
        original, key = order.original, (order.folder, order.source)
        finals = self.around.outputs.finals
        if original is None or any(finals.get(o.place.path) != o.sha256 for o in order.outputs):
            return ""
        yield self._takes()
        file = self.around.folders.get(key)
        same = file is not None and (file.stamp.size, file.stamp.mtime_ns, file.sha256) == (
            original.stamp.size,
            original.stamp.mtime_ns,
            original.sha256,
        )
        where = original.place if original.action == "archive" else ""
        if file is not None and same:
            self.around.weather.count(f"original: {original.action}")
            self.around.put_away(order.job, file.content, where)
            self.around.folders.remove(key)
            yield self._takes()
        return where


_CHORE_FAULTS = {
    Chore.NOTE: "note cannot be written",
    Chore.REMOVE_NOTE: "note cannot be removed",
    Chore.ORIGINAL: "original cannot be moved",
    Chore.SWEEP: "temp cannot be swept",
}
