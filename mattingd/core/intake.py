"""From a look at a path to an admitted job: settling, supersession, drops, places."""

from collections.abc import Mapping
from dataclasses import replace

from mattingd.core.drop_ends import DropId
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Event, Job, State
from mattingd.core.output_paths import Drops, naming
from mattingd.core.settling import SettlePolicy, SettlingTracker, SourceId
from mattingd.domain.commands import Admit, LookAt, Vanished
from mattingd.domain.events import Admitted, AlreadyKnown, FileObservation, FileObserved, Scanned, Today
from mattingd.domain.jobs import Folder

WAITING = frozenset({State.QUEUED, State.HELD})
"""Nobody has read the picture yet: a change of the file replaces the job."""


class Intake:
    """The door. One owner: the scheduler."""

    def __init__(self, work: JobStore, folders: Mapping[int, Folder]) -> None:
        self.work = work
        self.folders = folders
        self.settler = SettlingTracker(work.policy.settle)
        self.drops = Drops()
        self.admitting: dict[SourceId, int] = {}
        """Files that the journal was asked to admit, and since when they are unchanged."""
        self.unscanned = set(folders)
        """Hot folders whose first scan is not complete."""
        self.today = ""
        self.open = True
        """False once the daemon is asked to stop: nothing new is taken."""

    def reconfigure(self, settle: SettlePolicy, folders: Mapping[int, Folder]) -> None:
        """Other settings, for files that are not admitted yet; what rested elsewhere is let go of."""
        self.unscanned = (self.unscanned & folders.keys()) | (folders.keys() - self.folders.keys())
        self.settler.policy, self.folders = settle, folders
        for key in [key for key, _ in self.settler.waiting() if key.folder not in folders]:
            self.settler.forget(key)

    def new_day(self, fact: Today) -> None:
        """Drops that open from now on carry this date."""
        self.today = fact.date

    def scanned(self, fact: Scanned) -> None:
        """A scan of a folder is complete: all it found was reported before."""
        self.unscanned.discard(fact.folder)

    def looked(self, fact: FileObserved, batches: int) -> None:
        """Somebody saw what is, or is not any more, at a path. `batches`: sent to the engine so far."""
        key, look = SourceId(fact.folder, fact.path), fact.look
        job = self.work.by_path.get(key)
        if look is None:
            self._vanished(key, job)
            return
        if job is not None:
            job.gone = False
        if job is not None and _same_file(job, look):
            self.settler.forget(key)
        elif self.open and key.folder in self.folders:
            if job is not None and job.state in WAITING:
                self.work.move(job, Event.CHANGED, "it was saved again before its turn came")
            self._rest(key, look, batches)

    def confirm(self, key: SourceId, deadline: int) -> None:
        """A resting file's quiet period is over: have it looked at once more."""
        if not self.open or self.settler.deadline(key) != deadline:
            return
        if self._in_work(key):
            self._postpone(key)
        else:
            self.settler.confirm(key)
            self.work.out.append(LookAt(*key))

    def hasten(self, key: SourceId) -> None:
        """A person wants a resting file taken now: look at it once more and let nothing hold it back."""
        self.settler.hasten(key)
        if self._in_work(key):
            self._postpone(key)
        elif self.settler.deadline(key) is not None:
            self.settler.confirm(key)
            self.work.out.append(LookAt(*key))

    def admitted(self, fact: Admitted) -> None:
        """The journal has it: queue it."""
        job = Job.from_row(fact.row)
        job.unchanged_since = self.admitting.pop(SourceId(job.folder, job.path), self.work.now)
        if job.state is State.QUEUED:
            self.work.adopt(job)
            self.work.enqueue(job)
        else:
            self.work.listed(job)

    def known(self, fact: AlreadyKnown) -> None:
        """The journal has had it before."""
        self.admitting.pop(SourceId(fact.folder, fact.path), None)

    def _vanished(self, key: SourceId, job: Job | None) -> None:
        self.settler.forget(key)
        if job is None:
            self.work.out.append(Vanished(*key))
        elif job.state in WAITING:
            self.work.move(job, Event.VANISHED, "it was taken out of the hot folder before its turn came")
        else:
            job.gone = True

    def _rest(self, key: SourceId, look: FileObservation, batches: int) -> None:
        if look.odd is not None:
            self.settler.forget(key)
            self._admit(key, look, self.work.now, batches)
        elif self._in_work(key):
            self.settler.looked(key, replace(look, full=False), self.work.now)
            self._postpone(key)
        elif (since := self.settler.looked(key, look, self.work.now)) is not None:
            self._admit(key, look, since, batches)
        elif (deadline := self.settler.deadline(key)) is not None:
            self.work.timers.wake(deadline, "settle", key)

    def _in_work(self, key: SourceId) -> bool:
        """Whether an older version is past calling off: what it ends as decides what the new one needs."""
        job = self.work.by_path.get(key)
        return job is not None and job.state not in WAITING

    def _postpone(self, key: SourceId) -> None:
        reason = "the version before it is still being worked on"
        self.work.timers.wake(self.settler.postpone(key, self.work.now, reason), "settle", key)

    def _admit(self, key: SourceId, look: FileObservation, since: int, batches: int) -> None:
        folder = self.folders[key.folder]
        drop = self.drops.join(key.folder, self.today, self.work.now)
        self.admitting[key] = since
        self.work.joined(DropId(key.folder, drop.name), drop.closes)
        self.work.out.append(
            Admit(
                folder=key.folder,
                path=key.path,
                stamp=look.stamp,
                recipe=folder.recipe,
                naming=naming(folder, key.path, drop.date, drop.name),
                drop=drop.name,
                batches=batches,
                ignored=look.odd,
            )
        )


def _same_file(job: Job, look: FileObservation) -> bool:
    """Whether a look shows what the job was admitted with, strokes too; the inode counts in settling only."""
    return job.stamp.same_as(look.stamp)
