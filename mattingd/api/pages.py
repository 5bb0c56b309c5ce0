"""Lists of any length, page by page.

A cursor names the last item of the previous page, so that it stays valid while pictures come and end.
"""

import heapq
from datetime import datetime

from mattingd.api.queries import language_of, picture
from mattingd.api.schemas import answers, requests
from mattingd.core.settling import SourceId
from mattingd.core.snapshot import PendingView
from mattingd.domain.jobs import NEEDS_A_LOOK
from mattingd.domain.text import readable
from mattingd.journal import Ending, reading
from mattingd.runtime.daemon import Daemon
from mattingd.runtime.refusal import RefusedError


def queue(daemon: Daemon, request: requests.Queue) -> answers.QueuePage:
    """Return unfinished pictures, in the order of their admission."""
    (after,) = _numbers(request.after, 1)
    root = bytes.fromhex(request.folder) or None
    with reading(daemon.journal.path) as ledger:
        numbers, total = ledger.page_of_live(after, request.limit, root)
    words = language_of(daemon, request)
    pictures = daemon.between_turns(
        lambda: [picture(daemon, view, words) for view in daemon.scheduler.status.jobs(numbers)]
    )
    return answers.QueuePage(pictures, str(numbers[-1]) if len(numbers) == request.limit else None, total)


def history(daemon: Daemon, request: requests.History) -> answers.HistoryPage:
    """Return ended pictures, the last one first."""
    before = _numbers(request.after, 2) if request.after else None
    with reading(daemon.journal.path) as ledger:
        ended, total = ledger.endings(
            request.limit,
            since=request.since,
            root=bytes.fromhex(request.folder) or None,
            state=request.state or None,
            below=NEEDS_A_LOOK if request.needs_look else None,
            before=None if before is None else (before[0], before[1]),
        )
    items = [_ended(daemon, each) for each in reversed(ended)]
    last = ended[0] if len(ended) == request.limit else None
    cursor = None if last is None else f"{_seconds(last.ended_at)}.{last.job}"
    return answers.HistoryPage(items, cursor, total)


def settling(daemon: Daemon, request: requests.Settling) -> answers.Settling:
    """Return files that were seen and are not in the journal yet. On the scheduler's thread."""
    after = _source(request.after)
    rest = (file for file in daemon.scheduler.status.pending() if after is None or file.source > after)
    page = heapq.nsmallest(request.limit, rest, key=lambda file: file.source)
    last = page[-1].source if len(page) == request.limit else None
    scans = daemon.scheduler.snapshot().folders.items()
    return answers.Settling(
        folders={str(number): str(folder.path) for number, folder in daemon.in_use.folders.items()},
        files=[(file.source.folder, file.source.path.hex(), _why(file)) for file in page],
        unscanned=sorted(number for number, folder in scans if not folder.scanned),
        next=None if last is None else f"{last.folder}.{last.path.hex()}",
    )


def _why(file: PendingView) -> str:
    return "settled" if file.settled else str(file.why)


def _ended(daemon: Daemon, ending: Ending) -> answers.Ended:
    number = next((number for number, root in daemon.in_use.roots.items() if root == ending.root), 0)
    folder = daemon.in_use.names.get(number, "?")
    return answers.Ended(
        job=ending.job,
        file=f"{folder}/{readable(ending.path)}",
        folder=folder,
        root=ending.root.hex(),
        path=ending.path.hex(),
        state=ending.state,
        reason=ending.reason,
        admitted_at=ending.admitted_at,
        ended_at=ending.ended_at,
        attempts=ending.attempts,
        size=ending.size,
        confidence=ending.confidence,
        note=ending.note if ending.state == "failed" else None,
        outputs=[
            answers.CutOut(output.path, output.size, output.sha256.hex(), output.remains, output.model)
            for output in ending.outputs
        ],
        approved_at=ending.approved_at,
    )


# --- cursors ---


def _numbers(cursor: str, many: int) -> list[int]:
    """Parse the numbers in a cursor; zeros for the first page.

    Raises:
        RefusedError: it is no cursor.
    """
    parts = cursor.split(".") if cursor else ["0"] * many
    if len(parts) != many or not all(part.isdecimal() and len(part) < len("1" * 19) for part in parts):
        raise _no_cursor(cursor)
    return [int(part) for part in parts]


def _source(cursor: str) -> SourceId | None:
    if not cursor:
        return None
    folder, _, path = cursor.partition(".")
    try:
        return SourceId(int(folder), bytes.fromhex(path))
    except ValueError:
        raise _no_cursor(cursor) from None


def _no_cursor(cursor: str) -> RefusedError:
    return RefusedError(f"{cursor[:40]!r} is no `next` of a page before", "malformed")


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
