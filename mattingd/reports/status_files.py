"""Keep `_STATUS.txt` up to date in hot folders that enable it: on a thread, so no picture waits."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from mattingd.config import HotFolder
from mattingd.core.output_paths import folder_of_drop
from mattingd.core.snapshot import FolderView
from mattingd.domain.commands import Command, Move
from mattingd.domain.events import Admitted, DropEnded, Fact, FileObserved, FolderTrouble, JobEnded, Reloaded
from mattingd.domain.jobs import Folder
from mattingd.ingest.hot_folders import is_remote
from mattingd.journal import JournalError
from mattingd.journal.drops import reading_drops
from mattingd.reports.status_put import NotOursError, put
from mattingd.reports.status_text import Situation, first_line, status_text
from mattingd.runtime.refusal import RefusedError
from mattingd.words import Language

EVERY_SECONDS = 5.0
FRESH_SECONDS = 60.0
"""A text that stays the same is written again after so long, for the time in it."""
LAST_SECONDS = 2.0
"""At the end, so long is given for removing the files."""
SHARE_SECONDS = 20.0
"""A share that does not take the file within this time is given up for now."""


@dataclass(frozen=True, slots=True)
class Now:
    """What the daemon knows beyond the journal."""

    folders: dict[int, HotFolder]
    views: dict[int, FolderView]
    settling: Counter[int]
    """Files that are not in the journal yet, by hot folder."""
    eta_seconds: float | None
    output: Path
    """The output folder."""
    core: dict[int, Folder]
    """The hot folders for the core, which knows where cut-outs go."""
    language: Language
    time: datetime


@dataclass(slots=True)
class _Written:
    text: str | None = None
    at: datetime | None = None
    trouble: str = ""


class StatusFiles(threading.Thread):
    """See the module. A service and a reporter of the daemon."""

    def __init__(
        self, journal: Path, ask: Callable[[], Now], failed: Callable[[BaseException], None]
    ) -> None:
        """Nothing runs yet.

        Args:
            journal: path of the journal.
            ask: returns the present state; may be refused.
            failed: called once if the thread ends by a defect.
        """
        super().__init__(name="status files", daemon=True)
        self._journal = journal
        self._ask = ask
        self._failed = failed
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._written: dict[Path, _Written] = {}
        self._hanging: dict[Path, subprocess.Popen[bytes]] = {}
        """The last child for each folder on a share."""

    # --- the daemon's side ---

    def fact(self, fact: Fact) -> None:
        """Handle a fact."""
        if isinstance(fact, Admitted | FileObserved | FolderTrouble | JobEnded | DropEnded | Reloaded):
            self._changed.set()

    def command(self, command: Command) -> None:
        """Handle a command."""
        if isinstance(command, Move):
            self._changed.set()

    def close(self) -> None:
        """End the thread, and remove its files, which would become outdated."""
        self._stopping.set()
        self._changed.set()
        if self.is_alive():
            self.join(LAST_SECONDS)

    # --- the thread ---

    def run(self) -> None:
        """Write until stopped."""
        try:
            while not self._stopping.wait(EVERY_SECONDS):
                self._changed.wait(FRESH_SECONDS)
                self._changed.clear()
                if not self._stopping.is_set():
                    self._all()
            for root, written in self._written.items():
                if written.text is not None:
                    self._put_anywhere(root, "")
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            if not self._stopping.is_set():
                self._failed(error)

    def _all(self) -> None:
        try:
            now = self._ask()
            wanted = {number: folder for number, folder in now.folders.items() if folder.status_file}
            texts = {folder.path: self._text(number, now) for number, folder in wanted.items()}
        except (RefusedError, JournalError):
            return
        for path in self._written.keys() - texts.keys():
            texts[path] = None  # it is disabled now
        for path, text in texts.items():
            self._put(path, text, now)
        for path in self._written.keys() - {folder.path for folder in wanted.values()}:
            del self._written[path]

    def _text(self, number: int, now: Now) -> str | None:
        view = now.views.get(number)
        with reading_drops(self._journal) as journal:
            standing = journal.standing_of(number)
        situation = Situation(
            standing,
            now.settling[number],
            str(now.output / folder_of_drop(now.core[number], standing.drop)),
            now.eta_seconds,
            paused=view is not None and view.paused,
            offline=view is not None and view.offline,
            opens=None if view is None else view.opens,
            staying=() if view is None else view.staying,
        )
        return status_text(situation, now.language)

    def _put(self, root: Path, text: str | None, now: Now) -> None:
        before = self._written.setdefault(root, _Written())
        fresh = before.at is not None and (now.time - before.at).total_seconds() < FRESH_SECONDS
        if before.at is not None and before.text == text and (fresh or text is None):
            return
        whole = "" if text is None else f"{first_line(now.time.strftime('%H:%M'), now.language)}\n\n{text}"
        trouble = self._put_anywhere(root, whole)
        if trouble and trouble != before.trouble:
            structlog.get_logger().warning("no status file", folder=str(root), why=trouble)
        self._written[root] = _Written(before.text if trouble else text, now.time, trouble)

    def _put_anywhere(self, root: Path, text: str) -> str:
        """Write or remove it; returns why that failed. A share may never answer, so a child does it there."""
        try:
            if not is_remote(root):
                put(root, text)
                return ""
        except (OSError, NotOursError) as error:
            return (error.strerror if isinstance(error, OSError) else None) or str(error)
        hanging = self._hanging.get(root)
        if hanging is not None and hanging.poll() is None:
            return "the share gives no answer"
        command = [sys.executable, "-m", "mattingd.reports.status_put", str(root)]
        try:
            child = self._hanging[root] = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except OSError as error:
            return f"the process that writes it cannot be started: {error.strerror}"
        try:
            _, said = child.communicate(text.encode(), SHARE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            return "the share gives no answer"
        return said.decode(errors="replace").strip() if child.returncode else ""
