"""Originals that stay together: those of a sub-folder that is one job leave when it has ended."""

from collections.abc import Mapping

from mattingd.core.drop_ends import DropEnds, DropId
from mattingd.core.lifecycle import Job
from mattingd.domain.jobs import Chore, Folder


class OpenSets:
    """Ended jobs whose originals wait for the end of their drop. One owner: the job store."""

    def __init__(self, drops: DropEnds) -> None:
        self._drops = drops
        self._kept: dict[DropId, dict[int, Job]] = {}
        self._folders: Mapping[int, Folder] = {}

    def keep(self, job: Job) -> bool:
        """Whether the only cleanup left for a job waits for the end of its drop; then it is kept here."""
        folder, drop = self._folders.get(job.folder), DropId(job.folder, job.drop)
        if folder is None or not folder.drop_by_subfolder or b"/" not in job.path:
            return False
        if job.chores != {Chore.ORIGINAL} or drop not in self._drops:
            return False
        self._kept.setdefault(drop, {})[job.id] = job
        return True

    def ended(self, drop: DropId) -> dict[int, Job]:
        """Return the jobs that waited for the end of this drop, unless it is still open."""
        return {} if drop in self._drops else self._kept.pop(drop, {})

    def use_folders(self, folders: Mapping[int, Folder]) -> list[Job]:
        """Use these hot folders from now on; returns all that waited, for another look."""
        self._folders, kept, self._kept = folders, self._kept, {}
        return [job for jobs in kept.values() for job in jobs.values()]
