"""What has waited goes on waiting after a restart: as long as before, and not longer."""

from dataclasses import replace

import pytest

from mattingd.core.lifecycle import RetryPolicy
from mattingd.core.policy import SECOND, Policy
from mattingd.core.stopping import Ending, ExitWhenIdle
from mattingd.domain import events
from mattingd.domain.commands import Move, Read
from mattingd.domain.jobs import Fault, Patience
from tests.core.desk import Desk, all_of, only, row

POLICY = Policy(workers=1, retry=RetryPolicy(first_seconds=10, give_up_minutes=1))


def waited(desk: Desk) -> Patience:
    """What the journal was told last."""
    kept = [write.patience for write in desk.writes if isinstance(write, Move) and write.patience is not None]
    return kept[-1]


def restarted(patience: Patience, ending: Ending | None = None) -> tuple[Desk, list[Read]]:
    desk = Desk(POLICY, ending=ending)
    return desk, all_of(desk.start(row(1, "held", patience=patience, attempts=3)), Read)


def test_a_file_that_cannot_be_read_fails_as_soon_as_without_restarts() -> None:
    desk = Desk(POLICY)
    desk.start()
    read, waits = only(desk.admit(1), Read), 0.0
    for _ in range(9):
        desk.fault(read, Fault.BUSY, "it is locked")
        if desk.states[1] != "held":
            break
        kept = waited(desk)
        waits += kept.next_try_in
        before = desk.now + round(kept.next_try_in * SECOND)
        desk, reads = restarted(kept)
        assert reads == [], "the rest of its pause is kept"
        desk.now = before
        desk.states[1] = "held"
        read = desk.until(Read)
    assert desk.states[1] == "failed"
    assert waits == 60


def test_the_pause_grows_over_restarts() -> None:
    _, first = restarted(Patience())
    assert len(first) == 1, "without a pause it is tried at once"
    desk, _ = restarted(Patience(waits=2, next_try_in=5, unread_for=20))
    desk.fault(desk.until(Read), Fault.BUSY, "it is locked")
    assert waited(desk).waits == 3
    assert waited(desk).next_try_in == pytest.approx(35), "40 s, but patience ends before"


def test_what_was_read_after_all_has_all_patience_again() -> None:
    desk, _ = restarted(Patience(waits=2, next_try_in=5, unread_for=50))
    desk.work_off([desk.until(Read)])
    assert desk.states[1] == "done"
    assert waited(desk) == replace(waited(desk), waits=0, unread_for=None)


def test_a_clock_that_was_set_back_delays_nothing_for_long() -> None:
    desk, _ = restarted(Patience(waits=1, next_try_in=40 * 365 * 86_400))
    assert desk.until(Read, POLICY.retry.cap_seconds).job == 1


def test_a_run_that_ends_by_itself_waits_for_no_rest_of_a_pause() -> None:
    _, reads = restarted(Patience(waits=4, next_try_in=300), ExitWhenIdle())
    assert len(reads) == 1


def test_hours_in_which_nobody_tried_to_read_it_use_up_no_patience() -> None:
    desk = Desk(POLICY)
    desk.start()
    read = only(desk.admit(1), Read)
    desk.say(events.PauseAsked(1, paused=True))
    desk.fault(read, Fault.BUSY, "it is locked")
    assert all_of(desk.later(10 * 3600), Read) == []
    desk.fault(only(desk.say(events.PauseAsked(1, paused=False)), Read), Fault.BUSY, "it is locked")
    assert desk.states[1] == "held"
    for _ in range(9):
        if desk.states[1] == "held":
            desk.fault(desk.until(Read), Fault.BUSY, "it is locked")
    assert desk.states[1] == "failed", "in the end its patience is used up all the same"
