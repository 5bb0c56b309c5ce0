"""Carry out the scheduler's commands, once the journal holds them.

Pixels travel beside facts and commands. Between the processes they are kept here, by job.
"""

import os

from mattingd.core.scheduler import Scheduler
from mattingd.domain import commands, events
from mattingd.ingest.hot_folders import HotFolderScanners
from mattingd.journal import JournalWriter
from mattingd.outputs.cleaner import Cleaner
from mattingd.runtime.in_use import InUse
from mattingd.workers.supervisor import ProcessSupervisor


class PixelStore:
    """Network inputs that wait for the engine, and mattes that wait for their worker."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._nets: dict[int, bytes] = {}
        self._mattes: dict[int, tuple[int, bytes]] = {}

    def keep(self, fact: events.Fact, pixels: bytes) -> None:
        """Keep the pixels that came with a fact."""
        if isinstance(fact, events.ReadOk | events.AnotherPass):
            self._nets[fact.job] = pixels
        elif isinstance(fact, events.Inferred):
            jobs = self._scheduler.jobs_of_batch(fact.batch)
            size = len(pixels) // len(jobs)
            for index, number in enumerate(jobs):
                if self._mattes.get(number, (0, b""))[0] < fact.batch:  # an earlier batch's comes too late
                    self._mattes[number] = (fact.batch, pixels[index * size : (index + 1) * size])

    def inputs_of(self, jobs: tuple[int, ...]) -> bytes:
        """Return the network inputs of a batch, one after the other."""
        return b"".join(self._nets[number] for number in jobs)

    def take_matte(self, job: int) -> bytes | None:
        """Remove and return the matte of a job; None when the worker holds it."""
        return self._mattes.pop(job, (0, None))[1]

    def discard(self, job: int) -> None:
        """Drop all pixels of a job."""
        self._nets.pop(job, None)
        self._mattes.pop(job, None)

    def drop_matte(self, job: int, batch: int) -> None:
        """Drop the matte that this batch gave."""
        if self._mattes.get(job, (0, b""))[0] == batch:
            del self._mattes[job]


class CommandExecutor:
    """See the module. Used on the scheduler's thread."""

    def __init__(
        self,
        pixels: PixelStore,
        processes: ProcessSupervisor,
        scanners: HotFolderScanners,
        cleaner: Cleaner,
        journal: JournalWriter,
        in_use: InUse,
    ) -> None:
        self._pixels = pixels
        self._processes = processes
        self._scanners = scanners
        self._cleaner = cleaner
        self._journal = journal
        self._in_use = in_use
        self.ended: commands.Stop | None = None
        """Set once the run is over."""

    def perform(self, command: commands.Action) -> None:
        """Carry out a command that is not for the journal."""
        match command:
            case commands.LookAt(folder, path):
                self._scanners.look_at(folder, path)
            case commands.ContinueRetention():
                if self._journal.is_home(os.fsencode(self._in_use.settings.output_dir)):
                    self._processes.look_for_mark()
                self._cleaner.go_on()
            case commands.RejectModel() | commands.TakeOutDevice() | commands.AnnounceShutdown():
                pass  # reported by reporters; the requester asks again and sees the outcome
            case commands.Stop():
                self.ended = command
            case commands.Infer() | commands.StartEngine() | commands.KillEngine() | commands.EndEngine():
                self._to_engine(command)
            case _:
                self._to_worker(command)

    def _to_engine(
        self, command: commands.Infer | commands.StartEngine | commands.KillEngine | commands.EndEngine
    ) -> None:
        if isinstance(command, commands.Infer):
            self._processes.tell_engine(command, self._pixels.inputs_of(command.jobs))
        else:
            self._processes.look_after_engine(command)

    def _to_worker(
        self,
        command: commands.Read
        | commands.Publish
        | commands.DoChore
        | commands.MoveFolder
        | commands.TrimMemory
        | commands.Finish
        | commands.Discard
        | commands.DropMatte
        | commands.StartWorker
        | commands.StartRemote
        | commands.KillWorker,
    ) -> None:
        match command:
            case commands.DropMatte(job, batch):
                self._pixels.drop_matte(job, batch)
            case commands.StartRemote(sha256):
                self._processes.start_remote(sha256)
            case commands.StartWorker(worker):
                self._processes.start_worker(worker)
            case commands.KillWorker(worker, why):
                self._processes.kill_worker(worker, why)
            case commands.Finish(worker=worker, job=job):
                self._processes.tell_worker(worker, command, self._pixels.take_matte(job))
            case commands.Discard(worker, job):
                self._pixels.discard(job)
                self._processes.tell_worker(worker, command)
            case _:
                self._processes.tell_worker(command.worker, command)
