"""Which hot folders may have their turn: not those that are paused, offline, or outside their hours."""

from collections.abc import Mapping

from mattingd.core.queue.fair_queue import FairQueue
from mattingd.domain.jobs import Folder
from mattingd.domain.reasons import Reason


class FolderGates:
    """Holds folders back in the queue, and lets them go on. One owner: the job store."""

    def __init__(self, lanes: FairQueue) -> None:
        self.offline: dict[int, Reason] = {}
        """Hot folders that do not answer at present, and why."""
        self._lanes = lanes
        self._paused: set[int] = set()
        self._closed: dict[int, str] = {}
        """Those outside their hours, and when they open."""
        self._folders: Mapping[int, Folder] = {}
        self._minute: int | None = None

    def use_folders(self, folders: Mapping[int, Folder]) -> None:
        """These are the hot folders from now on."""
        self._folders = folders
        self._look_at_hours()

    def at(self, minute: int) -> bool:
        """It is this minute of the day; returns whether a folder has closed since."""
        before, self._minute = self._closed.keys(), minute
        self._look_at_hours()
        return not self._closed.keys() <= before

    def pause(self, folder: int, *, paused: bool) -> None:
        """Begin no more pictures of a folder because a person wants it so, or go on with them."""
        (self._paused.add if paused else self._paused.discard)(folder)
        self._set(folder)

    def set_offline(self, folder: int, why: Reason | None) -> None:
        """Begin no more pictures of a folder because it does not answer, or (None) go on with them."""
        if why is None:
            self.offline.pop(folder, None)
        else:
            self.offline[folder] = why
        self._set(folder)

    def paused(self, folder: int) -> bool:
        """Whether a person holds a folder back."""
        return folder in self._paused

    def opens(self, folder: int) -> str | None:
        """When a folder opens that is outside its hours, such as `20:00`; None when it is not."""
        return self._closed.get(folder)

    def barred(self, folder: int) -> bool:
        """Whether nothing of a folder can be begun, whoever wants it."""
        return folder in self._paused or folder in self.offline

    def waits(self, folder: int) -> bool:
        """Whether nothing of a folder is begun at present."""
        return self.barred(folder) or folder in self._closed

    def _look_at_hours(self) -> None:
        before = self._closed
        self._closed = {
            number: opens
            for number, folder in self._folders.items()
            if self._minute is not None and (opens := folder.hours.opens(self._minute)) is not None
        }
        for folder in before.keys() ^ self._closed.keys():
            self._set(folder)

    def _set(self, folder: int) -> None:
        self._lanes.hold(folder, back=self.waits(folder))
