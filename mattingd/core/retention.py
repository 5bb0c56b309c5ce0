"""What of ours may go, and why: cut-outs by calendar days, the trash, error notes; how full the disk may be.

A plan has a reason for every line, and the deed follows the plan. Only what the journal says we made is ever
asked about; what somebody changed, or what lies where no file of ours should, is left alone.
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
    """Cut-outs are kept for so many calendar days after their own; null keeps them for ever."""
    trash_days: Days | None = None
    """They are then kept in a hidden trash folder in `output_dir` for so many more; null has no trash."""
    failed_days: Days | None = None
    """Error notes are kept for so many calendar days; null keeps them until the picture is done."""
    archived_days: Days | None = None
    """Originals in the archive are kept for so many days; null keeps them for ever."""
    matte_days: Annotated[int, Ge(0)] = 30
    """Mattes are stored for touch-ups until they were not used for so many days; 0 stores none."""
    matte_gb: Annotated[float, Ge(0)] = 2.0
    """They take so much of the state directory's disk at most; those unused for longest go first."""
    brake_percent: Annotated[float, Gt(0), Le(100)] = 50.0
    """Would more than this of all cut-outs go at once, none goes until somebody says so; 100 never asks."""
    min_free_gb: Annotated[float, Ge(0)] = 1.0
    """With less free space on the output disk cut-outs wait, and go on by themselves; 0 never waits."""


class RetentionAction(StrEnum):
    """What is done with a thing."""

    REMOVE = "remove"
    TRASH = "trash"
    """Move it to the trash."""
    RECORD = "gone"
    """Nothing lies there: only the journal is told."""
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class RetentionDecision:
    """What is done with a thing, and why."""

    deed: RetentionAction
    reason: str
    then: ArtifactState | None = None
    """What the journal says of it afterwards; None that it stands where it was put."""


def removes(policy: RetentionPolicy) -> bool:
    """Whether anything is ever removed."""
    return any(days is not None for days in (policy.days, policy.failed_days, policy.archived_days))


def days_of(thing: ArtifactKind, policy: RetentionPolicy) -> int | None:
    """How long such a thing is kept; None for ever."""
    return {
        ArtifactKind.CUT_OUT: policy.days,
        ArtifactKind.NOTE: policy.failed_days,
        ArtifactKind.ORIGINAL: policy.archived_days,
    }[thing]


def last_due(today: str, days: int | None) -> str:
    """The newest day that is over by more than `days` days; before all days when nothing is ever due."""
    if days is None:
        return ""
    try:
        return (date.fromisoformat(today) - timedelta(days=days + 1)).isoformat()
    except (ValueError, OverflowError):
        return ""


def last_in_trash(today: str, policy: RetentionPolicy) -> str:
    """The newest day whose trash is emptied; without a trash, what still lies in one goes a day later."""
    return last_due(today, policy.trash_days or 0)


def judge(kept: Artifact, seen: ArtifactInspection, policy: RetentionPolicy, today: str) -> RetentionDecision:
    """What becomes of one thing that the journal says we made.

    Args:
        kept: what the journal says.
        seen: what lies at its place: in the trash, if that is where it should be.
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
        return RetentionDecision(RetentionAction.RECORD, "somebody took it away", ArtifactState.TAKEN)
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
            RetentionAction.RECORD, "somebody took it out of the trash", ArtifactState.EXPIRED
        )
    return RetentionDecision(RetentionAction.REMOVE, f"in the trash since {kept.day}", ArtifactState.EXPIRED)


def _count(days: int) -> str:
    return f"{days} day" if days == 1 else f"{days} days"


def before(kept: Artifact, verdict: RetentionDecision, today: str) -> ArtifactUpdate | None:
    """What the journal has to hold before the deed: after a stop nobody else could tell who removed it."""
    removes = verdict.deed in {RetentionAction.REMOVE, RetentionAction.TRASH}
    if removes and kept.thing is not ArtifactKind.NOTE and kept.remains is None:
        return ArtifactUpdate(kept.thing, kept.job, kept.ordinal, ArtifactState.GOING, today)
    return None


def after(kept: Artifact, verdict: RetentionDecision, today: str, *, done: bool) -> ArtifactUpdate | None:
    """What the journal has to hold after it, if that is news; `done` says whether it could be done."""
    written = kept.remains if before(kept, verdict, today) is None else ArtifactState.GOING
    stays = None if written is ArtifactState.GOING else written
    then = verdict.then if done else stays
    return None if then is written else ArtifactUpdate(kept.thing, kept.job, kept.ordinal, then, today)


def brake(thing: ArtifactKind, due: int, standing: int, policy: RetentionPolicy) -> str | None:
    """Why so many of a kind may not go at once; None when they may.

    A clock that was set to another year, or a mistake in the settings, must not cost a team its work.

    Args:
        thing: of which kind.
        due: how many have had their time.
        standing: how many there are, these included.
        policy: the settings.
    """
    if due <= FEW or due * 100 <= standing * policy.brake_percent:
        return None
    return (
        f"{due} of {standing} {thing}s would go at once, more than the {policy.brake_percent:g} % of"
        " `retention.brake_percent`: look at them with `mattingd clean --dry-run`,"
        " and say that they may with `mattingd clean --yes-all`"
    )


def low_space(free: int, policy: RetentionPolicy, *, low: bool) -> str | None:
    """Why no cut-out may be written at present; None when there is room.

    Args:
        free: bytes.
        policy: the settings.
        low: whether there was too little before.
    """
    floor = policy.min_free_gb * GIGABYTE
    if free >= floor * (ENOUGH if low else 1):
        return None
    return (
        f"the output disk has {free / GIGABYTE:.1f} GB left, and `retention.min_free_gb` keeps"
        f" {policy.min_free_gb:g} GB free: make room; it then goes on by itself"
    )
