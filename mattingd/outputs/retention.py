"""Retention from end to end: journal and disk are shown to the rules, and what they say is done.

A sweep goes page by page, so that any number of files takes the same memory. A plan that is only shown and
one that is done are the same walk. Nothing here runs on the scheduler's thread.
"""

import contextlib
import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path

from mattingd.config import Settings
from mattingd.core import retention
from mattingd.core.retention import RetentionAction, RetentionDecision
from mattingd.domain.artifacts import (
    Artifact,
    ArtifactFinding,
    ArtifactInspection,
    ArtifactKind,
    ArtifactState,
    ArtifactUpdate,
)
from mattingd.domain.events import Cleaned, Fact, Swept
from mattingd.journal import JournalReader, Note, reading
from mattingd.outputs.error_notes import note_text
from mattingd.outputs.output_root import Founding, Home, OfflineError, home
from mattingd.system import clock
from mattingd.system.filesystem import Disk
from mattingd.touchup import matte_cache

PAGE = 64
"""Files that are looked at, and then removed, together."""
PROOF = 50
"""An output folder without a mark is the right one if one of so many of the newest cut-outs lies there."""
EVERY_SECONDS = 3600.0
"""The daemon cleans this often, and at the turn of every day."""
SHOWN = 20
"""Files that are left alone, named one by one in a report."""


class StoppedError(Exception):
    """The daemon ends: what is not in the journal must not be done."""


Commit = Callable[[Swept], None]
"""Returns when the journal holds this, durably."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plan: what is done, and why."""

    kept: Artifact
    place: str
    """Below the output root, or the archive's."""
    shown: str
    """The same for people: below the output root; of an original the whole path."""
    verdict: RetentionDecision
    failed: str = ""
    """Why it could not be done after all."""


@dataclass(slots=True)
class Report:
    """What a sweep came to, or would."""

    removed: int = 0
    trashed: int = 0
    freed: int = 0
    """Bytes of what was removed."""
    gone: int = 0
    """Had been taken away by somebody."""
    left: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)
    """Some of what is left alone, with the reason."""
    refused: str | None = None
    """Why cut-outs, or originals, were not removed at all."""

    def count(self, line: Line) -> None:
        """Take a line into account."""
        deed = RetentionAction.KEEP if line.failed else line.verdict.deed
        match deed:
            case RetentionAction.REMOVE:
                self.removed += 1
                self.freed += line.kept.size
            case RetentionAction.TRASH:
                self.trashed += 1
            case RetentionAction.RECORD:
                self.gone += 1
            case RetentionAction.KEEP:
                self.left += 1
                if len(self.shown) < SHOWN:
                    self.shown.append((line.shown, line.failed or line.verdict.reason))

    def fact(self) -> Cleaned:
        """The same for those who listen."""
        return Cleaned(self.removed, self.trashed, self.freed, self.left, self.refused)


class Sweep:
    """One walk over everything whose time has come."""

    def __init__(
        self,
        settings: Settings,
        journal: Path,
        today: str,
        *,
        confirmed: bool = False,
        disk: Disk | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Plan only.

        Args:
            settings: the output folder and its retention.
            journal: the journal's file.
            today: calendar date in the configured time zone.
            confirmed: somebody said that however many may go at once.
            disk: file operations.
            stopped: whether to end before the next page.
        """
        self.settings = settings
        self.policy = settings.retention
        self.today = today
        self.report = Report()
        self._journal = journal
        self._confirmed = confirmed
        self._disk = disk or Disk()
        self._stopped = stopped

    def lines(self, commit: Commit | None = None) -> Iterator[Line]:
        """Everything whose time has come, with what becomes of it; done on the way if there is a `commit`.

        Raises:
            JournalError: the journal cannot be read.
        """
        with reading(self._journal) as ledger:
            yield from self._below_output(ledger, commit)
            if self.settings.archive_dir is not None:
                yield from self._below_archive(ledger, self.settings.archive_dir, commit)

    def mark(self, commit: Commit) -> None:
        """Have the output folder bear its mark, if it is known to be the right one.

        Raises:
            JournalError: the journal cannot be read.
        """
        with contextlib.suppress(StoppedError), contextlib.ExitStack() as stack:
            self._home(stack, stack.enter_context(reading(self._journal)), commit)

    def _below_output(self, ledger: JournalReader, commit: Commit | None) -> Iterator[Line]:
        with contextlib.ExitStack() as stack:
            place = self._home(stack, ledger, commit)
            if place is not None:
                yield from self._walk(place, self._pages(ledger, shown=commit is None), commit)

    def _home(self, stack: contextlib.ExitStack, ledger: JournalReader, commit: Commit | None) -> Home | None:
        """The output folder, open and marked; None where nothing was made yet, or it is not the right one."""
        root = self.settings.output_dir
        files = [(made.path, made.size) for made in ledger.newest_made(PROOF)]
        known = ledger.is_home(os.fsencode(root))
        if not files and not known:
            return None  # nothing was made yet, and the folder may not be there either
        founding = Founding(
            expected=known,
            proof=lambda: self._some_are_there(root, files),
            make=commit is not None,
        )
        try:
            place = stack.enter_context(home(str(root), ledger.instance, self._disk, founding))
        except OfflineError as error:
            self._refuse(str(error))
            return None
        if commit is not None and not known:
            commit(Swept((), home=os.fsencode(root)))
        return place

    def _below_archive(self, ledger: JournalReader, root: Path, commit: Commit | None) -> Iterator[Line]:
        """The archive bears no mark: something of ours must lie there each time."""
        until = retention.last_due(self.today, self.policy.archived_days)
        if not (due := ledger.count_archived(until)):
            return
        founding = Founding(
            expected=False,
            proof=lambda: self._some_are_there(root, ledger.newest_archived(PROOF)),
            make=False,
            what="the archive",
        )
        why = None if self._confirmed else self._brake(ArtifactKind.ORIGINAL, due, ledger.count_archived())
        with contextlib.ExitStack() as stack:
            try:
                place = stack.enter_context(home(str(root), ledger.instance, self._disk, founding))
            except OfflineError as error:
                self._refuse(str(error))
                return
            if commit is None or why is None:
                pages = _turned(lambda after: ledger.page_of_archived(until, after, PAGE))
                yield from self._walk(place, pages, commit)

    def _walk(self, place: Home, pages: Iterable[list[Artifact]], commit: Commit | None) -> Iterator[Line]:
        for page in pages:
            if self._stopped():
                return
            for line in self._page(place, page, commit):
                self.report.count(line)
                yield line

    def run(self, commit: Commit) -> Report:
        """Do it."""
        with contextlib.suppress(StoppedError):
            for _ in self.lines(commit):
                pass
        return self.report

    # --- what to look at ---

    def _some_are_there(self, root: Path, files: Iterable[tuple[str, int]]) -> bool:
        """Whether one of these lies there."""
        return any(self._disk.size(str(root / path)) == size for path, size in files)

    def _brake(self, thing: ArtifactKind, due: int, standing: int) -> str | None:
        why = retention.brake(thing, due, standing, self.policy)
        if why is not None:
            self._refuse(why)
        return why

    def _refuse(self, why: str) -> None:
        self.report.refused = why if self.report.refused is None else f"{self.report.refused}; {why}"

    def _pages(self, ledger: JournalReader, *, shown: bool) -> Iterator[list[Artifact]]:
        """Everything whose time has come; cut-outs of which too many would go are only shown."""
        trash = retention.last_in_trash(self.today, self.policy)
        yield from _turned(lambda after: ledger.page_of_trash(trash, after, PAGE))
        notes = retention.last_due(self.today, self.policy.failed_days)
        yield from _turned(lambda after: [*map(_as_kept, ledger.page_of_notes(notes, after[0], PAGE))])
        until = retention.last_due(self.today, self.policy.days)
        due, standing = ledger.due(until), ledger.count_standing()
        why = None if self._confirmed else self._brake(ArtifactKind.CUT_OUT, due, standing)
        if shown or why is None:
            yield from _turned(lambda after: ledger.page_of_due(until, after, PAGE))

    # --- a page ---

    def _page(self, home: Home, page: list[Artifact], commit: Commit | None) -> list[Line]:
        """Look, judge, write down, do, write down."""
        looks = [self._look(home, kept) for kept in page]
        plan = [self._line(home, kept, seen) for kept, seen in zip(page, looks, strict=True)]
        if commit is None:
            return plan
        _write(commit, (retention.before(line.kept, line.verdict, self.today) for line in plan))
        done = [_do(home, line, seen) for line, seen in zip(plan, looks, strict=True)]
        home.settle()
        _write(
            commit,
            (retention.after(line.kept, line.verdict, self.today, done=not line.failed) for line in done),
        )
        return done

    def _line(self, home: Home, kept: Artifact, seen: ArtifactInspection) -> Line:
        place = home.place(kept)
        shown = f"{home.root}/{place}" if kept.thing is ArtifactKind.ORIGINAL else place
        return Line(kept, place, shown, retention.judge(kept, seen, self.policy, self.today))

    def _look(self, home: Home, kept: Artifact) -> ArtifactInspection:
        seen = home.look(kept, home.place(kept))
        if seen.sight is ArtifactFinding.GONE and kept.remains is ArtifactState.GOING:
            in_trash = home.look(kept, home.place_in_trash(kept))
            return (
                ArtifactInspection(ArtifactFinding.IN_TRASH)
                if in_trash.sight is ArtifactFinding.SAME
                else seen
            )
        return seen


def _do(home: Home, line: Line, seen: ArtifactInspection) -> Line:
    """Do what a line says, to the very file that was looked at."""
    try:
        match line.verdict.deed:
            case RetentionAction.REMOVE:
                home.remove(line.place, seen)
            case RetentionAction.TRASH:
                home.to_trash(line.place, seen)
            case RetentionAction.RECORD:
                home.emptied(line.place)
            case RetentionAction.KEEP:
                pass
    except OSError as error:
        return replace(line, failed=f"it cannot be removed: {error.strerror}")
    return line


def _write(commit: Commit, marks: Iterable[ArtifactUpdate | None]) -> None:
    news = tuple(mark for mark in marks if mark is not None)
    if news:
        commit(Swept(news))


def _turned(page_after: Callable[[tuple[int, int]], list[Artifact]]) -> Iterator[list[Artifact]]:
    """All pages of a question to the journal, each asked after the one before was dealt with."""
    page = page_after((0, -1))
    while page:
        yield page
        page = page_after((page[-1].job, page[-1].ordinal))


def _as_kept(found: tuple[Note, str]) -> Artifact:
    """An error note: what we would have written is what we wrote."""
    note, day = found
    text = note_text(b"%s/%s" % (note.root.rstrip(b"/"), note.path), note.reason)
    return Artifact(ArtifactKind.NOTE, note.job, 0, note.note, day, len(text), hashlib.sha256(text).digest())


# --- in the daemon ---


class Cleaner(threading.Thread):
    """Sweeps while the daemon runs: at its start, at the turn of a day, every hour, and when asked."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        journal: Path,
        zone: tzinfo | None,
        tell: Callable[[Fact], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Set up; `start()` begins with a sweep.

        Args:
            settings: those that count at the moment.
            journal: the journal's file.
            zone: that dates go by.
            tell: takes facts.
            failed: called once if the thread ends by a defect.
        """
        super().__init__(name="cleaner", daemon=True)
        self.done = 0
        """The newest request that was dealt with."""
        self.report = Report()
        """Of the last sweep."""
        self._settings = settings
        self._journal = journal
        self._zone = zone
        self._tell = tell
        self._failed = failed
        self._asked = threading.Condition()
        self._wanted = 1
        self._confirmed = False
        self._stopping = False
        self._written: queue.SimpleQueue[None] = queue.SimpleQueue()

    # --- called from other threads ---

    def sweep(self, *, confirmed: bool = False) -> int:
        """Sweep soon; returns the number that `done` will have reached then."""
        with self._asked:
            self._wanted += 1
            self._confirmed |= confirmed
            self._asked.notify()
            return self._wanted

    def go_on(self) -> None:
        """The journal holds what was told last."""
        self._written.put(None)

    def stop(self) -> None:
        """End the thread soon."""
        with self._asked:
            self._stopping = True
            self._asked.notify()
        self._written.put(None)

    # --- the thread ---

    def run(self) -> None:
        """Sweep until stopped."""
        try:
            while not self._stopping:
                self._sweep()
                with self._asked:
                    self._asked.wait_for(lambda: self._stopping or self._wanted > self.done, EVERY_SECONDS)
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            self._failed(error)

    def _sweep(self) -> None:
        with self._asked:
            number, confirmed, self._confirmed = self._wanted, self._confirmed, False
        settings = self._settings()
        self._tidy(settings)
        today = clock.wall(self._zone).date().isoformat()
        sweep = Sweep(settings, self._journal, today, confirmed=confirmed, stopped=lambda: self._stopping)
        if retention.removes(settings.retention):
            self.report = sweep.run(self._commit)
            self._tell(self.report.fact())
        else:
            sweep.mark(self._commit)
        self.done = number

    def _tidy(self, settings: Settings) -> None:
        """Of the mattes that are stored for touch-ups; the model makes them anew, so nobody is told."""
        policy = settings.retention
        with contextlib.suppress(OSError):
            now = clock.wall(self._zone).timestamp()
            matte_cache.tidy(settings.state_dir, now, policy.matte_days, policy.matte_gb, Disk())

    def _commit(self, swept: Swept) -> None:
        self._tell(swept)
        self._written.get()
        if self._stopping:
            raise StoppedError
