"""Give prepared outputs their final names."""

import errno
import os

from mattingd.domain.commands import Publish, WorkerConfig
from mattingd.domain.events import Fact, NameOccupied, Published, TempFileMissing
from mattingd.domain.jobs import Output
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.workers.output_files import OutputFiles
from mattingd.workers.trouble import again

CLAIM_PAUSES = (0.1, 0.5, 2.0)
"""Seconds that another daemon is given to fill a name which is empty: it may have claimed it just now."""


class Publisher:
    """See the module."""

    def __init__(self, bench: WorkerConfig, disk: Disk, files: OutputFiles) -> None:
        self.bench = bench
        self.disk = disk
        self._files = files

    def publish(self, command: Publish) -> Fact:
        """Publish the outputs of a job, or continue an interrupted publication: any step may be done already.

        No output gets its name before all outputs are ready for theirs.
        """
        return again(lambda: self._publish(command))

    def _publish(self, command: Publish) -> Fact:
        started = clock.monotonic_ns()
        ready: list[tuple[Output, str, str]] = []
        for output in command.outputs:
            final = self._files.path(output.place.path)
            temp = self._files.temp(command.job, output)
            with self._files.faults(output):
                self._files.check_root()
                # before the look at its content: a share may carry out a dead worker's rename late
                occupied = self.disk.size(final) is not None and not self.disk.is_claimed(final, temp)
                there = self._is_there if occupied else self._files.is_ours
                if there(final, output):
                    self._give_up(final, temp)
                elif occupied:
                    return NameOccupied(self.bench.worker, command.job, output.ordinal)
                elif self.disk.size(temp) != output.size:
                    return TempFileMissing(self.bench.worker, command.job)
                else:
                    ready.append((output, temp, final))
        for output, temp, final in ready:
            with self._files.faults(output):
                if not self.disk.publish(temp, final):
                    if not self._is_there(final, output):
                        return NameOccupied(self.bench.worker, command.job, output.ordinal)
                    self._give_up(final, temp)
                if self.disk.size(final) != output.size:
                    raise OSError(errno.EIO, "after the rename it is not there as it was written")
        directories = {os.path.dirname(self._files.path(each.place.path)): each for each in command.outputs}
        for directory, output in directories.items():
            with self._files.faults(output):
                self.disk.sync_directory(directory)
        return Published(self.bench.worker, command.job, clock.seconds_since(started))

    def _is_there(self, final: str, output: Output) -> bool:
        """Whether the name has exactly the prepared content, or gets it from another daemon just now."""
        for pause in CLAIM_PAUSES:
            if self.disk.size(final) != 0:
                break
            clock.sleep(pause)
        return self._files.is_ours(final, output)

    def _give_up(self, final: str, temp: str) -> None:
        """Remove a temp file whose content has its final name already."""
        self.disk.remove(temp)
        self.disk.give_up_claim(final, temp)
