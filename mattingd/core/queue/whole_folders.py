"""Move a sub-folder that is one job into the archive as a whole, once each picture in it has ended well.

It waits while a picture of it is unfinished or failed, and says for which. Then each original is checked by
itself; then one rename moves all. The journal has the originals among the cleanup of their jobs until the
answer: after a crash in between they are found in the archive.
"""

from itertools import chain, islice

from mattingd.core.intake import Intake
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State
from mattingd.core.output_paths import archive_place, safe_path
from mattingd.core.queue.open_sets import AGAIN_NS, OpenSet
from mattingd.core.stopping import Shutdown
from mattingd.domain.commands import AskPart, LookAt, RecordArchived
from mattingd.domain.drops import Part
from mattingd.domain.events import FolderMoved, PartSeen
from mattingd.domain.jobs import Chore
from mattingd.domain.text import readable

NAMED = 20
"""So many pictures that keep a sub-folder are named."""


class WholeFolders:
    """See the module. One owner: the scheduler."""

    def __init__(self, work: JobStore, intake: Intake, shutdown: Shutdown) -> None:
        self.work = work
        self.intake = intake
        self.shutdown = shutdown

    def due(self, part: Part) -> None:
        """Look whether a sub-folder may leave now."""
        one = self.work.sets.get(part)
        if one is None or one.unchecked is not None or one.one_by_one:
            return
        if self.work.sets.open_drop(one) or self._under_way(part):
            held = (job.path for job in self.work.by_path.values() if job.state is State.HELD)
            one.waits_for = tuple(islice((path for path in held if self._in(part, part.folder, path)), NAMED))
            self._later(part)
        elif self.work.folders[part.folder].originals != "archive":
            self._one_by_one(one)
        else:
            self.work.out.append(AskPart(part))

    def seen(self, fact: PartSeen) -> None:
        """Begin to move a sub-folder of which nothing has failed: each original is checked first."""
        one = self.work.sets.get(fact.part)
        if one is None or one.unchecked is not None or one.one_by_one:
            return
        one.waits_for = fact.failed[:NAMED]
        if fact.failed:
            self._stays(fact.part, one, f"{len(fact.failed)} of its pictures failed")
            return
        one.ended, one.gone, one.date = fact.ended, fact.gone, min(job.date for job in one.jobs.values())
        one.place = self._place(fact.part.folder, fact.part.name, one)
        if not all(self._below(job) is not None for job in one.jobs.values()):
            self._one_by_one(one)
            return
        one.unchecked = set(one.jobs)
        self.work.chores |= one.jobs

    def checked(self, job: Job) -> None:
        """Handle an original that is as it was read; after the last one the folder moves."""
        one = self.work.sets.of(job)
        if one is None or one.unchecked is None:
            self.work.schedule_cleanup(job)  # other settings by now
        else:
            one.unchecked.discard(job.id)
        self.go_on(job)

    def go_on(self, job: Job) -> None:
        """Move the sub-folder of a job if its originals are all checked, and no other picture has come."""
        part = self.work.sets.part(job.folder, job.path)
        one = None if part is None else self.work.sets.get(part)
        if part is None or one is None or one.unchecked is None or one.unchecked or one.mover is not None:
            return
        if self.work.sets.open_drop(one) or self._under_way(part):
            one.rest()
            self._later(part)
        elif one.unfit:
            one.rest()
            self._stays(part, one, one.unfit)
        else:
            one.mover, one.moving = min(one.jobs), frozenset(one.jobs)
            self.work.chores[one.mover] = one.jobs[one.mover]

    def give_up(self, job: Job, why: str) -> None:
        """Leave a job to the next run; a sub-folder whose original could not be checked stays as a whole."""
        if (one := self.work.sets.of(job)) is not None:
            one.unfit = why
        self.work.let_go(job)
        self.go_on(job)

    def moved(self, job: Job, fact: FolderMoved) -> None:
        """Record where all originals of a sub-folder are now, or let it stay for a while."""
        part, one = self.work.sets.part(job.folder, job.path), self.work.sets.of(job)
        if part is None or one is None:  # other settings by now
            self.work.schedule_cleanup(job)
        elif fact.failed:
            one.rest()
            one.refusals += 1
            self._stays(part, one, fact.failed)
        elif not fact.where:
            self._one_by_one(one)
        else:
            for each in [one.jobs[number] for number in sorted(one.moving & one.jobs.keys())]:
                if each.path in fact.left:
                    continue
                where = f"{fact.where}/{self._below(each)}"
                self.work.out.append(RecordArchived(each.id, where, self.intake.today))
                self.work.chore_done(each, Chore.ORIGINAL)
                self.work.out.append(LookAt(each.folder, each.path))  # it may be put there again at once
            one.rest()
            one.refusals = 0
            if one.jobs:
                self._later(part)

    def _below(self, job: Job) -> str | None:
        """Return the path of an original in its sub-folder; None where the archive needs another name."""
        try:
            below = job.path.partition(b"/")[2].decode()
        except UnicodeDecodeError:
            return None
        windows = self.work.folders[job.folder].windows_names
        return below if not windows or safe_path(below.encode(), windows=True) == below else None

    def _place(self, folder: int, path: bytes, one: OpenSet) -> str:
        return archive_place(self.work.folders[folder], path, one.date)

    def _one_by_one(self, one: OpenSet) -> None:
        one.one_by_one = True
        one.rest()
        self.work.chores |= one.jobs

    def _stays(self, part: Part, one: OpenSet, why: str) -> None:
        """Look again later; a run that ends by itself leaves it to the next one."""
        if not self.shutdown.ending.ends_when_idle:
            self._later(part)
            return
        self.shutdown.left_alone.add(f"the folder {readable(part.name)} stays: {why}")
        for job in list(one.jobs.values()):
            self.work.let_go(job)

    def _later(self, part: Part) -> None:
        one = self.work.sets.get(part)
        pause = self.work.backoff_ns(one.refusals) if one is not None and one.refusals else 0
        self.work.timers.alarm("part", part, self.work.now + max(AGAIN_NS, pause))

    def _under_way(self, part: Part) -> bool:
        """Whether a file of a sub-folder is still being copied, taken or worked on."""
        pending = chain((key for key, _ in self.intake.settler.waiting()), self.intake.admitting)
        return any(self._in(part, *key) for key in chain(pending, self.work.by_path))

    @staticmethod
    def _in(part: Part, folder: int, path: bytes) -> bool:
        return folder == part.folder and path.startswith(part.name + b"/")
