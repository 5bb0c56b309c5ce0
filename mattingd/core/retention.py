"""Decide which of our files are removed and why: cut-outs by calendar days, trash, error notes; free space.

Every line of a plan has a reason, and the action follows the plan. Only files that the journal records as
ours are considered. Changed files, and other files at their paths, are kept.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Gt, Le

from mattingd.domain.artifacts import (
    Artifact,
    ArtifactFinding,
    ArtifactInspection,
    ArtifactKind,
    ArtifactState,
    ArtifactUpdate,
)
from mattingd.domain.reasons import Reason

GIGABYTE = 1_000_000_000
FEW = 20
"""So many cut-outs may always go at once."""
ENOUGH = 1.05
"""The disk is free enough again with so many times the floor: work does not start and stop at every file."""

Days = Annotated[int, Ge(1), Le(36_500)]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long finished work is kept, and how much of the output disk stays free."""

    days: Days | None = None
    """Calendar days that cut-outs are kept after their own day; null keeps them for ever."""
    trash_days: Days | None = None
    """Further days in a hidden trash folder in `output_dir`; null has no trash."""
    failed_days: Days | None = None
    """Calendar days that error notes are kept; null keeps them until the picture is done."""
    archived_days: Days | None = None
    """Days that originals stay in the archive; null keeps them for ever."""
    matte_days: Annotated[int, Ge(0)] = 30
    """Days that mattes for touch-ups are kept after their last use; 0 stores none."""
    matte_gb: Annotated[float, Ge(0)] = 2.0
    """Gigabytes for stored mattes in the state directory; those unused for longest are removed first."""
    brake_percent: Annotated[float, Gt(0), Le(100)] = 50.0
    """If more than this share of all cut-outs is due at once, wait for `clean --yes-all`; 100 never waits."""
    min_free_gb: Annotated[float, Ge(0)] = 1.0
    """With less free space on the output disk pictures wait until there is more; 0 never waits."""


class RetentionAction(StrEnum):
    """What is done with a file."""

    REMOVE = "remove"
    TRASH = "trash"
    """Move it to the trash."""
    RECORD = "gone"
    """It is already gone: only the journal is updated."""
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class RetentionDecision:
    """What is done with a file, and why."""

    action: RetentionAction
    reason: str
    then: ArtifactState | None = None
    """Its state in the journal afterwards; None: it stays where it was put."""


def removes(policy: RetentionPolicy) -> bool:
    """Whether anything is ever removed."""
    return any(days is not None for days in (policy.days, policy.failed_days, policy.archived_days))


def days_of(thing: ArtifactKind, policy: RetentionPolicy) -> int | None:
    """Return for how many days files of this kind are kept; None for ever."""
    return {
        ArtifactKind.CUT_OUT: policy.days,
        ArtifactKind.NOTE: policy.failed_days,
        ArtifactKind.ORIGINAL: policy.archived_days,
        ArtifactKind.REPORT: policy.days,
    }[thing]


def last_due(today: str, days: int | None) -> str:
    """Return the newest day that ended more than `days` days ago; before all days when nothing is due."""
    if days is None:
        return ""
    try:
        return (date.fromisoformat(today) - timedelta(days=days + 1)).isoformat()
    except (ValueError, OverflowError):
        return ""


def last_in_trash(today: str, policy: RetentionPolicy) -> str:
    """Return the newest day whose trash is emptied.

    Without a trash, files that are still in one are removed a day later.
    """
    return last_due(today, policy.trash_days or 0)


def judge(kept: Artifact, seen: ArtifactInspection, policy: RetentionPolicy, today: str) -> RetentionDecision:
    """Decide what to do with one file that the journal records as ours.

    Args:
        kept: the journal's record.
        seen: what is at its path, or at its path in the trash if it should be there.
        policy: the settings.
        today: calendar date in the configured time zone, ISO 8601.
    """
    if kept.remains is ArtifactState.TRASHED:
        return _judge_trash(kept, seen, policy, today)
    if kept.remains is ArtifactState.GOING and seen.sight is ArtifactFinding.GONE:
        return RetentionDecision(RetentionAction.RECORD, "it was removed before", ArtifactState.EXPIRED)
    if kept.remains is ArtifactState.GOING and seen.sight is ArtifactFinding.IN_TRASH:
        return RetentionDecision(RetentionAction.RECORD, "it came to the trash before", ArtifactState.TRASHED)
    return _judge_standing(kept, seen, policy, today)


def _judge_standing(
    kept: Artifact, seen: ArtifactInspection, policy: RetentionPolicy, today: str
) -> RetentionDecision:
    days = days_of(kept.thing, policy)
    if kept.day > last_due(today, days):
        return RetentionDecision(RetentionAction.KEEP, "its time has not come")
    if seen.sight is ArtifactFinding.OTHER:
        return RetentionDecision(RetentionAction.KEEP, seen.why)
    if seen.sight is not ArtifactFinding.SAME:
        return RetentionDecision(RetentionAction.RECORD, "someone else removed it", ArtifactState.TAKEN)
    reason = f"of {kept.day}, kept for {_count(days or 0)}"
    if kept.thing is not ArtifactKind.CUT_OUT or policy.trash_days is None:
        return RetentionDecision(RetentionAction.REMOVE, reason, ArtifactState.EXPIRED)
    return RetentionDecision(
        RetentionAction.TRASH,
        f"{reason}; then {_count(policy.trash_days)} in the trash",
        ArtifactState.TRASHED,
    )


def _judge_trash(
    kept: Artifact, seen: ArtifactInspection, policy: RetentionPolicy, today: str
) -> RetentionDecision:
    if kept.day > last_in_trash(today, policy):
        return RetentionDecision(RetentionAction.KEEP, "its time has not come", ArtifactState.TRASHED)
    if seen.sight is ArtifactFinding.OTHER:
        return RetentionDecision(RetentionAction.KEEP, seen.why, ArtifactState.TRASHED)
    if seen.sight is not ArtifactFinding.SAME:
        return RetentionDecision(
            RetentionAction.RECORD, "it was moved out of the trash", ArtifactState.EXPIRED
        )
    return RetentionDecision(RetentionAction.REMOVE, f"in the trash since {kept.day}", ArtifactState.EXPIRED)


def _count(days: int) -> str:
    return f"{days} day" if days == 1 else f"{days} days"


def before(kept: Artifact, verdict: RetentionDecision, today: str) -> ArtifactUpdate | None:
    """Return what the journal must record before the action, so that a stop cannot hide who removed it."""
    removes = verdict.action in {RetentionAction.REMOVE, RetentionAction.TRASH}
    if removes and kept.thing is not ArtifactKind.NOTE and kept.remains is None:
        return _update(kept, ArtifactState.GOING, today)
    return None


def after(kept: Artifact, verdict: RetentionDecision, today: str, *, done: bool) -> ArtifactUpdate | None:
    """Return what the journal must record after the action, if that changes; `done`: whether it succeeded."""
    written = kept.remains if before(kept, verdict, today) is None else ArtifactState.GOING
    stays = None if written is ArtifactState.GOING else written
    then = verdict.then if done else stays
    return None if then is written else _update(kept, then, today)


def _update(kept: Artifact, remains: ArtifactState | None, today: str) -> ArtifactUpdate:
    path = kept.path if kept.thing is ArtifactKind.REPORT else ""
    return ArtifactUpdate(kept.thing, kept.job, kept.ordinal, remains, today, path)


def brake(thing: ArtifactKind, due: int, standing: int, policy: RetentionPolicy) -> str | None:
    """Return why so many files of a kind may not be removed at once; None when they may.

    A clock that is a year ahead, or a mistake in the settings, must not destroy a team's work.

    Args:
        thing: the kind of file.
        due: how many are due.
        standing: how many there are, including those.
        policy: the settings.
    """
    if due <= FEW or due * 100 <= standing * policy.brake_percent:
        return None
    return (
        f"{due} of {standing} {thing}s would go at once, more than the {policy.brake_percent:g} % of"
        " `retention.brake_percent`: look at them with `mattingd clean --dry-run`,"
        " and say that they may with `mattingd clean --yes-all`"
    )


def low_space(free: int, policy: RetentionPolicy, *, low: bool) -> Reason | None:
    """Return why no cut-out may be written at present; None when there is enough space.

    Args:
        free: bytes.
        policy: the settings.
        low: whether there was too little space before.
    """
    floor = policy.min_free_gb * GIGABYTE
    if free >= floor * (ENOUGH if low else 1):
        return None
    return Reason.of("space_low", free=free / GIGABYTE, floor=policy.min_free_gb)
