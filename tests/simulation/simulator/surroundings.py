"""What simulated workers work on, and what can become of them there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mattingd.domain.jobs import Output
from tests.simulation.simulator.clockwork import Clockwork
from tests.simulation.simulator.disk import HotFolders, OutputDisk
from tests.simulation.simulator.pictures import Content, Matte
from tests.simulation.simulator.weather import Weather


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
