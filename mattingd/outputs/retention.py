"""Retention from end to end: apply the retention rules to journal and disk, and carry out the decisions.

A sweep works page by page, so that its memory does not grow with the number of files. Showing a plan and
carrying it out share the same code. Nothing here runs on the scheduler's thread.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from mattingd.core import retention
from mattingd.core.retention import RetentionAction, RetentionDecision, RetentionPolicy
from mattingd.domain.artifacts import (
    Artifact,
    ArtifactFinding,
    ArtifactInspection,
    ArtifactKind,
    ArtifactState,
    ArtifactUpdate,
)
from mattingd.domain.events import Cleaned, Swept
from mattingd.journal import JournalReader, Note, reading
from mattingd.outputs.error_notes import possible_texts
from mattingd.outputs.output_root import Founding, Home, OfflineError, home
from mattingd.system.filesystem import Disk

PAGE = 64
"""Files that are looked at, and then removed, together."""
PROOF = 50
"""An output folder without a mark is the right one if one of so many of the newest cut-outs lies there."""
SHOWN = 20
"""Files that are left alone, named one by one in a report."""


class StoppedError(Exception):
    """The daemon ends: what is not in the journal must not be done."""


Commit = Callable[[Swept], None]
"""Returns when the journal holds this, durably."""


class Places(Protocol):
    """Of the settings what a sweep goes by."""

    @property
    def output_dir(self) -> Path:
        """The output folder."""

    @property
    def archive_dir(self) -> Path | None:
        """Where originals are archived, if anywhere."""

    @property
    def retention(self) -> RetentionPolicy:
        """How long what is kept."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plan: what is done, and why."""

    kept: Artifact
    place: str
    """Path below the output root, or below the archive."""
    shown: str
    """Path for users: below the output root; for an original the absolute path."""
    verdict: RetentionDecision
    failed: str = ""
    """Why it could not be done."""


@dataclass(slots=True)
class Report:
    """The result of a sweep, or its preview."""

    removed: int = 0
    trashed: int = 0
    freed: int = 0
    """Bytes that were removed."""
    gone: int = 0
    """Number of files that were already gone."""
    left: int = 0
    shown: list[tuple[str, str]] = field(default_factory=list)
    """Some of the files that are kept, with the reason."""
    refused: str | None = None
    """Why cut-outs, or originals, were not removed at all."""

    def count(self, line: Line) -> None:
        """Add a line."""
        action = RetentionAction.KEEP if line.failed else line.verdict.action
        match action:
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
        """Return the same as a fact."""
        return Cleaned(self.removed, self.trashed, self.freed, self.left, self.refused)


class Sweep:
    """One pass over everything that is due."""

    def __init__(
        self,
        settings: Places,
        journal: Path,
        today: str,
        *,
        confirmed: bool = False,
        disk: Disk | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Plan only.

        Args:
            settings: output folder and retention.
            journal: path of the journal.
            today: calendar date in the configured time zone.
            confirmed: whether the user allowed any number to be removed at once.
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
        """Yield everything that is due, with its decision; carried out on the way if there is a `commit`.

        Raises:
            JournalError: the journal cannot be read.
        """
        with reading(self._journal) as ledger:
            yield from self._below_output(ledger, commit)
            if self.settings.archive_dir is not None:
                yield from self._below_archive(ledger, self.settings.archive_dir, commit)

    def mark(self, commit: Commit) -> None:
        """Write the marker of the output folder, if it is known to be the right one.

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
        """Return the open, marked output folder; None if nothing was made yet, or it is not the right one."""
        root = self.settings.output_dir
        files = [(made.path, made.size) for made in ledger.newest_made(PROOF)]
        known = ledger.is_home(os.fsencode(root))
        if not files and not known:
            return None  # nothing was made yet, and the folder may not exist either
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
        """The archive has no marker: each time, some archived file must exist there."""
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
        """Carry out the plan; if nothing is ever removed, only see that the output folder bears its mark."""
        if not retention.removes(self.policy):
            self.mark(commit)
            return self.report
        with contextlib.suppress(StoppedError):
            for _ in self.lines(commit):
                pass
        return self.report

    # --- what to look at ---

    def _some_are_there(self, root: Path, files: Iterable[tuple[str, int]]) -> bool:
        """Whether one of these files exists."""
        return any(self._disk.size(str(root / path)) == size for path, size in files)

    def _brake(self, thing: ArtifactKind, due: int, standing: int) -> str | None:
        why = retention.brake(thing, due, standing, self.policy)
        if why is not None:
            self._refuse(why)
        return why

    def _refuse(self, why: str) -> None:
        self.report.refused = why if self.report.refused is None else f"{self.report.refused}; {why}"

    def _pages(self, ledger: JournalReader, *, shown: bool) -> Iterator[list[Artifact]]:
        """Yield everything that is due; cut-outs of which too many would be removed are only shown."""
        trash = retention.last_in_trash(self.today, self.policy)
        yield from _turned(lambda after: ledger.page_of_trash(trash, after, PAGE))
        notes = retention.last_due(self.today, self.policy.failed_days)
        yield from _turned(lambda after: [*map(_as_kept, ledger.page_of_notes(notes, after[0], PAGE))])
        until = retention.last_due(self.today, self.policy.days)
        due, standing = ledger.due(until), ledger.count_standing()
        why = None if self._confirmed else self._brake(ArtifactKind.CUT_OUT, due, standing)
        if shown or why is None:
            yield from _turned(lambda after: ledger.page_of_due(until, after, PAGE))
            yield from _reports(ledger, until)

    # --- a page ---

    def _page(self, home: Home, page: list[Artifact], commit: Commit | None) -> list[Line]:
        """Inspect, decide, record, act, record."""
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
    """Carry out a line on the very file that was inspected."""
    try:
        match line.verdict.action:
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
    """Yield all pages of a question to the journal, each requested after the previous one was handled."""
    page = page_after((0, -1))
    while page:
        yield page
        page = page_after((page[-1].job, page[-1].ordinal))


def _reports(ledger: JournalReader, until: str) -> Iterator[list[Artifact]]:
    """Yield the due files of reports, which are identified by their paths."""
    page = ledger.page_of_reports(until, "", PAGE)
    while page:
        yield page
        page = ledger.page_of_reports(until, page[-1].path, PAGE)


def _as_kept(found: tuple[Note, str]) -> Artifact:
    """Return an error note as an artifact: every text that we may have written for it is ours."""
    note, day = found
    texts = possible_texts(b"%s/%s" % (note.root.rstrip(b"/"), note.path), note.reason)
    (size, sha256), *also = [(len(text), hashlib.sha256(text).digest()) for text in texts]
    return Artifact(ArtifactKind.NOTE, note.job, 0, note.note, day, size, sha256, also=tuple(also))


def sweep_here(
    places: Places,
    journal: Path,
    today: str,
    *,
    confirmed: bool,
    commit: Commit,
    stopped: Callable[[], bool],
    disk: Disk | None = None,
) -> Report:
    """A sweep by this process; see `Sweep`.

    Raises:
        JournalError: the journal cannot be read.
    """
    return Sweep(places, journal, today, confirmed=confirmed, disk=disk, stopped=stopped).run(commit)
