"""Describes a record of the journal as a job of the API. Pure: no file, no journal."""

from dataclasses import dataclass
from typing import Any

from mattingd.core.lifecycle import WORKING, State
from mattingd.domain.jobs import NEEDS_A_LOOK
from mattingd.domain.reasons import told, told_plainly
from mattingd.domain.text import readable
from mattingd.journal import Record
from mattingd.web.schemas import Job, JobState, OutputFile
from mattingd.words import Language

_STATES: dict[str, JobState] = {
    "done": "done", "unchanged": "done", "failed": "failed", "ignored": "failed",
    "superseded": "gone", "withdrawn": "gone",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A picture in the journal, or an upload that is not there yet."""

    id: str
    """Of the upload, or the number of the job."""
    root: bytes
    """The hot folder."""
    path: bytes
    """Below the hot folder."""
    record: Record | None


def job_of(
    found: Found,
    made: Record | None,
    *,
    folder: str,
    model: str | None,
    batch: str | None,
    wanted: dict[str, Any],
    words: Language,
) -> Job:
    """Return a picture as the API describes it.

    Args:
        found: the picture.
        made: the record whose cut-outs are published; an older one where the newest changed nothing.
        folder: name of its hot folder.
        model: name of the model that made its matte.
        batch: id of its batch.
        wanted: preset and settings it was uploaded with.
        words: the language of its reasons.
    """
    record, name = found.record, readable(found.path.rpartition(b"/")[2])
    if record is None or made is None:
        waits = Job(id=found.id, name=name, folder=folder, state="waiting", stage="waiting")
        return waits.model_copy(update={"batch": batch, "wanted": wanted})
    done = state_of(record.state) == "done"
    unsure = made.approved_at is None and made.confidence is not None and made.confidence < NEEDS_A_LOOK
    url = f"/api/v1/jobs/{found.id}/result"
    outputs = made.outputs if done else ()
    return Job(
        id=found.id,
        name=name,
        folder=folder,
        state=state_of(record.state),
        stage=record.state,
        reason=told(record.reasons, words),
        plainly=told_plainly(record.reasons, words),
        confidence=made.confidence,
        model=model if done else None,
        needs_look=done and unsure,
        created=record.admitted_at,
        ended=record.ended_at,
        version=record.job,
        batch=batch,
        wanted=wanted,
        outputs=[
            OutputFile(path=path, url=f"{url}/{number}" if number else url)
            for number, path in enumerate(outputs)
        ],
    )


def state_of(state: str) -> JobState:
    """Return the API's state for one of the journal's."""
    return _STATES.get(state, "working" if State(state) in WORKING else "waiting")


def states_of(state: str) -> tuple[str, ...]:
    """Return the journal's states for one of the API's; empty for any state."""
    if not state:
        return ()
    return tuple(str(each) for each in State if state_of(str(each)) == state) or ("",)
