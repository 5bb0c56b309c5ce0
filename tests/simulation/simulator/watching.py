"""Events, looks and scans of one hot folder, as `mattingd/ingest/scanner.py` promises them.

Only differences are told. A slow folder delays everything it tells, but what it tells stays in order.
"""

from collections.abc import Callable, Iterable

from because import why

from mattingd.domain.events import Fact, FileObservation, FileObserved, Scanned
from tests.simulation.simulator.clockwork import SECOND, Clockwork
from tests.simulation.simulator.disk import HotFolders
from tests.simulation.simulator.pictures import File
from tests.simulation.simulator.weather import Weather

GATHER = 0.1
SCAN_SECONDS = 20


class FolderWatch:
    """The eyes on one hot folder, for one run of the daemon."""

    scans = True
    """Whether complete scans are made at all (a mutant does without)."""

    def __init__(
        self,
        folder: int,
        known: Iterable[tuple[bytes, int, int, int, int]],
        disk: HotFolders,
        clock: Clockwork,
        weather: Weather,
        tell: Callable[[Fact], None],
    ) -> None:
        self.folder = folder
        self._known = {path: tuple(stamp) for path, *stamp in known}
        self._disk = disk
        self._clock = clock
        self._weather = weather
        self._tell = tell
        self._last = 0
        self.ended = False
        self.complete_at = 0
        """When the last complete scan was made of which everything is told."""

    def start(self) -> None:
        """The first scan, and then one every so often."""
        self._scan()

    def event(self, path: bytes) -> None:
        """The kernel says that something happened at a path."""
        weather = self._weather
        if weather.storm(self._clock.now) and weather.rng.random() < weather.lost:
            weather.count("event lost")
            return
        self._clock.after(GATHER, lambda: self._dirty(path))
        if weather.strikes(weather.doubled, self._clock.now):
            weather.count("event doubled")
            self._clock.after(GATHER * 2, lambda: self._dirty(path, again=True))

    def look_at(self, path: bytes) -> None:
        """Answer with a full look, soon."""
        slow = self._weather.strikes(self._weather.slow_look, self._clock.now)
        self._clock.after(2.0 if slow else 0.005, lambda: self._full_look(path))

    def _dirty(self, path: bytes, *, again: bool = False) -> None:
        if self.ended:
            return
        file = self._disk.get((self.folder, path))
        if file is None:
            self._report(path, None)
        else:
            self._report(path, _shallow(file), again=again)

    def _full_look(self, path: bytes) -> None:
        if self.ended:
            return
        file = self._disk.get((self.folder, path))
        look = None if file is None else _full(file)
        self._remember(path, file)
        self._say(FileObserved(self.folder, path, look))

    def _scan(self) -> None:
        if self.ended:
            return
        seen = 0
        if self.scans or not self.complete_at:
            there = dict(self._disk.of(self.folder))
            seen = len(there)
            for path, file in there.items():
                self._report(path, _shallow(file))
            for path in [path for path in self._known if path not in there]:
                self._report(path, None)
        self._say(Scanned(self.folder, seen, 0.01))
        now = self._clock.now
        self._clock.at(max(now, self._last), lambda: self._complete(now))
        self._clock.at(now + SCAN_SECONDS * SECOND, self._scan)

    def _complete(self, made_at: int) -> None:
        self.complete_at = made_at

    def _report(self, path: bytes, look: FileObservation | None, *, again: bool = False) -> None:
        file = None if look is None else self._disk.get((self.folder, path))
        if self._remember(path, file) or again:
            self._say(FileObserved(self.folder, path, look))

    def _remember(self, path: bytes, file: File | None) -> bool:
        if file is None:
            return self._known.pop(path, None) is not None
        new = (file.stamp.size, file.stamp.mtime_ns, file.stamp.strokes, file.stamp.mark)
        if self._known.get(path) == new:
            return False
        self._known[path] = new
        return True

    def _say(self, fact: Fact) -> None:
        """Tell, at once or a while later, but never out of order."""
        now = self._clock.now
        late = self._weather.strikes(self._weather.late, now)
        if late:
            self._weather.count("look comes late")
        self._last = max(self._last, now + (3 * SECOND if late else 0))
        if self._last <= now:
            self._tell(fact)
        else:
            self._clock.at(self._last, lambda: None if self.ended else self._tell(fact))


def _shallow(file: File) -> FileObservation:
    return FileObservation(file.stamp, odd=file.odd)


def _full(file: File) -> FileObservation:
    unfinished = why("its end is missing") if file.content.shows else None
    return FileObservation(file.stamp, full=True, writer=file.writer, unfinished=unfinished, odd=file.odd)
