"""Know the calendar day for output dates and the time of day, in the configured time zone."""

from datetime import tzinfo

from mattingd.core.scheduler import Scheduler
from mattingd.domain import events
from mattingd.journal import JournalWriter
from mattingd.outputs.cleaner import Cleaner
from mattingd.runtime.in_use import InUse
from mattingd.runtime.turns import Turns
from mattingd.system import clock


class Days:
    """Notices each new day and each new minute, including the first ones."""

    def __init__(
        self,
        zone: tzinfo | None,
        journal: JournalWriter,
        scheduler: Scheduler,
        in_use: InUse,
        turns: Turns,
        cleaner: Cleaner,
    ) -> None:
        self._zone = zone
        self._journal = journal
        self._scheduler = scheduler
        self._in_use = in_use
        self._turns = turns
        self._cleaner = cleaner
        self._today = ""
        self._minute = -1

    def look(self) -> None:
        """On a new day, copy the journal, number drops from one, and clean up."""
        now = clock.wall(self._zone)
        self._tell_minute(now.hour * 60 + now.minute)
        today = now.date().isoformat()
        if today == self._today:
            return
        self._today = today
        self._journal.back_up(today)
        for number in self._in_use.folders:
            self.seed_drops(number)
        self._turns.obey(self._scheduler.handle(events.Today(today), clock.monotonic_ns()))
        self._cleaner.sweep()

    def _tell_minute(self, minute: int) -> None:
        """Hot folders may open or close at any minute, also where clocks are put forward or back."""
        if minute != self._minute:
            self._minute = minute
            self._turns.obey(self._scheduler.handle(events.TimeOfDay(minute), clock.monotonic_ns()))

    def seed_drops(self, number: int) -> None:
        """Tell the scheduler how many drops a hot folder had today before it was added."""
        drops = self._journal.drops_of(number, self._today)
        self._scheduler.seed_drops(number, self._today, drops)
