"""What people do with their files: each habit is a script that runs in simulated time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from because import why

from mattingd.domain.events import Fact, ForgetAsked, RetryAsked
from tests.simulation.simulator.clockwork import Clockwork, Script
from tests.simulation.simulator.disk import HotFolders, Key
from tests.simulation.simulator.pictures import Content, Kind
from tests.simulation.simulator.weather import Weather

MEGAPIXEL = 1_000_000
QUIET = 2.0
"""The settle time that writers race against."""
SHAPES = ((448, 448), (320, 448))
SMALL = 0.5
"""Share of pictures whose subject is small in the frame."""
COPIED = 0.15
"""Share of saved pictures that are copies of another in their hot folder, which has the same settings."""
NAMES = (
    "shoe.jpg",
    "shoe.png",
    "Shoe.jpg",
    "SHOE.JPG",
    "shoe_v2.jpg",
    "x/hat.jpg",
    "y/hat.jpg",
    "X/hat.jpg",
    "x/hat.tif",
    "caf\u00e9.jpg",
    "cafe\u0301.jpg",
    "-rf.jpg",
    "new\nline.jpg",
    "straße.png",
    "strasse.jpg",
    "a.b.c.jpg",
    "noext",
    ".hidden.jpg",
)


@dataclass
class Office:
    """The people of a seed, their folders and what they know of their own files."""

    rng: Random
    clock: Clockwork
    weather: Weather
    folders: HotFolders
    ask: Callable[[Fact], None]
    """Ask the daemon for something; nothing comes of it while none runs."""
    numbers: int = 0
    wanted_again: Counter[Key] = field(default_factory=Counter)
    """How often a picture was to be made again, or forgotten."""
    painted: Counter[Key] = field(default_factory=Counter)
    """How often the strokes beside a picture became others."""
    locked: dict[Key, int] = field(default_factory=dict)
    """Files that nobody else may read, and until when."""
    triggers: dict[tuple[Key, str], Callable[[], None]] = field(default_factory=dict)
    """What happens to a file the moment its job is in a state."""

    def content(self, kind: Kind = Kind.GOOD, pixels: int | None = None, **more: bool) -> Content:
        """New content, unlike any other."""
        self.numbers += 1
        if pixels is None:
            pixels = self.rng.choice((200_000, MEGAPIXEL, 6 * MEGAPIXEL, 12 * MEGAPIXEL))
        size = self.rng.randrange(1_000, 3_000_000)
        shape = self.rng.choice(SHAPES)
        small = kind is Kind.POISON_AGAIN or self.rng.random() < SMALL
        return Content(self.numbers, kind, size, pixels, shape, small=small, **more)

    def busy(self, folder: int, path: bytes) -> bool:
        """Whether a file may not be read now."""
        return self.locked.get((folder, path), 0) > self.clock.now

    def state(self, key: Key, state: str) -> None:
        """A job of this file is in a state now."""
        trigger = self.triggers.pop((key, state), None)
        if trigger is not None:
            self.clock.after(self.rng.uniform(0.0, 0.3), trigger)

    def save(self, key: Key) -> None:
        """Put good content there at once: new, or now and then a copy of what is saved elsewhere."""
        content = self._copied(key) if self.rng.random() < COPIED else None
        self.folders.put(key, content or self.content())

    def _copied(self, key: Key) -> Content | None:
        """A copy of a good picture that was never at this path; None when there is none."""
        versions = self.folders.versions
        own = {content.number for content in versions.get(key, [])}
        others = [
            content
            for (folder, _), saved in versions.items()
            for content in saved
            if folder == key[0] and content.kind is Kind.GOOD and content.whole and content.number not in own
        ]
        if not others:
            return None
        self.weather.count("copied")
        return replace(self.rng.choice(others))

    def vanish(self, key: Key, fault: str) -> None:
        """Take the file away, if it still lies there."""
        if self.folders.remove(key) is not None:
            self.weather.count(fault)

    def paint(self, key: Key, *, strokes: bool = True) -> None:
        """Paint new strokes for a picture, or take all away, if it still lies there."""
        self.numbers += 1
        if self.folders.paint(key, self.numbers if strokes else 0):
            self.weather.count("strokes painted" if strokes else "strokes taken away")
            self.painted[key] += 1

    # --- habits ---

    def plain(self, key: Key) -> Script:
        """Copied so fast that nobody sees it grow."""
        self.save(key)
        return
        yield

    def grows(self, key: Key) -> Script:
        """A writer that appends, never pausing for as long as the quiet period."""
        self.weather.count("writer grows in steps")
        yield from self._write(key, [self.rng.uniform(0.2, 0.8 * QUIET) for _ in range(4)], preset=False)

    def preallocates(self, key: Key) -> Script:
        """As Windows Explorer does: the full size at once, then only the time moves."""
        self.weather.count("writer sets the full size first")
        yield from self._write(key, [self.rng.uniform(0.2, 0.8 * QUIET) for _ in range(4)], preset=True)

    def stalls(self, key: Key) -> Script:
        """A writer that pauses for longer than the quiet period; a full look can tell."""
        self.weather.count("writer stalls longer than the quiet period")
        pauses = [self.rng.uniform(0.2, 1.0), self.rng.uniform(2 * QUIET, 12.0), self.rng.uniform(0.1, 1.0)]
        yield from self._write(key, pauses, preset=self.rng.random() < 0.5, seen=True)

    def _write(self, key: Key, pauses: list[float], *, preset: bool, seen: bool = False) -> Script:
        whole = self.content()
        open_for_writing = seen and self.rng.random() < 0.5
        part = Content(
            self.content().number,
            Kind.GOOD,
            whole.size,
            whole.pixels,
            whole.shape,
            whole=False,
            shows=seen and not open_for_writing,
            decodes=seen or self.rng.random() < 0.5,
        )
        for step, pause in enumerate(pauses, 1):
            size = whole.size if preset else whole.size * step // (len(pauses) + 1)
            self.folders.put(key, part, size=size, writer=open_for_writing)
            yield pause
        self.folders.put(key, whole)

    def renames(self, key: Key) -> Script:
        """Written under a temp name that nobody minds, then given its name."""
        self.weather.count("renamed into place")
        yield self.rng.uniform(0.1, 3.0)
        self.save(key)

    def moves_away_and_back(self, key: Key) -> Script:
        """The same file, stamp and all, comes back a while later."""
        self.save(key)
        yield self.rng.uniform(0.0, 6.0)
        file = self.folders.remove(key)
        if file is None:
            return  # it was put away before
        yield self.rng.choice((0.01, self.rng.uniform(0.0, 4.0), 30.0))
        self.weather.count("away and back with the same stamp")
        self.folders.restore(key, file)

    def saves_again(self, key: Key) -> Script:
        """New content under the same name, some time later, perhaps more than once."""
        for _ in range(self.rng.choice((1, 1, 2))):
            self.save(key)
            yield self.rng.choice((self.rng.uniform(0.1, 6.0), self.rng.uniform(6.0, 60.0)))
            self.weather.count("saved again")
        self.save(key)

    def touches(self, key: Key) -> Script:
        """Only the time stamp moves: no new picture."""
        content = self.content()
        for _ in range(self.rng.choice((1, 2, 3))):
            self.folders.put(key, content)
            yield self.rng.choice((self.rng.uniform(0.1, 6.0), self.rng.uniform(6.0, 40.0)))
            self.weather.count("touched")
        self.folders.put(key, content)

    def captions(self, key: Key) -> Script:
        """Somebody writes captions into a picture: other bytes, and the cut-out stays what it is."""
        content = self.content()
        for number in range(self.rng.choice((2, 3))):
            self.folders.put(key, content, caption=number)
            yield self.rng.uniform(20.0, 60.0)
            self.weather.count("captioned")
        self.folders.put(key, content, caption=7)

    def cut_off(self, key: Key) -> Script:
        """A copy that broke off; somebody copies it again."""
        self.weather.count("cut off, heals")
        self.folders.put(key, self.content(whole=False))
        yield self.rng.uniform(3.0, 40.0)
        self.save(key)

    def cut_off_for_good(self, key: Key) -> Script:
        """A copy that broke off, and nobody minds."""
        self.weather.count("cut off for good")
        self.folders.put(key, self.content(whole=False, shows=self.rng.random() < 0.5))
        return
        yield

    def locks(self, key: Key) -> Script:
        """A file that may not be read for a while."""
        self.weather.count("busy, heals")
        self.locked[key] = self.clock.now + round(self.rng.uniform(3.0, 30.0) * 1e9)
        self.save(key)
        return
        yield

    def denies(self, key: Key) -> Script:
        """A file that may never be read."""
        self.weather.count("denied for good")
        self.locked[key] = 1 << 62
        self.save(key)
        return
        yield

    def locks_and_takes_away(self, key: Key) -> Script:
        """A file that may not be read, taken away while it is waited for."""
        self.locked[key] = 1 << 62
        yield from self.vanishes_at(key, "held", "vanished while held")

    def is_no_file(self, key: Key) -> Script:
        """A link, a pipe, a socket."""
        self.weather.count("no file")
        self.folders.put(key, self.content(), odd=why("it is a named pipe"))
        return
        yield

    def drops(self, key: Key, kind: Kind, pixels: int | None = None) -> Script:
        """A whole file of a certain kind."""
        self.folders.put(key, self.content(kind, pixels))
        return
        yield

    def repairs(self, key: Key) -> Script:
        """A picture that must fail; somebody reads the note and puts a better one in its place."""
        self.folders.put(key, self.content(self.rng.choice((Kind.BAD, Kind.FLAWED, Kind.CULPRIT))))
        yield self.rng.choice((self.rng.uniform(2.0, 10.0), self.rng.uniform(10.0, 60.0)))
        self.weather.count("repaired")
        self.save(key)

    def huge(self, key: Key, pixels: int, budget: int) -> Script:
        """A large picture."""
        if pixels > budget:
            self.weather.count("larger than the budget")
        yield from self.drops(key, Kind.GOOD, pixels)

    def changes_at(self, key: Key, state: str) -> Script:
        """Saved again just when the daemon is at a certain point."""
        content = self.content()

        def change() -> None:
            self.weather.count("saved again")
            self.save(key)

        self.triggers[key, state] = change
        self.folders.put(key, content)
        return
        yield

    def touches_at(self, key: Key, state: str) -> Script:
        """Touched just when the daemon is at a certain point."""
        content = self.content()

        def touch() -> None:
            self.weather.count("touched")
            self.folders.put(key, content)

        self.triggers[key, state] = touch
        self.folders.put(key, content)
        return
        yield

    def vanishes_at(self, key: Key, state: str, fault: str) -> Script:
        """Taken away just when the daemon is at a certain point."""
        self.triggers[key, state] = lambda: self.vanish(key, fault)
        self.save(key)
        return
        yield

    def asks_at(self, key: Key, state: str, *, forget: bool) -> Script:
        """Has a picture, good or bad, tried again or forgotten when it has got to a certain point."""

        def ask() -> None:
            self.weather.count("forgotten" if forget else "retried")
            self.wanted_again[key] += 1
            self.ask(ForgetAsked(*key) if forget else RetryAsked(*key))

        self.triggers[key, state] = ask
        good = state == "done" or self.rng.random() < 0.5
        kinds = (Kind.GOOD,) if good else (Kind.BAD, Kind.FLAWED, Kind.CULPRIT, Kind.POISON_READ)
        if state == "held":
            self.locked[key] = self.clock.now + round(self.rng.uniform(3.0, 30.0) * 1e9)
        self.folders.put(key, self.content(self.rng.choice(kinds)))
        if self.rng.random() < 0.2:
            yield self.rng.uniform(2.0, 30.0)
            self.save(key)

    def paints(self, key: Key) -> Script:
        """Paints strokes, and perhaps others; where no subject was found they say where it is."""
        kind = self.rng.choice((Kind.GOOD, Kind.GOOD, Kind.GOOD, Kind.EMPTY))
        self.folders.put(key, self.content(kind))
        for _ in range(self.rng.choice((1, 2, 3))):
            yield self.rng.choice((self.rng.uniform(0.1, 6.0), self.rng.uniform(6.0, 40.0)))
            self.paint(key, strokes=kind is Kind.EMPTY or self.rng.random() < 0.7)

    def paints_at(self, key: Key, state: str) -> Script:
        """Paints strokes just when the daemon is at a certain point."""
        self.triggers[key, state] = lambda: self.paint(key)
        self.save(key)
        return
        yield

    def vanishes_soon(self, key: Key) -> Script:
        """Taken away while it rests."""
        self.save(key)
        yield self.rng.uniform(0.3, QUIET)
        self.vanish(key, "vanished while resting")


RETRIED = ("done", "done", "done", "failed", "failed", "held", "queued", "reading", "prepared")
"""States of a picture at which somebody has it tried again."""
VANISHING = {
    "queued": "vanished while queued",
    "reading": "vanished while read",
    "ready": "vanished while ready",
    "inferring": "vanished while inferred",
    "finishing": "vanished while finished",
    "prepared": "vanished while prepared",
    "done": "vanished when done",
}


def habits(office: Office, budget: int) -> list[tuple[int, Callable[[Key], Script]]]:
    """All habits with their weights."""
    rng = office.rng

    def of_kind(kind: Kind) -> Callable[[Key], Script]:
        return lambda key: office.drops(key, kind)

    def vanishes(key: Key) -> Script:
        state = rng.choice(list(VANISHING))
        return office.vanishes_at(key, state, VANISHING[state])

    stages = ("queued", "reading", "reading", "ready", "inferring", "finishing", "prepared")
    return [
        (30, office.plain),
        (5, office.grows),
        (5, office.preallocates),
        (5, office.stalls),
        (4, office.renames),
        (4, office.moves_away_and_back),
        (6, office.saves_again),
        (4, office.touches),
        (4, office.captions),
        (4, office.cut_off),
        (2, office.cut_off_for_good),
        (4, office.locks),
        (1, office.denies),
        (1, office.locks_and_takes_away),
        (2, office.is_no_file),
        (6, lambda key: office.changes_at(key, rng.choice(stages))),
        (3, lambda key: office.touches_at(key, rng.choice(stages))),
        (8, office.paints),
        (4, lambda key: office.paints_at(key, rng.choice((*stages, "done", "done", "done")))),
        (9, vanishes),
        (2, office.vanishes_soon),
        (4, lambda key: office.asks_at(key, rng.choice(RETRIED), forget=False)),
        (3, lambda key: office.asks_at(key, rng.choice(("done", "done", "failed")), forget=True)),
        (3, lambda key: office.huge(key, rng.choice((budget // 2, budget - 1, 2 * budget)), budget)),
        (8, office.repairs),
        (2, of_kind(Kind.BAD)),
        (2, of_kind(Kind.FLAWED)),
        (2, of_kind(Kind.EMPTY)),
        (2, of_kind(Kind.UNSUPPORTED)),
        (2, of_kind(Kind.CULPRIT)),
        (1, of_kind(Kind.POISON_READ)),
        (1, of_kind(Kind.POISON_FINISH)),
        (1, of_kind(Kind.POISON_ENGINE)),
        (1, of_kind(Kind.POISON_AGAIN)),
        (1, of_kind(Kind.HANGS)),
    ]
