"""What was reported of each file of a hot folder, so that only differences are reported."""

from collections.abc import Iterable, Iterator

from mattingd.domain.jobs import Stamp

_MARK = 192
"""Where in the number for a file its `Stamp.mark` begins: 0 there tells nothing."""
_LOW = (1 << _MARK) - 1


class KnownFiles:
    """Stamps by path, each as one number: 100,000 files need megabytes, not tens of them."""

    def __init__(self, files: Iterable[tuple[bytes, int, int, int, int]]) -> None:
        """Start with (path, size, mtime_ns, strokes, mark) of files that need not be reported."""
        self._known = {path: _compact(*stamp) for path, *stamp in files}

    def __contains__(self, path: bytes) -> bool:
        return path in self._known

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._known)

    def any_below(self, directory: bytes) -> bool:
        """Whether a file is known below this folder."""
        prefix = directory + b"/"
        return any(path.startswith(prefix) for path in self._known)

    def remember(self, path: bytes, stamp: Stamp | None) -> bool:
        """Store the state of a path, or None for nothing; returns whether it differs from before."""
        if stamp is None:
            return self._known.pop(path, None) is not None
        new, old = _compact(stamp.size, stamp.mtime_ns, stamp.strokes, stamp.mark), self._known.get(path)
        self._known[path] = new
        if old is None or new == old:
            return old is None
        return new & _LOW != old & _LOW or bool(new >> _MARK and old >> _MARK)


def _compact(size: int, mtime_ns: int, strokes: int, mark: int) -> int:
    return (mark << _MARK) | (strokes << 128) | (size << 64) | (mtime_ns & 0xFFFF_FFFF_FFFF_FFFF)
