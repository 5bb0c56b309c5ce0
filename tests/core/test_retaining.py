"""What may go and what may not: every verdict has a reason, and in doubt a file stays."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from because import why
from hypothesis import given
from hypothesis import strategies as st

from mattingd.core import retention
from mattingd.core.retention import FEW, RetentionAction, RetentionPolicy
from mattingd.domain import events
from mattingd.domain.artifacts import (
    Artifact,
    ArtifactFinding,
    ArtifactInspection,
    ArtifactKind,
    ArtifactState,
    ArtifactUpdate,
)
from mattingd.domain.commands import ContinueRetention, Finish, Infer, Read, RecordArtifacts, Stop
from mattingd.domain.exit_codes import ExitCode
from tests.core.desk import ONE, Desk, only

TODAY = "2026-11-20"
WEEK = RetentionPolicy(days=7)
MADE = Artifact(ArtifactKind.CUT_OUT, 1, 0, "2026-11-12/in/shoe.png", "2026-11-12", 4, b"hash")
SAME = ArtifactInspection(ArtifactFinding.SAME, identity=(1,))
DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
REMAINS = st.sampled_from([None, *ArtifactState])
SIGHTS = st.sampled_from(list(ArtifactFinding)).map(lambda sight: ArtifactInspection(sight, "why"))
POLICIES = st.builds(
    RetentionPolicy,
    days=st.none() | st.integers(1, 400),
    trash_days=st.none() | st.integers(1, 400),
    failed_days=st.none() | st.integers(1, 400),
    archived_days=st.none() | st.integers(1, 400),
)


def verdict(
    policy: RetentionPolicy = WEEK, seen: ArtifactInspection = SAME, **changed: object
) -> tuple[str, str]:
    judged = retention.judge(replace(MADE, **changed), seen, policy, TODAY)  # type: ignore[arg-type]
    return judged.action.value, judged.reason


def test_a_week_is_seven_whole_days_after_its_own() -> None:
    assert verdict() == ("remove", "of 2026-11-12, kept for 7 days")
    for day in ("2026-11-13", TODAY, "2026-11-21", "2126-01-01"):
        assert verdict(day=day) == ("keep", "its time has not come")


def test_without_days_nothing_ever_goes() -> None:
    assert not retention.removes(RetentionPolicy())
    assert verdict(RetentionPolicy(), day="1970-01-01")[0] == "keep"


def test_what_is_not_as_it_was_made_is_left_alone() -> None:
    assert verdict(seen=ArtifactInspection(ArtifactFinding.OTHER, "it was changed")) == (
        "keep",
        "it was changed",
    )
    assert verdict(seen=ArtifactInspection(ArtifactFinding.GONE)) == ("gone", "someone else removed it")


def test_the_trash_has_its_own_days() -> None:
    policy = RetentionPolicy(days=7, trash_days=3)
    assert verdict(policy) == ("trash", "of 2026-11-12, kept for 7 days; then 3 days in the trash")
    assert verdict(policy, remains=ArtifactState.TRASHED, day="2026-11-17")[0] == "keep"
    trashed = verdict(policy, remains=ArtifactState.TRASHED, day="2026-11-16")
    assert trashed == ("remove", "in the trash since 2026-11-16")
    assert verdict(WEEK, remains=ArtifactState.TRASHED, day="2026-11-19")[0] == "remove", (
        "its trash was given up"
    )
    assert verdict(WEEK, remains=ArtifactState.TRASHED, day=TODAY)[0] == "keep"


def test_archived_originals_have_theirs_and_no_trash() -> None:
    policy = RetentionPolicy(days=1, trash_days=3, archived_days=30)
    assert verdict(policy, thing=ArtifactKind.ORIGINAL)[0] == "keep"
    assert verdict(policy, thing=ArtifactKind.ORIGINAL, day="2026-10-20")[0] == "remove"
    assert verdict(WEEK, thing=ArtifactKind.ORIGINAL, day="1970-01-01")[0] == "keep", "off by default"


def test_notes_have_theirs_and_no_trash() -> None:
    policy = RetentionPolicy(days=1, trash_days=3, failed_days=30)
    assert verdict(policy, thing=ArtifactKind.NOTE)[0] == "keep"
    assert verdict(policy, thing=ArtifactKind.NOTE, day="2026-10-20") == (
        "remove",
        "of 2026-10-20, kept for 30 days",
    )


@given(POLICIES, DAYS, DAYS, REMAINS, SIGHTS, st.sampled_from(list(ArtifactKind)))
def test_only_what_is_over_and_as_it_was_made_is_removed(
    policy: RetentionPolicy,
    day: date,
    today: date,
    remains: ArtifactState | None,
    seen: ArtifactInspection,
    thing: ArtifactKind,
) -> None:
    kept = replace(MADE, day=day.isoformat(), remains=remains, thing=thing)
    judged = retention.judge(kept, seen, policy, today.isoformat())
    assert judged.reason
    if judged.action in {RetentionAction.REMOVE, RetentionAction.TRASH}:
        assert seen.sight is ArtifactFinding.SAME
        assert day < today, "never today's, never tomorrow's"
        days = retention.days_of(thing, policy)
        if remains is ArtifactState.TRASHED:
            days = policy.trash_days or 0
        assert days is not None
        assert today - day > timedelta(days=days)
    if judged.action is RetentionAction.KEEP:
        assert judged.then in {None, ArtifactState.TRASHED}


@given(policy=POLICIES, day=DAYS, remains=REMAINS, seen=SIGHTS, done=st.booleans())
def test_the_journal_is_told_before_and_after(
    policy: RetentionPolicy, day: date, remains: ArtifactState | None, seen: ArtifactInspection, *, done: bool
) -> None:
    """What the journal says at the end is true, whether the action could be done or not."""
    kept = replace(MADE, day=day.isoformat(), remains=remains)
    judged = retention.judge(kept, seen, policy, TODAY)
    before = retention.before(kept, judged, TODAY)
    after = retention.after(kept, judged, TODAY, done=done)
    says = remains
    for mark in (before, after):
        says = says if mark is None else mark.remains
    if done:
        assert says == judged.then
    else:
        assert says == (None if remains in {None, ArtifactState.GOING} else remains)
    if judged.action in {RetentionAction.REMOVE, RetentionAction.TRASH} and remains is None:
        assert before == ArtifactUpdate(ArtifactKind.CUT_OUT, 1, 0, ArtifactState.GOING, TODAY)


@pytest.mark.parametrize("today", ["", "soon", "0001-01-01"])
def test_a_date_that_makes_no_sense_removes_nothing(today: str) -> None:
    assert retention.judge(MADE, SAME, WEEK, today).action is RetentionAction.KEEP
    assert retention.last_due(today, 7) == ""


# --- the brake ---


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.floats(0.1, 100))
def test_the_brake_holds_back_many_at_once(due: int, others: int, percent: float) -> None:
    policy = RetentionPolicy(days=7, brake_percent=percent)
    held = retention.brake(ArtifactKind.CUT_OUT, due, due + others, policy) is not None
    assert held == (due > FEW and 100 * due > percent * (due + others))


def test_the_brake_says_how_to_go_on() -> None:
    said = retention.brake(ArtifactKind.CUT_OUT, 900, 1000, WEEK)
    assert said is not None
    assert "900 of 1000 cut-outs would go at once, more than the 50 %" in said
    assert "`mattingd clean --yes-all`" in said
    assert retention.brake(ArtifactKind.CUT_OUT, 500, 1000, WEEK) is None


# --- free space ---


def test_free_space_has_a_floor_and_some_way_back() -> None:
    policy = RetentionPolicy(min_free_gb=5)
    said = retention.low_space(4_999_999_999, policy, low=False)
    assert said is not None
    assert str(said).startswith(
        "the output disk has 5.0 GB left, and `retention.min_free_gb` keeps 5 GB free"
    )
    assert retention.low_space(5_000_000_000, policy, low=False) is None
    assert retention.low_space(5_200_000_000, policy, low=True) is not None
    assert retention.low_space(5_250_000_000, policy, low=True) is None
    assert retention.low_space(0, RetentionPolicy(min_free_gb=0), low=True) is None


def test_while_space_is_low_pictures_wait_and_none_fails() -> None:
    desk = Desk(policy=ONE)
    inferring = only(desk.answer(only(desk.start() + desk.admit(1), Read)), Infer)
    desk.say(events.SpaceLow(why("too little")))
    assert not any(isinstance(action, Finish | Read) for action in desk.answer(inferring) + desk.admit(2))
    assert desk.later(3600) == []
    assert desk.states == {1: "matted", 2: "queued"}
    desk.work_off(desk.say(events.SpaceLow(None)))
    assert desk.states == {1: "done", 2: "done"}


def test_what_is_prepared_is_still_published() -> None:
    desk = Desk(policy=ONE)
    desk.start()
    finish = only(desk.answer(only(desk.answer(only(desk.admit(1), Read)), Infer)), Finish)
    desk.say(events.SpaceLow(why("too little")))
    desk.work_off(desk.answer(finish))
    assert desk.states == {1: "done"}, "to rename takes no space"


def test_a_stop_does_not_wait_for_space() -> None:
    desk = Desk(policy=ONE)
    inferring = only(desk.answer(only(desk.start() + desk.admit(1), Read)), Infer)
    desk.say(events.SpaceLow(why("too little")))
    desk.answer(inferring)
    stop = only(desk.say(events.StopAsked("asked")), Stop)
    assert (stop.code, desk.states) == (ExitCode.OK, {1: "queued"})


def test_the_journal_is_written_before_a_sweep_goes_on() -> None:
    desk = Desk()
    mark = ArtifactUpdate(ArtifactKind.CUT_OUT, 1, 0, ArtifactState.GOING, TODAY)
    actions = desk.start() and desk.say(events.Swept((mark,)))
    assert desk.writes[-1] == RecordArtifacts((mark,))
    assert actions == [ContinueRetention()]
