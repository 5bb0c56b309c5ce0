"""The journal, to be written while no daemon runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from mattingd import clock
from mattingd.checkpoint import Checkpoint, PlacingRules
from mattingd.config import Settings
from mattingd.daemon import JOURNAL
from mattingd.rules import placing
from mattingd.service import Lock


@contextmanager
def journal_of(settings: Settings) -> Iterator[Checkpoint]:
    """The journal as long as nobody else has it.

    Raises:
        LockedError: a daemon runs.
        JournalError: the journal cannot be used.
    """
    lock = Lock(settings.state_dir)
    try:
        rules = PlacingRules(placing.pick, placing.next_version, placing.folded)
        zone = clock.zone(settings.timezone)
        with Checkpoint(
            settings.state_dir / JOURNAL, rules, lambda: clock.wall(zone).isoformat(timespec="seconds")
        ) as journal:
            yield journal
    finally:
        lock.release()
