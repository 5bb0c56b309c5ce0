"""The child's side: scan a hot folder, check or clean the output folder, and report after each call."""

import os
import queue
import shlex
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mattingd.domain.commands import ContinueRetention, LookAt
from mattingd.domain.reasons import Reason
from mattingd.domain.shares import (
    KnownFiles,
    OutputSeen,
    RescanShare,
    ScanShare,
    ShareAlive,
    SweepShare,
    WatchOutput,
)
from mattingd.ingest.inspection import FileInspector
from mattingd.ingest.scan_plan import ScanPlan
from mattingd.ingest.scanner import Scanner
from mattingd.outputs.other_daemons import OtherDaemons
from mattingd.shares.sweep_order import StepDisk, swept
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.system.mounts import missing_mount, mount_table, static_table
from mattingd.workers.protocol import Message

BEAT_SECONDS = 1.0
"""So often it is said that the last call returned."""
OUTPUT_SECONDS = 2.0
"""So often the output folder is looked at."""
Tell = Callable[[Any], None]


def serve(receive: Callable[[], Message], send: Callable[[Message], None]) -> None:
    """Run the process.

    Args:
        receive: returns the next message; raises EOFError when the daemon is gone.
        send: sends an answer; used by one thread at a time.
    """
    sending = threading.Lock()

    def tell(content: Any) -> None:
        with sending:
            send((content, None))

    tell(ShareAlive())
    known: list[tuple[bytes, int, int, int, int]] = []
    scanner: Scanner | None = None
    written: queue.SimpleQueue[None] = queue.SimpleQueue()
    while True:
        order, _ = receive()
        match order:
            case KnownFiles(files):
                known += files
            case ScanShare():
                scanner = _scan(order, known, tell)
                known = []
            case WatchOutput():
                _on_thread(lambda order=order: _look_at_output(order, tell))  # type: ignore[misc]
            case SweepShare():
                _sweep(order, tell, written)
            case ContinueRetention():
                written.put(None)
            case RescanShare(seconds) if scanner is not None:
                scanner.change(_other_interval(scanner.plan, seconds))
            case LookAt(path=path) if scanner is not None:
                scanner.look_at(path)


def _scan(order: ScanShare, known: list[tuple[bytes, int, int, int, int]], tell: Tell) -> Scanner:
    plan = ScanPlan(
        folder=order.folder,
        root=order.root,
        interval_seconds=order.interval_seconds,
        only=None if order.only is None else frozenset(order.only),
        ignore_existing=order.ignore_existing,
        remote=True,
        point=order.point,
    )
    scanner = Scanner(plan, known, tell, FileInspector(plan.root, Disk()), _failed)
    scanner.start()
    _on_thread(lambda: _beat(scanner, tell))
    return scanner


def _other_interval(plan: ScanPlan, seconds: float) -> ScanPlan:
    return ScanPlan(plan.folder, plan.root, seconds, plan.only, remote=True, point=plan.point)


def _beat(scanner: Scanner, tell: Tell) -> None:
    """Report that the scan makes progress, as long as it does."""
    moved = 0
    while True:
        if scanner.moved != moved:
            moved = scanner.moved
            tell(ShareAlive())
        clock.sleep(BEAT_SECONDS)


def _sweep(order: SweepShare, tell: Tell, written: "queue.SimpleQueue[None]") -> None:
    disk = StepDisk()
    _on_thread(lambda: swept(order, tell, written, disk))
    _on_thread(lambda: _beat_of(order, tell, disk))


def _beat_of(order: SweepShare, tell: Tell, disk: StepDisk) -> None:
    """Say that the folders of a sweep answer; no cache answers for their free space.

    A server may answer that and leave a call for one file without an answer: then nothing is said any more.
    """
    while clock.seconds_since(disk.began) < order.file_seconds:
        for root in filter(None, (order.output, order.archive)):
            with suppress(OSError):
                Disk().free_bytes(root)
        tell(ShareAlive())
        clock.sleep(BEAT_SECONDS)


def _look_at_output(order: WatchOutput, tell: Tell) -> None:
    daemons = OtherDaemons(order.root, order.own_marker, order.own_card)
    while True:
        seen = output_seen(order)
        tell(seen if seen.trouble else replace(seen, others=daemons.look()))
        clock.sleep(OUTPUT_SECONDS)


def output_seen(order: WatchOutput) -> OutputSeen:
    """Check the output folder at this moment."""
    try:
        return _output_seen(order)
    except OSError as error:
        return OutputSeen(trouble=Reason.of("output_unusable", root=order.root, error=str(error.strerror)))


def _output_seen(order: WatchOutput) -> OutputSeen:
    if order.marker:
        try:
            Path(order.root, order.marker).lstat()
        except FileNotFoundError:
            marker = shlex.quote(str(Path(order.root, order.marker)))
            return OutputSeen(trouble=Reason.of("output_unmarked", root=order.root, marker=marker))
    else:
        point = missing_mount(Path(order.root), mount_table(), static_table())
        if point is not None:
            return OutputSeen(trouble=Reason.of("output_unmounted", root=order.root, point=str(point)))
        _listed(order.root)
    return OutputSeen(Disk().free_bytes(order.root))


def _listed(root: str) -> None:
    """Raise OSError unless the folder, or the one in which it can be created, exists."""
    try:
        os.scandir(root).close()
    except FileNotFoundError:
        os.scandir(Path(root).parent).close()


def _on_thread(work: Callable[[], None]) -> None:
    def run() -> None:
        try:
            work()
        except OSError:  # the daemon is gone, and this process ends with it
            return
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            _failed(error)

    threading.Thread(target=run, daemon=True).start()


def _failed(error: BaseException) -> None:
    """End the process after a defect: the daemon reports it and starts another one."""
    traceback.print_exception(error, file=sys.stderr)
    os._exit(1)
