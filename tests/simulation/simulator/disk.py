"""The simulated disk: hot folders, which only people change, and the output side, which only workers do."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from mattingd.domain.jobs import Output, Stamp
from mattingd.domain.reasons import Reason
from tests.simulation.simulator.clockwork import Clockwork
from tests.simulation.simulator.pictures import Content, File

Key = tuple[int, bytes]
"""Hot folder and path."""
FURTHER = ("_matte.png", "_shop.jpg")
"""What the names of the second hot folder's further outputs end in."""


class HotFolders:
    """All sources, and the history of every path."""

    def __init__(self, clock: Clockwork, changed: Callable[[Key], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._files: dict[Key, File] = {}
        self._ticks = 0
        self.versions: dict[Key, list[Content]] = {}
        self.changed_at = 0

    def get(self, key: Key) -> File | None:
        """What lies there."""
        return self._files.get(key)

    def items(self) -> Iterator[tuple[Key, File]]:
        """Everything that lies in the folders."""
        return iter(self._files.items())

    def of(self, folder: int) -> Iterator[tuple[bytes, File]]:
        """Everything in one folder."""
        return ((key[1], file) for key, file in list(self._files.items()) if key[0] == folder)

    def put(
        self,
        key: Key,
        content: Content,
        *,
        size: int | None = None,
        writer: bool = False,
        odd: Reason | None = None,
        caption: int = 0,
    ) -> None:
        """Write a version, or a part of one; the time stamp moves."""
        self._ticks += 1
        stamp = Stamp(
            content.size if size is None else size, self._clock.now + self._ticks, 1 + content.number
        )
        self.restore(key, File(content, stamp, writer, odd, caption))

    def restore(self, key: Key, file: File) -> None:
        """Move a file here as it is, stamp and all."""
        self._files[key] = file
        versions = self.versions.setdefault(key, [])
        if not versions or versions[-1] is not file.content:
            versions.append(file.content)
        self._note(key)

    def paint(self, key: Key, strokes: int) -> bool:
        """Other strokes beside a file, or (0) none; False when it does not lie there."""
        file = self._files.get(key)
        if file is None:
            return False
        self._files[key] = replace(file, stamp=replace(file.stamp, strokes=strokes))
        self._note(key)
        return True

    def close(self, key: Key) -> None:
        """The writer closes the file; its stamp stays."""
        file = self._files[key]
        self._files[key] = File(file.content, file.stamp, odd=file.odd)

    def remove(self, key: Key) -> File | None:
        """Take a file away."""
        file = self._files.pop(key, None)
        if file is not None:
            self._note(key)
        return file

    def _note(self, key: Key) -> None:
        self.changed_at = self._clock.now
        self._changed(key)


class OutputDisk:
    """Temp files, cut-outs and notes; remembers every cut-out that ever became visible."""

    def __init__(self) -> None:
        self.refuses = False
        """Full or read-only for the moment."""
        self.temps: dict[str, bytes] = {}
        self.finals: dict[str, bytes] = {}
        self.notes: dict[str, str] = {}
        self.foreign: set[str] = set()

    def temp(self, job: int, output: Output) -> str:
        """The name of a job's temp file: the same at every attempt, and nobody else's."""
        directory, _, _ = output.place.path.rpartition("/")
        return f"{directory}/.mattingd-{job}-{output.ordinal}.tmp"

    def rename(self, temp: str, final: str) -> None:
        """Give a temp file its final name; replaces nothing."""
        assert final not in self.finals, f"{final} would have been replaced"
        self.finals[final] = self.temps.pop(temp)

    def put_foreign(self, path: str) -> None:
        """Somebody else's file takes a place."""
        self.finals[path] = b"somebody else's"
        self.foreign.add(path)
