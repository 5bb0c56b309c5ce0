"""Is every dropped file accounted for? Compares the journal with the folders, and names each gap.

Reads only. `seen = done + failed + waiting + ignored + superseded + withdrawn` is checked against the
journal's own count of admissions; beyond that nothing on either side may be unknown to the other.
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mattingd.api.queries import count
from mattingd.config import Settings
from mattingd.domain.artifacts import ArtifactState
from mattingd.domain.drops import ReportFile
from mattingd.domain.text import readable
from mattingd.ingest.circles import Circles
from mattingd.ingest.ignore_rules import STROKES, why_ignored
from mattingd.journal import JournalReader, Made
from mattingd.journal.drops import DropReader
from mattingd.system.filesystem import TEMP_PREFIX
from mattingd.system.mounts import not_ready


@dataclass(slots=True)
class Audit:
    """The result: counts, and gaps that must not be."""

    seen: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    unseen: int = 0
    """Files that lie there and are in no journal yet, because no daemon runs."""
    settling: int = 0
    """Files that a running daemon has seen and not taken yet: still being written, cut off, or in use."""
    passed_over: int = 0
    """Files and folders in the hot folders that no person dropped."""
    present: int = 0
    """Published outputs that lie where they were published."""
    taken_away: int = 0
    """Published outputs that somebody moved or removed: theirs to decide."""
    changed: int = 0
    """Published outputs that somebody edited."""
    expired: int = 0
    """Published outputs that retention removed, or put into the trash."""
    reports: int = 0
    """Files of reports that lie as they were written."""
    reports_gone: int = 0
    """Those that somebody moved, removed or edited."""
    gaps: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Nothing is missing."""
        return not self.gaps


def audit(
    ledger: DropReader,
    settings: Settings,
    settling: set[tuple[bytes, bytes]] | None,
    *,
    deep: bool = False,
) -> Audit:
    """Compare journal and disk.

    Args:
        ledger: the journal.
        settings: which folders.
        settling: (root, path) of files the running daemon knows and has not admitted; None without a daemon.
        deep: compare the content of every output with the hash in the journal.
    """
    result = Audit(*_books(ledger))
    missing = result.seen - sum(result.counts.values())
    if missing:
        result.gaps.append(f"{missing} of the files that were admitted are missing from the journal")
    result.gaps += [f"job {job} says done and has no published output" for job in ledger.unpublished_done()]
    for folder in settings.hot_folders:
        _check_sources(ledger, os.fsencode(folder.path), settling, result)
    for remains, number in ledger.remains().items():
        if remains is ArtifactState.TAKEN:
            result.taken_away += number
        elif remains is not ArtifactState.GOING:
            result.expired += number
    for made in ledger.made():
        _check_output(settings.output_dir, made, result, deep=deep)
    for file in ledger.all_report_files():
        lies = _lies(settings.output_dir / file.path, file, deep=deep)
        result.reports += bool(lies)
        result.reports_gone += not lies
    _check_leftovers(ledger, settings.output_dir, result)
    return result


def _books(ledger: JournalReader) -> tuple[int, dict[str, int]]:
    """Admissions, and jobs by word, of one moment: a running daemon may admit more between the two."""
    while True:
        seen = ledger.admitted()
        counts = count(ledger.states())
        if ledger.admitted() == seen:
            return seen, counts


def _check_sources(
    ledger: JournalReader, root: bytes, settling: set[tuple[bytes, bytes]] | None, result: Audit
) -> None:
    known = ledger.current(root)

    def passed_over(_: bytes, _reason: str) -> None:
        result.passed_over += 1

    for path, size, mtime_ns in files_below(root, passed_over=passed_over):
        if known.get(path) == (size, mtime_ns):
            continue
        if settling is None:
            result.unseen += 1
        elif (root, path) not in settling:
            name = readable(os.path.join(root, path))
            result.gaps.append(f"{name} is in a hot folder and the daemon does not know it")
        else:
            result.settling += 1


def files_below(
    root: bytes,
    entered: Callable[[bytes], None] = lambda _: None,
    passed_over: Callable[[bytes, str], None] = lambda *_: None,
    unlisted: Callable[[bytes], None] = lambda _: None,
) -> Iterator[tuple[bytes, int, int]]:
    """(path, size, mtime_ns) of every file that a person may have dropped, links and pipes included.

    Args:
        root: the hot folder.
        entered: told of each sub-folder.
        passed_over: told of each file and folder that no person dropped, and why it is taken for that.
        unlisted: told of each folder that may not be listed.
    """
    circles, stack = Circles(root, inodes=not not_ready(Path(os.fsdecode(root)))), [b""]
    while stack:
        directory = stack.pop()
        try:
            entries = list(os.scandir(os.path.join(root, directory)))
        except OSError:
            unlisted(directory)
            continue
        if circles.lead_back(directory, entries):
            continue
        for entry in entries:
            path = os.path.join(directory, entry.name)
            is_dir = entry.is_dir(follow_symlinks=False)
            if reason := why_ignored(entry.name, is_dir=is_dir):
                if reason is not STROKES:
                    passed_over(path, reason)
                continue
            if is_dir:
                entered(path)
                stack.append(path)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            yield path, status.st_size, status.st_mtime_ns


def _check_output(root: Path, made: Made, result: Audit, *, deep: bool) -> None:
    lies = _lies(root / made.path, made, deep=deep)
    if lies is None:
        result.taken_away += 1
    elif lies:
        result.present += 1
    else:
        result.changed += 1


def _lies(path: Path, made: Made | ReportFile, *, deep: bool) -> bool | None:
    """Whether it lies there as it was made; None when nothing does."""
    try:
        status = path.lstat()
    except OSError:
        return None
    whole = stat.S_ISREG(status.st_mode) and status.st_size == made.size
    return whole and (not deep or _is_as_made(path, made))


def _is_as_made(path: Path, made: Made | ReportFile) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == made.sha256
    except OSError:
        return False


def _check_leftovers(ledger: DropReader, root: Path, result: Audit) -> None:
    """A temp file of ours that no live job, or no report that is due, will ever take up."""
    of_report = None if ledger.unreported() else f"{TEMP_PREFIX}{ledger.instance}-report-"
    ours, live = re.compile(re.escape(f"{TEMP_PREFIX}{ledger.instance}-") + r"(\d+)-"), ledger.live_jobs()
    for directory, _, names in os.walk(root):
        for name in names:
            if (found := ours.match(name)) and int(found[1]) not in live:
                path = readable(os.fsencode(os.path.join(directory, name)))
                result.gaps.append(f"{path} is a temp file that no job uses")
            elif of_report and name.startswith(of_report):
                path = readable(os.fsencode(os.path.join(directory, name)))
                result.gaps.append(f"{path} is a temp file that no report uses")
