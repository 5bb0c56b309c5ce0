"""Read a source file and check, before and after, that it is the one that was admitted."""

from collections.abc import Iterator
from contextlib import contextmanager

from mattingd.domain.commands import Read
from mattingd.domain.jobs import Fault, PictureLimits, Stamp
from mattingd.domain.reasons import Reason
from mattingd.system.filesystem import Disk
from mattingd.workers.trouble import Trouble, source_faults

MEGABYTE = 1_000_000


@contextmanager
def source_bytes(disk: Disk, root: bytes, command: Read, limits: PictureLimits) -> Iterator[bytes]:
    """Yield all bytes of a source file, which stays open while the caller works with them.

    Raises:
        Trouble: it is another file by now, too large, empty, gone, or cannot be read at present.
    """
    with source_faults(), disk.source(root, command.path) as file:
        _same(disk, file, command.stamp)
        _not_too_heavy(command.stamp.size, limits)
        data = disk.read_all(file, command.stamp.size)
        _same(disk, file, command.stamp)
        yield data


def _same(disk: Disk, file: int, admitted: Stamp) -> None:
    now = disk.stamp(file)
    if (now.size, now.mtime_ns) != (admitted.size, admitted.mtime_ns):
        raise Trouble(Fault.CHANGED, Reason.of("changed"))


def _not_too_heavy(size: int, limits: PictureLimits) -> None:
    if size == 0:
        raise Trouble(Fault.BAD, Reason.of("empty_file"))
    if size > limits.max_megabytes * MEGABYTE:
        told = {"mb": round(size / MEGABYTE), "limit": limits.max_megabytes}
        raise Trouble(Fault.BAD, Reason.of("too_heavy", **told))
