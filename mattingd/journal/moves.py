"""Update a job's row: its state, and how long it has waited."""

import sqlite3
from collections.abc import Callable
from typing import Final

from mattingd.domain.commands import Move
from mattingd.journal.rows import params_of

_MOVE: Final = (
    "UPDATE jobs SET state = ?, reason = '', code = ?, params = ?, attempts = coalesce(?, attempts),"
    " alone = coalesce(?, alone),"
    " suspect = coalesce(?, suspect), strikes = coalesce(?, strikes), sha256 = coalesce(?, sha256),"
    " batch = coalesce(?, batch), chores = coalesce(?, chores), read_s = coalesce(?, read_s),"
    " infer_s = coalesce(?, infer_s), finish_s = coalesce(?, finish_s), write_s = coalesce(?, write_s),"
    " publish_s = coalesce(?, publish_s), confidence = coalesce(?, confidence),"
    " painted = coalesce(?, painted) WHERE id = ?"
)
"""What a command does not say stays as it was."""
_WAITS: Final = (
    "UPDATE jobs SET waits = ?, blocked = ?, next_try = ?, unread_since = ?, unchanged_since = ? WHERE id = ?"
)


def move_row(db: sqlite3.Connection, move: Move, seconds: Callable[[], float]) -> None:
    """Update the row of a job; `seconds` gives the time since 1970."""
    chores = None if move.chores is None else ",".join(sorted(move.chores))
    db.execute(
        _MOVE,
        (
            move.state,
            move.reason.code,
            params_of(move.reason),
            move.attempts,
            move.isolated,
            move.quarantine_candidate,
            move.isolated_crashes,
            move.sha256,
            move.batch,
            chores,
            move.spent.read,
            move.spent.infer,
            move.spent.finish,
            move.spent.write,
            move.spent.publish,
            move.confidence,
            move.painted,
            move.job,
        ),
    )
    if (kept := move.patience) is not None:
        now = seconds()
        unread = None if kept.unread_for is None else now - kept.unread_for
        times = (now + kept.next_try_in, unread, now - kept.unchanged_for)
        db.execute(_WAITS, (kept.waits, kept.blocked, *times, move.job))
