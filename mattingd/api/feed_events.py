"""Convert facts and commands to events of the feed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mattingd.api.schemas import feed
from mattingd.domain import commands, events
from mattingd.domain.jobs import ENDS
from mattingd.domain.reasons import told
from mattingd.journal import Ending
from mattingd.observability.job_log import Names


class HasRoots(Protocol):
    """The paths of the hot folders: the daemon's settings in use."""

    roots: dict[int, bytes]
    """Every present or former hot folder, by number; replaced as a whole."""


@dataclass(frozen=True, slots=True)
class Places:
    """The names of hot folders and live jobs, and the folders' paths."""

    names: Names
    roots: HasRoots

    def folder(self, number: int) -> str:
        """Return the name of a hot folder."""
        return self.names.folders.get(number, "?")

    def root(self, number: int) -> str:
        """Return its path in hexadecimal."""
        return self.roots.roots.get(number, b"").hex()

    def number(self, root: bytes) -> int:
        """Return the number of the hot folder at this path; 0 when there is none."""
        return next((number for number, place in self.roots.roots.items() if place == root), 0)


def event_of(what: events.Fact | commands.Command, id_: str, places: Places) -> feed.Event | None:
    """Return the feed's event for a fact or command; None when it has none."""
    tell = _TELL.get(type(what))
    return None if tell is None else tell(what, id_, places)


def step_of(job: int, state: str, why: str, id_: str, places: Places) -> feed.Step | None:
    """Return a job's move to another state as an event; None for its end, which is an event of its own."""
    line = {} if state in ENDS else places.names.line_of(job)
    return feed.Step(id_, job, line["file"], line.get("folder", ""), state, why) if line else None


def ended_before(ending: Ending, id_: str, places: Places) -> feed.PictureEnded:
    """Return the event of an end, from the journal."""
    fact = events.JobEnded(
        ending.job, places.number(ending.root), ending.path, ending.state, ending.reasons, ending.note
    )
    return _ended(fact, id_, places)


def _ended(fact: events.JobEnded, id_: str, places: Places) -> feed.PictureEnded:
    return feed.PictureEnded(
        id_,
        job=fact.job,
        file=places.names.at(fact.folder, fact.path),
        folder=places.folder(fact.folder),
        root=places.root(fact.folder),
        path=fact.path.hex(),
        state=fact.state,
        reason=told(fact.reasons),
        note=fact.note if fact.state == "failed" else None,
    )


def _folder(fact: Any, id_: str, places: Places, now: str, why: str = "") -> feed.FolderChanged:
    return feed.FolderChanged(id_, places.folder(fact.folder), places.root(fact.folder), now, why)


_TELL: dict[type, Callable[[Any, str, Places], feed.Event]] = {
    events.JobEnded: _ended,
    events.DropEnded: lambda fact, id_, places: feed.DropEnded(
        id_, places.folder(fact.folder), fact.drop, dict(fact.ends)
    ),
    events.PauseAsked: lambda fact, id_, places: _folder(
        fact, id_, places, "paused" if fact.paused else "resumed"
    ),
    events.FolderTrouble: lambda fact, id_, places: _folder(
        fact, id_, places, "online" if fact.reason is None else "offline", str(fact.reason or "")
    ),
    events.FolderLeft: lambda fact, id_, places: _folder(fact, id_, places, "removed"),
    events.SpaceLow: lambda fact, id_, _: feed.SpaceChanged(
        id_, None if fact.reason is None else str(fact.reason)
    ),
    events.Reloaded: lambda fact, id_, _: feed.SettingsRead(id_, changed=fact.taken, restart=fact.restart),
    events.ReloadRefused: lambda fact, id_, _: feed.SettingsRead(id_, mistakes=fact.mistakes),
    events.Cleaned: lambda fact, id_, _: feed.Cleaned(
        id_, fact.removed, fact.trashed, fact.freed, fact.left, fact.refused
    ),
    events.StopAsked: lambda fact, id_, _: feed.Stopping(id_, fact.reason),
    events.EngineUp: lambda fact, id_, _: feed.EngineChanged(id_, "ready", fact.model),
    events.EngineDied: lambda fact, id_, _: feed.EngineChanged(id_, "ended", why=fact.how),
    commands.StartEngine: lambda command, id_, _: feed.EngineChanged(id_, "starting", command.model),
    commands.EndEngine: lambda command, id_, _: feed.EngineChanged(id_, "unloaded", why=command.why),
    commands.UseModel: lambda command, id_, _: feed.EngineChanged(id_, "model used", command.models.current),
    commands.TakeOutDevice: lambda command, id_, _: feed.EngineChanged(
        id_, "taken out", why=f"{command.device}: {command.why}"
    ),
    commands.RejectModel: lambda command, id_, _: feed.EngineChanged(
        id_, "model refused", command.model, command.why
    ),
}
"""How the feed tells of each kind of fact or command; of the others it does not."""
