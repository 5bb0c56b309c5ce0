"""The child's side of a sweep: retention of an output folder or an archive on a share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mattingd.core.retention import RetentionPolicy
from mattingd.domain.events import Swept
from mattingd.domain.shares import ShareSwept, SweepShare
from mattingd.outputs.retention import sweep_here
from mattingd.system import clock
from mattingd.system.filesystem import Disk

if TYPE_CHECKING:
    import queue


@dataclass(frozen=True, slots=True)
class _Places:
    output_dir: Path
    archive_dir: Path | None
    retention: RetentionPolicy


class StepDisk(Disk):
    """Knows when the work on the present file began."""

    def __init__(self) -> None:
        self.began = clock.monotonic_ns()

    @contextmanager
    def folder(
        self, path: str, within: int | None = None, *, make: bool = False, one_disk: bool = True
    ) -> Iterator[int]:
        """Open a folder: with this each step on a file begins."""
        self.began = clock.monotonic_ns()
        with super().folder(path, within, make=make, one_disk=one_disk) as descriptor:
            yield descriptor


def swept(
    order: SweepShare, tell: Callable[[Any], None], written: "queue.SimpleQueue[None]", disk: Disk
) -> None:
    """Sweep; before anything is done that the journal must hold, wait until `written` says that it does."""
    policy = RetentionPolicy(
        days=order.days,
        trash_days=order.trash_days,
        failed_days=order.failed_days,
        archived_days=order.archived_days,
        brake_percent=order.brake_percent,
    )
    archive = None if order.archive is None else Path(order.archive)

    def commit(swept: Swept) -> None:
        tell(swept)
        written.get()

    report = sweep_here(
        _Places(Path(order.output), archive, policy),
        Path(order.journal),
        order.today,
        confirmed=order.confirmed,
        commit=commit,
        stopped=lambda: False,
        disk=disk,
    )
    tell(
        ShareSwept(
            report.removed,
            report.trashed,
            report.freed,
            report.gone,
            report.left,
            tuple(report.shown),
            report.refused,
        )
    )
