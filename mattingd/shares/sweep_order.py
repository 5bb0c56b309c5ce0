"""The child's side of a sweep: retention of an output folder or an archive on a share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mattingd.core.retention import RetentionPolicy
from mattingd.domain.events import Swept
from mattingd.domain.shares import ShareSwept, SweepShare
from mattingd.outputs.retention import sweep_here

if TYPE_CHECKING:
    import queue


@dataclass(frozen=True, slots=True)
class _Places:
    output_dir: Path
    archive_dir: Path | None
    retention: RetentionPolicy


def swept(order: SweepShare, tell: Callable[[Any], None], written: "queue.SimpleQueue[None]") -> None:
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
