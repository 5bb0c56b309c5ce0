"""Log lines about sub-folders that are one job: why one stays in its hot folder, and that it was archived."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mattingd.domain import events
from mattingd.domain.commands import Command, MoveFolder
from mattingd.domain.text import readable

if TYPE_CHECKING:
    from mattingd.domain.drops import Part

NAMED = 3
"""Pictures named one by one in a line."""


class FolderLog:
    """See the module. Gets every fact that the log gets; says the same only once."""

    def __init__(self, log: Any, folders: Mapping[int, str]) -> None:
        self._log = log
        self._folders = folders
        self._told: dict[Part, tuple[bytes, ...]] = {}
        self._refused: dict[int, str] = {}
        self._moving: dict[int, str] = {}
        """The folder that moves, by the job in whose name it does."""

    def command(self, command: Command) -> None:
        """Take note of which folder moves: the answer names a job only."""
        if isinstance(command, MoveFolder):
            self._moving[command.job] = self._called(command.folder, command.part)

    def fact(self, fact: events.Fact) -> None:
        """Log a change."""
        if isinstance(fact, events.PartSeen):
            self._stays(fact)
        elif isinstance(fact, events.FolderMoved):
            said, folder = self._refused.pop(fact.job, ""), self._moving.pop(fact.job, "?")
            if fact.where:
                self._log.info("folder archived", folder=folder, place=fact.where)
            elif fact.failed:
                self._refused[fact.job] = fact.failed
                if fact.failed != said:
                    why = f"it cannot be moved at present: {fact.failed}"
                    self._log.warning("folder stays", folder=folder, why=why)

    def _stays(self, fact: events.PartSeen) -> None:
        if self._told.get(fact.part, ()) == fact.failed:
            return
        if not fact.failed:
            del self._told[fact.part]
            return
        self._told[fact.part] = fact.failed
        names = ", ".join(map(readable, fact.failed[:NAMED])) + (", ..." if len(fact.failed) > NAMED else "")
        why = f"it moves to the archive when these are repaired or taken out: {names}"
        self._log.warning("folder stays", folder=self._called(fact.part.folder, fact.part.name), why=why)

    def _called(self, folder: int, part: bytes) -> str:
        return f"{self._folders.get(folder, '?')}/{readable(part)}"
