"""The cleanup of ended pictures: error notes, temp files, and originals that leave their hot folder."""

from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State, note_moved
from mattingd.core.output_paths import archive_place
from mattingd.core.settling import SourceId
from mattingd.domain.commands import DoChore, MoveFolder, RecordArchived, RecordNote
from mattingd.domain.events import ChoreDone
from mattingd.domain.jobs import Chore, Original
from mattingd.domain.picture_names import surely_dropped


def next_with_chore(work: JobStore) -> Job | None:
    """Take the next job whose cleanup is due and needs no offline folder; None when there is none."""
    number = next((each.id for each in work.chores.values() if _can_be_done(work, each)), None)
    return None if number is None else work.chores.pop(number)


def chore_order(work: JobStore, job: Job, worker: int) -> DoChore | MoveFolder:
    """Return the command for the job's next piece of cleanup; its original comes last."""
    chore = Chore(min(job.chores, key=lambda chore: (chore == Chore.ORIGINAL, chore)))
    together = work.sets.of(job) if chore is Chore.ORIGINAL else None
    if together is not None and together.mover == job.id:
        part = job.path.partition(b"/")[0]
        what = together.place, together.files, together.originals, together.gone
        return MoveFolder(worker, job.id, job.folder, part, *what)
    notes = job.stale_notes if chore is Chore.REMOVE_NOTE else (job.note,)
    return DoChore(
        worker,
        job.id,
        chore,
        () if job.state is State.UNCHANGED and chore is Chore.ORIGINAL else job.outputs,
        notes,
        job.folder,
        job.path,
        job.reason,
        _original(work, job) if chore is Chore.ORIGINAL else None,
        together=together is not None,
    )


def record_place(work: JobStore, job: Job, fact: ChoreDone, today: str) -> None:
    """Record where an error note, whose name was taken, or an original was put."""
    if fact.where and fact.chore is Chore.NOTE:
        note_moved(job, work.by_path.get(SourceId(job.folder, job.path)), fact.where)
        work.out.append(RecordNote(job.id, fact.where))
    elif fact.where:
        work.out.append(RecordArchived(job.id, fact.where, today))


def _can_be_done(work: JobStore, job: Job) -> bool:
    return job.chores != {Chore.ORIGINAL} or job.folder not in work.gates.offline


def _original(work: JobStore, job: Job) -> Original | None:
    """Return what happens to an original by the present settings; None when it stays."""
    folder = work.folders.get(job.folder)
    if folder is None or folder.originals == "keep" or job.sha256 is None or not surely_dropped(job.path):
        return None
    if folder.originals == "delete" and job.state is not State.DONE:
        return None
    together = work.sets.of(job)
    place = archive_place(folder, job.path, job.date if together is None else together.date)
    return Original(folder.originals, place, job.stamp, job.sha256)
