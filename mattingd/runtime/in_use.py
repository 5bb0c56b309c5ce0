"""The settings that the daemon uses at present, and the hot folders by number."""

import os

from mattingd.config import HotFolder, Settings
from mattingd.domain.jobs import Folder
from mattingd.domain.text import readable
from mattingd.journal import JournalWriter
from mattingd.runtime.core_folders import core_folders


class InUse:
    """The settings in use. They change on the scheduler's thread."""

    def __init__(self, settings: Settings, journal: JournalWriter) -> None:
        self._journal = journal
        self.settings = settings
        self.folders: dict[int, HotFolder] = {}
        """The hot folders there are now, by number."""
        self.names: dict[int, str] = {}
        """What hot folders are called, those included that are none any more. It stays the same object."""
        self.roots: dict[int, bytes] = {}
        """Where they are located."""
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """Use these settings from now on."""
        self.settings = settings
        self.folders = {
            self._journal.folder_id(os.fsencode(folder.path)): folder for folder in settings.hot_folders
        }
        self.roots = self._journal.roots()
        self.names |= {number: folder.name for number, folder in self.folders.items()}
        for number, root in self.roots.items():
            self.names.setdefault(number, readable(root.rpartition(b"/")[2]))

    def core_folders(self) -> dict[int, Folder]:
        """Return the hot folders for the core."""
        windows_names = self.settings.output_files.windows_names
        return core_folders(self.settings.layout, self.folders, self._journal, windows_names=windows_names)
