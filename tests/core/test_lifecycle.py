"""The life of a picture: the table, what follows from it, and the page that is drawn from it."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattingd.core.lifecycle import (
    COUNTED_AS,
    LIVE,
    TABLE,
    WORKING,
    IllegalMoveError,
    Job,
    RetryPolicy,
    State,
    Trigger,
    advance,
    backoff_seconds,
)
from mattingd.domain.jobs import JobRecord, Patience, Recipe, Stamp
from mattingd.journal.schema import ENDED, KEEPS_PLACE, NOT_CURRENT
from tests.core import lifecycle_drawing

PAGE = Path(__file__).parents[2] / "docs" / "LIFECYCLE.md"
RECIPE = Recipe("made so")


def job_in(state: State) -> Job:
    return Job.from_row(
        JobRecord(1, 1, b"a.jpg", Stamp(1, 1), state, RECIPE, (), "a.error.txt", attempts=2), 0
    )


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("trigger", Trigger)
def test_what_the_table_does_not_foresee_raises_and_changes_nothing(state: State, trigger: Trigger) -> None:
    job = job_in(state)
    if (state, trigger) in TABLE:
        assert job.advance(trigger) is job.state is TABLE[state, trigger]
        return
    before = repr(job)
    with pytest.raises(IllegalMoveError, match=f"{trigger} .* {state}"):
        job.advance(trigger)
    assert repr(job) == before


def test_every_state_is_reached_and_has_a_way_to_an_end() -> None:
    reached = {State.QUEUED, State.IGNORED}
    ending = set(State) - LIVE
    for _ in State:
        reached |= {after for (before, _), after in TABLE.items() if before in reached}
        ending |= {before for (before, _), after in TABLE.items() if after in ending}
    assert reached == ending == set(State)


def test_every_event_leads_somewhere() -> None:
    assert {trigger for _, trigger in TABLE} == set(Trigger)


def test_the_journal_and_the_rules_agree_which_states_are_ends() -> None:
    assert set(State) - LIVE == ENDED
    assert set(State) == ENDED | LIVE == set(COUNTED_AS)
    assert NOT_CURRENT < ENDED
    assert WORKING < LIVE


def test_a_place_is_kept_while_a_job_lives_and_when_it_is_done() -> None:
    assert LIVE | {State.DONE} == KEEPS_PLACE


def test_whoever_is_in_flight_survives_any_crash() -> None:
    assert {advance(state, Trigger.CRASHED) for state in WORKING} == {State.QUEUED}
    assert advance(State.PREPARED, Trigger.CRASHED) is State.PREPARED


def test_a_prepared_picture_never_fails_and_is_never_called_off() -> None:
    after = {TABLE[edge] for edge in TABLE if edge[0] is State.PREPARED}
    assert after == {State.DONE, State.PREPARED, State.QUEUED}


def test_words_that_people_count_in() -> None:
    assert set(COUNTED_AS.values()) == {"done", "failed", "waiting", "ignored", "superseded", "withdrawn"}
    assert all((COUNTED_AS[state] == "waiting") == (state in LIVE) for state in State)


@given(
    first=st.floats(0.01, 100),
    cap=st.floats(1, 10_000),
    attempts=st.integers(1, 10_000),
)
def test_back_off_doubles_up_to_its_cap(first: float, cap: float, attempts: int) -> None:
    policy = RetryPolicy(first_seconds=first, cap_seconds=cap)
    wait, longer = backoff_seconds(attempts, policy), backoff_seconds(attempts + 1, policy)
    assert backoff_seconds(1, policy) == min(first, cap)
    assert wait <= longer <= cap
    assert longer == min(cap, 2 * wait) or attempts > 30


def test_a_row_and_its_live_job_say_the_same() -> None:
    row = JobRecord(
        7,
        2,
        b"\xff.jpg",
        Stamp(3, 4),
        "held",
        RECIPE,
        (),
        "n",
        attempts=1,
        isolated_crashes=1,
        quarantine_candidate=True,
        patience=Patience(2, 1, 5.0, 60.0, 90.0),
    )
    job = Job.from_row(row, 0)
    names = [name for name in JobRecord.__slots__ if name not in {"job", "patience", "touched_up"}]
    assert [getattr(job, name) for name in names] == [getattr(row, name) for name in names]
    assert job.id == row.job
    assert job.patience_to_keep(0) == row.patience
    assert not job.wished
    assert Job.from_row(replace(row, touched_up=True), 0).wished


def test_the_page_is_drawn_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == lifecycle_drawing.document(), "write it again: make example"
