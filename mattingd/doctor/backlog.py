"""Count what a hot folder already contains, within limits, and estimate the time for it."""

import os
from dataclasses import dataclass
from pathlib import Path

from mattingd.audit import files_below
from mattingd.config import HotFolder
from mattingd.journal import JournalError, reading
from mattingd.system import clock

SECONDS_A_PICTURE = 0.5
"""A guess for the estimate of the first run: a 12-megapixel photograph on two cores."""
MOST_FILES = 200_000
MOST_SECONDS = 15.0
"""Counting ends here, and says so."""


@dataclass(slots=True)
class Stock:
    """A hot folder and its contents."""

    folder: HotFolder
    files: int = 0
    waiting: int = 0
    """How many of these the journal does not know in their present state."""
    passed_over: int = 0
    """Hidden files, and leftovers of other programs."""
    whole: bool = True
    """False when counting stopped at a limit."""
    folders: int = 1
    """Number of folders to watch, including itself."""
    unlisted: int = 0
    """Folders that may not be listed."""
    unreadable: int = 0
    """Files that may not be opened."""
    first_unreadable: bytes = b""
    newest_ns: int = 0
    """The latest time of a file, in seconds since 1970."""

    @property
    def seconds(self) -> float:
        """Estimate the seconds for the waiting pictures."""
        return self.waiting * SECONDS_A_PICTURE


def stock_of(folder: HotFolder, journal: Path, *, bounded: bool = False, rights: bool = False) -> Stock:
    """Count the contents of a hot folder.

    Args:
        folder: the hot folder.
        journal: knows processed files.
        bounded: stop after `MOST_FILES` and `MOST_SECONDS`.
        rights: also check that each file and folder may be read.
    """
    root = os.fsencode(folder.path)
    try:
        with reading(journal) as ledger:
            known = ledger.current(root)
    except (JournalError, PermissionError):
        known = {}
    stock = Stock(folder)
    deadline = clock.monotonic_ns() + round(MOST_SECONDS * clock.SECOND)

    def entered(_: bytes) -> None:
        stock.folders += 1

    def passed_over(_: bytes, _reason: str) -> None:
        stock.passed_over += 1

    def unlisted(directory: bytes) -> None:
        stock.unlisted += 1
        stock.first_unreadable = stock.first_unreadable or directory

    for path, size, mtime_ns in files_below(root, entered, passed_over, unlisted):
        if bounded and (stock.files >= MOST_FILES or deadline <= clock.monotonic_ns()):
            stock.whole = False
            break
        stock.files += 1
        stock.waiting += known.get(path) != (size, mtime_ns)
        stock.newest_ns = max(stock.newest_ns, mtime_ns)
        if rights and not os.access(os.path.join(root, path), os.R_OK, effective_ids=True):
            stock.unreadable += 1
            stock.first_unreadable = stock.first_unreadable or path
    return stock
