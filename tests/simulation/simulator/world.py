"""A seed from beginning to end: people drop files, the daemon runs, crashes, is stopped and started again.

Until the weather's `calm` anything may happen; afterwards everything must come to a good end.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from mattingd.core.lifecycle import RetryPolicy
from mattingd.core.policy import Policy
from mattingd.core.scheduler import Scheduler
from mattingd.core.settling import SettlePolicy
from mattingd.domain.events import Admitted, Fact, Scanned, SpaceLow
from mattingd.domain.jobs import Folder, JobRecord, Originals, Output, Recipe
from mattingd.domain.presets import Preset
from mattingd.journal import JournalError
from tests.simulation.simulator.checks import Checks
from tests.simulation.simulator.clockwork import SECOND, Clockwork
from tests.simulation.simulator.disk import FURTHER, HotFolders, Key, OutputDisk
from tests.simulation.simulator.happenings import Happenings
from tests.simulation.simulator.mattes import SHIPPED
from tests.simulation.simulator.people import MEGAPIXEL, NAMES, Office, habits
from tests.simulation.simulator.pictures import Content
from tests.simulation.simulator.shell import POINTS, CrashError, Hooks, Plan, Shell
from tests.simulation.simulator.surroundings import Surroundings
from tests.simulation.simulator.verdict import Verdict
from tests.simulation.simulator.weather import Weather

if TYPE_CHECKING:
    from mattingd.domain.reasons import Reason

FILES = 22
HORIZON = 2 * 3600
"""Seconds after the weather calmed within which everything must have ended."""
STEPS = 60_000
SHOWN = 80
"""Last facts and commands that are shown of a seed that fails."""
IN_AN_OPERATION = "crash in an operation"


class SimulationError(AssertionError):
    """A promise was broken; the message tells the seed and what led to it."""


@dataclass
class Bench:
    """Which parts a run is made of: mutants exchange some."""

    scheduler: type[Scheduler] = Scheduler
    scans: bool = True


@dataclass
class World:
    """Everything of one seed."""

    seed: int
    journal: Path
    bench: Bench = field(default_factory=Bench)
    shell: Shell | None = None

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.clock = Clockwork()
        self.weather = Weather.drawn(self.rng, self.clock.now)
        self.policy = self._drawn_policy()
        self.hot = HotFolders(self.clock, self._changed)
        self.office = Office(self.rng, self.clock, self.weather, self.hot, self._ask)
        self.outputs = OutputDisk()
        self.checks = Checks(self.weather, self.hot, self.outputs, self.office, self.policy.budget_pixels)
        self.around = Surroundings(
            self.clock,
            self.weather,
            self.hot,
            self.outputs,
            self.office.busy,
            self._renamed,
            self._died_over,
            self.checks.unlucky,
            self._put_away,
        )
        choices: tuple[Originals, ...] = ("keep", "keep", "archive", "delete")
        self.originals = {number: self.rng.choice(choices) for number in (1, 2, 3)}
        self.folders = {number: self._folder(number) for number in range(1, self.rng.randint(1, 3) + 1)}
        self.recipes = 0
        self.today = "2026-11-20"
        self.log: deque[tuple[int, str, object]] = deque(maxlen=500)
        self.slowness = self.rng.choice((0, 0, 0.03, 0.5))
        """Seconds that a turn may take: with slow turns, much comes in at once."""
        self._busy_until = 0
        self.limit = self.rng.choice((1, 3, 256))
        self.left = [*["crash"] * self.weather.crashes, *["stop"] * self.weather.stops]
        self.rng.shuffle(self.left)
        self.runs = self.turns = 0
        self.low: Reason | None = None
        """Why the output disk has too little free space at present."""

    def _drawn_policy(self) -> Policy:
        rng = self.rng
        return Policy(
            settle=SettlePolicy(settle_seconds=2.0, truncated_minutes=1.0),
            retry=RetryPolicy(first_seconds=5.0, cap_seconds=30.0, give_up_minutes=1.0),
            workers=rng.randint(1, 3),
            batch_cap=rng.choice((None, None, 2)),
            budget_pixels=rng.choice((15, 30, 60)) * MEGAPIXEL,
            idle_ns=rng.choice((None, None, SECOND // 2, 5 * SECOND)),
            shipped=SHIPPED,
            devices=("cuda:0", "cuda:1") if self.seed % 5 < 2 else ("",),
        )

    def _folder(self, number: int) -> Folder:
        preset = Preset(on_empty="publish" if number == 3 else "fail")
        originals = self.originals[number]
        endings = (".png", *FURTHER) if number == 2 else (".png",)
        recipe = Recipe(f"recipe {number}", preset, (Preset(format="jpeg"),) if number == 2 else ())
        return Folder(number, f"in{number}", recipe, endings=endings, originals=originals)

    def _other_recipe(self, folder: Folder) -> Folder:
        self.recipes += 1
        return replace(folder, recipe=replace(folder.recipe, hash=f"recipe {folder.id}.{self.recipes}"))

    # --- the story ---

    def run(self) -> None:
        """Let the seed happen.

        Raises:
            SimulationError: with everything needed to find out why.
        """
        try:
            self._schedule()
            self._start()
            shell = self._live()
            Verdict(self.checks, self.folders).pronounce(shell)
            self._add_up(shell)
        except Exception as defect:
            raise SimulationError(self._story(defect)) from defect
        finally:
            if self.shell is not None:
                self.shell.close()
                self.shell = None

    def _schedule(self) -> None:
        """Who does what, and when; and the large events."""
        rng, after = self.rng, self.clock.after
        storm = (self.weather.calm - self.clock.now) / SECOND
        weights, scripts = zip(*habits(self.office, self.policy.budget_pixels), strict=True)
        for key in self._keys():
            habit = rng.choices(scripts, weights)[0]
            after(rng.uniform(0, storm * 0.6), self._playing(habit, key))
        Happenings(self).schedule(storm)

    def _keys(self) -> list[Key]:
        plain = [b"f%02d.jpg" % number for number in range(10)] + [b"caf\xe9 \xff.jpg", b"d/\xfe.png"]
        names = [name.encode() for name in NAMES] + plain
        return self.rng.sample([(folder, name) for folder in self.folders for name in names], FILES)

    def _playing(self, habit: Callable[[Key], object], key: Key) -> Callable[[], None]:
        return lambda: self.clock.play(habit(key))  # type: ignore[arg-type]

    def _live(self) -> Shell:
        """Until nothing happens any more; returns the daemon as it then is."""
        horizon = self.weather.calm + HORIZON * SECOND
        for _ in range(STEPS):
            self._step()
            assert self.clock.now < horizon, f"not at rest: {self._unrest()}"
            if self.clock.now > self.weather.calm and self.shell is not None and self._at_rest(self.shell):
                return self.shell
        raise AssertionError("it never came to an end")

    def _step(self) -> None:
        """Whatever comes next."""
        event, turn = self.clock.next(), self._next_turn()
        if self.shell is not None and turn is not None and (event is None or turn <= event):
            self.clock.now = max(self.clock.now, turn)
            self._turn(self.shell)
        else:
            self.clock.happen()

    def _at_rest(self, shell: Shell) -> bool:
        """Whether nothing happens any more, and everything was looked at since the last change."""
        if shell.inbox or self.clock.playing or shell.ended is not None:
            return False
        seen = min(watch.complete_at for watch in shell.watches.values())
        leaving = shell.scheduler.engine.leaving  # one that hangs has its time, though nobody waits for it
        return seen > self.hot.changed_at and shell.scheduler.idle() and not leaving

    def _unrest(self) -> str:
        if self.shell is None:
            return "the daemon does not run"
        scheduler = self.shell.scheduler
        jobs = [(job.id, job.path, job.state, job.reason) for job in scheduler.work.jobs.values()]
        resting = [key for key, _ in scheduler.intake.settler.waiting()]
        return f"jobs {jobs}, resting {resting}, admitting {scheduler.intake.admitting}"

    def _add_up(self, shell: Shell) -> None:
        totals = self.weather.tables.totals
        totals["seeds"] += 1
        totals["files"] += len(self.hot.versions)
        totals["cut-outs"] += sum(map(len, self.checks.made.values()))
        totals["innocents set aside"] += self.checks.innocents
        totals["runs of the daemon"] += self.runs
        totals["turns"] += self.turns + shell.turns

    def _next_turn(self) -> int | None:
        """When the daemon turns next: as soon as it can if something came in, else when it wants to."""
        if self.shell is None:
            return None
        if self.shell.inbox:
            return max(self.clock.now, self._busy_until)
        wake = self.shell.scheduler.next_wakeup()
        return None if wake is None else max(wake, self._busy_until)

    def _turn(self, shell: Shell) -> None:
        if self.slowness:
            self._busy_until = self.clock.now + round(self.rng.uniform(0, self.slowness) * SECOND)
        try:
            shell.turn(self.limit)
        except (CrashError, JournalError) as crash:
            if not isinstance(crash, CrashError) and not shell.plan.point:
                raise
            self._crashed(shell.plan.point)
            return
        if shell.ended is not None:
            self._ended(shell)

    # --- runs ---

    def _start(self) -> None:
        self.runs += 1
        end = self.left.pop() if self.left and self.weather.storm(self.clock.now) else ""
        plan = Plan()
        if end == "crash":
            point = self.rng.choice((*POINTS, IN_AN_OPERATION, IN_AN_OPERATION))
            if point == IN_AN_OPERATION:
                self._later_in_this_run(self.rng.uniform(0.5, 20.0), self._crash_in_an_operation)
            else:
                plan = Plan(self.rng.randrange(1, 120), point)
        elif end == "stop":
            self._later_in_this_run(self.rng.uniform(0.5, 25.0), self._ask_to_stop)
        self.trace("run", plan)
        self.shell = Shell(
            self.journal,
            self.policy,
            self.folders,
            self.around,
            Hooks(self.trace, self.checks.after_turn, self.checks.spares),
            self.bench.scheduler,
            plan,
        )
        for watch in self.shell.watches.values():
            watch.scans = self.bench.scans
        try:
            self.checks.held = self.shell.journal.paused_folders() & self.folders.keys()
            if self.checks.held:
                self.weather.count("paused over a restart")
            self.shell.begin(self.today)
            if self.low:
                self._ask(SpaceLow(self.low))
        except CrashError as crash:
            self._crashed(str(crash))

    def _later_in_this_run(self, seconds: float, action: Callable[[], None]) -> None:
        run = self.runs
        self.clock.after(seconds, lambda: action() if self.shell is not None and run == self.runs else None)

    def _ask_to_stop(self) -> None:
        if self.shell is None:
            return
        self.shell.stop()
        if self.rng.random() < 0.5:
            self.weather.count("second stop")
            again = self.shell
            self._later_in_this_run(self.rng.uniform(0, 0.3), again.stop)
        else:
            self.weather.count("clean stop")

    def _crash_in_an_operation(self) -> None:
        assert self.shell is not None
        if self.checks.spares(self.shell):
            self._later_in_this_run(1.0, self._crash_in_an_operation)
        else:
            self._crashed(IN_AN_OPERATION)

    def _crashed(self, point: str) -> None:
        """Everything in memory is gone, an open transaction with it."""
        assert self.shell is not None
        self.weather.count(point)
        self.trace("crash", point)
        self.checks.crashed(self.shell)
        self._gone(self.rng.choice((0.1, 2.0, 15.0)))

    def _ended(self, shell: Shell) -> None:
        assert shell.ended is not None
        self.trace("ended", shell.ended)
        self.checks.ended(shell.ended, self.clock.now)
        shell.journal.end_run()
        if self.rng.random() < 0.5:
            self.weather.count("journal copied")
            shell.journal.back_up(self.today)
        self._gone(self.rng.choice((0.1, 2.0, 15.0)))

    def _gone(self, seconds: float) -> None:
        assert self.shell is not None
        self.turns += self.shell.turns
        self.shell.close()
        self.shell = None
        self.weather.count("journal opened again")
        self.clock.after(seconds, self._start)

    # --- events ---

    def _changed(self, key: Key) -> None:
        self.trace("people", (key, self.hot.get(key)))
        if self.shell is not None:
            watch = self.shell.watches.get(key[0])
            if watch is not None:
                watch.event(key[1])

    def _renamed(self, job: int, output: Output, data: bytes) -> None:
        self.trace("visible", (job, output.place.path, data))
        if self.shell is not None:
            self.checks.visible(self.shell, job, output, data)

    def _put_away(self, job: int, content: Content, where: str) -> None:
        self.trace("put away", (job, content, where))
        if self.shell is not None:
            self.checks.put_away(self.shell, job, content)

    def _died_over(self, jobs: set[int]) -> None:
        if self.shell is not None:
            self.checks.child_died(self.shell, jobs)

    def _ask(self, fact: Fact) -> None:
        self.hot.changed_at = self.clock.now  # what follows from it is waited for, too
        if self.shell is not None:
            self.shell.put(fact)

    # --- for whoever has to find out why ---

    def trace(self, kind: str, what: object) -> None:
        """Remember what happened."""
        if isinstance(what, Admitted):
            self.checks.admitted(what.row)
        elif isinstance(what, JobRecord):
            self.checks.admitted(what)
        if type(what) is not Scanned:
            self.log.append((self.clock.now, kind, what))

    def _story(self, broken: BaseException) -> str:
        log = list(self.log)[-SHOWN:]
        last = "\n".join(f"  {now / SECOND:11.4f} {kind:8} {what}" for now, kind, what in log)
        return (
            f"seed {self.seed}: {type(broken).__name__}: {broken}\n"
            f"again: MATTINGD_SIM_SEED={self.seed} python -m pytest tests/simulation\n"
            f"the last facts and commands:\n{last}"
        )
