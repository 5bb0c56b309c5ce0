"""Run the team's programs for single pictures, `hooks.on_done` and `hooks.on_failed`, one after the other.

Nothing waits for them. Each runs once; programs that had not started when the daemon ended are not run later.
"""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from mattingd.config import Settings
from mattingd.domain.commands import Command
from mattingd.domain.events import Fact, JobEnded
from mattingd.domain.reasons import told
from mattingd.domain.text import readable
from mattingd.journal import JournalError, reading_jobs
from mattingd.notices.programs import ProgramError, run_program

MOST = 10_000
"""Pictures that may wait; further ones are passed over, and that is said."""


class Hooks(threading.Thread):
    """See the module. A service and a reporter of the daemon."""

    def __init__(
        self,
        journal: Path,
        settings: Callable[[], Settings],
        folder_name: Callable[[int], str],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Nothing runs yet.

        Args:
            journal: path of the journal.
            settings: returns the present settings.
            folder_name: returns a hot folder's name by its number.
            failed: called once if the thread ends by a defect.
        """
        super().__init__(name="hooks", daemon=True)
        self._journal = journal
        self._settings = settings
        self._folder_name = folder_name
        self._failed = failed
        self._waiting: queue.Queue[JobEnded | None] = queue.Queue(MOST)
        self._passed_over = 0
        self._stopping = False

    def fact(self, fact: Fact) -> None:
        """Note a picture's end; never waits."""
        if isinstance(fact, JobEnded) and self._command(fact):
            try:
                self._waiting.put_nowait(fact)
            except queue.Full:
                self._passed_over += 1

    def command(self, command: Command) -> None:
        """Handle a command."""

    def close(self) -> None:
        """End the thread soon."""
        self._stopping = True
        with suppress(queue.Full):  # handled after the program that is running
            self._waiting.put_nowait(None)

    def run(self) -> None:
        """Run programs until stopped."""
        try:
            while (ended := self._waiting.get()) is not None and not self._stopping:
                self._one(ended)
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            if not self._stopping:
                self._failed(error)

    def _command(self, ended: JobEnded) -> tuple[str, ...]:
        hooks = self._settings().hooks
        return {"done": hooks.on_done, "failed": hooks.on_failed}.get(ended.state, ())

    def _one(self, ended: JobEnded) -> None:
        log, name = structlog.get_logger(), f"on_{ended.state}"
        if self._passed_over:
            log.warning("hook too slow", hook=name, passed_over=self._passed_over)
            self._passed_over = 0
        command = self._command(ended)
        if not command:
            return
        try:
            run_program(command, self._told(ended), self._settings().hooks.seconds)
        except (ProgramError, JournalError) as error:
            log.warning("hook failed", hook=name, job=ended.job, why=str(error))

    def _told(self, ended: JobEnded) -> dict[str, Any]:
        """Return the program's input on stdin."""
        settings = self._settings()
        with reading_jobs(self._journal) as journal:
            record = journal.record(ended.job)
        outputs = () if record is None else record.outputs
        return {
            "event": f"picture.{ended.state}",
            "job": ended.job,
            "folder": self._folder_name(ended.folder),
            "drop": ended.drop,
            "in": "" if record is None else readable(record.root + b"/" + record.path),
            "out": [f"{settings.output_dir}/{output}" for output in outputs],
            "confidence": None if record is None else record.confidence,
            "reason": told(ended.reasons, settings.words),
        }
