"""What happens to a daemon besides its pictures: days pass, disks fill, settings change."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from because import why

from mattingd.domain.events import PauseAsked, SpaceLow
from mattingd.journal import JournalError
from tests.simulation.simulator.clockwork import Script
from tests.simulation.simulator.mattes import MODELS
from tests.simulation.simulator.shell import CrashError

if TYPE_CHECKING:
    from tests.simulation.simulator.world import World


@dataclass
class Happenings:
    """The large events of one seed."""

    world: "World"

    def schedule(self, storm: float) -> None:
        """Plan them within the next `storm` seconds; the order of the draws is part of each seed."""
        rng, after = self.world.rng, self.world.clock.after
        if rng.random() < 0.3:
            after(rng.uniform(0, storm), self.next_day)
        if rng.random() < 0.4:
            after(rng.uniform(0, storm * 0.8), self.refuse)
        if rng.random() < 0.3:
            after(rng.uniform(0, storm * 0.8), self.short_of_space)
        for _ in range(rng.choice((0, 0, 1, 2))):
            after(rng.uniform(0, storm), self.idle_death)
        if rng.random() < 0.6:
            after(rng.uniform(1, storm), self.pause)
        if rng.random() < 0.3:
            after(rng.uniform(1, storm), self.reconfigure)
        if rng.random() < 0.2 and len(self.world.folders) > 1:
            after(rng.uniform(1, storm), lambda: self.world.clock.play(self.leave_out()))
        for _ in range(rng.choice((0, 0, 3, 8))):
            after(rng.uniform(0, storm), self.ask_for_a_model)

    def next_day(self) -> None:
        self.world.weather.count("day changed")
        self.world.today = "2026-11-21"
        if self.world.shell is not None:
            self.world.shell.new_day(self.world.today)

    def ask_for_a_model(self) -> None:
        if self.world.shell is not None:
            before = self.world.shell.scheduler.engines.models.before
            choices = MODELS if before is None else (*MODELS, before, before)
            self.world.shell.ask_for(self.world.rng.choice(choices))

    def refuse(self) -> None:
        self.world.outputs.refuses = True
        self.world.clock.after(self.world.rng.uniform(2.0, 40.0), self.take_again)

    def take_again(self) -> None:
        self.world.outputs.refuses = False

    def short_of_space(self) -> None:
        self.world.weather.count("space low")
        self.world.low = why("too little free space")
        self.world._ask(SpaceLow(self.world.low))
        self.world.clock.after(self.world.rng.uniform(2.0, 40.0), self.space_again)

    def space_again(self) -> None:
        self.world.low = None
        self.world._ask(SpaceLow(None))

    def pause(self) -> None:
        """Somebody holds a folder back for a while."""
        self.world.weather.count("paused")
        folder = self.world.rng.choice(list(self.world.folders))
        self.world._ask(PauseAsked(folder, paused=True))
        self.world.clock.after(self.world.rng.uniform(1.0, 60.0), self.resume)

    def resume(self) -> None:
        """Let all folders go on; again and again, should the daemon be down or go down over it."""
        if self.world.shell is None or self.world.shell.inbox or self.world.shell.journal.paused_folders():
            for folder in self.world.folders:
                self.world._ask(PauseAsked(folder, paused=False))
            self.world.clock.after(5.0, self.resume)

    def reconfigure(self) -> None:
        """Other settings."""
        self.world.weather.count("other settings")
        self.world.folders = {
            number: self.world._other_recipe(folder) for number, folder in self.world.folders.items()
        }
        self.reload()

    def leave_out(self) -> Script:
        """One hot folder is left out of the configuration for a while."""
        self.world.weather.count("folder left out for a while")
        folder = self.world.folders.pop(self.world.rng.choice(list(self.world.folders)))
        self.world.checks.left_out.add(folder.id)
        self.reload()
        yield self.world.rng.uniform(1.0, 60.0)
        self.world.folders[folder.id] = folder
        self.reload()

    def reload(self) -> None:
        if self.world.shell is None or self.world.shell.ended is not None:
            return  # the next start knows
        self.world.trace("reload", sorted(self.world.folders))
        self.world.checks.held &= self.world.folders.keys()
        try:
            self.world.shell.reconfigure(self.world.policy, self.world.folders)
            self.world.checks.held = self.world.shell.journal.paused_folders() & self.world.folders.keys()
        except (CrashError, JournalError) as crash:
            if not isinstance(crash, CrashError) and not self.world.shell.plan.point:
                raise
            self.world._crashed(self.world.shell.plan.point)

    def idle_death(self) -> None:
        if self.world.shell is None:
            return
        child = self.world.rng.choice((self.world.shell.engines, *self.world.shell.workers))
        if child is self.world.shell.engines:
            engines = [engine for engine in self.world.shell.engines.alive if not engine.batches]
            if engines:
                self.world.weather.count("engine dies idle")
                self.world.rng.choice(engines).die(why("it was ended by SIGKILL"))
            return
        idle = [worker for worker in self.world.shell.workers if worker.alive and worker.order is None]
        if idle:
            self.world.weather.count("worker dies idle")
            self.world.rng.choice(idle).die(why("it was ended by SIGKILL"))
