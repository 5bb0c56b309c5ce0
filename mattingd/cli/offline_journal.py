"""Open the journal for writing while no daemon runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from mattingd.config import Settings
from mattingd.core import output_paths
from mattingd.journal import JournalWriter, PlacingRules
from mattingd.runtime.launch import JOURNAL
from mattingd.runtime.lock import Lock
from mattingd.system import clock


@contextmanager
def journal_of(settings: Settings) -> Iterator[JournalWriter]:
    """Open the journal exclusively.

    Raises:
        LockedError: a daemon runs.
        JournalError: the journal cannot be used.
    """
    lock = Lock(settings.state_dir)
    try:
        rules = PlacingRules(output_paths.pick, output_paths.next_version, output_paths.folded)
        zone = clock.zone(settings.timezone)
        with JournalWriter(
            settings.state_dir / JOURNAL, rules, lambda: clock.wall(zone).isoformat(timespec="seconds")
        ) as journal:
            yield journal
    finally:
        lock.release()
