"""The first moments of a daemon: the lock is taken, and children start while the rest of us is loaded.

Everything that can be wrong with the command line and the configuration is known by then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mattingd.config import Settings
from mattingd.runtime.lock import Lock
from mattingd.workers.ahead import ChildrenAhead
from mattingd.workers.spawning import Programs

JOURNAL = "checkpoint.db"
"""Name of the journal in the state directory."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a daemon is built on."""

    lock: Lock
    ahead: ChildrenAhead = field(default_factory=ChildrenAhead)


def locked(settings: Settings) -> Launch:
    """Take the lock on the state directory; no child is started.

    Raises:
        LockedError: another daemon uses it.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    return Launch(Lock(settings.state_dir))


@contextmanager
def launched(settings: Settings, programs: Programs) -> Iterator[Launch]:
    """Take the lock and start children ahead; in the end, those that nobody took are ended.

    Raises:
        LockedError: another daemon uses this state directory.
    """
    launch = locked(settings)
    try:
        launch.ahead.start(settings, programs, (launch.lock.descriptor,))
        yield launch
    finally:
        launch.ahead.end()
