"""One turn of the daemon: let the scheduler decide, write that to the journal, and only then act."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mattingd.core.scheduler import Scheduler
from mattingd.domain import commands, events
from mattingd.ingest.hot_folders import HotFolderScanners
from mattingd.journal import JournalWriter
from mattingd.runtime.executor import CommandExecutor, PixelStore
from mattingd.runtime.mailbox import Inbox
from mattingd.system import clock
from mattingd.workers.protocol import Message

if TYPE_CHECKING:
    from mattingd.observability.job_log import Reporter


class Turns:
    """See the module. Used on the scheduler's thread."""

    def __init__(
        self,
        scheduler: Scheduler,
        journal: JournalWriter,
        scanners: HotFolderScanners,
        executor: CommandExecutor,
        pixels: PixelStore,
        inbox: Inbox,
    ) -> None:
        self._scheduler = scheduler
        self._journal = journal
        self._scanners = scanners
        self._executor = executor
        self._pixels = pixels
        self._inbox = inbox
        self.reporters: list[Reporter] = []
        """Who is told of everything, in this order."""

    def take(self, messages: list[Message]) -> None:
        """Handle all facts of a turn; without facts only time has passed."""
        self._scheduler.foresee(fact for fact, _ in messages)
        wanted: list[commands.Command] = []
        for fact, pixels in messages or [(events.Tick(), None)]:
            wanted += self._hear(fact, pixels)
        self.obey(wanted)

    def tell(self, *happened: events.Fact) -> None:
        """Handle a fact between two turns, with everything that follows."""
        self.obey([command for fact in happened for command in self._hear(fact, None)])

    def obey(self, wanted: Iterable[commands.Command]) -> None:
        """Write the journal first, then act: nothing is sent or done that a crash could make us forget."""
        all_wanted = list(wanted)
        writes = [command for command in all_wanted if isinstance(command, commands.Write)]
        if writes:
            for answer in self._journal.apply(writes):
                self._inbox.tell(answer)
        for command in all_wanted:
            self._report(command)
        for command in all_wanted:
            if not isinstance(command, commands.Write | commands.Announcement):
                self._executor.perform(command)

    def report(self, fact: events.Fact) -> None:
        """Inform the reporters only."""
        for reporter in self.reporters:
            reporter.fact(fact)

    def _hear(self, fact: events.Fact, pixels: bytes | None) -> list[commands.Command]:
        if pixels is not None:
            self._pixels.keep(fact, pixels)
        self.report(fact)
        answer = self._scheduler.handle(fact, clock.monotonic_ns())
        if isinstance(fact, events.Scanned):
            self._journal.scanned(fact.folder)
            self._scanners.scanned(fact.folder)
        return answer

    def _report(self, command: commands.Command) -> None:
        if isinstance(command, commands.Announcement):
            self.report(command)
            return
        for reporter in self.reporters:
            reporter.command(command)
