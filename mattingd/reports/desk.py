"""Have the reports of drops made while the daemon runs: a thread starts a child for each.

The journal knows which drops have ended and have no report, so none is lost by a crash, and none is made
twice: the files are recorded before they get their names, and the report is done when they have them.
"""

import io
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from mattingd.config import HotFolder, Settings
from mattingd.core.output_paths import report_base
from mattingd.core.retention import GIGABYTE
from mattingd.domain.commands import Command, EndDrop, FinishReport, RecordReportFiles, Write
from mattingd.domain.drops import Channel, ReportFile
from mattingd.domain.events import Fact
from mattingd.domain.jobs import Folder
from mattingd.journal import JournalError
from mattingd.journal.drops import EndedDrop, reading_drops
from mattingd.reports.order import ReportOrder
from mattingd.runtime.refusal import RefusedError

PROGRAM = (sys.executable, "-m", "mattingd.reports")
SILENT_SECONDS = 180.0
"""A child that says nothing for so long hangs, over a picture or a share."""
KILLED_SECONDS = 3.0
"""A child that was killed and still lives after this waits for a share that gives no answer."""
PAUSES = (5.0, 30.0, 120.0, 600.0)
"""Seconds until a report that could not be written is tried again; the last one again and again."""
BROKEN = 3
"""A report whose child fails so often, and not because of a disk, is given up; the drop's end is told."""
MOST_SKIPPED = 20
"""Pictures of a report that ended its child; after so many it has no contact sheet."""
LOOK_SECONDS = 60.0
NO_ANSWER = "the share gives no answer"

Record = Callable[..., None]


class ReportError(Exception):
    """A report could not be made at present; the message says why."""


class BrokenError(Exception):
    """The child did not behave as expected; the message says why."""


class ReportDesk(threading.Thread):
    """Makes reports, one after the other. A service and a reporter of the daemon."""

    def __init__(
        self,
        journal: Path,
        settings: Callable[[], Settings],
        folders: Callable[[], tuple[dict[int, HotFolder], dict[int, Folder]]],
        record: Record,
        channels: Callable[[Settings], tuple[Channel, ...]],
        failed: Callable[[BaseException], None],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        """Nothing runs yet.

        Args:
            journal: path of the journal.
            settings: returns the present settings.
            folders: the hot folders by number, as configured and as the core sees them; may be refused.
            record: writes to the journal and waits for it; may be refused.
            channels: returns the channels for notices.
            failed: called once if the thread ends by a defect.
            program: the command line of the child.
        """
        super().__init__(name="reports", daemon=True)
        self._journal = journal
        self._settings = settings
        self._folders = folders
        self._record = record
        self._channels = channels
        self._failed = failed
        self._program = tuple(program)
        self._awake = threading.Event()
        self._stopping = False
        self._tries: dict[tuple[int, str], int] = {}
        self._broken: set[tuple[int, str]] = set()
        """Of these, reports whose child failed the last time."""
        self._child: subprocess.Popen[str] | None = None
        self._stuck: subprocess.Popen[str] | None = None
        """A child that cannot be ended: it waits for a share. No other is started beside it."""
        self._no_sources: set[tuple[int, str]] = set()
        """Reports whose sources cannot be read: their sheet shows cut-outs alone."""

    # --- the daemon's side ---

    def fact(self, fact: Fact) -> None:
        """Handle a fact."""

    def command(self, command: Command) -> None:
        """Handle a command: the end of a drop is in the journal."""
        if isinstance(command, EndDrop):
            self._awake.set()

    def close(self) -> None:
        """End the thread soon, and a child at once."""
        self._stopping = True
        self._awake.set()
        if (child := self._child) is not None:
            child.kill()

    # --- the thread ---

    def run(self) -> None:
        """Make reports until stopped."""
        try:
            while not self._stopping:
                self._awake.clear()
                self._awake.wait(self._all())
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            if not self._stopping:
                self._failed(error)

    def _all(self) -> float:
        """Make all reports that are due; returns seconds until the next one."""
        try:
            with reading_drops(self._journal) as journal:
                due = journal.unreported()
        except JournalError:
            return LOOK_SECONDS
        pause = LOOK_SECONDS
        for drop in due:
            if self._stopping:
                break
            pause = min(pause, self._one(drop))
        return pause

    def _one(self, drop: EndedDrop) -> float:
        key, log = (drop.folder, drop.name), structlog.get_logger()
        tries = self._tries.get(key, 0)
        given_up = tries >= BROKEN and key in self._broken
        try:
            files = self._cleared(drop) if given_up else self._made(drop)
            self._tell(FinishReport(drop.folder, drop.name, self._channels(self._settings())))
        except (ReportError, BrokenError) as error:
            if self._stopping:
                return LOOK_SECONDS
            log.warning("no report yet", drop=drop.name, why=str(error))
            self._tries[key] = tries + 1
            (self._broken.add if isinstance(error, BrokenError) else self._broken.discard)(key)
            return PAUSES[min(tries, len(PAUSES) - 1)]
        self._no_sources.discard(key)
        self._tries.pop(key, None)
        self._broken.discard(key)
        if given_up:
            log.warning("report given up", drop=drop.name, why="the process that makes reports fails over it")
        else:
            log.info("report", drop=drop.name, files=files)
        return LOOK_SECONDS

    def _tell(self, *writes: Write) -> None:
        """Write them to the journal.

        Raises:
            ReportError: the daemon is too busy, or ends.
        """
        try:
            self._record(*writes)
        except RefusedError as error:
            raise ReportError(f"the daemon did not take it: {error}") from error

    def _cleared(self, drop: EndedDrop) -> int:
        """Remove the temp files of a report that is given up, like a report without files."""
        if (order := self._order(drop)) is not None:
            with suppress(ReportError, BrokenError, _DiedOverError):
                self._by_child(drop, replace(order, tables=False, sheet=0, bundle=False, look=False))
        return 0

    def _made(self, drop: EndedDrop) -> int:
        order = self._order(drop)
        if order is None:
            return 0
        key, skipped, silent = (drop.folder, drop.name), list[int](), 0
        while not self._stopping:
            order = replace(order, skipped=tuple(skipped), sources=key not in self._no_sources)
            if len(skipped) >= MOST_SKIPPED:
                order = replace(order, sheet=0)
            try:
                return self._by_child(drop, order)
            except _DiedOverError as died:
                skipped.append(died.job)
                silent += died.silent
                if silent > 1 or self._stuck is not None:  # the folder is at fault, not a single picture
                    self._no_sources.add(key)
        raise ReportError("the daemon ends")

    def _order(self, drop: EndedDrop) -> ReportOrder | None:
        """Return the child's order; None when there is nothing to make."""
        settings = self._settings()
        wanted = settings.reports
        if not (wanted.tables or wanted.sheet_pictures or wanted.zip or wanted.needs_a_look):
            return None
        try:
            hot, core = self._folders()
        except RefusedError as error:
            raise ReportError(f"the daemon did not answer: {error}") from error
        folder = hot.get(drop.folder)
        if folder is not None and folder.uploads:
            return None
        return order_for(drop, settings, self._journal, folder, core.get(drop.folder))

    def _by_child(self, drop: EndedDrop, order: ReportOrder) -> int:
        if self._stuck is not None and self._stuck.poll() is None:
            raise ReportError(NO_ANSWER)
        self._stuck = None
        try:
            child = subprocess.Popen(
                [*self._program, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="surrogateescape",
                process_group=0,
            )
        except OSError as error:
            raise ReportError(f"the process that makes reports cannot be started: {error.strerror}") from None
        self._child = child
        try:
            return self._talk(child, drop, order)
        finally:
            self._child = None
            child.kill()
            try:
                child.wait(KILLED_SECONDS)
            except subprocess.TimeoutExpired:
                self._stuck = child
            for end in (child.stdin, child.stdout):
                if end is not None:
                    with suppress(OSError):
                        end.close()

    def _talk(self, child: "subprocess.Popen[str]", drop: EndedDrop, order: ReportOrder) -> int:
        answers = _Answers(child)
        answers.say(json.dumps(order.as_json()))
        at: int | None = None
        while True:
            answer = answers.next()
            if answer is None:
                if at is not None:
                    raise _DiedOverError(at, silent=answers.silent)
                raise BrokenError("the process that makes reports ended")
            if "error" in answer:
                raise ReportError(str(answer["error"]))
            if "warning" in answer:
                structlog.get_logger().warning("report", drop=drop.name, why=str(answer["warning"]))
            elif "at" in answer:
                at = None if answer["at"] is None else int(answer["at"])
            elif "files" in answer:
                at, files = None, tuple(_file(each) for each in answer["files"])
                self._tell(RecordReportFiles(drop.folder, drop.name, files))
                answers.say("go")
            else:
                return int(answer["done"])


class _DiedOverError(Exception):
    """A picture crashed the child."""

    def __init__(self, job: int, *, silent: bool) -> None:
        super().__init__(f"the process that makes reports ended over job {job}")
        self.job = job
        self.silent = silent
        """It was ended, because it said nothing for too long."""


class _Answers:
    """The child's answers, line by line; a child that is silent for too long is ended."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self._child = child
        self.silent = False
        self._out, self._in = child.stdout or io.StringIO(), child.stdin or io.StringIO()
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="report-answers", daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._out:
                self._lines.put(line)
        self._lines.put("")

    def say(self, line: str) -> None:
        """Send a line to the child."""
        with suppress(OSError):
            self._in.write(line + "\n")
            self._in.flush()

    def next(self) -> dict[str, Any] | None:
        """Return the next answer; None when there are no more."""
        try:
            line = self._lines.get(timeout=SILENT_SECONDS)
        except queue.Empty:
            self._child.kill()
            self.silent = True
            return None
        if not line:
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer


def _file(answer: dict[str, Any]) -> ReportFile:
    return ReportFile(str(answer["path"]), int(answer["size"]), bytes.fromhex(answer["sha256"]))


def order_for(
    drop: EndedDrop, settings: Settings, journal: Path, hot: HotFolder | None, core: Folder | None
) -> ReportOrder:
    """Return the child's order; of a removed hot folder, less is known."""
    title = core.name if core else os.fsdecode(drop.root.rpartition(b"/")[2])
    layout, shares = (core.layout, core.shares) if core else ("{date}/{folder}/{path}", True)
    return ReportOrder(
        journal=str(journal),
        output=str(settings.output_dir),
        archive=None if settings.archive_dir is None else str(settings.archive_dir),
        folder=drop.folder,
        drop=drop.name,
        title=title,
        base=report_base(
            layout, title, drop.name, shares=shares, windows=settings.output_files.windows_names
        ),
        preset=hot.preset_names if hot else "",
        model=(hot.recipe.model if hot else None) or settings.engine.model,
        recipe=hot.recipe_hash if hot else "",
        language=settings.words,
        tables=settings.reports.tables,
        sheet=settings.reports.sheet_pictures,
        bundle=settings.reports.zip,
        keep_free=round(settings.retention.min_free_gb * GIGABYTE),
        look=settings.reports.needs_a_look,
    )
