"""Originals that stay together: those of a sub-folder that is one job leave when all of it has ended."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mattingd.core.drop_ends import DropEnds, DropId
from mattingd.core.lifecycle import Job
from mattingd.core.policy import SECOND
from mattingd.core.timers import Timers
from mattingd.domain.drops import EndedFile, Part
from mattingd.domain.jobs import Chore, Folder

AGAIN_NS = 10 * SECOND
"""A sub-folder that has to stay is looked at again after this."""


@dataclass(slots=True)
class OpenSet:
    """The originals of a sub-folder, and how far they are on their way out of it."""

    jobs: dict[int, Job] = field(default_factory=dict)
    """Ended jobs whose originals are still to leave."""
    unchecked: set[int] | None = None
    """Those whose originals are still to be checked before the folder moves; None while it waits."""
    ended: tuple[EndedFile, ...] = ()
    """What the journal said of the files in it, when it was asked last ..."""
    gone: tuple[EndedFile, ...] = ()
    """... and of those that are not in it any more."""
    mover: int | None = None
    """The job in whose name the whole folder is moved ..."""
    moving: frozenset[int] = frozenset()
    """... and those whose originals were checked before: others may come while it is under way."""
    unfit: str = ""
    """Why an original could not be checked, in a run that does not try it for ever: then the folder stays."""
    date: str = ""
    """The day of the archive that it goes to ..."""
    place: str = ""
    """... and its preferred path there."""
    refusals: int = 0
    """How often it could not be moved so far: it is tried ever more rarely."""
    one_by_one: bool = False
    """Whether each original leaves by itself."""
    waits_for: tuple[bytes, ...] = ()
    """Pictures that keep it: they failed, or wait for a reason of their own."""

    @property
    def files(self) -> tuple[EndedFile, ...]:
        """All files that may be in it."""
        of_jobs = (EndedFile(job.path, job.stamp) for job in self.jobs.values())
        return tuple({file.path: file for file in (*of_jobs, *self.ended)}.values())

    @property
    def originals(self) -> tuple[bytes, ...]:
        """The paths of the originals that leave with it."""
        return tuple(self.jobs[number].path for number in sorted(self.moving & self.jobs.keys()))

    def rest(self) -> None:
        """Wait again: something has come in between."""
        self.unchecked, self.mover, self.moving = None, None, frozenset()

    def stays(self, job: int) -> bool:
        """Whether there is nothing to do for the original of this job at present."""
        return not (self.one_by_one or job == self.mover or job in (self.unchecked or ()))


class OpenSets:
    """Sub-folders whose originals wait for one another. One owner: the job store."""

    def __init__(self, drops: DropEnds, timers: Timers) -> None:
        self._drops = drops
        self._timers = timers
        self._sets: dict[Part, OpenSet] = {}
        self._of_drop: dict[DropId, Part] = {}
        """The sub-folder that waits for the end of a drop."""
        self._folders: Mapping[int, Folder] = {}

    def part(self, folder: int, path: bytes) -> Part | None:
        """Return the sub-folder of a path, where sub-folders have drops of their own."""
        known, (name, slash, _) = self._folders.get(folder), path.partition(b"/")
        return Part(folder, name) if slash and known is not None and known.drop_by_subfolder else None

    def get(self, part: Part) -> OpenSet | None:
        """Return the originals of a sub-folder that wait; None without any."""
        return self._sets.get(part)

    def of(self, job: Job) -> OpenSet | None:
        """Return the originals that a job's original leaves with; None when it leaves by itself."""
        part = self.part(job.folder, job.path)
        one = None if part is None else self._sets.get(part)
        return one if one is not None and job.id in one.jobs and not one.one_by_one else None

    def keep(self, job: Job, now: int) -> bool:
        """Whether the only cleanup left for a job waits for others; then it is kept here."""
        part = self.part(job.folder, job.path)
        if part is None or job.chores != {Chore.ORIGINAL}:
            return False
        drop, one = DropId(job.folder, job.drop), self._sets.get(part)
        if drop in self._drops:
            self._of_drop[drop] = part
        if one is None:
            one = self._sets[part] = OpenSet()
            self._timers.alarm("part", part, now + AGAIN_NS if drop in self._drops else now)
        one.jobs[job.id] = job
        return one.stays(job.id)

    def left(self, job: Job) -> None:
        """Forget a job that has nothing more to be done for it."""
        part = self.part(job.folder, job.path)
        one = None if part is None else self._sets.get(part)
        if part is None or one is None:
            return
        one.jobs.pop(job.id, None)
        (one.unchecked or set()).discard(job.id)
        if not one.jobs:
            del self._sets[part]

    def closed(self, drop: DropId, now: int) -> None:
        """Look at a sub-folder again as soon as its drop has ended."""
        if drop not in self._drops and (part := self._of_drop.pop(drop, None)) is not None:
            self._timers.alarm("part", part, now)

    def open_drop(self, one: OpenSet) -> bool:
        """Whether a drop that these originals belong to has not ended."""
        return any(DropId(job.folder, job.drop) in self._drops for job in one.jobs.values())

    def waiting(self, folder: int) -> Iterator[tuple[bytes, OpenSet]]:
        """Return the sub-folders of a hot folder that stay because of single pictures."""
        ours = ((part, one) for part, one in self._sets.items() if part.folder == folder)
        return ((part.name, one) for part, one in ours if one.waits_for)

    def use_folders(self, folders: Mapping[int, Folder]) -> Iterable[Job]:
        """Use these hot folders from now on; returns all that waited, for another look."""
        self._folders, kept, self._sets = folders, self._sets, {}
        self._of_drop.clear()
        return [job for one in kept.values() for job in one.jobs.values()]
