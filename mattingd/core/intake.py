"""From the inspection of a path to an admitted job: settling, superseding, drops, output paths."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from mattingd.core.drop_ends import DropId
from mattingd.core.job_store import JobStore
from mattingd.core.lifecycle import Job, State, Trigger
from mattingd.core.output_paths import Drops, naming
from mattingd.core.policy import SECOND
from mattingd.core.settling import SettlePolicy, SettlingTracker, SourceId
from mattingd.domain.commands import Admit, ForgetWaiting, LookAt, RememberWaiting, Vanished
from mattingd.domain.drops import NO_DROP
from mattingd.domain.earlier import Resting
from mattingd.domain.events import Admitted, AlreadyKnown, FileObservation, FileObserved, Scanned, Today
from mattingd.domain.jobs import Folder, OwnSettings
from mattingd.domain.reasons import Reason

READY = b"READY"
"""A file of this name says that its sub-folder is complete, where sub-folders have drops of their own."""
OUTSIDE = frozenset({"ready_marker", "existed"})
"""Why a file is listed and belongs to no drop: nobody delivered a picture with it."""
WAITING = frozenset({State.QUEUED, State.HELD})
"""Nobody has read the picture yet: a change of the file replaces the job."""


class Intake:
    """Admits files. One owner: the scheduler."""

    def __init__(self, work: JobStore, folders: Mapping[int, Folder]) -> None:
        self.work = work
        self.folders = folders
        self.settler = SettlingTracker(work.policy.settle)
        self.settler.on_shares = _on_shares(folders)
        self.drops = Drops()
        self.admitting: dict[SourceId, int] = {}
        """Files that the journal was asked to admit, and since when they are unchanged."""
        self.unscanned = set(folders)
        """Hot folders whose first scan is not complete."""
        self._parts_under_way: set[tuple[int, bytes]] | None = None
        """Sub-folders with files that are not admitted yet; None when that has to be found out again."""
        self.today = ""
        self.open = True
        """False once the daemon is asked to stop: nothing new is taken."""

    def reconfigure(self, settle: SettlePolicy, folders: Mapping[int, Folder]) -> None:
        """Use other settings for files that are not admitted yet; forget pending files of removed folders."""
        self.unscanned = (self.unscanned & folders.keys()) | (folders.keys() - self.folders.keys())
        self.settler.policy, self.folders, self._parts_under_way = settle, folders, None
        self.settler.on_shares = _on_shares(folders)
        for key in [key for key, _ in self.settler.waiting() if key.folder not in folders]:
            self.settler.forget(key)

    def seed(self, resting: Iterable[Resting]) -> None:
        """Files that an earlier run held back."""
        for file in resting:
            since = self.work.now - round(file.unchanged_for * SECOND)
            self.settler.seed(SourceId(file.folder, file.path), file.stamp, since)

    def new_day(self, fact: Today) -> None:
        """Give drops that open from now on this date."""
        self.today = fact.date

    def scanned(self, fact: Scanned) -> None:
        """Handle the end of a scan; everything it found was reported before."""
        self.unscanned.discard(fact.folder)
        self.work.out += [ForgetWaiting(*key) for key in self.settler.not_seen_again(fact.folder)]

    def looked(self, fact: FileObserved, batches: int) -> None:
        """Handle an inspection of a path. `batches` is the number of batches sent to the engine so far."""
        key, look, self._parts_under_way = SourceId(fact.folder, fact.path), fact.look, None
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
                self.work.move(job, Trigger.CHANGED, Reason.of("saved_again"))
            self._rest(key, look, batches)

    def confirm(self, key: SourceId, deadline: int) -> None:
        """Request one more inspection because a pending file's quiet period is over."""
        if not self.open or self.settler.deadline(key) != deadline:
            return
        if self._in_work(key):
            self._postpone(key)
        else:
            self.settler.confirm(key)
            self.work.out.append(LookAt(*key))

    def hasten(self, key: SourceId) -> None:
        """Take a pending file now because the user wants it: inspect it once more, without further checks."""
        self.settler.hasten(key)
        if self._in_work(key):
            self._postpone(key)
        elif self.settler.deadline(key) is not None:
            self.settler.confirm(key)
            self.work.out.append(LookAt(*key))

    def admitted(self, fact: Admitted) -> None:
        """Queue a job that the journal has admitted."""
        self._parts_under_way = None
        job = Job.from_row(fact.row, self.work.now)
        job.unchanged_since = self.admitting.pop(SourceId(job.folder, job.path), self.work.now)
        if job.state is State.QUEUED:
            self.work.adopt(job)
            self.work.enqueue(job)
        else:
            self.work.listed(job)

    def known(self, fact: AlreadyKnown) -> None:
        """Handle a file that the journal already knows."""
        self._parts_under_way = None
        key = SourceId(fact.folder, fact.path)
        self.admitting.pop(key, None)
        if key not in self.work.by_path:
            self.work.wanted.discard(key)

    def _vanished(self, key: SourceId, job: Job | None) -> None:
        self.settler.forget(key)
        self.work.wanted.discard(key)
        if job is None:
            self.work.out.append(Vanished(*key))
        elif job.state in WAITING:
            self.work.move(job, Trigger.VANISHED, Reason.of("taken_out"))
        else:
            job.gone = True

    def marker_due(self, key: SourceId) -> None:
        """Close the drop of a sub-folder that is marked as complete, once all its files are taken."""
        part = self._part(key)
        if self._parts_under_way is None:
            under_way = chain((other for other, _ in self.settler.waiting()), self.admitting)
            self._parts_under_way = {(other.folder, self._part(other)) for other in under_way}
        if (key.folder, part) in self._parts_under_way:
            # the alarms of all pending files go off together: the files are walked through once for them
            self.work.timers.alarm("ready", key, (self.work.now // SECOND + 1) * SECOND)
        elif (name := self.drops.close(key.folder, part)) is not None:
            self.work.joined(DropId(key.folder, name), self.work.now)

    def _part(self, key: SourceId) -> bytes:
        """Return the sub-folder whose files are a drop of their own.

        Empty where the whole hot folder is one drop.
        """
        folder, (part, slash, _) = self.folders.get(key.folder), key.path.partition(b"/")
        return part if slash and folder is not None and folder.drop_by_subfolder else b""

    def _rest(self, key: SourceId, look: FileObservation, batches: int) -> None:
        if (part := self._part(key)) and key.path == b"%s/%s" % (part, READY):
            look = replace(look, odd=look.odd or Reason.of("ready_marker"))
            self.work.timers.alarm("ready", key, self.work.now + SECOND)
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
            self._keep(key)

    def _keep(self, key: SourceId) -> None:
        """Have the journal remember since when a file waits that is held back: a restart forgets nothing."""
        if (file := self.settler.to_keep(key)) is not None:
            seconds = (self.work.now - file.since) / SECOND
            self.work.out.append(RememberWaiting(*key, file.stamp, seconds))

    def _in_work(self, key: SourceId) -> bool:
        """Whether an older version is too far to be cancelled: its outcome decides what the new one needs."""
        job = self.work.by_path.get(key)
        return job is not None and job.state not in WAITING

    def _postpone(self, key: SourceId) -> None:
        reason = Reason.of("version_before")
        self.work.timers.wake(self.settler.postpone(key, self.work.now, reason), "settle", key)

    def _admit(self, key: SourceId, look: FileObservation, since: int, batches: int) -> None:
        folder = as_asked(self.folders[key.folder], look.own)
        if look.odd is not None and look.odd.code in OUTSIDE:
            date, name = self.today, self.today + NO_DROP
        else:
            date, name = self._joined(key)
        self.admitting[key] = since
        self.work.out.append(
            Admit(
                folder=key.folder,
                path=key.path,
                stamp=look.stamp,
                recipe=folder.recipe,
                naming=naming(folder, key.path, date, name),
                drop=name,
                batches=batches,
                ignored=look.odd,
                follow=self.work.policy.follow_moved,
            )
        )

    def _joined(self, key: SourceId) -> tuple[str, str]:
        """Return the date and the name of the drop that a file joins."""
        quiet, part = self.work.policy.drop_ns, self._part(key)
        drop = self.drops.join(key.folder, self.today, self.work.now, quiet, part)
        self.work.joined(DropId(key.folder, drop.name), drop.closes)
        return drop.date, drop.name


def as_asked(folder: Folder, own: OwnSettings | None) -> Folder:
    """Return a hot folder with the settings that were requested for one picture instead of its own."""
    if own is None:
        return folder
    return replace(folder, recipe=own.recipe, endings=own.endings, preset_name=own.preset_name)


def _on_shares(folders: Mapping[int, Folder]) -> frozenset[int]:
    return frozenset(number for number, folder in folders.items() if folder.on_share)


def _same_file(job: Job, look: FileObservation) -> bool:
    """Whether an inspection shows the file that the job was admitted with, including its strokes.

    For a picture that is still to be read, the inode and the time of its change do not matter: its content at
    that time is what counts.
    """
    stamp = replace(look.stamp, mark=0) if job.state in WAITING else look.stamp
    return job.stamp.same_as(stamp)
