"""The output folder for retention: inspect, remove, move to the trash, remove empty folders.

It makes no decisions. Works downwards from one open folder: whatever is renamed, linked or mounted meanwhile,
nothing outside that folder and nothing on another disk can be reached.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mattingd.domain.artifacts import Artifact, ArtifactFinding, ArtifactInspection, ArtifactState
from mattingd.domain.events import OutputShared, SpaceLow
from mattingd.domain.reasons import Reason
from mattingd.outputs.other_daemons import OtherDaemons
from mattingd.system.filesystem import (
    TEMP_PREFIX,
    Disk,
    identity_of,
    kind_of,
    output_root_marker,
    wrong_output_root,
)

ROOM_SECONDS = 2.0
"""So often the free space is looked at."""


class OfflineError(Exception):
    """The output folder is not the one that the journal knows; the message says why and what to do."""


class Home:
    """An open output folder whose marker was found."""

    def __init__(self, root: str, descriptor: int, instance: str, disk: Disk) -> None:
        self.root = root
        self._root = descriptor
        self._disk = disk
        self.trash = f"{TEMP_PREFIX}{instance}-trash"
        """The trash folder, below the root."""
        self._touched: set[str] = set()
        """Folders, below the root, whose names changed since the last `settle`."""

    def place(self, kept: Artifact) -> str:
        """The path of an artifact below the root."""
        return self.place_in_trash(kept) if kept.remains is ArtifactState.TRASHED else kept.path

    def place_in_trash(self, kept: Artifact) -> str:
        """Its path in the trash."""
        return f"{self.trash}/{kept.path}"

    def look(self, kept: Artifact, place: str) -> ArtifactInspection:
        """Inspect a path: whether it is a regular file of the recorded size and content."""
        directory, name = os.path.split(place)
        try:
            with self._disk.folder(directory, self._root) as folder:
                return self._look(kept, folder, name)
        except FileNotFoundError:
            return ArtifactInspection(ArtifactFinding.GONE)
        except NotADirectoryError:
            return ArtifactInspection(
                ArtifactFinding.OTHER, "a folder on the way to it is a link or no folder any more"
            )
        except OSError as error:
            return ArtifactInspection(ArtifactFinding.OTHER, f"it cannot be read: {error.strerror}")

    def _look(self, kept: Artifact, folder: int, name: str) -> ArtifactInspection:
        status = self._disk.status_in(folder, name)
        odd = kind_of(status.st_mode)
        if odd:
            return ArtifactInspection(ArtifactFinding.OTHER, str(odd))
        if status.st_dev != os.fstat(self._root).st_dev:
            return ArtifactInspection(ArtifactFinding.OTHER, "it is on another disk")
        ours = {(kept.size, kept.sha256), *kept.also}
        if any(size == status.st_size for size, _ in ours):
            read, digest = self._disk.digest_in(folder, name)
            if identity_of(read) == identity_of(status) and (status.st_size, digest) in ours:
                return ArtifactInspection(ArtifactFinding.SAME, identity=identity_of(status))
        return ArtifactInspection(ArtifactFinding.OTHER, "it was changed")

    def remove(self, place: str, seen: ArtifactInspection) -> None:
        """Remove the very file that was inspected.

        Raises:
            OSError: it cannot be removed, or another one lies there now.
        """
        directory, name = os.path.split(place)
        with self._disk.folder(directory, self._root) as folder:
            self._same(folder, name, seen)
            self._disk.remove_in(folder, name)
        self._touched.add(directory)

    def to_trash(self, place: str, seen: ArtifactInspection) -> None:
        """Move the very file that was inspected to the same path in the trash.

        Raises:
            OSError: it cannot be moved, or another one lies at either place.
        """
        directory, name = os.path.split(place)
        target = f"{self.trash}/{directory}".rstrip("/")
        with (
            self._disk.folder(directory, self._root) as folder,
            self._disk.folder(target, self._root, make=True) as trash,
        ):
            self._same(folder, name, seen)
            if not self._disk.move(name, name, old_folder=folder, new_folder=trash):
                raise FileExistsError(0, "another file has its place in the trash")
        self._touched |= {directory, target}

    def _same(self, folder: int, name: str, seen: ArtifactInspection) -> None:
        if identity_of(self._disk.status_in(folder, name)) != seen.identity:
            raise OSError(0, "it was changed just now")

    def emptied(self, place: str) -> None:
        """Note that a file was removed here: `settle` checks its folders."""
        self._touched.add(os.path.dirname(place))

    def settle(self) -> None:
        """Make the changes durable, and remove empty folders below the root."""
        for directory in sorted(self._touched, reverse=True):
            with contextlib.suppress(OSError):
                self._settle(directory)
        self._touched.clear()

    def _settle(self, directory: str) -> None:
        """Handle a folder that is already gone, too: after a crash its parents may still exist."""
        while directory:
            with contextlib.suppress(FileNotFoundError), self._disk.folder(directory, self._root) as folder:
                self._disk.sync(folder)
            above, name = os.path.split(directory)
            with contextlib.suppress(FileNotFoundError), self._disk.folder(above, self._root) as folder:
                if not self._disk.remove_folder_in(folder, name) and self._is_there(folder, name):
                    return
            directory = above

    def _is_there(self, folder: int, name: str) -> bool:
        try:
            self._disk.status_in(folder, name)
        except FileNotFoundError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Founding:
    """What is known of an output folder's marker."""

    expected: bool
    """The marker was made before."""
    proof: Callable[[], bool]
    """Whether this must be the right folder, as far as that is known without a marker."""
    make: bool
    """Whether a first marker may be made."""
    what: str = "the output folder"
    """Its name in messages."""


@contextlib.contextmanager
def home(root: str, instance: str, disk: Disk, founding: Founding) -> Iterator[Home]:
    """Open the output folder, if its marker is the one that the journal knows.

    Args:
        root: the output folder.
        instance: name of the journal.
        disk: file operations.
        founding: whether the marker must exist.

    Raises:
        OfflineError: it does not exist, or has no marker: a disk or share is not mounted.
    """
    with contextlib.ExitStack() as stack:
        try:
            descriptor = stack.enter_context(disk.folder(root))
            _see_mark(root, descriptor, output_root_marker(instance), disk, founding)
        except OSError as error:
            raise OfflineError(f"{founding.what} {root} cannot be used: {error.strerror}") from error
        yield Home(root, descriptor, instance, disk)


def _see_mark(root: str, descriptor: int, mark: str, disk: Disk, founding: Founding) -> None:
    try:
        disk.status_in(descriptor, mark)
    except FileNotFoundError:
        if founding.expected or not founding.proof():
            raise OfflineError(wrong_output_root(founding.what, root, mark)) from None
        if founding.make:
            disk.touch_in(descriptor, mark)


class RoomWatch(threading.Thread):
    """Checks the free space of the output disk, and who else works for it, periodically."""

    def __init__(
        self,
        root: str,
        judge: Callable[[int, bool], Reason | None],
        tell: Callable[[SpaceLow | OutputShared], None],
        disk: Disk,
        failed: Callable[[BaseException], None],
        daemons: OtherDaemons,
    ) -> None:
        """Set up.

        Args:
            root: the output folder, which need not exist.
            judge: returns why this many free bytes are too few; the second argument is whether they were too
                few before.
            tell: called when that changes.
            disk: file operations.
            failed: called once if the thread ends by a defect.
            daemons: looks for others that work for it.
        """
        super().__init__(name="room", daemon=True)
        self._root = root
        self._judge = judge
        self._tell = tell
        self._disk = disk
        self._failed = failed
        self._daemons = daemons
        self._stopping = threading.Event()

    def run(self) -> None:
        """Check until stopped."""
        try:
            self._run()
        except BaseException as error:  # noqa: BLE001 - no thread dies in silence
            self._failed(error)

    def _run(self) -> None:
        low, before = False, None
        while True:
            others = self._daemons.look()
            if others != before:
                before = others
                self._tell(OutputShared(others))
            with contextlib.suppress(OSError):  # a missing output folder is reported by the writer
                reason = self._judge(self._disk.free_bytes(self._root), low)
                if (reason is not None) != low:
                    low = reason is not None
                    self._tell(SpaceLow(reason))
            if self._stopping.wait(ROOM_SECONDS):
                return

    def stop(self) -> None:
        """End the thread soon."""
        self._stopping.set()
