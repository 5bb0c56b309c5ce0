"""Check whether notifications report what happens in a hot folder: complete scans find what they missed."""

from collections.abc import Collection

from mattingd.system import clock

LATE_SECONDS = 2.0
"""A notification of what a scan has found may come so much later."""


class EventCheck:
    """Files that complete scans found before any notification did. Used on one thread."""

    def __init__(self) -> None:
        self._untold: set[bytes] = set()
        self._until = 0

    def found(self, paths: Collection[bytes]) -> None:
        """Record files that a scan, but not the first, found to be new or changed."""
        if paths and not self._untold:
            self._until = clock.monotonic_ns() + round(LATE_SECONDS * clock.SECOND)
        self._untold.update(paths)

    def told(self, paths: Collection[bytes]) -> None:
        """Record notifications of these paths; one of a folder covers everything below it."""
        if self._untold:
            self._untold = {each for each in self._untold if not any(_speaks(path, each) for path in paths)}

    def missed(self) -> int:
        """Return how many files no notification reported in time; each counts once."""
        if not self._untold or clock.monotonic_ns() < self._until:
            return 0
        missed, self._untold = len(self._untold), set()
        return missed

    def forget(self) -> None:
        """Start again, because the folder is another one or is watched in another way."""
        self._untold = set()


def _speaks(path: bytes, found: bytes) -> bool:
    return not path or found == path or found.startswith(path + b"/")
