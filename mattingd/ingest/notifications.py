"""Turn the kernel's notifications of hot folders into paths to inspect.

The only place that knows watchdog. Its thread only records a path: no I/O, no locks held for long. Events are
hints; the next scan finds whatever is lost here.
"""

import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

OUR_OWN_LOOKS = frozenset({"opened", "closed_no_write"})
"""What merely reading a file causes: reacting to it would make the daemon trigger itself."""


_log = logging.getLogger("watchdog.observers")
"""Where watchdog says, and nowhere else, that the kernel has dropped notifications."""


class WatchError(Exception):
    """A folder cannot be watched by notifications; the message says why and what to do."""


class _Handler(FileSystemEventHandler):
    def __init__(self, root: bytes, dirty: Callable[[bytes], None]) -> None:
        self._root = root
        self._dirty = dirty

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in OUR_OWN_LOOKS or (event.is_directory and event.event_type == "modified"):
            return
        for path in (event.src_path, event.dest_path):
            if path:
                self._note(os.fsencode(path))

    def _note(self, path: bytes) -> None:
        if path == self._root:
            self._dirty(b"")
        elif path.startswith(self._root + b"/"):
            self._dirty(path[len(self._root) + 1 :])


class _Overflows(logging.Handler):
    """Calls back when the kernel's queue overflowed, and when a folder cannot be watched after that.

    All else goes to standard error as before.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.callbacks: dict[bytes, Callable[[], None]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.msg and not record.args:
            self._call(*self.callbacks)
        elif "rebuild" in record.msg and isinstance(record.args, tuple):
            self._call(*map(os.fsencode, map(str, record.args)))
        elif "overflow" not in record.msg and logging.lastResort:
            logging.lastResort.handle(record)

    def _call(self, *roots: bytes) -> None:
        for root in roots:
            self.callbacks.get(root, lambda: None)()


class Watcher:
    """Notifications for any number of hot folders, on one thread of watchdog.

    The kernel is not used before the first folder is watched: scans do without.
    """

    def __init__(self) -> None:
        self._observer: BaseObserver | None = None
        self._watches: dict[bytes, tuple[ObservedWatch, Callable[[bytes], None]]] = {}
        self._starting = threading.Lock()
        self._overflows = _Overflows()
        _log.addHandler(self._overflows)

    def watch(self, root: bytes, dirty: Callable[[bytes], None], overflowed: Callable[[], None]) -> None:
        """Call `dirty` with a path relative to `root` whenever something may have happened there.

        `overflowed` is called when the kernel drops notifications: watch again, then scan. A second call for
        the same `root` watches the folder that is there now.

        Raises:
            WatchError: the kernel's limits are reached, or the folder is not there.
        """
        self._overflows.callbacks[root] = overflowed
        try:
            observer = self._running()
            if root in self._watches:
                observer.unschedule(self._watches.pop(root)[0])
            handler, path = _Handler(root, dirty), os.fsdecode(root)
            self._watches[root] = observer.schedule(handler, path, recursive=True), dirty
        except OSError as error:
            raise WatchError(_explain(error)) from error

    def unwatch(self, root: bytes, dirty: Callable[[bytes], None]) -> None:
        """Stop calling `dirty`, unless the `root` has another watcher by now."""
        if self._observer and root in self._watches and self._watches[root][1] == dirty:
            with contextlib.suppress(KeyError):  # the thread has already ended
                self._observer.unschedule(self._watches.pop(root)[0])

    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._observer is not None and self._observer.is_alive()

    def stop(self) -> None:
        """End the thread."""
        _log.removeHandler(self._overflows)
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(timeout=5)

    def _running(self) -> "BaseObserver":
        """Return the thread, started at the first call.

        Raises OSError where the kernel has no resources for it.
        """
        with self._starting:
            if self._observer is None:
                observer = Observer()
                observer.start()
                self._observer = observer
            return self._observer


def _explain(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the kernel's limit of watched folders is reached (raise sysctl fs.inotify.max_user_watches)"
    if error.errno == errno.EMFILE:
        return (
            "the kernel's limit of inotify instances is reached (raise sysctl fs.inotify.max_user_instances)"
        )
    return f"it cannot be watched: {error.strerror}"
