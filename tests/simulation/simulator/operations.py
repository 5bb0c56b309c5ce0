"""What a simulated picture worker does, step by step as `mattingd/workers/picture_worker.py` does it.

Each pause of an operation is a moment at which the worker, or the whole daemon, may die.
"""

from collections.abc import Generator
from dataclasses import replace
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
)
from mattingd.domain.jobs import Chore, Fault, Fit, Output
from tests.simulation.simulator.pictures import Content, Kind, Matte, cut_out
from tests.simulation.simulator.surroundings import DeathError, HangError, Surroundings

Operation = Generator[float, None, Fact]
Order = Read | Finish | Publish | DoChore


class Beside(NamedTuple):
    """What a worker knows of a picture besides its pixels."""

    source: tuple[int, bytes, int]
    """Folder, path and content: where its matte is stored."""
    strokes: int
    recalled: Matte | None


class Operations:
    """What one process can do, and what it holds for it."""

    def __init__(self, number: int, around: Surroundings) -> None:
        self.number = number
        self.around = around
        self.held: dict[int, Content] = {}
        """Decoded pictures."""
        self.firsts: dict[int, Matte] = {}
        """Their mattes, when their subjects go through the model again."""
        self.beside: dict[int, Beside] = {}
        """What goes with them."""

    def begin(self, order: Order, matte: Matte | None) -> Operation:
        """The steps of an operation, and what is answered after the last one."""
        if isinstance(order, Read):
            return self._read(order)
        if isinstance(order, Finish):
            recalled = self.beside[order.job].recalled
            others = recalled is not None or bool(order.same)
            assert (matte is None) == others, "one matte, and only one"
            return self._finish(order, matte)
        return self._publish(order) if isinstance(order, Publish) else self._chore(order)

    def discard(self, job: int) -> None:
        """Forget a picture."""
        self.held.pop(job, None)
        self.firsts.pop(job, None)
        self.beside.pop(job, None)

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
