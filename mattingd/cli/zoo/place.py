"""Where models are kept, and which exist: by the configuration, or in the user's own folder."""

from dataclasses import dataclass
from pathlib import Path

from mattingd.cli.errors import CommandError, find_config
from mattingd.config import Settings, load
from mattingd.inference.model_store import FOLDER, Adopted, adopted, user_folder
from mattingd.system import clock
from mattingd.zoo.catalogue import CatalogueEntry, CatalogueError, all_entries, entry_of

CATALOGUE = "catalogue"
"""The folder, beside the models, that a team's own entries lie in."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where models are kept."""

    settings: Settings | None

    @property
    def state_dir(self) -> Path | None:
        """The configuration's state directory, if there is one."""
        return self.settings.state_dir if self.settings else None

    @property
    def folder(self) -> Path:
        """The folder for further models."""
        return self.settings.state_dir / FOLDER if self.settings else user_folder()

    @property
    def installed(self) -> dict[str, Adopted]:
        """Return the installed models by name."""
        return {model.name: model for model in adopted(self.state_dir)}

    def entries(self) -> dict[str, CatalogueEntry]:
        """Return the catalogue, with a team's own entries.

        Raises:
            CommandError: one of those is invalid.
        """
        try:
            return dict(all_entries(self.folder / CATALOGUE))
        except CatalogueError as error:
            raise CommandError(str(error)) from error

    def entry(self, name: str) -> CatalogueEntry:
        """Return one entry.

        Raises:
            CommandError: there is none.
        """
        try:
            return entry_of(name, self.entries())
        except CatalogueError as error:
            raise CommandError(str(error)) from error

    def model(self, name: str) -> Adopted:
        """Return an installed model.

        Raises:
            CommandError: it does not exist.
        """
        if name in self.installed:
            return self.installed[name]
        hint = f"`mattingd models get {name}`" if name in self.entries() else "`mattingd models list --all`"
        raise CommandError(f"{name} is not installed: {hint}")


def place(config: Path | None) -> Place:
    """Return the place of the given or found configuration; the user's own folder without one."""
    if config is None:
        try:
            config = find_config(None)
        except CommandError:
            return Place(None)
    return Place(load(config))


def now(where: Place) -> str:
    """Return the present date and time as text."""
    zone = where.settings.timezone if where.settings else None
    return clock.wall(clock.zone(zone)).isoformat(timespec="seconds")
