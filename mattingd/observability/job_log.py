"""Log lines for users, from facts.

A reporter sees every fact and every command of a running daemon, in order, on the scheduler's thread. It must
be quick and must not change anything. Adding a reporter changes nothing else.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from mattingd.domain import events
from mattingd.domain.commands import (
    AnnounceShutdown,
    Command,
    DoChore,
    EndEngine,
    Finish,
    Move,
    Publish,
    Read,
    RejectModel,
    StartEngine,
    Stop,
    TakeOutDevice,
    UseModel,
)
from mattingd.domain.jobs import ENDS, Chore, Fault, JobRecord, model_name
from mattingd.domain.reasons import Reason, told
from mattingd.domain.text import readable
from mattingd.observability.folder_log import FolderLog
from mattingd.observability.rate_limit import LogRateLimiter
from mattingd.observability.remote_log import RemoteLog
from mattingd.system import clock

NAMED = 3
"""Pictures named one by one in a line."""
OF_ONE_KIND = 20
"""So many pictures that failed, or were ignored, for the same reason are told one by one before."""


class Reporter(Protocol):
    """The interface of reporters."""

    def fact(self, fact: events.Fact) -> None:
        """Handle a fact."""

    def command(self, command: Command) -> None:
        """Handle a command that is about to be carried out."""


@dataclass(slots=True)
class Ended:
    """A job that has ended."""

    job: int
    name: str
    state: str
    reason: str
    note: str
    """Path of its error note below the output folder, if it failed."""
    folder: str = ""
    """Name of its hot folder."""


class Names:
    """Names of live jobs: the journal has them too, but a log line needs them at once."""

    def __init__(self) -> None:
        self.folders: dict[int, str] = {}
        """What each hot folder is called."""
        self._live: dict[int, tuple[str, str, int]] = {}

    def of(self, row: JobRecord) -> str:
        """Return hot folder and path, readable."""
        return self.at(row.folder, row.path)

    def at(self, number: int, source: bytes) -> str:
        """Return the same for any file of a hot folder."""
        folder, path = self.folders.get(number, "?"), readable(source)
        return f"{folder}/{path}" if folder else path

    def line_of(self, job: int) -> dict[str, Any]:
        """Return the fields of every log line about a live job; empty when it is unknown."""
        if job not in self._live:
            return {}
        name, _, folder = self._live[job]
        return {"job": job, "file": name, **self._in_folder(folder)}

    def line(self, job: int, folder: int, source: bytes) -> dict[str, Any]:
        """Return the same about any job."""
        return {"job": job, "file": self.at(folder, source), **self._in_folder(folder)}

    def remember(self, row: JobRecord) -> None:
        """Add a live job."""
        if row.state not in ENDS:
            self._live[row.job] = self.of(row), row.note, row.folder

    def ended(self, fact: events.JobEnded) -> Ended:
        """Remove a job at its end and return the end with its names."""
        self._live.pop(fact.job, None)
        name, folder = self.at(fact.folder, fact.path), self.folders.get(fact.folder, "")
        return Ended(fact.job, name, fact.state, told(fact.reasons), fact.note, folder)

    def _in_folder(self, folder: int) -> dict[str, str]:
        name = self.folders.get(folder)
        return {"folder": name} if name else {}


class LogReporter:
    """Log lines: one for each picture's end, and for what a person should know of the daemon itself.

    What many pictures have in common (an output that is full, a right that is missing) is told once a minute.
    """

    def __init__(self, names: Names, log: Any) -> None:
        self._names = names
        self._log = log
        self._remote = RemoteLog(log)
        self._sets = FolderLog(log, names.folders)
        self._floods = LogRateLimiter()
        self._output_fails = False
        self._stop_reason = ""
        self._told_passed_over: set[int] = set()
        self._blocked = 0
        """The job whose own place was the last that could not be written."""
        self._beside = 0
        """The engine that comes up with another model: its end is no restart."""
        self._in_hand: dict[int, dict[str, Any]] = {}
        """What each worker is busy with, as lines about its job name it."""
        self._offline: dict[int | None, set[Reason]] = {}
        """The reasons told for each hot folder, and for the output (None), since it went offline."""

    def fact(self, fact: events.Fact) -> None:  # noqa: C901, PLR0912, PLR0915 - one case for each kind of fact
        """Log a fact, if it is important."""
        self._tell_gathered(clock.monotonic_ns())
        self._remote.fact(fact)
        self._sets.fact(fact)
        match fact:
            case events.Admitted(row=row):
                self._names.remember(row)
            case events.JobEnded():
                self._tell_end(self._names.ended(fact))
            case events.DropEnded(folder=folder, drop=drop, ends=ends):
                self._log.info("drop", folder=self._names.folders.get(folder, "?"), drop=drop, **dict(ends))
            case events.EngineUp():
                self._log.info("ready", **told_of_engine(fact), seconds=round(fact.load_seconds, 1))
                if fact.remark:
                    self._log.warning("engine", reason=fact.remark)
            case events.EngineDied():
                self._tell_of_death(fact)
            case events.WorkerDied(worker=worker, how=how):
                whose = self._in_hand.pop(worker, {})
                self._often("warning", "restart", str(how), who=f"picture worker {worker}", **whose)
            case events.FolderTrouble() | events.OutputTrouble() | events.FolderLeft():
                self._tell_of_folder(fact)
            case events.Scanned(folder=folder, passed_over=number):
                self._tell_of_passed_over(folder, number)
            case events.Overflowed(folder=folder):
                why = "the kernel dropped notifications; the folder is looked through at once"
                self._rarely("warning", "overflow", why, folder=self._names.folders.get(folder, "?"))
            case events.Faulted(fault=Fault.OUTPUT):
                self._output_fails = True
            case events.Faulted(fault=Fault.PLACE, job=job):
                self._blocked = job
            case events.Finished() if self._output_fails:
                self._output_fails = False
                self._log.info("writing", why="the output folder can be written again")
            case events.ChoreDone(chore=Chore.ORIGINAL, failed=str(failed), job=job):
                whose = self._in_hand.get(fact.worker, {"job": job})
                self._rarely("warning", "original stays", f"it cannot be moved at present: {failed}", **whose)
            case events.OutputShared() | events.SpaceLow():
                self._tell_of_output(fact)
            case events.Cleaned():
                self._tell_of_cleaning(fact)
            case events.Stuck(who=who):
                self._log.error("stuck", who=who, why="it does not respond; the daemon should be restarted")
            case events.StopAsked(reason=reason):
                self._stop_reason = reason
            case events.Reloaded(taken=taken, restart=restart):
                self._tell_of_settings(taken, restart)
            case events.ReloadRefused(mistakes=mistakes):
                for mistake in mistakes:
                    self._log.error("settings", why=f"{mistake}; the ones in use stay")
            case events.PauseAsked(folder=folder, paused=paused):
                self._tell_of_pause(self._names.folders.get(folder, "?"), paused=paused)
            case events.RetryAsked() | events.ApproveAsked() | events.ForgetAsked():
                self._tell_of_request(fact)
            case _:
                pass

    def command(self, command: Command) -> None:
        """Log the start and end of work, and what a job waits for."""
        self._sets.command(command)
        if isinstance(command, Read | Finish | Publish):
            self._in_hand[command.worker] = self._names.line_of(command.job)
        elif isinstance(command, DoChore):  # its job may have ended
            self._in_hand[command.worker] = self._names.line(command.job, command.folder, command.source)
        elif isinstance(command, Move) and self._waits(command):
            self._rarely("warning", "waiting", str(command.reason), **self._names.line_of(command.job))
        elif isinstance(command, StartEngine | EndEngine | UseModel | RejectModel):
            self._tell_of_engine(command)
        elif isinstance(command, TakeOutDevice):
            why = f"{command.why}; the other devices go on, and `mattingd reload` tries it again"
            self._log.warning("device taken out", device=command.device, why=why)
        elif isinstance(command, AnnounceShutdown):
            self._log.info("stopping", why=f"{self._stop_reason}: {self._drains(command)}")
        elif isinstance(command, Stop):
            self._tell_gathered(None)
            self._log.info("ended", why=command.reason, code=int(command.code))

    def _tell_of_death(self, fact: events.EngineDied) -> None:
        if fact.engine != self._beside:
            self._rarely("warning", "restart", str(fact.how), who="the engine")

    def _tell_of_engine(self, command: StartEngine | EndEngine | UseModel | RejectModel) -> None:
        match command:
            case StartEngine(beside=True):
                self._beside = command.engine
                name = model_name(command.model)
                self._log.info("model", why=f"{name} are loaded beside those in use")
            case StartEngine(cpu=True):
                self._log.warning(
                    "processor", why="the GPU has no memory for a single picture; going on without it"
                )
            case EndEngine(why=why):
                self._log.info("unloaded", who="the engine", why=why)
            case UseModel(models=models):
                self._beside = 0
                name = model_name(models.current)
                self._log.info("model", why=f"{name} make the mattes from now on", **_hash(models.current))
            case RejectModel(model=model, why=why):
                name = model_name(model)
                self._log.warning("model", why=f"{name} are not used: {why}", **_hash(model))

    def _drains(self, drain: AnnounceShutdown) -> str:
        """Log what the daemon waits for before its end."""
        if not drain.jobs:
            return "nothing is in work"
        files = [line["file"] for job in drain.jobs if (line := self._names.line_of(job))]
        named, more = ", ".join(files[:NAMED]), len(drain.jobs) - len(files[:NAMED])
        told = " and ".join(part for part in (named, f"{more} more" if more else "") if part)
        what = "1 picture in work is" if len(drain.jobs) == 1 else f"{len(drain.jobs)} pictures in work are"
        return f"{what} finished first, for {drain.seconds:g} s at most" + (f": {told}" if named else "")

    def _tell_of_settings(self, taken: tuple[str, ...], restart: tuple[str, ...]) -> None:
        for change in taken:
            self._log.info("settings", why=change)
        for name in restart:
            self._log.warning("settings", why=f"{name} needs a restart; until then it stays as it was")
        if not (taken or restart):
            self._log.info("settings", why="the configuration was read again; nothing has changed")

    def _tell_of_request(self, fact: events.RetryAsked | events.ApproveAsked | events.ForgetAsked) -> None:
        """Log one line for a picture that a user requested something for."""
        word, why = "again", "a user asked for it"
        if isinstance(fact, events.ForgetAsked):
            word = "forgotten"
        elif isinstance(fact, events.ApproveAsked):
            word = "approved" if fact.approved else "approval withdrawn"
        self._often("info", word, why, file=self._names.at(fact.folder, fact.path))

    def _tell_of_pause(self, folder: str, *, paused: bool) -> None:
        if paused:
            self._log.info("paused", folder=folder, why="what is in work is finished, nothing more is begun")
        else:
            self._log.info("resumed", folder=folder, why="it goes on")

    def _tell_of_passed_over(self, folder: int, number: int) -> None:
        """Log skipped files once per run and folder: nothing is skipped silently."""
        if number and folder not in self._told_passed_over:
            self._told_passed_over.add(folder)
            why = "hidden, or other programs' own; `mattingd history --ignored` lists them"
            self._log.info("passed over", folder=self._names.folders.get(folder, "?"), number=number, why=why)

    def _waits(self, move: Move) -> bool:
        prepared = move.state == "prepared" and (self._output_fails or self._blocked == move.job)
        return move.state == "held" or (prepared and bool(move.reason))

    def _tell_end(self, ended: Ended) -> None:
        whose: dict[str, Any] = {"job": ended.job, "file": ended.name}
        if ended.folder:
            whose["folder"] = ended.folder
        if ended.state == "done":
            self._log.info("done", **whose, **({"why": ended.reason} if ended.reason else {}))
        else:
            level = "warning" if ended.state == "failed" else "info"
            self._often(level, ended.state, ended.reason, **whose)

    def _tell_of_output(self, fact: events.OutputShared | events.SpaceLow) -> None:
        match fact:
            case events.OutputShared(others=others):
                self._log.warning("shared", why=others or "no other mattingd works for the output folder now")
            case events.SpaceLow(reason=Reason() as reason):
                self._log.warning("paused", why=str(reason))
            case events.SpaceLow():
                self._log.info("resumed", why="the output disk has enough free space again")

    def _tell_of_folder(self, fact: events.FolderTrouble | events.OutputTrouble | events.FolderLeft) -> None:
        """Log each reason once while a folder is offline: they alternate while a server starts or stops."""
        number, name, back = None, "output", "the output folder can be used again"
        if not isinstance(fact, events.OutputTrouble):
            number, back = fact.folder, "the hot folder can be read again"
            name = self._names.folders.get(number, "?")
        if isinstance(fact, events.FolderLeft):
            self._offline.pop(number, None)
        elif fact.reason is None:
            if self._offline.pop(number, None):
                self._often("info", "online", back, folder=name)
        elif fact.reason not in (said := self._offline.setdefault(number, set())):
            said.add(fact.reason)
            self._often("warning", "offline", str(fact.reason), folder=name)

    def _tell_of_cleaning(self, fact: events.Cleaned) -> None:
        if fact.removed or fact.trashed:
            self._log.info(
                "cleaned", removed=fact.removed, trashed=fact.trashed, freed=fact.freed, left=fact.left
            )
        if fact.refused:
            self._rarely("warning", "not cleaned", fact.refused)

    # --- what comes in floods ---

    def _rarely(self, level: str, event: str, why: str, **whose: Any) -> None:
        self._tell(level, event, why, first=1, once_for=whose.get("file"), **whose)

    def _often(self, level: str, event: str, why: str, **whose: Any) -> None:
        self._tell(level, event, why, first=OF_ONE_KIND, **whose)

    def _tell(
        self, level: str, event: str, why: str, *, first: int, once_for: str | None = None, **whose: Any
    ) -> None:
        if self._floods.tells(level, event, why, first=first, now=clock.monotonic_ns(), file=once_for):
            self._write(level, event, why, **whose)

    def _tell_gathered(self, now: int | None) -> None:
        for level, event, why, more in self._floods.gathered(now):
            self._write(level, event, why, more=more)

    def _write(self, level: str, event: str, why: str, **whose: Any) -> None:
        getattr(self._log, level)(event, **whose, **({"why": why} if why else {}))


def _hash(model: str) -> dict[str, str]:
    return {"sha256": model} if model else {}


def told_of_engine(fact: events.EngineUp) -> dict[str, Any]:
    """Return the messages about an engine, for the log and `status`."""
    return {
        "model": fact.model,
        "device": fact.device,
        "driver": fact.driver,
        "precision": fact.precision,
        "batch": fact.max_batch,
    }
