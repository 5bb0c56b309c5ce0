"""The output files of one picture worker: their paths, and how they are written."""

import contextlib
import errno
import hashlib
import os
import shlex
from collections.abc import Iterator, Sequence

from mattingd.domain.commands import WorkerConfig
from mattingd.domain.jobs import Fault, Output
from mattingd.domain.reasons import Reason
from mattingd.imaging.formats import encode
from mattingd.imaging.formats.encode import File
from mattingd.outputs.write_faults import only_this_place, refused_place
from mattingd.system.filesystem import TEMP_PREFIX, Disk, output_root_marker
from mattingd.system.permissions import give
from mattingd.workers.trouble import PASSING, Trouble, again


class UnmarkedRootError(OSError):
    """The output folder has no marker, so that it may be the mount point of a disk that is away."""

    def __init__(self, root: str, mark: str) -> None:
        self.reason = Reason.of("output_unmarked", root=root, marker=shlex.quote(os.path.join(root, mark)))
        super().__init__(errno.ENODEV, str(self.reason))


class OutputFiles:
    """See the module. Nothing gets its final name here."""

    def __init__(self, bench: WorkerConfig, disk: Disk) -> None:
        self.bench = bench
        self.disk = disk

    def path(self, relative: str) -> str:
        """Return the absolute path of a path below the output folder."""
        return os.path.join(self.bench.output_root, relative)

    def temp(self, job: int, output: Output) -> str:
        """Return the temp path: hidden, in the target's directory, and the same at every attempt."""
        directory = os.path.dirname(self.path(output.place.path))
        return os.path.join(directory, f"{TEMP_PREFIX}{self.bench.instance}-{job}-{output.ordinal}.tmp")

    def note_temp(self, job: int, note: str) -> str:
        """Return the temp path of an error note."""
        directory = os.path.dirname(self.path(note))
        return os.path.join(directory, f"{TEMP_PREFIX}{self.bench.instance}-{job}-note.tmp")

    def is_ours(self, final: str, output: Output) -> bool:
        """Whether the final name already has exactly the prepared content.

        Raises:
            OSError: the share does not say at the moment. Guessing would give one picture two files.
        """
        if output.size is None or self.disk.size(final) != output.size:
            return False
        try:
            return hashlib.sha256(self.disk.read_back(final)).digest() == output.sha256
        except OSError as error:
            if error.errno in PASSING:
                raise
            return False

    def all_stand(self, outputs: tuple[Output, ...]) -> bool:
        """Whether these files exist unchanged where they were published, as far as can be said."""
        try:
            return all(self.is_ours(self.path(output.place.path), output) for output in outputs)
        except OSError:
            return False

    def same_as(self, before: Sequence[Output], files: Sequence[File]) -> bool:
        """Whether exactly these files are the last result and exist where they were published."""
        if len(before) != len(files):
            return False
        same = all(
            (output.size, output.sha256) == (len(file.data), hashlib.sha256(file.data).digest())
            for output, file in zip(before, files, strict=True)
        )
        return same and self.all_stand(tuple(before))

    def try_place(self, job: int, output: Output) -> None:
        """Check that a path could be written, without writing it: this saves the model's work."""
        temp = self.temp(job, output)
        with self.faults(output):
            self.check_root()
            self.make_directories(os.path.dirname(temp))
            self.disk.write(temp, b"")
            self.disk.remove(temp)

    def write(self, job: int, output: Output, file: File) -> Output:
        """Write a temp file, read it back and decode it: only a verified file is prepared."""
        temp = self.temp(job, output)
        written = again(lambda: self._written(temp, output, file.data))
        if written != file.data:
            raise Trouble(Fault.OUTPUT, Reason.of("read_back_differs"))
        encode.verify(file, written)
        name = os.path.basename(temp)
        return Output(output.ordinal, output.place, name, hashlib.sha256(written).digest(), len(written))

    def copy(self, job: int, output: Output, earlier: Output) -> Output | None:
        """Copy an earlier output to a temp file and read it back; return None if it has changed."""
        place = self.path(earlier.place.path)
        try:
            if self.disk.size(place) != earlier.size:
                return None  # whatever a user put there may be of any size
            data = self.disk.read_back(place)
        except OSError:
            return None
        if hashlib.sha256(data).digest() != earlier.sha256:
            return None
        temp = self.temp(job, output)
        if again(lambda: self._written(temp, output, data)) != data:
            raise Trouble(Fault.OUTPUT, Reason.of("read_back_differs"))
        return Output(output.ordinal, output.place, os.path.basename(temp), earlier.sha256, len(data))

    def _written(self, temp: str, output: Output, data: bytes) -> bytes:
        """Write a temp file and return what can be read of it."""
        with self.faults(output):
            self.check_root()
            self.make_directories(os.path.dirname(temp))
            self.disk.write(temp, data)
            give(temp, self.bench.permissions)
            return self.disk.read_back(temp)

    def make_directories(self, path: str) -> None:
        """Make a folder and those on the way to it, with the owner and the mode that are configured."""
        missing, above = list[str](), path
        while above != os.path.dirname(above) and not os.path.lexists(above):
            missing.append(above)
            above = os.path.dirname(above)
        self.disk.make_directories(path)
        for folder in reversed(missing):
            give(folder, self.bench.permissions, folder=True)

    @contextlib.contextmanager
    def faults(self, output: Output) -> Iterator[None]:
        """Convert errors of the output side: they concern one path or the whole disk, never the picture."""
        try:
            yield
        except UnmarkedRootError as error:
            raise Trouble(Fault.OUTPUT, error.reason) from error
        except (OSError, UnicodeError) as error:
            if self.concerns_one_place(error):
                raise Trouble(Fault.PLACE, refused_place(error, output.place.path)) from error
            said = getattr(error, "strerror", None) or str(error)
            raise Trouble(Fault.OUTPUT, Reason.of("output_fails", error=said)) from error

    def concerns_one_place(self, error: OSError | UnicodeError) -> bool:
        """Whether other paths can be written.

        Nothing is written to a bare mount point, not even as a test.
        """
        try:
            self.check_root()
        except OSError:
            return False
        trial = f"{TEMP_PREFIX}{self.bench.instance}-trial-{self.bench.worker}.tmp"
        return only_this_place(error, self.disk, self.bench.output_root, trial)

    def check_root(self) -> None:
        """Raise UnmarkedRootError where an empty mount point is in the place of the output folder."""
        root, mark = self.bench.output_root, output_root_marker(self.bench.instance)
        if self.bench.marked and self.disk.size(os.path.join(root, mark)) is None:
            raise UnmarkedRootError(root, mark)
